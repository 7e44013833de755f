#include "model/grad/rule.h"

#include "base/error.h"

namespace smeaton::model {

Pullback::Pullback(Composer& composer, const Node& node, std::vector<ValueId> grads,
                   std::vector<bool> wanted, bool on_batch_statistics, bool zeros_inserted)
    : composer_(composer),
      node_(node),
      grads_(std::move(grads)),
      wanted_(std::move(wanted)),
      given_(node.inputs.size()),
      on_batch_statistics_(on_batch_statistics),
      zeros_inserted_(zeros_inserted) {}

void Pullback::give(size_t k, Expr gradient) {
    if (!wants(k)) return;
    SMEATON_CHECK(!given_.at(k).valid(), "operand {} of {} is given two gradients", k, node_.name);
    given_[k] = cast(sum_to(gradient, in_shape(k)), in(k).dtype()).id;
}

namespace {

/// Results that do not move when the operands do, but for jumps.
void add_stops(GradientTable& table) {
    using enum OpType;
    for (OpType op : {kSign, kFloor, kCeil, kRound})
        row(table, op).stops = "constant between its jumps; PyTorch gives zero too";
    for (OpType op : {kEqual, kLess, kGreater, kLessOrEqual, kGreaterOrEqual, kNot, kAnd, kOr})
        row(table, op).stops = "its result is a truth value";
    row(table, kArgMax).stops = "its result is a position";
    for (OpType op : {kShape, kSize}) row(table, op).stops = "its result is made of sizes";
    for (OpType op : {kConstant, kConstantOfShape})
        row(table, op).stops = "its result depends on no float operand";
    row(table, kRange).stops = "its operands decide a size; PyTorch gives none either";
}

}  // namespace

const GradientTable& gradient_table() {
    static const GradientTable table = [] {
        GradientTable t;
        add_elementwise_gradients(t);
        add_activation_gradients(t);
        add_matmul_gradients(t);
        add_conv_gradients(t);
        add_pool_gradients(t);
        add_norm_gradients(t);
        add_reduce_gradients(t);
        add_index_gradients(t);
        add_move_gradients(t);
        add_resize_gradients(t);
        add_stops(t);
        row(t, OpType::kIf).missing =
            "its condition is computed while the model runs; export the model with a condition "
            "that is known, or freeze what leads here";
        return t;
    }();
    return table;
}

}  // namespace smeaton::model
