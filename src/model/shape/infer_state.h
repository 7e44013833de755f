// What shape inference knows while it walks a graph. Private to shape/.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/shape/infer.h"
#include "model/shape/rule.h"

namespace smeaton::model {

struct InferState {
    explicit InferState(Graph& graph, const Evaluator& evaluator);

    Graph& graph;
    const Evaluator& evaluator;
    std::vector<KnownPtr> known;     ///< by value
    std::vector<int32_t> producers;  ///< by value: index of the node that makes it, or -1
    std::vector<std::optional<Tensor>> evaluated;  ///< by value: found by the evaluator
    std::set<std::string> assumptions;             ///< "M is taken to equal N"
    int64_t disagreements = 0;                     ///< declared against computed
    std::string first_disagreement;

    KnownPtr lookup(ValueId, bool needed);
    /// The constant, known or evaluated tensor behind a value.
    std::optional<Tensor> tensor_of(ValueId);
    /// Runs the evaluator over all that `id` needs; nothing when an input or a refusal is in the
    /// way.
    bool evaluate(ValueId id);
    /// Throws NeedsValue or UserError for a value that must be known and is not.
    [[noreturn]] void explain(ValueId, const std::string& message);
};

/// Walks all nodes of state.graph.
void infer_nodes(InferState&);
void add_warnings(InferState&);
/// UserError when the node has operands, outputs or attributes that its version does not know.
void check_signature(const NodeView&);

}  // namespace smeaton::model
