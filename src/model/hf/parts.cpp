#include "model/hf/parts.h"

#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace smeaton::model::hf {

// ---- norms and activations ----

ValueId normalized(Builder& b, ValueId x, const std::string& name, int64_t width,
                   const Norm& norm) {
    const auto inside = b.scope(name);
    Attributes attributes = {{"axis", int64_t{-1}}, {"epsilon", norm.epsilon}};
    std::vector<ValueId> inputs = {x, b.weight("weight", {width})};
    if (norm.kind == NormKind::kRms)
        return b.node(OpType::kRMSNormalization, inputs, std::move(attributes));
    if (norm.bias) inputs.push_back(b.weight("bias", {width}));
    return b.node(OpType::kLayerNormalization, inputs, std::move(attributes));
}

namespace {

enum class Function { kGelu, kTanhGelu, kQuickGelu, kSilu, kRelu, kTanh, kSigmoid, kSquaredRelu };

std::optional<Function> function_named(const std::string& name) {
    static const std::map<std::string, Function> table = {
        {"gelu", Function::kGelu},
        {"gelu_python", Function::kGelu},
        {"gelu_new", Function::kTanhGelu},
        {"gelu_fast", Function::kTanhGelu},
        {"gelu_pytorch_tanh", Function::kTanhGelu},
        {"gelu_accurate", Function::kTanhGelu},
        {"quick_gelu", Function::kQuickGelu},
        {"silu", Function::kSilu},
        {"swish", Function::kSilu},
        {"relu", Function::kRelu},
        {"relu2", Function::kSquaredRelu},
        {"tanh", Function::kTanh},
        {"sigmoid", Function::kSigmoid},
    };
    const auto found = table.find(name);
    return found == table.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

void check_activation(const std::string& key, const std::string& function) {
    if (function_named(function)) return;
    throw UserError(
        "key '{}' is \"{}\": this activation is not built; there are gelu, gelu_new, "
        "gelu_pytorch_tanh, quick_gelu, silu, relu, relu2, tanh and sigmoid",
        key, function);
}

ValueId activated(Builder& b, ValueId x, const std::string& function) {
    const std::optional<Function> f = function_named(function);
    SMEATON_CHECK(f, "activation {}", function);
    switch (*f) {
        case Function::kGelu:
            return b.node(OpType::kGelu, {x});
        case Function::kTanhGelu:
            return b.node(OpType::kGelu, {x}, {{"approximate", std::string("tanh")}});
        case Function::kQuickGelu:
            return b.mul(x, b.node(OpType::kSigmoid, {b.mul(x, 1.702)}));
        case Function::kSilu:
            return b.mul(x, b.node(OpType::kSigmoid, {x}));
        case Function::kRelu:
            return b.node(OpType::kRelu, {x});
        case Function::kSquaredRelu: {
            const ValueId r = b.node(OpType::kRelu, {x});
            return b.mul(r, r);
        }
        case Function::kTanh:
            return b.node(OpType::kTanh, {x});
        case Function::kSigmoid:
            return b.node(OpType::kSigmoid, {x});
    }
    SMEATON_CHECK(false, "activation {}", function);
}

ValueId feed_forward(Builder& b, ValueId x, const FeedForward& f) {
    b.facts.gated = !f.gate.empty();
    const ValueId up = b.linear(x, f.up, f.width, f.inner, f.bias);
    ValueId inner;
    if (f.gate.empty())
        inner = activated(b, up, f.activation);
    else
        inner =
            b.mul(activated(b, b.linear(x, f.gate, f.width, f.inner, f.bias), f.activation), up);
    return b.linear(inner, f.down, f.inner, f.width, f.bias);
}

// ---- positions ----

Positions positions_of(Builder& b, ValueId ids, ValueId past) {
    const ValueId zero = b.integer(0), one = b.integer(1);
    const ValueId count = b.size_of(ids, 1);
    if (!past.valid()) {
        const ValueId all = b.node(OpType::kRange, {zero, count, one});
        return {all, all};
    }
    const ValueId held = b.size_of(past, 2), end = b.add(held, count);
    return {b.node(OpType::kRange, {held, end, one}), b.node(OpType::kRange, {zero, end, one})};
}

namespace {

constexpr double kLeast = -3.4028234663852886e38;  // of f32, as torch.finfo says

}  // namespace

ValueId causal_mask(Builder& b, const Positions& p, int64_t window) {
    const auto inside = b.scope("mask");
    const ValueId rows = b.unsqueeze(p.queries, 1), columns = b.unsqueeze(p.keys, 0);
    ValueId seen = b.node(OpType::kLessOrEqual, {columns, rows});
    if (window > 0) {
        const ValueId last = b.sub(rows, b.integer(window));
        seen = b.node(OpType::kAnd, {seen, b.node(OpType::kGreater, {columns, last})});
    }
    return b.node(OpType::kWhere, {seen, b.number(0), b.number(kLeast)});
}

ValueId padding_mask(Builder& b, ValueId attention_mask) {
    const auto inside = b.scope("mask");
    const ValueId wide = b.node(OpType::kUnsqueeze, {attention_mask, b.ints({1, 2})});
    return b.mul(b.sub(b.number(1), b.cast(wide, DType::kF32)), kLeast);
}

Rotary rotary_table(Builder& b, ValueId positions, int64_t dims, double theta, bool interleaved) {
    const auto inside = b.scope("rotary_emb");
    Tensor frequencies(DType::kF32, {dims / 2});
    for (int64_t i = 0; i < dims / 2; ++i)
        frequencies.set_from_double(
            i, std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(dims)));
    const ValueId place = b.unsqueeze(b.cast(positions, DType::kF32), 1);
    const ValueId angle = b.mul(place, b.constant("inv_freq", std::move(frequencies)));
    const ValueId both = b.concat({angle, angle}, -1);
    return {b.node(OpType::kCos, {both}), b.node(OpType::kSin, {both}), dims, interleaved};
}

ValueId rotated(Builder& b, ValueId x, int64_t head_dim, const Rotary& r) {
    ValueId turned = x, rest;
    if (r.dims < head_dim) {
        const std::vector<ValueId> parts = b.split(x, -1, {r.dims, head_dim - r.dims});
        turned = parts[0];
        rest = parts[1];
    }
    // Neighbours become halves; scores do not depend on the order within a head.
    if (r.interleaved)
        turned =
            b.reshape(b.transpose(b.reshape(turned, {0, 0, -1, r.dims / 2, 2}), {0, 1, 2, 4, 3}),
                      {0, 0, -1, r.dims});
    const std::vector<ValueId> halves = b.split(turned, -1, {r.dims / 2, r.dims / 2});
    const ValueId crossed = b.concat({b.node(OpType::kNeg, {halves[1]}), halves[0]}, -1);
    turned = b.add(b.mul(turned, r.cos), b.mul(crossed, r.sin));
    return rest.valid() ? b.concat({turned, rest}, -1) : turned;
}

// ---- attention ----

ValueId into_heads(Builder& b, ValueId x, int64_t heads, int64_t head_dim) {
    return b.transpose(b.reshape(x, {0, 0, heads, head_dim}), {0, 2, 1, 3});
}

namespace {

/// Softmax over the scores and one more column, the heads' sinks, which is cut off again.
ValueId softmax_beside(Builder& b, ValueId scores, const Core& core, int64_t group) {
    const ValueId sinks = group > 1 ? b.reshape(core.sinks, {core.kv_heads, group, 1, 1})
                                    : b.reshape(core.sinks, {core.heads, 1, 1});
    const ValueId column = b.add(b.mul(b.slice(scores, -1, 0, 1), 0.0), sinks);
    return b.slice(b.softmax(b.concat({column, scores}, -1)), -1, 1,
                   std::numeric_limits<int64_t>::max());
}

}  // namespace

ValueId attend(Builder& b, ValueId q, ValueId k, ValueId v, const Core& core) {
    b.facts.attention_width += core.heads * (core.key_dim + core.value_dim);
    const int64_t group = core.heads / core.kv_heads;
    const double scale = core.scale.value_or(1 / std::sqrt(static_cast<double>(core.key_dim)));
    if (scale != 1) q = b.mul(q, scale);
    ValueId keys = b.transpose(k, {0, 1, 3, 2});
    if (group > 1) {
        // Queries of one key head stand in a dim of their own, along which keys are broadcast.
        q = b.reshape(q, {0, core.kv_heads, group, -1, core.key_dim});
        keys = b.unsqueeze(keys, 2);
        v = b.unsqueeze(v, 2);
    }
    ValueId scores = b.matmul(q, keys);
    if (core.mask.valid()) scores = b.add(scores, core.mask);
    ValueId out = b.matmul(
        core.sinks.valid() ? softmax_beside(b, scores, core, group) : b.softmax(scores), v);
    if (group > 1) out = b.reshape(out, {0, core.heads, -1, core.value_dim});
    return b.reshape(b.transpose(out, {0, 2, 1, 3}), {0, 0, core.heads * core.value_dim});
}

ValueId attention(Builder& b, ValueId x, const Attention& a) {
    const int64_t inner = a.heads * a.head_dim, kv = a.kv_heads * a.head_dim;
    const ValueId memory = a.memory.valid() ? a.memory : x;
    ValueId q = b.linear(x, a.q, a.width, inner, a.bias_q);
    ValueId k = b.linear(memory, a.k, a.width, kv, a.bias_k);
    if (a.whole_norm) {
        q = normalized(b, q, "q_norm", inner, *a.whole_norm);
        k = normalized(b, k, "k_norm", kv, *a.whole_norm);
    }
    q = into_heads(b, q, a.heads, a.head_dim);
    k = into_heads(b, k, a.kv_heads, a.head_dim);
    const ValueId v =
        into_heads(b, b.linear(memory, a.v, a.width, kv, a.bias_v), a.kv_heads, a.head_dim);
    if (a.head_norm) {
        q = normalized(b, q, "q_norm", a.head_dim, *a.head_norm);
        k = normalized(b, k, "k_norm", a.head_dim, *a.head_norm);
    }
    if (a.rotary) {
        q = rotated(b, q, a.head_dim, *a.rotary);
        k = rotated(b, k, a.head_dim, *a.rotary);
    }
    if (a.is_kept) b.facts.kv_elements_per_token += 2 * kv;
    Core core{a.heads, a.kv_heads, a.head_dim, a.head_dim, a.scale, a.mask};
    if (a.sinks) core.sinks = b.weight("sinks", {a.heads});
    const ValueId out = attend(b, q, k, v, core);
    return b.linear(out, a.o, inner, a.width, a.bias_o);
}

}  // namespace smeaton::model::hf
