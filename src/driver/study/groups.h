// The kernels' measured time, shared among what a reader knows: operators, layers, shapes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "driver/inspect/inspect.h"
#include "driver/study/measure.h"
#include "model/blocks/blocks.h"

namespace smeaton::driver {

/// A part of the measured time. A kernel's time is shared among the model's nodes that it computes
/// in proportion to their operations (equally where none has any).
struct TimeGroup {
    std::string name;  ///< "Conv"; "encoder/layer.3"; "Conv f32[1,64,56,56], f32[64,64,3,3] -> ..."
    int nodes = 0;     ///< that kernels compute; those folded away are not counted
    double time_us = 0;
    double share = 0;     ///< of the kernels' time, 0 to 1
    double bound_us = 0;  ///< its part of the least time that this machine allows
    double reached = 0;   ///< bound_us / time_us
    double flops = 0;
    double bytes = 0;  ///< operands and results, each node by itself
};

/// Of a group, by node of the file.
using GroupOf = std::map<std::string, std::string>;

GroupOf by_operator(const InspectResult&);
/// The operator with the types of its first two operands and of its first result; `graph` has
/// shapes.
GroupOf by_shape(const model::Graph&);
/// Blocks of the simplified graph.
GroupOf by_block(const model::Graph&, const model::Blocks&);

/// Most time first. What stands for no node is "(made by the compiler)".
std::vector<TimeGroup> time_groups(const InspectResult&, const std::vector<MeasuredKernel>&,
                                   const GroupOf&);

}  // namespace smeaton::driver
