#include "driver/batch.h"

#include <algorithm>

#include "base/error.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/shape/infer.h"

namespace smeaton::driver {

model::Graph with_batch(model::Graph graph, int64_t batch) {
    model::DimBindings bindings;
    for (model::ValueId id : graph.inputs) {
        model::Value& input = graph.at(id);
        if (!input.shape || input.shape->size() < 2) continue;
        model::Dim& leading = input.shape->front();
        if (leading.is(1)) leading = batch;
        if (!leading.is_const())
            bindings.by_axis[{input.name, 0}] = batch;
        else if (!leading.is(batch))
            throw UserError("--batch {}: input '{}' has the leading size {}, which the file fixes",
                            batch, input.name, leading.str());
    }
    for (model::Value& value : graph.values) {
        const bool fed = std::any_of(graph.inputs.begin(), graph.inputs.end(),
                                     [&](auto id) { return &graph.at(id) == &value; });
        if (!fed && !value.constant) value.shape.reset();
    }
    return model::bind_dims(std::move(graph), bindings);
}

model::ShapedGraph inferred_for_batch(model::Graph graph, int64_t batch) {
    try {
        return model::infer_shapes(std::move(graph), {}, lower::evaluate);
    } catch (const UserError& error) {
        if (batch == 0) throw;
        throw UserError(
            "--batch {}: {}; if a constant of the file carries its batch there, export "
            "the model with an open batch",
            batch, error.what());
    }
}

void check_batch(const model::ShapedGraph& shaped, int64_t batch) {
    const model::Graph& graph = shaped.graph;
    for (const model::Node& node : graph.nodes) {
        if (!node.outputs[0].valid()) continue;
        const model::Value& out = graph.at(node.outputs[0]);
        // Sizes and indices are integers; they need not have a batch.
        if (out.constant || !tensor::is_float(*out.dtype)) continue;
        if (out.shape->empty() || out.shape->front().is(batch)) continue;
        throw UserError(
            "--batch {}: node '{}' ({}) makes a tensor of leading size {}; a constant of the file "
            "carries its batch there: export the model with an open batch",
            batch, node.name, node.op_name, out.shape->front().str());
    }
}

void check_batch_of_outputs(const model::ShapedGraph& shaped, int64_t batch) {
    const model::Graph& graph = shaped.graph;
    if (batch == 1) return;
    for (const model::Node& node : graph.nodes)
        for (model::ValueId id : node.outputs) {
            if (std::find(graph.outputs.begin(), graph.outputs.end(), id) == graph.outputs.end())
                continue;
            const model::Value& out = graph.at(id);
            if (!out.shape || out.shape->empty() || out.shape->front().is(batch)) continue;
            throw UserError(
                "--batch {}: node '{}' ({}) makes the output '{}' of leading size {}; a constant "
                "of the file carries its batch: export the model with an open batch",
                batch, node.name, node.op_name, out.name, out.shape->front().str());
        }
}

}  // namespace smeaton::driver
