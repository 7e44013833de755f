#include "model/onnx/raise.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "model/onnx/versions.h"
#include "model/rewrite/edit.h"

namespace smeaton::model::onnx {

namespace {

/// False: what the node says cannot be said any more.
using Rewrite = bool (*)(Graph&, Node&);

/// Where an operator became another one. All other versions only add dtypes, attributes with
/// defaults, and optional operands.
struct Change {
    OpType op;
    int version;
    Rewrite rewrite;
};

void put_input(Node& node, size_t k, ValueId id) {
    if (node.inputs.size() <= k) node.inputs.resize(k + 1);
    node.inputs[k] = id;
}

/// An attribute of integers becomes operand k.
bool ints_to_input(Graph& graph, Node& node, const char* key, size_t k) {
    if (!has_attribute(node, key)) return true;
    const std::vector<int64_t> values = attribute_ints(node, key, {});
    const std::string wanted = node.name + "." + key;
    put_input(node, k, add_constant(graph, wanted, tensor::of_i64(values)));
    node.attributes.erase(key);
    return true;
}

/// A number becomes operand k of the first operand's dtype.
void number_to_input(Graph& graph, Node& node, const char* key, size_t k) {
    if (!has_attribute(node, key)) return;
    Tensor number(*graph.at(node.inputs[0]).dtype, {});
    number.set_from_double(0, attribute_float(node, key, 0));
    put_input(node, k, add_constant(graph, node.name + "." + key, std::move(number)));
    node.attributes.erase(key);
}

bool axes_to_input(Graph& graph, Node& node) {
    return ints_to_input(graph, node, "axes", 1);
}

bool clip(Graph& graph, Node& node) {
    number_to_input(graph, node, "min", 1);
    number_to_input(graph, node, "max", 2);
    return true;
}

bool pad(Graph& graph, Node& node) {
    ints_to_input(graph, node, "pads", 1);
    number_to_input(graph, node, "value", 2);
    return true;
}

bool slice(Graph& graph, Node& node) {
    ints_to_input(graph, node, "starts", 1);
    ints_to_input(graph, node, "ends", 2);
    return ints_to_input(graph, node, "axes", 3);
}

bool split_by_input(Graph& graph, Node& node) {
    return ints_to_input(graph, node, "split", 1);
}

bool count_parts(Graph&, Node& node) {
    if (!has_input(node, 1))
        node.attributes["num_outputs"] = static_cast<int64_t>(node.outputs.size());
    return true;
}

bool top_k(Graph& graph, Node& node) {
    put_input(node, 1,
              add_constant(graph, node.name + ".k", tensor::of_i64({attribute_int(node, "k", 1)})));
    node.attributes.erase("k");
    return true;
}

/// An inference Dropout changes nothing whatever its ratio.
bool dropout(Graph&, Node& node) {
    node.attributes.erase("ratio");
    return true;
}

/// From its axis on all axes at once; later versions take one.
bool softmax(Graph& graph, Node& node) {
    const auto rank = static_cast<int64_t>(graph.at(node.inputs[0]).shape->size());
    const int64_t axis = attribute_int(node, "axis", 1);
    if ((axis < 0 ? axis + rank : axis) + 1 != rank) return false;
    node.attributes["axis"] = rank - 1;
    return true;
}

bool batch_normalization(Graph&, Node& node) {
    if (attribute_int(node, "spatial", 1) != 1) return false;
    node.attributes.erase("spatial");
    return true;
}

/// Version 10 has no region and reads (x, scales); it maps pixels as "asymmetric".
bool resize(Graph&, Node& node) {
    if (node.inputs.size() == 2) node.inputs.insert(node.inputs.begin() + 1, ValueId{});
    node.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
    node.attributes["nearest_mode"] = std::string("floor");
    return true;
}

bool never(Graph&, Node&) {
    return false;
}

const Change kChanges[] = {
    {OpType::kBatchNormalization, 9, batch_normalization},
    {OpType::kClip, 11, clip},
    {OpType::kDropout, 12, dropout},
    {OpType::kGroupNormalization, 21, never},
    {OpType::kLogSoftmax, 13, softmax},
    {OpType::kPad, 11, pad},
    {OpType::kReduceL2, 18, axes_to_input},
    {OpType::kReduceMax, 18, axes_to_input},
    {OpType::kReduceMean, 18, axes_to_input},
    {OpType::kReduceMin, 18, axes_to_input},
    {OpType::kReduceProd, 18, axes_to_input},
    {OpType::kReduceSum, 13, axes_to_input},
    {OpType::kResize, 11, resize},
    {OpType::kSlice, 10, slice},
    {OpType::kSoftmax, 13, softmax},
    {OpType::kSplit, 13, split_by_input},
    {OpType::kSplit, 18, count_parts},
    {OpType::kSqueeze, 13, axes_to_input},
    {OpType::kTopK, 10, top_k},
    {OpType::kUnsqueeze, 13, axes_to_input},
    {OpType::kUpsample, 10, never},
};

// Operators that aligned shapes by an attribute before version 7.
bool aligned_by_attribute(const Node& node) {
    return node.since_version < 7 &&
           (has_attribute(node, "broadcast") || has_attribute(node, "axis")) &&
           family(node.op) == OpFamily::Elementwise;
}

}  // namespace

Graph raise_operators(Graph graph, int opset) {
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
        Node node = graph.nodes[n];
        const auto refuse = [&] {
            throw UserError(
                "node {} ({}): what version {} of the operator says cannot be said in ai.onnx {}; "
                "export the model at ai.onnx {} or newer",
                node.name, name(node.op), node.since_version, opset, opset);
        };
        const std::optional<int> now = since_version(name(node.op), opset);
        if (!now || aligned_by_attribute(node)) refuse();
        for (const Change& change : kChanges)
            if (change.op == node.op && node.since_version < change.version &&
                change.version <= *now && !change.rewrite(graph, node))
                refuse();
        node.since_version = *now;
        graph.nodes[n] = std::move(node);
    }
    graph.opsets = {{std::string(kOnnxDomain), opset}};
    return graph;
}

}  // namespace smeaton::model::onnx
