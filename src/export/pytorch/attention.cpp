// Scaled dot-product attention, which files spell as products of matrices around a softmax.
#include <algorithm>
#include <cmath>

#include "export/pytorch/joins.h"
#include "export/pytorch/speller.h"

namespace smeaton::pytorch {

using model::OpType;

namespace {

constexpr size_t kRank = 4;  // [batch, heads, sequence, size]

const std::vector<int64_t> kKeysTurned = {0, 1, 3, 2}, kHeadsTurned = {0, 2, 3, 1};

}  // namespace

/// Takes a constant factor off the value, at most one, and gives what it scales by.
double Joiner::take_factor(ValueId& id, std::vector<int>& parts) const {
    const int made = maker_of_part(id);
    if (!is(made, OpType::kMul) && !is(made, OpType::kDiv)) return 1;
    const bool divides = node(made).op == OpType::kDiv;
    const std::vector<ValueId>& in = node(made).inputs;
    for (size_t k = divides ? 1 : 0; k < 2; ++k) {
        const auto& constant = graph_.at(in.at(k)).constant;
        if (!constant || constant->elements() != 1 || constant->shape().size() > kRank) continue;
        const double factor = constant->at_as_double(0);
        if (!(factor > 0)) continue;
        parts.push_back(made);
        id = in[1 - k];
        return divides ? 1 / factor : factor;
    }
    return 1;
}

/// The keys as attention takes them, from what the queries are multiplied by. Where heads and keys
/// are turned at once, that statement turns the heads alone from now on.
std::string Joiner::take_keys(ValueId& id, std::vector<int>& parts) {
    const int made = maker_of_part(id);
    const std::vector<int64_t> perm = is(made, OpType::kTranspose)
                                          ? model::attribute_ints(node(made), "perm", {})
                                          : std::vector<int64_t>();
    if (perm == kHeadsTurned) {
        at(made).expression = value_mark(node(made).inputs.at(0).v) + ".transpose(1, 2)";
        return value_mark(id.v);
    }
    if (perm != kKeysTurned) return value_mark(id.v) + ".transpose(-2, -1)";
    parts.push_back(made);
    id = node(made).inputs.at(0);
    return value_mark(id.v);
}

/// softmax(q @ k^T * scale + mask) @ v; `s`: the softmax.
void Joiner::attention(int s) {
    if (!is_module(s, "nn.Softmax") || at(s).modules[0].arguments.at(0).text != "-1") return;
    const ValueId scores = node(s).inputs.at(0), weights = at(s).results[0];
    const auto shape = [&](ValueId id) -> const std::vector<Dim>& { return *graph_.at(id).shape; };
    const auto out = only_reader(weights, OpType::kMatMul);
    if (!out || node(out->statement).inputs.at(0) != weights || shape(weights).size() != kRank ||
        at(s).expression != fmt::format("{}({})", module_mark(0), value_mark(scores.v)))
        return;

    std::vector<int> parts = {s, out->statement};
    ValueId product = scores, mask;
    std::vector<Module> held;  // the mask, where it is a constant
    if (const int sum = maker_of_part(scores); is(sum, OpType::kAdd)) {
        const std::vector<ValueId>& in = node(sum).inputs;
        const bool second = maker_of_part(in.at(0)) < 0 || shape(in[0]) != shape(scores);
        product = in.at(second ? 1 : 0);
        mask = in.at(second ? 0 : 1);
        if (shape(product) != shape(scores)) return;
        parts.push_back(sum);
        if (graph_.at(mask).constant) held = at(sum).modules;
        if (graph_.at(mask).constant && held.size() != 1) return;
    }
    double scale = take_factor(product, parts);
    const int multiplied = maker_of_part(product);
    if (!is(multiplied, OpType::kMatMul) || !at(multiplied).modules.empty()) return;
    parts.push_back(multiplied);
    ValueId q = node(multiplied).inputs.at(0), k = node(multiplied).inputs.at(1);
    const ValueId v = out->other;
    for (ValueId id : {q, k, v})
        if (shape(id).size() != kRank || shape(id)[0] != shape(weights)[0] ||
            shape(id)[1] != shape(weights)[1])
            return;
    const Dim size = shape(q)[3];
    scale *= take_factor(q, parts) * take_factor(k, parts);
    for (ValueId id : {q, k, v})
        if (graph_.at(id).constant) return;
    const std::string keys = take_keys(k, parts);
    std::vector<ValueId> operands = {q, k, v};
    std::string call = fmt::format("F.scaled_dot_product_attention({}, {}, {}", value_mark(q.v),
                                   keys, value_mark(v.v));
    if (mask.valid() && held.empty()) operands.push_back(mask);
    if (mask.valid())
        call += fmt::format(", attn_mask={}", held.empty() ? value_mark(mask.v) : module_mark(0));
    const bool usual = size.is_const() &&
                       std::abs(scale * std::sqrt(static_cast<double>(size.value())) - 1) <= 1e-6;
    if (!usual) call += fmt::format(", scale={}", literal(DType::kF32, scale));
    replace(parts, out->statement, operands, call + ")");
    at(out->statement).modules = std::move(held);
}

}  // namespace smeaton::pytorch
