// The model graph: nodes and values in vectors, strong ids, no owning pointers back. Plain data.
//
// A Graph comes from a reader: value shapes may be missing or wrong. A ShapedGraph comes from
// infer_shapes (shape/infer.h): every value has a dtype and a shape whose Dims are consts or
// expressions over the graph's symbolic inputs dims.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/strong_id.h"
#include "model/op_list.h"
#include "tensor/dim.h"
#include "tensor/tensor.h"

namespace smeaton::model {

using tensor::Dim;
using tensor::DType;
using tensor::Tensor;

using NodeId = StrongId<struct NodeTag>;
using ValueId = StrongId<struct ValueTag>;

struct Graph;
using GraphPtr = std::shared_ptr<const Graph>;

using Attribute = std::variant<int64_t, double, std::string, std::vector<int64_t>,
                               std::vector<double>, std::vector<std::string>, Tensor, GraphPtr>;
using Attributes = std::map<std::string, Attribute>;

struct Node {
    OpType op = OpType::kUnsupported;
    std::string op_name;    ///< as in the file, with domain when it is not ai.onnx: "com.x.Foo"
    int since_version = 0;  ///< the operator's version in force: newest since-version <= opset
    std::string name;       ///< unique in the graph; made up ("Conv_12") where the file has none
    std::vector<ValueId> inputs;   ///< invalid id = absent optional input
    std::vector<ValueId> outputs;  ///< invalid id = absent optional output
    Attributes attributes;
    std::string unsupported_reason;    ///< when op is kUnsupported
    std::vector<std::string> origins;  ///< names of the file's nodes that it stands for
};

struct Value {
    std::string name;  ///< unique in the graph
    std::optional<DType> dtype;
    std::optional<std::vector<Dim>> shape;
    std::optional<Tensor> constant;  ///< initializer or folded
};

/// A graph input that keeps its value between runs: after a run it holds what the output gave.
/// By place in `inputs` and `outputs`, which passes keep.
struct StatePair {
    size_t input = 0;
    size_t output = 0;
    std::optional<Tensor> first;  ///< what it holds before the first run; none: zeros
};

// A subgraph (a GraphPtr attribute of If, Loop, Scan) is closed: it reads no value of the enclosing
// graph by name. What it captures is passed in: `node.inputs` are the operator's own inputs
// followed by the captured values, and every subgraph of the node has, after the operator's own
// formal inputs, one graph input per captured value, in the same order (all branches list all
// captures). The node's int attribute "captures" holds their number. So a pass that renames, shares
// or deletes values need not look inside: If(cond, a, b) with captures 2 has branches with the
// inputs (a, b).
struct Graph {
    std::string name;
    std::vector<Node> nodes;  ///< topological order
    std::vector<Value> values;
    std::vector<ValueId> inputs;  ///< fed by the caller (initializers excluded)
    std::vector<ValueId> outputs;
    std::vector<StatePair> states;      ///< in the order of inputs; see states.h
    std::map<std::string, int> opsets;  ///< domain -> version
    bool open_weights = false;          ///< its weights are the constants without data; see there
    std::vector<std::string> warnings;
    // Of a graph as read; its text has neither, and bind_dims leaves none.
    std::vector<Value> overridable;  ///< constants that may be fed instead, as inputs declare them
    std::vector<Value> declared_outputs;  ///< like `outputs`, with the sizes that the file states

    const Value& at(ValueId id) const { return values[static_cast<size_t>(id.v)]; }
    Value& at(ValueId id) { return values[static_cast<size_t>(id.v)]; }
    const Node& at(NodeId id) const { return nodes[static_cast<size_t>(id.v)]; }
    Node& at(NodeId id) { return nodes[static_cast<size_t>(id.v)]; }
};

/// A Graph whose every used value has dtype and shape.
struct ShapedGraph {
    Graph graph;
};

// Attribute access with the operator's default. UserError naming node and attribute on a wrong
// type.
int64_t attribute_int(const Node&, const std::string& key, int64_t otherwise);
double attribute_float(const Node&, const std::string& key, double otherwise);
std::string attribute_string(const Node&, const std::string& key, const std::string& otherwise);
std::vector<int64_t> attribute_ints(const Node&, const std::string& key,
                                    const std::vector<int64_t>& otherwise);
bool has_attribute(const Node&, const std::string& key);
/// The constant behind input `k`, or null when absent or not constant.
const Tensor* constant_input(const Graph&, const Node&, size_t k);
/// True when input k is given.
bool has_input(const Node&, size_t k);

}  // namespace smeaton::model
