// Rule: the hand through which one operator's shape rule reads its operands and states its outputs.
// RuleTable: one shape rule per operator of op_list.h, and a value rule for those that data
// propagation can follow. One file per family fills its rows.
#pragma once

#include <array>
#include <set>
#include <string>

#include "model/shape/view.h"

namespace smeaton::model {

struct InferState;  // infer.cpp

class Rule : public NodeView {
public:
    Rule(InferState& state, Node& node);

    size_t output_count() const { return node().outputs.size(); }
    bool wants(size_t k) const { return k < output_count() && node().outputs[k].valid(); }
    /// States output k; nothing happens where the node leaves it out. UserError on negative dims
    /// and on more elements than can be counted.
    void output(size_t k, DType, Shape);
    /// Output 0 has the dtype and shape of operand 0.
    void same_as_input() { output(0, dtype(0), shape(0)); }

    /// For value rules: the shape of an output in numbers; nothing when symbolic or above
    /// kKnownLimit.
    std::optional<std::vector<int64_t>> small_output(size_t k) const;
    DType output_dtype(size_t k) const;
    /// States the elements of output k; elements are wrapped or rounded to its dtype.
    void output_ints(size_t k, std::vector<Dim> elements);
    void output_floats(size_t k, std::vector<double> elements);

    /// One Dim for two that must be equal: nothing when they are different numbers. Of a number and
    /// a symbol the number; of two symbols one of them, and the graph gets a warning.
    std::optional<Dim> unify(const Dim&, const Dim&);
    /// Multidirectional broadcast of the operands' shapes; UserError naming them where they
    /// disagree.
    Shape broadcast(const std::vector<size_t>& operands);
    Shape broadcast_shapes(const Shape&, const Shape&);
    /// UserError unless operand k has `rank` dims / between `low` and `high` dims.
    void expect_rank(size_t k, int64_t rank) const;
    void expect_rank_at_least(size_t k, int64_t rank) const;
    /// UserError unless the operands have one dtype; returns it.
    DType same_dtype(const std::vector<size_t>& operands) const;
    /// UserError unless operand k is a vector whose size is (or may be) `size`.
    void expect_vector(size_t k, const Dim& size, const char* role);

    InferState& state() { return *state_; }

private:
    /// For the elements of a small output that are about to be stated; null where none are kept.
    std::shared_ptr<Known> known_output(size_t k, size_t elements) const;
    void keep_known(size_t k, KnownPtr);
    std::optional<Dim> broadcast_dim(const Dim&, const Dim&);
    InferState* state_;
};

inline constexpr size_t kOpCount = 1  // kUnsupported
#define X(op, family) +1
    SMEATON_OPS(X)
#undef X
    ;

using RuleFunction = void (*)(Rule&);
struct RuleTable {
    std::array<RuleFunction, kOpCount> shape{};
    std::array<RuleFunction, kOpCount> value{};
};

/// The whole table, made once.
const RuleTable& rule_table();

// One per family file.
void add_conv_rules(RuleTable&);
void add_pool_rules(RuleTable&);
void add_norm_rules(RuleTable&);
void add_elementwise_rules(RuleTable&);
void add_matmul_rules(RuleTable&);
void add_einsum_rules(RuleTable&);
void add_reduce_rules(RuleTable&);
void add_index_rules(RuleTable&);
void add_move_rules(RuleTable&);
void add_pad_rules(RuleTable&);
void add_resize_rules(RuleTable&);
void add_shape_rules(RuleTable&);
void add_control_rules(RuleTable&);
void add_arithmetic_values(RuleTable&);
void add_move_values(RuleTable&);

inline RuleFunction& row(std::array<RuleFunction, kOpCount>& rows, OpType op) {
    return rows[static_cast<size_t>(op)];
}

}  // namespace smeaton::model
