// A layer on t devices that work on it together (tensor parallelism), found from its graph:
//
//     norm -> q, k, v by columns -> heads -> core by heads -> o by rows -> SUM -> + -> norm
//          -> gate, up by columns -> * -> down by rows -> SUM -> +
//
// A product with a weight gives each device a t-th of its columns; what follows takes a t-th of
// that axis as far as it goes, and a product that sums over the axis leaves parts that the devices
// add up. Gradients of what came whole to split nodes are added up on the way back. Where an
// operator needs the axis whole, the products that split it stay whole: what is left out of a cut
// costs time, never a wrong result. What leaves the layer for others is whole.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/graph.h"

namespace smeaton::driver {

struct TensorCut {
    /// Which of its sizes is a t-th in a contraction on one device. kRows: leading sizes too.
    enum class Part { kWhole, kRows, kInner, kColumns };
    std::map<model::NodeId, Part> parts;  ///< contractions that are split
    std::set<model::ValueId> split;       ///< values of which a device has a t-th
    std::set<model::ValueId> sums;        ///< results that devices add up
    std::set<model::ValueId> gradients;   ///< values whose gradients they add up
    double split_parameters = 0;          ///< elements of weights of which a device has a t-th
    /// Elements of whole values that norms and split contractions keep for the backward half.
    double whole_kept = 0;
    std::string why;  ///< what stood in the way of a product that stays whole, the first

    bool any() const { return !parts.empty(); }
};

/// `nodes`: of one layer, in their order. `moved`: by value, whether fed data decide it.
TensorCut tensor_cut(const model::Graph&, const std::vector<model::NodeId>& nodes,
                     const std::vector<bool>& moved, int t);

}  // namespace smeaton::driver
