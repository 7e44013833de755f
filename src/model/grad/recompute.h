// What a training step may compute a second time instead of keeping it for its backward half, and
// what of the forward half belongs together.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

enum class Recompute {
    None,  ///< everything is kept
    Full,  ///< kept is what passes from one block to another (model/blocks)
    /// Computed again are scores and weights of attention; in a graph without attention
    /// activations, normalisations and element-wise results, but for what passes between blocks.
    Selective,
};

/// "none", "full", "selective". UserError on other text.
Recompute recompute_named(const std::string& text);

struct ForwardNode {
    int block = 0;           ///< of model/blocks, in their order
    bool cheap = false;      ///< element-wise, a normalisation, or a view
    bool contracts = false;  ///< a convolution or a product of matrices
    bool attention = false;  ///< of the core of an attention (attention.h)
};

/// The forward half of a training step, by the names of its nodes as they stood before training
/// form. Nodes written later are called "NAME.operator".
struct ForwardHalf {
    std::map<std::string, ForwardNode> nodes;
    bool has_attention = false;

    /// The node that a name stands for; null where it stands for none.
    const ForwardNode* find(const std::string& name) const;
};

/// `forward`: with its loss, parameters as graph inputs; `inference`: the same with parameters as
/// constants, by which layers are told to be equal.
ForwardHalf forward_half(const Graph& forward, const Graph& inference,
                         const std::vector<ValueId>& parameters);

}  // namespace smeaton::model
