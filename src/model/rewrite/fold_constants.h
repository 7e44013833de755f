// Nodes whose results are known become constants.
//
//     s = Shape(x)           # x: f32[2,12,64]
//     n = Gather(s, 0)                                 const t: i64[2](2, -1)
//     t = Concat(n, -1)                          =>    y = Reshape(x, t)
//     y = Reshape(x, t)
//
// Shape arithmetic is folded by data propagation (shape/infer.h), views of constants by sharing
// their bytes, everything else by the evaluator. Before: a shaped graph. After: the folded nodes'
// outputs are constants and the nodes are gone; what they read may be dead.
#pragma once

#include "model/rewrite/pass.h"
#include "model/shape/infer.h"

namespace smeaton::model {

struct FoldLimits {
    /// Results above this stay computed, except where the operands are as large.
    int64_t bytes = int64_t{64} << 20;
    /// Nodes that need more operations than this (model/summary.h), or move more elements, are not
    /// given to the evaluator, which is slow; they run once, when the model is loaded.
    int64_t operations = int64_t{1} << 21;
};

Rewritten fold_constants(ShapedGraph, const Evaluator& evaluator, const FoldLimits& limits = {});

/// A graph of the one node on constant operands, with all its outputs; what an evaluator lowers and
/// interprets. Values are called in0, in1, ..., out0, ...
ShapedGraph graph_of_node(const Node&, const std::vector<std::optional<Tensor>>& inputs);

}  // namespace smeaton::model
