#include "driver/train/training_graph.h"

#include "base/error.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/grad/differentiate.h"
#include "model/grad/rule.h"
#include "model/shape/infer.h"

namespace smeaton::driver {

// Models of a config.json give a number for each word of a token, words along the last axis.
static std::optional<model::Sizes> classes_last(const model::Graph& bound) {
    const model::Graph graph = model::infer_shapes(bound, {}, lower::evaluate).graph;
    const std::vector<Dim>& shape = *graph.at(graph.outputs.at(0)).shape;
    model::Sizes target;
    for (size_t d = 0; d + 1 < shape.size(); ++d)
        if (shape[d].is_const()) target.push_back(shape[d].value());
    return target.size() + 1 == shape.size() ? std::optional(target) : std::nullopt;
}

model::TrainingStep training_step(const model::Graph& graph,
                                  const std::map<std::string, Tensor>& feeds,
                                  const std::map<std::string, int64_t>& dims,
                                  const TrainingChoice& choice) {
    model::GradientOptions wanted;
    wanted.loss = model::loss_named(choice.loss.empty() ? "cross-entropy" : choice.loss);
    wanted.zeros_inserted = choice.zeros_inserted;
    const model::OptimizerChoice optimizer =
        model::optimizer_named(choice.optimizer.empty() ? "sgd" : choice.optimizer);
    model::DimBindings bindings = model::dim_bindings(graph, dims);
    for (const auto& [name, tensor] : feeds) bindings.fed_shapes[name] = tensor.shape();
    const model::Graph bound = model::bind_dims(graph, bindings);
    if (wanted.loss.kind == model::LossKind::CrossEntropy && bound.open_weights)
        wanted.loss.target_shape = classes_last(bound);
    model::ValueBindings known;
    for (;;) {
        try {
            return model::append_optimizer(
                model::differentiate(bound, wanted, lower::evaluate, known), optimizer);
        } catch (const model::NeedsValue& needs) {
            const size_t before = known.size();
            for (const std::string& name : needs.inputs)
                if (feeds.count(name) > 0) known[name] = feeds.at(name);
            if (known.size() == before) throw UserError("{}", needs.what());
        }
    }
}

std::vector<std::string> differentiable_operators() {
    std::vector<std::string> names;
    for (size_t op = 1; op < model::gradient_table().size(); ++op)
        if (model::gradient_table()[op].rule != nullptr)
            names.emplace_back(model::name(static_cast<model::OpType>(op)));
    return names;
}

}  // namespace smeaton::driver
