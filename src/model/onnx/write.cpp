#include "model/onnx/write.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "model/notes.h"
#include "model/onnx/raise.h"
#include "model/onnx/schema.pb.h"
#include "model/onnx/versions.h"
#include "model/rewrite/edit.h"
#include "model/shape/elementwise.h"

namespace smeaton::model::onnx {

namespace {

constexpr int kOpset = 18;
constexpr int kIrVersion = 10;
constexpr size_t kMostBytes = (size_t{1} << 31) - 1;

// AttributeProto.AttributeType
enum Kind : int32_t {
    kFloat = 1,
    kInt = 2,
    kString = 3,
    kTensor = 4,
    kFloats = 6,
    kInts = 7,
    kStrings = 8
};

int opset_of(const Graph& graph) {
    int opset = kOpset;
    for (const Node& node : graph.nodes) opset = std::max(opset, node.since_version);
    for (const auto& [domain, version] : graph.opsets)
        if (domain.empty() || domain == kOnnxDomain) opset = std::max(opset, version);
    return opset;
}

void write_tensor(const Tensor& from, const std::string& name, onnx_format::Tensor& to) {
    if (from.dtype() == tensor::DType::kString)
        throw UserError("'{}' holds texts, which cannot be written", name);
    to.set_name(name);
    to.set_data_type(static_cast<int32_t>(onnx_number(from.dtype())));
    for (int64_t d : from.shape()) to.add_dims(d);
    to.set_raw_data(from.data(), static_cast<size_t>(from.bytes()));
}

void write_port(const Value& value, onnx_format::ValueInfo& to) {
    to.set_name(value.name);
    auto& type = *to.mutable_type()->mutable_tensor_type();
    if (value.dtype) type.set_elem_type(static_cast<int32_t>(onnx_number(*value.dtype)));
    if (!value.shape) return;
    auto& shape = *type.mutable_shape();
    for (const Dim& d : *value.shape) {
        auto& dim = *shape.add_dim();
        if (d.is_const())
            dim.set_dim_value(d.value());
        else
            dim.set_dim_param(d.str());
    }
}

struct AttributeWriter {
    const Node& node;
    onnx_format::Attribute& to;

    void operator()(int64_t v) const {
        to.set_type(kInt);
        to.set_i(v);
    }
    void operator()(double v) const {
        to.set_type(kFloat);
        to.set_f(static_cast<float>(v));
    }
    void operator()(const std::string& v) const {
        to.set_type(kString);
        to.set_s(v);
    }
    void operator()(const std::vector<int64_t>& v) const {
        to.set_type(kInts);
        to.mutable_ints()->Add(v.begin(), v.end());
    }
    void operator()(const std::vector<double>& v) const {
        to.set_type(kFloats);
        for (double f : v) to.add_floats(static_cast<float>(f));
    }
    void operator()(const std::vector<std::string>& v) const {
        to.set_type(kStrings);
        for (const std::string& s : v) to.add_strings(s);
    }
    void operator()(const Tensor& v) const {
        to.set_type(kTensor);
        write_tensor(v, "", *to.mutable_t());
    }
    void operator()(const GraphPtr&) const {
        throw UserError("node {} ({}) holds a graph, which cannot be written", node.name,
                        name(node.op));
    }
};

void write_node(const Graph& graph, const Node& node, onnx_format::Node& to) {
    if (node.op == OpType::kUnsupported)
        throw UserError("node {} ({}) cannot be written", node.name, node.op_name);
    const auto text = [&](ValueId id) { return id.valid() ? graph.at(id).name : std::string(); };
    for (ValueId id : node.inputs) to.add_input(text(id));
    for (ValueId id : node.outputs) to.add_output(text(id));
    to.set_name(node.name);
    to.set_op_type(std::string(name(node.op)));
    for (const auto& [key, value] : node.attributes) {
        if (is_note(key)) continue;
        onnx_format::Attribute& attribute = *to.add_attribute();
        attribute.set_name(key);
        std::visit(AttributeWriter{node, attribute}, value);
    }
}

}  // namespace

std::string write_model(const Graph& read, const std::map<std::string, Tensor>& defaults) {
    const int opset = opset_of(read);
    const Graph graph = raise_operators(read, opset);
    onnx_format::Model model;
    model.set_ir_version(kIrVersion);
    auto& import = *model.add_opset_import();
    import.set_domain("");
    import.set_version(opset);
    onnx_format::Graph& out = *model.mutable_graph();
    out.set_name(graph.name.empty() ? "model" : graph.name);
    for (ValueId id : graph.inputs) write_port(graph.at(id), *out.add_input());
    for (ValueId id : graph.outputs) write_port(graph.at(id), *out.add_output());
    for (const Node& node : graph.nodes) write_node(graph, node, *out.add_node());
    const std::vector<int32_t> uses = use_counts(graph);
    size_t bytes = 0;
    const auto initializer = [&](const Tensor& value, const std::string& name) {
        bytes += static_cast<size_t>(value.bytes());
        if (bytes > kMostBytes) throw UserError("in one file the model would exceed 2 GB");
        write_tensor(value, name, *out.add_initializer());
    };
    for (size_t v = 0; v < graph.values.size(); ++v) {
        const Value& value = graph.values[v];
        if (value.constant && uses[v] > 0) initializer(*value.constant, value.name);
    }
    for (const auto& [name, value] : defaults) initializer(value, name);
    std::string text;
    if (model.ByteSizeLong() > kMostBytes || !model.SerializeToString(&text))
        throw UserError("in one file the model would exceed 2 GB");
    return text;
}

}  // namespace smeaton::model::onnx
