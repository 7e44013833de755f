#include "export/pytorch/joins.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "export/pytorch/speller.h"

namespace smeaton::pytorch {

using model::Node;
using model::OpType;

Joiner::Joiner(const model::Graph& graph, std::vector<Statement>& statements)
    : graph_(graph),
      statements_(statements),
      reads_(graph.values.size()),
      gone_(statements.size()) {
    for (const Statement& s : statements)
        for (ValueId id : reads_of(s)) ++reads(id);
    for (ValueId id : graph.outputs) ++reads(id);
}

void Joiner::know(const std::vector<int>& order) {
    maker_.clear();
    reader_.clear();
    for (int s : order) {
        for (ValueId id : at(s).results)
            if (id.valid()) maker_[id.v] = s;
        for (ValueId id : reads_of(at(s))) reader_[id.v] = s;
    }
}

void Joiner::join_activations() {
    std::vector<int> all;
    for (size_t s = 0; s < statements_.size(); ++s)
        if (!statements_[s].nodes.empty()) all.push_back(static_cast<int>(s));
    know(all);
    for (int s : all) {
        if (is(s, OpType::kMul)) gated(s);
        if (is(s, OpType::kErf) || is(s, OpType::kTanh)) gelu(s);
        if (is(s, OpType::kSoftmax)) attention(s);
    }
    for (int s : all)
        if (gone_[static_cast<size_t>(s)]) at(s) = Statement{};
}

void Joiner::join_layers(std::vector<int>& order) {
    know(order);
    for (int s : order)
        if (is(s, OpType::kMatMul)) linear(s);
    std::erase_if(order, [&](int s) { return gone_[static_cast<size_t>(s)]; });
}

// ---- what stands where --------------------------------------------------------------------------

/// A statement that is still one node.
bool Joiner::is(int s, OpType op) const {
    return s >= 0 && !gone_[static_cast<size_t>(s)] && at(s).nodes.size() == 1 && node(s).op == op;
}

bool Joiner::is_module(int s, const char* type) const {
    return s >= 0 && at(s).nodes.size() == 1 && at(s).modules.size() == 1 &&
           at(s).modules[0].type == type;
}

/// Who makes a value that one statement reads; -1 where more do, or the block does not make it.
int Joiner::maker_of_part(ValueId id) const {
    const auto found = maker_.find(id.v);
    return found == maker_.end() || reads_[static_cast<size_t>(id.v)] != 1 ? -1 : found->second;
}

ValueId Joiner::other_operand(int s, ValueId one) const {
    const std::vector<ValueId>& in = node(s).inputs;
    return in.at(0) == one ? in.at(1) : in.at(0);
}

std::optional<Joiner::Reader> Joiner::only_reader(ValueId id, OpType op) const {
    const auto found = reader_.find(id.v);
    if (found == reader_.end() || reads_[static_cast<size_t>(id.v)] != 1 || !is(found->second, op))
        return std::nullopt;
    return Reader{found->second, other_operand(found->second, id)};
}

/// A constant of one element, which files hold as f32.
bool Joiner::is_number(ValueId id, double wanted) const {
    const auto& constant = graph_.at(id).constant;
    return constant && constant->elements() == 1 && tensor::is_float(constant->dtype()) &&
           std::abs(constant->at_as_double(0) - wanted) <= 1e-6 * wanted;
}

/// What stands beside the number in the sum or product that makes `id`.
ValueId Joiner::beside(ValueId id, OpType op, double number, std::vector<int>& parts) const {
    const int made = maker_of_part(id);
    if (!is(made, op)) return {};
    const std::vector<ValueId>& in = node(made).inputs;
    for (size_t k = 0; k < 2; ++k) {
        if (!is_number(in.at(k), number)) continue;
        parts.push_back(made);
        return in[1 - k];
    }
    return {};
}

void Joiner::replace(const std::vector<int>& parts, int last, ValueId x, Module module) {
    replace(parts, last, {x}, fmt::format("{}({})", module_mark(0), value_mark(x.v)));
    at(last).modules = {std::move(module)};
}

void Joiner::replace(const std::vector<int>& parts, int last, const std::vector<ValueId>& operands,
                     const std::string& expression) {
    Statement joined;
    for (int s : parts) {
        joined.nodes.insert(joined.nodes.end(), at(s).nodes.begin(), at(s).nodes.end());
        for (ValueId id : reads_of(at(s))) --reads(id);
        gone_[static_cast<size_t>(s)] = s != last;
    }
    std::sort(joined.nodes.begin(), joined.nodes.end());
    joined.results = at(last).results;
    joined.expression = expression;
    at(last) = std::move(joined);
    for (ValueId id : operands) {
        reader_[id.v] = last;
        ++reads(id);
    }
}

// ---- what is joined -----------------------------------------------------------------------------

void Joiner::linear(int s) {
    const ValueId made = at(s).results[0];
    const auto sum = only_reader(made, OpType::kAdd);
    if (!sum || at(s).modules.empty()) return;
    const auto& bias = graph_.at(sum->other).constant;
    const std::vector<Dim>& shape = *graph_.at(made).shape;
    if (!bias || bias->shape().size() != 1 || !shape.back().is(bias->elements()) ||
        bias->dtype() != graph_.at(made).dtype)
        return;
    Module module = at(s).modules[0];
    module.arguments.pop_back();  // bias=False
    module.weights.push_back({"bias", sum->other});
    replace({s, sum->statement}, sum->statement, reads_of(at(s)).at(0), std::move(module));
}

void Joiner::gated(int s) {
    const std::vector<ValueId>& in = node(s).inputs;
    for (size_t k = 0; k < 2; ++k) {
        const int gate = maker_of_part(in.at(k));
        const bool silu = is_module(gate, "nn.Sigmoid");
        if (!silu && !is_module(gate, "nn.Hardsigmoid")) continue;
        const ValueId x = node(gate).inputs.at(0);
        if (x != in[1 - k]) continue;
        Module module;
        module.type = silu ? "nn.SiLU" : "nn.Hardswish";
        module.base = silu ? "silu" : "hardswish";
        return replace({gate, s}, s, x, std::move(module));
    }
}

ValueId Joiner::erf_operand(int s, std::vector<int>& parts) const {
    const ValueId scaled = node(s).inputs.at(0);
    const int made = maker_of_part(scaled);
    if (!is(made, OpType::kDiv))
        return beside(scaled, OpType::kMul, 1 / std::numbers::sqrt2, parts);
    if (!is_number(node(made).inputs.at(1), std::numbers::sqrt2)) return {};
    parts.push_back(made);
    return node(made).inputs[0];
}

/// 0.044715 * x ** 3, the power spelled as one or as products.
bool Joiner::is_cubic(ValueId id, ValueId x, std::vector<int>& parts) const {
    int power = 0, scales = 0;
    std::vector<ValueId> factors = {id};
    while (!factors.empty()) {
        const ValueId factor = factors.back();
        factors.pop_back();
        const int made = maker_of_part(factor);
        if (factor == x) {
            ++power;
        } else if (is_number(factor, 0.044715)) {
            ++scales;
        } else if (is(made, OpType::kMul)) {
            parts.push_back(made);
            const std::vector<ValueId>& in = node(made).inputs;
            factors.insert(factors.end(), {in.at(0), in.at(1)});
        } else if (is(made, OpType::kPow) && node(made).inputs.at(0) == x &&
                   is_number(node(made).inputs.at(1), 3)) {
            parts.push_back(made);
            power += 3;
        } else {
            return false;
        }
    }
    return power == 3 && scales == 1;
}

ValueId Joiner::tanh_operand(int s, std::vector<int>& parts) const {
    const ValueId sum =
        beside(node(s).inputs.at(0), OpType::kMul, std::sqrt(2 / std::numbers::pi), parts);
    const int made = sum.valid() ? maker_of_part(sum) : -1;
    if (!is(made, OpType::kAdd)) return {};
    parts.push_back(made);
    for (size_t k = 0; k < 2; ++k) {
        const ValueId x = node(made).inputs.at(k);
        std::vector<int> more;
        if (!is_cubic(node(made).inputs[1 - k], x, more)) continue;
        parts.insert(parts.end(), more.begin(), more.end());
        return x;
    }
    return {};
}

/// The statement that ends sum * x * 0.5; -1 where there is none.
int Joiner::half_of_product(ValueId sum, ValueId x, std::vector<int>& parts) const {
    const auto first = only_reader(sum, OpType::kMul);
    if (!first) return -1;
    parts.push_back(first->statement);
    if (beside(first->other, OpType::kMul, 0.5, parts) == x) return first->statement;
    const auto second = only_reader(at(first->statement).results[0], OpType::kMul);
    if (!second) return -1;
    parts.push_back(second->statement);
    const bool x_first = first->other == x && is_number(second->other, 0.5);
    const bool half_first = is_number(first->other, 0.5) && second->other == x;
    return x_first || half_first ? second->statement : -1;
}

void Joiner::gelu(int s) {
    std::vector<int> parts = {s};
    const bool exact = is(s, OpType::kErf);
    const ValueId x = exact ? erf_operand(s, parts) : tanh_operand(s, parts);
    const auto sum = only_reader(at(s).results[0], OpType::kAdd);
    if (!x.valid() || !sum || !is_number(sum->other, 1)) return;
    parts.push_back(sum->statement);
    const int last = half_of_product(at(sum->statement).results[0], x, parts);
    if (last < 0 || *graph_.at(at(last).results[0]).shape != *graph_.at(x).shape) return;
    Module module;
    module.type = "nn.GELU";
    module.base = "gelu";
    if (!exact) module.arguments = {keyword("approximate", "\"tanh\"")};
    replace(parts, last, x, std::move(module));
}

}  // namespace smeaton::pytorch
