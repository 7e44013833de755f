// Keep or compute again: which results of the forward half its backward half may read. What it may
// not read is computed a second time from what it may, just before the first node that needs it.
//
//     h = Relu(x);  y = MatMul(h, w)  |  w.gradient = Einsum(h, y.gradient)
//   =>
//     h = Relu(x);  y = MatMul(h, w)  |  h2 = Relu(x);  w.gradient = Einsum(h2, y.gradient)
//
// A node that computes again carries the attribute kComputedAgain, so that no pass makes one of it
// and the node it repeats. It has the same operator and reads the same values: gradients keep
// every bit.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/grad/composer.h"

namespace smeaton::model {

enum class Recompute {
    None,  ///< everything is kept
    Full,  ///< kept is what passes from one block to another (model/blocks)
    /// Computed again are scores and weights of attention; in a graph without attention
    /// activations, normalisations and element-wise results, but for what passes between blocks.
    Selective,
};

/// Names that begin with "__" are left to tools by ONNX: no operator has such an attribute.
inline constexpr const char* kComputedAgain = "__recomputed";

/// "none", "full", "selective". UserError on other text.
Recompute recompute_named(const std::string& text);

/// The blocks of an inference graph (parameters still constants), by the names of their nodes.
class ForwardBlocks {
public:
    explicit ForwardBlocks(const Graph&);
    /// By node, of a graph that came from that one. A node that was written in between stands in
    /// the block of the next one that was there.
    std::vector<int> of(const Graph&) const;

private:
    std::map<std::string, int> by_name_;
};

/// By value of a forward half: not to be read by a backward half. `block`: by node; `parameters`:
/// the graph inputs that are trained.
std::vector<bool> computed_again(const Graph&, const std::vector<int>& block,
                                 const std::vector<ValueId>& parameters, Recompute);

/// Rewrites the nodes behind the first `forward` ones so that they read none of `again`, values
/// that those make.
void recompute(Composer&, size_t forward, const std::vector<bool>& again);

}  // namespace smeaton::model
