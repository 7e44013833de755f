#include "lower/evaluate.h"

#include "base/error.h"
#include "gir/interp/interp.h"
#include "lower/lower.h"
#include "model/shape/infer.h"

namespace smeaton::lower {

using tensor::Tensor;

namespace {

/// A graph of the node alone. Its operands are inputs, but shape rules see them as constants.
model::Graph alone(const model::Node& node, const std::vector<std::optional<Tensor>>& inputs,
                   model::ValueBindings& known) {
    model::Graph graph;
    graph.name = "evaluate";
    model::Node copy = node;
    for (size_t n = 0; n < inputs.size(); ++n) {
        if (!inputs[n]) {
            copy.inputs[n] = {};
            continue;
        }
        model::Value value;
        value.name = fmt::format("operand{}", n);
        value.dtype = inputs[n]->dtype();
        value.shape.emplace();
        for (int64_t d : inputs[n]->shape()) value.shape->emplace_back(d);
        copy.inputs[n] = model::ValueId{static_cast<int32_t>(graph.values.size())};
        graph.inputs.push_back(copy.inputs[n]);
        known[value.name] = *inputs[n];
        graph.values.push_back(std::move(value));
    }
    for (size_t n = 0; n < copy.outputs.size(); ++n) {
        if (!copy.outputs[n].valid()) continue;
        model::Value value;
        value.name = fmt::format("result{}", n);
        copy.outputs[n] = model::ValueId{static_cast<int32_t>(graph.values.size())};
        graph.outputs.push_back(copy.outputs[n]);
        graph.values.push_back(std::move(value));
    }
    graph.nodes.push_back(std::move(copy));
    return graph;
}

}  // namespace

std::optional<std::vector<Tensor>> evaluate(const model::Node& node,
                                            const std::vector<std::optional<Tensor>>& inputs) {
    try {
        model::ValueBindings known;
        const model::Graph graph = alone(node, inputs, known);
        const gir::Program program = lower(model::infer_shapes(graph, known));
        std::map<Name, Tensor> feeds;
        std::vector<Name> outputs;
        for (const gir::Buffer& b : program.buffers) {
            if (!b.alias_of.empty()) continue;
            if (b.lifetime == gir::Lifetime::Input) feeds[b.name] = known.at(b.value_name);
            if (b.lifetime == gir::Lifetime::Output) outputs.push_back(b.name);
        }
        const gir::interp::Result result = gir::interp::run(program, feeds);
        std::vector<Tensor> out(node.outputs.size());
        size_t next = 0;
        for (size_t n = 0; n < out.size(); ++n)
            if (node.outputs[n].valid()) out[n] = result.outputs.at(outputs[next++]);
        return out;
    } catch (const UserError&) {
        return {};
    }
}

}  // namespace smeaton::lower
