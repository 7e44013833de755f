#include "model/grad/loss.h"

#include "base/error.h"
#include "model/shape/known.h"

namespace smeaton::model {

LossChoice loss_named(const std::string& text) {
    if (text == "cross-entropy") return {LossKind::CrossEntropy, "", {}};
    if (text == "mse") return {LossKind::MeanSquare, "", {}};
    const std::string prefix = "output:";
    if (text.compare(0, prefix.size(), prefix) == 0 && text.size() > prefix.size())
        return {LossKind::Output, text.substr(prefix.size()), {}};
    throw UserError("there is no loss '{}'; expected cross-entropy, mse or output:NAME", text);
}

namespace {

std::string described(Expr e) {
    const Value& value = e.composer->graph().at(e.id);
    return fmt::format("output '{}' {}", value.name, describe(value.dtype, value.shape));
}

Expr chosen_output(Composer& c, const std::string& name) {
    const Graph& graph = c.graph();
    std::string list;
    for (ValueId id : graph.outputs) {
        const std::string& own = graph.at(id).name;
        if (name.empty() || name == own) return c.of(id);
        list += (list.empty() ? "" : ", ") + own;
    }
    throw UserError("the loss: there is no output '{}'; the outputs are {}", name, list);
}

Sizes without(Sizes shape, size_t axis) {
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    return shape;
}

/// The axis of the classes.
size_t class_axis(Expr logits, const std::optional<Sizes>& target) {
    const Sizes shape = logits.shape();
    if (shape.size() < 2)
        throw UserError("the loss cross-entropy needs [batch, classes, ...]; {} has rank {}",
                        described(logits), shape.size());
    if (!target || *target == without(shape, 1)) return 1;
    if (*target == without(shape, shape.size() - 1)) return shape.size() - 1;
    const std::string last =
        shape.size() == 2
            ? ""
            : " or " + describe(to_dims(without(shape, shape.size() - 1))) + " (classes last)";
    throw UserError("the target {} does not fit {}: expected class numbers of shape {}{}",
                    describe(to_dims(*target)), described(logits),
                    describe(to_dims(without(shape, 1))), last);
}

/// f16 and bf16 sums lose too much.
Expr widened(Expr e) {
    return e.dtype() == DType::kF64 ? e : cast(e, DType::kF32);
}

Loss cross_entropy(Composer& c, Expr output, const LossChoice& choice) {
    const size_t axis = class_axis(output, choice.target_shape);
    const Expr logits = widened(output);
    const Sizes shape = logits.shape();
    const Expr target = c.input("target", DType::kI64, without(shape, axis));
    Sizes one = shape;
    one[axis] = 1;
    const auto along = static_cast<int64_t>(axis);
    const Expr log_p =
        c.node(OpType::kLogSoftmax, {logits}, {{"axis", along}}, logits.dtype(), shape);
    const Expr picked = c.node(OpType::kGatherElements, {log_p, reshape(target, one)},
                               {{"axis", along}}, log_p.dtype(), one);
    const std::vector<int64_t> all = axes_between(0, static_cast<int64_t>(shape.size()));
    return {reshape(-mean(picked, all), {}).id, target.id, shape[axis]};
}

Loss mean_square(Composer& c, Expr output, const LossChoice& choice) {
    const Sizes shape = output.shape();
    if (choice.target_shape && *choice.target_shape != shape)
        throw UserError("the target {} does not fit {}: expected the same shape",
                        describe(to_dims(*choice.target_shape)), described(output));
    const Expr target = c.input("target", output.dtype(), shape);
    const Expr error = widened(output) - widened(target);
    const std::vector<int64_t> all = axes_between(0, static_cast<int64_t>(shape.size()));
    return {reshape(mean(error * error, all), {}).id, target.id};
}

}  // namespace

Loss append_loss(Composer& c, const LossChoice& choice) {
    c.stand_for("loss");
    const Expr output = chosen_output(c, choice.output);
    if (!tensor::is_float(output.dtype()))
        throw UserError("the loss needs a float output; found {}", described(output));
    switch (choice.kind) {
        case LossKind::CrossEntropy:
            return cross_entropy(c, output, choice);
        case LossKind::MeanSquare:
            return mean_square(c, output, choice);
        case LossKind::Output:
            break;
    }
    if (count_of(output.shape()) != 1)
        throw UserError("the loss must be one number; {} has {} elements", described(output),
                        count_of(output.shape()));
    return {reshape(widened(output), {}).id, {}};
}

}  // namespace smeaton::model
