#include "model/hf/parts.h"

namespace smeaton::model::hf {

namespace {

/// Weights [N, active] and numbers [N, active] of the experts that each token goes through.
struct Choice {
    ValueId weights, numbers;
};

std::vector<ValueId> best(Builder& b, ValueId scores, int64_t count) {
    return b.nodes(OpType::kTopK, {scores, b.ints({count})}, {{"axis", int64_t{-1}}}, 2);
}

/// Scores of experts outside of the best groups become 0. A group is as good as its two best
/// experts together (DeepSeek-V3) or, without a bias, as its best one (DeepSeek-V2).
ValueId limited_to_groups(Builder& b, ValueId scores, const Experts& e) {
    const ValueId grouped = b.reshape(scores, {0, e.groups, e.experts / e.groups});
    const int64_t judged = e.router_bias ? 2 : 1;
    const ValueId worth = b.node(OpType::kReduceSum, {best(b, grouped, judged)[0], b.ints({-1})},
                                 {{"keepdims", int64_t{0}}});
    const ValueId chosen = best(b, worth, e.group_limit)[1];
    // [N, groups]: 1 where the group is chosen.
    const ValueId zeros = b.mul(worth, 0.0);
    const ValueId ones =
        b.node(OpType::kAdd, {b.mul(b.cast(chosen, DType::kF32), 0.0), b.number(1)});
    const ValueId mask =
        b.node(OpType::kScatterElements, {zeros, chosen, ones}, {{"axis", int64_t{1}}});
    return b.reshape(b.mul(grouped, b.unsqueeze(mask, 2)), {0, e.experts});
}

/// rows: [N, width].
Choice choose(Builder& b, ValueId rows, const Experts& e) {
    ValueId scores = b.linear(rows, e.router, e.width, e.experts, e.bias);
    scores = e.sigmoid ? b.node(OpType::kSigmoid, {scores}) : b.softmax(scores);
    ValueId judged = scores;
    if (e.router_bias) {
        const auto inside = b.scope(e.router);
        judged = b.add(judged, b.weight("e_score_correction_bias", {e.experts}));
    }
    if (e.groups > 1) judged = limited_to_groups(b, judged, e);
    const std::vector<ValueId> top = best(b, judged, e.active);
    Choice choice{top[0], top[1]};
    if (judged != scores)
        choice.weights = b.node(OpType::kGatherElements, {scores, top[1]}, {{"axis", int64_t{1}}});
    if (!e.normalized) return choice;
    const ValueId sum = b.node(OpType::kReduceSum, {choice.weights, b.ints({-1})});
    choice.weights = b.node(OpType::kDiv, {choice.weights, sum});
    return choice;
}

/// How N * active rows are cut: [r (q + 1), (E - r) q] rows of [r, E - r] experts, and the shapes
/// [r, q + 1, width] and [E - r, q, width]. All i64 vectors.
struct Cut {
    ValueId rows, experts, first_shape, second_shape;
};

Cut cut_of(Builder& b, ValueId choices, const Experts& e) {
    const ValueId count = b.node(OpType::kShape, {choices});  // [N * active]
    const ValueId all = b.ints({e.experts}), one = b.ints({1});
    const ValueId q = b.node(OpType::kDiv, {count, all});
    const ValueId r = b.sub(count, b.mul(q, all));
    const ValueId others = b.sub(all, r), more = b.add(q, one);
    const ValueId width = b.ints({e.width});
    return {b.concat({b.mul(r, more), b.mul(others, q)}, 0), b.concat({r, others}, 0),
            b.concat({r, more, width}, 0), b.concat({others, q, width}, 0)};
}

/// What a gate and what goes beside it give.
ValueId gated(Builder& b, ValueId gate, ValueId up, const Experts& e) {
    if (e.limit <= 0) return b.mul(activated(b, gate, e.activation), up);
    const ValueId most = b.number(e.limit);
    gate = activated(b, b.node(OpType::kMin, {gate, most}), "quick_gelu");
    up = b.node(OpType::kClip, {up, b.number(-e.limit), most});
    return b.mul(b.add(up, b.number(1)), gate);
}

/// The same feed-forward of each group: x [G, rows, width], weights [G, ., .] of gate, up and down,
/// then their biases [G, 1, .], where there are any.
ValueId through(Builder& b, ValueId x, const std::vector<ValueId>& weights, const Experts& e) {
    const auto product = [&](ValueId of, size_t k) {
        const ValueId made = b.matmul(of, weights[k]);
        return e.bias ? b.add(made, weights[k + 3]) : made;
    };
    return product(gated(b, product(x, 0), product(x, 1), e), 2);
}

/// The places of all `count` elements in ascending order.
ValueId ascending(Builder& b, ValueId x, ValueId count) {
    const Attributes how = {{"axis", int64_t{0}}, {"largest", int64_t{0}}};
    return b.nodes(OpType::kTopK, {x, count}, how, 2)[1];
}

std::array<ValueId, 2> both(Builder& b, ValueId x, ValueId sizes) {
    const std::vector<ValueId> parts =
        b.nodes(OpType::kSplit, {x, sizes}, {{"axis", int64_t{0}}}, 2);
    return {parts[0], parts[1]};
}

}  // namespace

ValueId experts(Builder& b, ValueId x, const Experts& e) {
    const Share share{e.active, e.experts};
    b.facts.matrix_parameters += 3 * e.active * e.width * e.inner;
    const ValueId rows = b.reshape(x, {-1, e.width});
    const Choice choice = choose(b, rows, e);
    const auto inside = b.scope("experts");
    std::vector<ValueId> weights = {b.weight("gate_proj", {e.experts, e.width, e.inner}, share),
                                    b.weight("up_proj", {e.experts, e.width, e.inner}, share),
                                    b.weight("down_proj", {e.experts, e.inner, e.width}, share)};
    if (e.bias) {
        weights.push_back(b.weight("gate_proj_bias", {e.experts, 1, e.inner}, share));
        weights.push_back(b.weight("up_proj_bias", {e.experts, 1, e.inner}, share));
        weights.push_back(b.weight("down_proj_bias", {e.experts, 1, e.width}, share));
    }

    // The choices by expert: their places, and the token of each.
    const ValueId numbers = b.reshape(choice.numbers, {-1});
    const ValueId count = b.node(OpType::kShape, {numbers});
    const ValueId order = ascending(b, numbers, count);
    const ValueId tokens = b.node(OpType::kDiv, {order, b.integer(e.active)});
    const ValueId sorted = b.gather(rows, tokens);

    const Cut cut = cut_of(b, numbers, e);
    const auto parts = both(b, sorted, cut.rows);
    std::vector<ValueId> first, second;
    for (ValueId w : weights) {
        const auto halves = both(b, w, cut.experts);
        first.push_back(halves[0]);
        second.push_back(halves[1]);
    }
    const auto flat = [&](ValueId part, ValueId shape, const std::vector<ValueId>& w) {
        const ValueId grouped =
            b.node(OpType::kReshape, {part, shape}, {{"allowzero", int64_t{1}}});
        return b.reshape(through(b, grouped, w, e), {-1, e.width});
    };
    const ValueId made = b.concat(
        {flat(parts[0], cut.first_shape, first), flat(parts[1], cut.second_shape, second)}, 0);

    // Back into the tokens' order, weighted, and summed over a token's experts.
    const ValueId back = ascending(b, order, count);  // of an order: its inverse
    const ValueId grouped = b.reshape(b.gather(made, back), {-1, e.active, e.width});
    const ValueId weighted = b.mul(grouped, b.unsqueeze(choice.weights, 2));
    const ValueId summed =
        b.node(OpType::kReduceSum, {weighted, b.ints({1})}, {{"keepdims", int64_t{0}}});
    return b.node(OpType::kReshape, {summed, b.node(OpType::kShape, {x})});
}

}  // namespace smeaton::model::hf
