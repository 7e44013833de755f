// Small ONNX files for the unit tests, written with the generated classes.
#pragma once

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/onnx/read.h"
#include "model/onnx/schema.pb.h"

namespace smeaton::model::onnx::testing {

inline constexpr int kFloat = 1, kInt8 = 3, kInt64 = 7, kString = 8, kBool = 9;

inline onnx_format::Model model_of_opset(int opset) {
    onnx_format::Model model;
    model.set_ir_version(8);
    model.add_opset_import()->set_version(opset);
    model.mutable_graph()->set_name("g");
    return model;
}

inline onnx_format::ValueInfo* add_tensor_info(onnx_format::ValueInfo* info,
                                               const std::string& name, int type,
                                               const std::vector<int64_t>& shape) {
    info->set_name(name);
    auto* tensor = info->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    tensor->mutable_shape();
    for (const int64_t size : shape) tensor->mutable_shape()->add_dim()->set_dim_value(size);
    return info;
}

inline onnx_format::ValueInfo* add_input(onnx_format::Graph* graph, const std::string& name,
                                         const std::vector<int64_t>& shape, int type = kFloat) {
    return add_tensor_info(graph->add_input(), name, type, shape);
}

inline onnx_format::ValueInfo* add_output(onnx_format::Graph* graph, const std::string& name) {
    return add_tensor_info(graph->add_output(), name, kFloat, {});
}

/// Nodes of a graph or of a function.
template <class Owner>
onnx_format::Node* add_node(Owner* owner, const std::string& op,
                            std::initializer_list<const char*> inputs,
                            std::initializer_list<const char*> outputs,
                            const std::string& name = "") {
    onnx_format::Node* node = owner->add_node();
    node->set_op_type(op);
    node->set_name(name);
    for (const char* input : inputs) node->add_input(input);
    for (const char* output : outputs) node->add_output(output);
    return node;
}

inline onnx_format::Attribute* add_attribute(onnx_format::Node* node, const std::string& name,
                                             int kind) {
    onnx_format::Attribute* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(kind);
    return attribute;
}

template <class T>
onnx_format::Tensor* set_raw(onnx_format::Tensor* tensor, const std::string& name, int type,
                             const std::vector<int64_t>& shape, const std::vector<T>& data) {
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (const int64_t size : shape) tensor->add_dims(size);
    tensor->set_raw_data(data.data(), data.size() * sizeof(T));
    return tensor;
}

/// x -> Relu -> y
inline onnx_format::Model relu_model(int opset = 14) {
    onnx_format::Model model = model_of_opset(opset);
    add_input(model.mutable_graph(), "x", {2, 3});
    add_output(model.mutable_graph(), "y");
    add_node(model.mutable_graph(), "Relu", {"x"}, {"y"}, "r");
    return model;
}

inline Graph read(const std::string& bytes, const ReadOptions& options = {}) {
    auto kept = std::make_shared<const std::string>(bytes);
    return read_onnx_bytes(std::as_bytes(std::span(*kept)), kept, "m.onnx", options);
}

inline Graph read(const onnx_format::Model& model, const ReadOptions& options = {}) {
    return read(model.SerializeAsString(), options);
}

/// The message with which `model` is refused; empty when it is read.
template <class File>
std::string refusal(const File& model, const ReadOptions& options = {}) {
    try {
        read(model, options);
        return "";
    } catch (const UserError& error) {
        return error.what();
    }
}

inline const Value* find_value(const Graph& graph, const std::string& name) {
    for (const Value& value : graph.values)
        if (value.name == name) return &value;
    return nullptr;
}

}  // namespace smeaton::model::onnx::testing
