#include "driver/ports.h"

#include "base/error.h"
#include "lower/evaluate.h"
#include "model/shape/infer.h"

namespace smeaton::driver {

namespace {

PortInfo port_of(const model::Value& v) {
    return {v.name, v.dtype.value_or(DType::kF32), v.shape.value_or(std::vector<Dim>{}),
            v.shape.has_value()};
}

void complete(model::Value& declared, const model::Value& found) {
    if (!declared.dtype) declared.dtype = found.dtype;
    if (!declared.shape) declared.shape = found.shape;
}

}  // namespace

std::vector<PortInfo> input_ports(const model::Graph& graph) {
    std::vector<PortInfo> out;
    for (model::ValueId id : graph.inputs) out.push_back(port_of(graph.at(id)));
    return out;
}

std::vector<PortInfo> overridable_ports(const model::Graph& graph) {
    std::vector<PortInfo> out;
    for (const model::Value& declared : graph.overridable) out.push_back(port_of(declared));
    return out;
}

std::vector<PortInfo> output_ports(const model::Graph& graph) {
    std::vector<model::Value> declared = graph.declared_outputs;
    bool whole = true;
    for (size_t k = 0; k < declared.size(); ++k) {
        complete(declared[k], graph.at(graph.outputs[k]));
        whole = whole && declared[k].dtype && declared[k].shape;
    }
    if (!whole) {
        try {
            const model::ShapedGraph shaped = model::infer_shapes(graph, {}, lower::evaluate);
            for (size_t k = 0; k < declared.size(); ++k)
                complete(declared[k], shaped.graph.at(shaped.graph.outputs[k]));
        } catch (const UserError&) {
            // Sizes that hang on fed values or on open dims are known when the model is compiled.
        }
    }
    std::vector<PortInfo> out;
    for (const model::Value& v : declared) out.push_back(port_of(v));
    return out;
}

}  // namespace smeaton::driver
