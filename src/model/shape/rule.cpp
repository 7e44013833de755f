#include "model/shape/rule.h"

#include <algorithm>

#include "model/shape/infer_state.h"

namespace smeaton::model {

Rule::Rule(InferState& state, Node& node)
    : NodeView(
          state.graph, node, [&state](ValueId id, bool needed) { return state.lookup(id, needed); },
          [&state](ValueId id, const std::string& message) { state.explain(id, message); }),
      state_(&state) {}

namespace {

bool agree(const Shape& declared, const Shape& computed) {
    if (declared.size() != computed.size()) return false;
    for (size_t d = 0; d < declared.size(); ++d) {
        const bool numbers = declared[d].is_const() && computed[d].is_const();
        if (numbers && declared[d] != computed[d]) return false;
    }
    return true;
}

}  // namespace

void Rule::output(size_t k, DType dtype, Shape shape) {
    if (!wants(k)) return;
    Value& value = state_->graph.at(node().outputs[k]);
    for (const Dim& d : shape) {
        if (d.is_const() && d.value() < 0) {
            fail("output '{}' would have the shape {}", value.name, describe(shape));
        }
    }
    if (!countable(shape)) fail("output '{}' {} is too large", value.name, describe(shape));
    const bool differs =
        (value.dtype && *value.dtype != dtype) || (value.shape && !agree(*value.shape, shape));
    if (differs && state_->disagreements++ == 0) {
        state_->first_disagreement =
            fmt::format("'{}' is declared {} and computed {}", value.name,
                        describe(value.dtype, value.shape), describe(dtype, shape));
    }
    value.dtype = dtype;
    value.shape = std::move(shape);
}

std::optional<std::vector<int64_t>> Rule::small_output(size_t k) const {
    if (!wants(k)) return std::nullopt;
    const Value& value = state_->graph.at(node().outputs[k]);
    if (!value.shape) return std::nullopt;
    auto shape = const_shape(*value.shape);
    if (!shape || element_count(*shape) > kKnownLimit) return std::nullopt;
    return shape;
}

DType Rule::output_dtype(size_t k) const {
    return *state_->graph.at(node().outputs[k]).dtype;
}

std::shared_ptr<Known> Rule::known_output(size_t k, size_t elements) const {
    const auto shape = small_output(k);
    if (!shape || !can_be_known(output_dtype(k))) return nullptr;
    auto known = std::make_shared<Known>();
    known->dtype = output_dtype(k);
    known->shape = *shape;
    SMEATON_CHECK(static_cast<int64_t>(elements) == known->elements(),
                  "{}: {} elements stated for {}", title(), elements, describe(to_dims(*shape)));
    return known;
}

void Rule::keep_known(size_t k, KnownPtr known) {
    state_->known[static_cast<size_t>(node().outputs[k].v)] = std::move(known);
}

void Rule::output_ints(size_t k, std::vector<Dim> elements) {
    auto known = known_output(k, elements.size());
    if (!known) return;
    for (Dim& d : elements) {
        if (d.is_const()) d = wrap_int(known->dtype, d.value());
    }
    known->ints = std::move(elements);
    keep_known(k, std::move(known));
}

void Rule::output_floats(size_t k, std::vector<double> elements) {
    auto known = known_output(k, elements.size());
    if (!known) return;
    for (double& d : elements) d = round_float(known->dtype, d);
    known->floats = std::move(elements);
    keep_known(k, std::move(known));
}

std::optional<Dim> Rule::unify(const Dim& a, const Dim& b) {
    if (a == b) return a;
    if (a.is_const() && b.is_const()) return std::nullopt;
    if (a.is_const()) return a;
    if (b.is_const()) return b;
    const Dim difference = a - b;
    if (difference.is_const()) return std::nullopt;
    const Dim& kept = a < b ? a : b;
    const Dim& other = a < b ? b : a;
    state_->assumptions.insert(
        fmt::format("{} needs the dims {} and {} to be equal", title(), kept.str(), other.str()));
    return kept;
}

std::optional<Dim> Rule::broadcast_dim(const Dim& a, const Dim& b) {
    if (a.is(1)) return b;
    if (b.is(1)) return a;
    return unify(a, b);
}

Shape Rule::broadcast_shapes(const Shape& a, const Shape& b) {
    const Shape& longer = a.size() >= b.size() ? a : b;
    const Shape& shorter = a.size() >= b.size() ? b : a;
    Shape result = longer;
    const size_t shift = longer.size() - shorter.size();
    for (size_t d = 0; d < shorter.size(); ++d) {
        const std::optional<Dim> one = broadcast_dim(longer[d + shift], shorter[d]);
        if (!one) fail("shapes {} and {} do not broadcast", describe(a), describe(b));
        result[d + shift] = *one;
    }
    return result;
}

Shape Rule::broadcast(const std::vector<size_t>& operands) {
    Shape result = shape(operands.front());
    for (size_t i = 1; i < operands.size(); ++i) {
        const Shape& next = shape(operands[i]);
        const size_t rank = std::max(result.size(), next.size());
        result.insert(result.begin(), rank - result.size(), Dim(1));
        const size_t shift = rank - next.size();
        for (size_t d = 0; d < next.size(); ++d) {
            const std::optional<Dim> one = broadcast_dim(result[d + shift], next[d]);
            if (!one) {
                fail("operands {} and {} disagree: {} against {} in dim {}", operand(operands[0]),
                     operand(operands[i]), result[d + shift].str(), next[d].str(), d + shift);
            }
            result[d + shift] = *one;
        }
    }
    return result;
}

void Rule::expect_rank(size_t k, int64_t expected) const {
    if (rank(k) != expected) fail("operand {} must have {} dims", operand(k), expected);
}

void Rule::expect_rank_at_least(size_t k, int64_t expected) const {
    if (rank(k) < expected) fail("operand {} must have {} dims or more", operand(k), expected);
}

DType Rule::same_dtype(const std::vector<size_t>& operands) const {
    const size_t first = operands.front();
    for (size_t k : operands) {
        if (has(k) && dtype(k) != dtype(first)) {
            fail("operands {} and {} must have one dtype", operand(first), operand(k));
        }
    }
    return dtype(first);
}

void Rule::expect_vector(size_t k, const Dim& size, const char* role) {
    if (rank(k) != 1 || !unify(shape(k)[0], size)) {
        fail("{} {} must have the shape [{}] (first operand: {})", role, operand(k), size.str(),
             operand(0));
    }
}

const RuleTable& rule_table() {
    static const RuleTable table = [] {
        RuleTable t;
        add_conv_rules(t);
        add_pool_rules(t);
        add_norm_rules(t);
        add_elementwise_rules(t);
        add_matmul_rules(t);
        add_einsum_rules(t);
        add_reduce_rules(t);
        add_index_rules(t);
        add_move_rules(t);
        add_pad_rules(t);
        add_resize_rules(t);
        add_shape_rules(t);
        add_control_rules(t);
        add_arithmetic_values(t);
        add_move_values(t);
        return t;
    }();
    return table;
}

}  // namespace smeaton::model
