// Shape inference with data propagation.
//
// Before: a Graph in topological order whose inputs have dtypes and shapes (sizes or symbols).
// After: every value that a node makes has the dtype and shape that its node computes. Small
// integer tensors are followed element by element (shape/known.h), so that
//
//     %s = Shape(%x)            # x: f32[N,12,64]         s = [N, 12, 64]
//     %n = Gather(%s, 0)        #                         n = N
//     %t = Concat(%n, -1)       #                         t = [N, -1]
//     %y = Reshape(%x, %t)      #                         y: f32[N,768]
//
// needs no value at run time.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/shape/known.h"
#include "model/shape/view.h"

namespace smeaton::model {

/// Values of graph inputs that act as constants, by input name.
using ValueBindings = std::map<std::string, Tensor>;

/// Computes a node on constant operands (one entry per entry of node.inputs, absent where the node
/// leaves it out; node.outputs and ids are those of the graph it came from). Gives one tensor per
/// output (anything for outputs left out), or nothing when it cannot.
using Evaluator = std::function<std::optional<std::vector<Tensor>>(
    const Node&, const std::vector<std::optional<Tensor>>& inputs)>;

/// Infers every dtype and shape. The computed shape wins over a declared one, with one warning in
/// graph.warnings. Inputs in `known` keep their place in graph.inputs, but their readers read a
/// constant instead. `evaluator` (may be empty) serves shapes that depend on constants which data
/// propagation does not follow.
/// NeedsValue: a shape depends on the values of small graph inputs that `known` lacks.
/// UserError: unsupported nodes (all at once), operands that disagree, bad attributes, a shape that
/// depends on what is computed while running, an input without dtype or rank.
ShapedGraph infer_shapes(Graph, const ValueBindings& known = {}, const Evaluator& evaluator = {});

/// infer_shapes together with what data propagation found: by value, null where unknown.
struct Inferred {
    ShapedGraph shaped;
    std::vector<KnownPtr> known;
};
Inferred infer_values(Graph, const ValueBindings& known = {}, const Evaluator& evaluator = {});

}  // namespace smeaton::model
