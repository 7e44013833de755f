#include "driver/training_graph.h"

#include "base/error.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/grad/differentiate.h"
#include "model/shape/infer.h"

namespace smeaton::driver {

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

}  // namespace smeaton::driver
