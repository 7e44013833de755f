// The gradient rules, keyed by operator. A rule is a vector-Jacobian product: it gets the gradients
// of its node's results and writes, as ordinary nodes, those of its operands.
//
//     void sigmoid(Pullback& p) { p.give(0, p.grad() * p.out() * (1.0 - p.out())); }
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "model/grad/composer.h"
#include "model/shape/view.h"

namespace smeaton::model {

/// One node on its way back. Operands and results are values of the graph as it runs forward.
class Pullback {
public:
    /// `grads[k]`: the gradient of result k, invalid where nothing reads it. `wanted[k]`: does
    /// operand k lead to a parameter?
    Pullback(Composer& composer, const Node& node, std::vector<ValueId> grads,
             std::vector<bool> wanted, bool on_batch_statistics = false,
             bool zeros_inserted = false);

    Composer& composer() { return composer_; }
    const Node& node() const { return node_; }
    /// For the functions of model/shape that resolve a node's attributes.
    NodeView view() const { return {composer_.graph(), node_}; }
    int version() const { return node_.since_version; }

    bool has_in(size_t k) const { return k < node_.inputs.size() && node_.inputs[k].valid(); }
    Expr in(size_t k = 0) { return composer_.of(node_.inputs.at(k)); }
    Sizes in_shape(size_t k = 0) { return in(k).shape(); }
    bool has_out(size_t k) const { return k < node_.outputs.size() && node_.outputs[k].valid(); }
    Expr out(size_t k = 0) { return composer_.of(node_.outputs.at(k)); }
    bool has_grad(size_t k) const { return k < grads_.size() && grads_[k].valid(); }
    Expr grad(size_t k = 0) { return composer_.of(grads_.at(k)); }

    bool wants(size_t k) const { return k < wanted_.size() && wanted_[k]; }
    /// BatchNormalization by statistics of its own first operand (training_form.h).
    bool on_batch_statistics() const { return on_batch_statistics_; }
    /// GradientOptions (differentiate.h).
    bool zeros_inserted() const { return zeros_inserted_; }
    /// States the gradient of operand k, where it is wanted: of the operand's shape, or of one that
    /// the operand was broadcast to.
    void give(size_t k, Expr gradient);
    /// By operand; invalid where none was given.
    const std::vector<ValueId>& given() const { return given_; }

private:
    Composer& composer_;
    Node node_;  // a copy: writing nodes moves those of the graph
    std::vector<ValueId> grads_;
    std::vector<bool> wanted_;
    std::vector<ValueId> given_;
    bool on_batch_statistics_, zeros_inserted_;
};

using PullbackRule = void (*)(Pullback&);

/// One operator's row: a rule, or the reason why there is none.
struct GradientRow {
    PullbackRule rule = nullptr;
    /// Operands from this one on are settings (scales, ratios): no gradient passes through them.
    size_t operands = SIZE_MAX;
    /// The operator ends every path: its gradient is zero wherever there is one.
    std::string_view stops = {};
    /// No gradient is known; what to do instead.
    std::string_view missing = {};
};

using GradientTable = std::array<GradientRow, 1
#define X(op, family) +1
                                 SMEATON_OPS(X)
#undef X
                                 >;

/// The whole table, made once.
const GradientTable& gradient_table();
inline const GradientRow& gradient_row(OpType op) {
    return gradient_table()[static_cast<size_t>(op)];
}

// One per family file.
void add_elementwise_gradients(GradientTable&);
void add_activation_gradients(GradientTable&);
void add_matmul_gradients(GradientTable&);
void add_conv_gradients(GradientTable&);
void add_pool_gradients(GradientTable&);
void add_norm_gradients(GradientTable&);
void add_reduce_gradients(GradientTable&);
void add_index_gradients(GradientTable&);
void add_move_gradients(GradientTable&);
void add_resize_gradients(GradientTable&);

inline GradientRow& row(GradientTable& table, OpType op) {
    return table[static_cast<size_t>(op)];
}

}  // namespace smeaton::model
