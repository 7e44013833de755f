#include "model/rewrite/fold_constants.h"

#include <algorithm>

#include "base/error.h"
#include "model/rewrite/edit.h"
#include "model/shape/shape_ops.h"
#include "model/summary/summary.h"
#include "tensor/open.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

bool has_subgraph(const Node& node) {
    return std::any_of(node.attributes.begin(), node.attributes.end(), [](const auto& entry) {
        return std::holds_alternative<GraphPtr>(entry.second);
    });
}

/// Bytes of the outputs; -1 where one has a symbolic size.
int64_t output_bytes(const Graph& graph, const Node& node) {
    int64_t bytes = 0;
    std::vector<int64_t> shape;
    for (ValueId id : node.outputs) {
        if (!id.valid()) continue;
        if (!const_dims(graph.at(id), shape)) return -1;
        bytes += tensor::byte_count(*graph.at(id).dtype, element_count(shape));
    }
    return bytes;
}

/// Of all outputs; their sizes are numbers.
int64_t output_elements(const Graph& graph, const Node& node) {
    int64_t count = 0;
    std::vector<int64_t> shape;
    for (ValueId id : node.outputs) {
        if (id.valid() && const_dims(graph.at(id), shape)) count += element_count(shape);
    }
    return count;
}

class Folder {
public:
    Folder(Inferred inferred, const Evaluator& evaluator, const FoldLimits& limits)
        : inferred_(std::move(inferred)), evaluator_(evaluator), limits_(limits) {}

    Rewritten run() {
        Graph& graph = inferred_.shaped.graph;
        std::vector<bool> folded(graph.nodes.size(), false);
        int64_t changes = 0;
        for (size_t n = 0; n < graph.nodes.size(); ++n) {
            folded[n] = fold(graph.nodes[n]);
            changes += folded[n];
        }
        if (changes > 0) erase_nodes(graph, folded);
        return {std::move(inferred_.shaped), changes};
    }

private:
    Graph& graph() { return inferred_.shaped.graph; }

    bool fold(const Node& node) {
        if (fold_view(node) || fold_known(node)) return true;
        if (has_subgraph(node)) return false;
        if (node.op == OpType::kConstant) {
            return state(node, {constant_value(NodeView(graph(), node))});
        }
        int64_t operand_bytes = 0;
        std::vector<std::optional<Tensor>> operands;
        for (ValueId id : node.inputs) {
            operands.emplace_back();
            if (!id.valid()) continue;
            operands.back() = graph().at(id).constant;
            if (!operands.back() || tensor::is_open(*operands.back())) return false;
            operand_bytes += operands.back()->bytes();
        }
        const int64_t bytes = output_bytes(graph(), node);
        if (bytes < 0) return false;
        if (!evaluator_ || bytes > std::max(limits_.bytes, operand_bytes)) return false;
        const Dim work = operations(NodeView(graph(), node));
        if (!work.is_const()) return false;
        if (std::max(work.value(), output_elements(graph(), node)) > limits_.operations)
            return false;
        std::optional<std::vector<Tensor>> results = evaluator_(node, operands);
        return results && state(node, std::move(*results));
    }

    /// A view of a constant shares its bytes.
    bool fold_view(const Node& node) {
        const Tensor* tensor = nullptr;
        if (node.op == OpType::kIdentity || only_changes_shape(node.op))
            tensor = constant_input(graph(), node, 0);
        std::vector<int64_t> shape;
        if (!tensor || !const_dims(graph().at(node.outputs[0]), shape)) return false;
        return state(node, {tensor->reshaped(shape)});
    }

    /// Outputs that data propagation knows element by element.
    bool fold_known(const Node& node) {
        std::vector<Tensor> results;
        for (ValueId id : node.outputs) {
            const KnownPtr known = id.valid() ? inferred_.known[index_of(id)] : nullptr;
            if (id.valid() && !(known && known->is_const())) return false;
            results.push_back(id.valid() ? to_tensor(*known) : Tensor());
        }
        return state(node, std::move(results));
    }

    bool state(const Node& node, std::vector<Tensor> results) {
        SMEATON_CHECK(results.size() >= node.outputs.size(), "{} results for {} outputs",
                      results.size(), node.outputs.size());
        for (size_t k = 0; k < node.outputs.size(); ++k) {
            if (!node.outputs[k].valid()) continue;
            Value& value = graph().at(node.outputs[k]);
            const Shape shape = to_dims(results[k].shape());
            SMEATON_CHECK(*value.dtype == results[k].dtype() && *value.shape == shape,
                          "folding '{}' gave {} instead of {}", node.name,
                          describe(results[k].dtype(), shape), describe(value.dtype, value.shape));
            value.constant = std::move(results[k]);
        }
        return true;
    }

    Inferred inferred_;
    const Evaluator& evaluator_;
    FoldLimits limits_;
};

}  // namespace

Rewritten fold_constants(ShapedGraph shaped, const Evaluator& evaluator, const FoldLimits& limits) {
    return Folder(infer_values(std::move(shaped.graph), {}, evaluator), evaluator, limits).run();
}

ShapedGraph graph_of_node(const Node& node, const std::vector<std::optional<Tensor>>& inputs) {
    Graph graph;
    graph.name = node.name;
    Node copy = node;
    for (size_t k = 0; k < inputs.size(); ++k) {
        copy.inputs[k] = {};
        if (inputs[k]) copy.inputs[k] = add_constant(graph, "in" + std::to_string(k), *inputs[k]);
    }
    for (size_t k = 0; k < copy.outputs.size(); ++k) {
        if (!copy.outputs[k].valid()) continue;
        Value value;
        value.name = "out" + std::to_string(k);
        graph.values.push_back(std::move(value));
        copy.outputs[k] = {static_cast<int32_t>(graph.values.size()) - 1};
        graph.outputs.push_back(copy.outputs[k]);
    }
    graph.nodes.push_back(std::move(copy));
    return infer_shapes(std::move(graph));
}

}  // namespace smeaton::model
