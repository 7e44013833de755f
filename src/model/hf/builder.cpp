#include "model/hf/builder.h"

#include <fmt/core.h>
#include <fnmatch.h>

#include <algorithm>

#include "base/error.h"
#include "model/onnx/versions.h"
#include "model/shape/elementwise.h"
#include "model/shape/known.h"
#include "tensor/open.h"
#include "tensor/tensor_text.h"

namespace smeaton::model::hf {

// "lm_head" and "model.layers.*.mlp.gate" stand for whole steps of a name, wherever they stand in
// it.
bool Facts::is_converted(const std::string& weight) const {
    const std::string name = "." + weight + ".";
    return std::none_of(not_converted.begin(), not_converted.end(), [&](const std::string& part) {
        return fnmatch(("*." + part + ".*").c_str(), name.c_str(), 0) == 0;
    });
}

Builder::Builder(const std::string& name) {
    graph_.name = name;
    graph_.opsets[""] = kOpset;
    graph_.open_weights = true;
}

std::string Builder::joined(char between, const std::string& last) const {
    std::string text;
    for (const std::string& part : path_) text += part + between;
    return text + last;
}

std::string Builder::fresh(const std::string& wanted) {
    int& count = names_[wanted];
    if (count++ == 0) return wanted;
    return fresh(fmt::format("{}_{}", wanted, count - 1));
}

ValueId Builder::add_value(Value value) {
    graph_.values.push_back(std::move(value));
    return {static_cast<int32_t>(graph_.values.size()) - 1};
}

// ---- leaves ----

ValueId Builder::input(const std::string& name, DType dtype, const std::vector<Dim>& shape) {
    const ValueId id = add_value({fresh(name), dtype, shape, {}});
    graph_.inputs.push_back(id);
    return id;
}

ValueId Builder::constant(const std::string& wanted, Tensor tensor) {
    Value value;
    value.name = fresh(wanted);
    value.dtype = tensor.dtype();
    value.shape = to_dims(tensor.shape());
    value.constant = std::move(tensor);
    return add_value(std::move(value));
}

ValueId Builder::weight(const std::string& name, const std::vector<int64_t>& shape, Share share) {
    Tensor tensor = tensor::open_tensor(DType::kF32, shape);
    const int64_t elements = tensor.elements();
    facts.parameters += elements;
    facts.active_parameters += elements / share.all * share.active;
    const std::string full = joined('.', name);
    if (!facts.is_converted(full)) facts.not_converted_parameters += elements;
    return constant(full, std::move(tensor));
}

ValueId Builder::ints(const std::vector<int64_t>& values) {
    Tensor tensor = tensor::of_i64(values);
    const auto [at, is_new] = constants_.try_emplace(tensor::tensor_text(tensor));
    if (is_new) at->second = constant("sizes", std::move(tensor));
    return at->second;
}

ValueId Builder::integer(int64_t v) {
    Tensor tensor(DType::kI64, {});
    tensor.set_from_int(0, v);
    const auto [at, is_new] = constants_.try_emplace(tensor::tensor_text(tensor));
    if (is_new) at->second = constant("integer", std::move(tensor));
    return at->second;
}

ValueId Builder::number(double v) {
    Tensor tensor = tensor::scalar_f32(static_cast<float>(v));
    const auto [at, is_new] = constants_.try_emplace(tensor::tensor_text(tensor));
    if (is_new) at->second = constant("number", std::move(tensor));
    return at->second;
}

// ---- nodes ----

std::vector<ValueId> Builder::nodes(OpType op, const std::vector<ValueId>& inputs,
                                    Attributes attributes, size_t results) {
    const auto version = onnx::since_version(model::name(op), kOpset);
    SMEATON_CHECK(version, "{} is not in ai.onnx {}", model::name(op), kOpset);
    Node node;
    node.op = op;
    node.op_name = model::name(op);
    node.since_version = *version;
    node.name = fresh("/" + joined('/', node.op_name));
    node.inputs = inputs;
    node.attributes = std::move(attributes);
    node.origins = {node.name};
    for (size_t k = 0; k < results; ++k) {
        Value value;
        value.name = fmt::format("{}_output_{}", node.name, k);
        node.outputs.push_back(add_value(std::move(value)));
    }
    graph_.nodes.push_back(std::move(node));
    return graph_.nodes.back().outputs;
}

ValueId Builder::node(OpType op, const std::vector<ValueId>& inputs, Attributes attributes) {
    return nodes(op, inputs, std::move(attributes), 1)[0];
}

ValueId Builder::reshape(ValueId x, const std::vector<int64_t>& shape) {
    return node(OpType::kReshape, {x, ints(shape)});
}

ValueId Builder::transpose(ValueId x, const std::vector<int64_t>& perm) {
    return node(OpType::kTranspose, {x}, {{"perm", perm}});
}

ValueId Builder::unsqueeze(ValueId x, int64_t axis) {
    return node(OpType::kUnsqueeze, {x, ints({axis})});
}

ValueId Builder::concat(const std::vector<ValueId>& parts, int64_t axis) {
    return node(OpType::kConcat, parts, {{"axis", axis}});
}

ValueId Builder::slice(ValueId x, int64_t axis, int64_t from, int64_t to) {
    return node(OpType::kSlice, {x, ints({from}), ints({to}), ints({axis})});
}

std::vector<ValueId> Builder::split(ValueId x, int64_t axis, const std::vector<int64_t>& sizes) {
    return nodes(OpType::kSplit, {x, ints(sizes)}, {{"axis", axis}}, sizes.size());
}

ValueId Builder::softmax(ValueId x, int64_t axis) {
    return node(OpType::kSoftmax, {x}, {{"axis", axis}});
}

ValueId Builder::gather(ValueId data, ValueId indices, int64_t axis) {
    return node(OpType::kGather, {data, indices}, {{"axis", axis}});
}

ValueId Builder::cast(ValueId x, DType to) {
    return node(OpType::kCast, {x}, {{"to", onnx_number(to)}});
}

ValueId Builder::size_of(ValueId x, int64_t axis) {
    return gather(node(OpType::kShape, {x}), integer(axis));
}

ValueId Builder::linear(ValueId x, const std::string& name, int64_t in, int64_t out, bool bias) {
    const Scope inside = scope(name);
    facts.matrix_parameters += in * out;
    const ValueId product = matmul(x, weight("weight", {in, out}));
    return bias ? add(product, weight("bias", {out})) : product;
}

Builder::Embedded Builder::embedding(ValueId ids, const std::string& name, int64_t count,
                                     int64_t width) {
    const Scope inside = scope(name);
    const ValueId table = weight("weight", {count, width});
    return {gather(table, ids), table};
}

ValueId Builder::by_rows_of(ValueId x, ValueId table, int64_t count, int64_t width) {
    facts.matrix_parameters += count * width;
    return matmul(x, transpose(table, {1, 0}));
}

void Builder::output(ValueId id, const std::string& name) {
    graph_.at(id).name = fresh(name);
    graph_.outputs.push_back(id);
}

Graph Builder::take() {
    return std::move(graph_);
}

}  // namespace smeaton::model::hf
