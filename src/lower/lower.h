// Model graph to GIR: every operator becomes one naive kernel (or two or three, or a view).
#pragma once

#include <string>
#include <vector>

#include "gir/program.h"
#include "model/graph.h"

namespace smeaton::lower {

struct Unsupported {
    std::string node;
    std::string op;
    std::string reason;
};

/// The program of a graph whose dims are all constant: levels `memory` and `local`, scope `any`,
/// dense layouts, one kernel per step; steps that depend on weights only are marked `once`. Input
/// and output buffers stand in the graph's order. States are buffers of that lifetime, whose
/// value_name is the input's; copies at the end give them their next values. UserError listing
/// every node that cannot be lowered.
gir::Program lower(const model::ShapedGraph&);

/// The nodes that lower() would refuse, in graph order.
std::vector<Unsupported> unsupported(const model::ShapedGraph&);

}  // namespace smeaton::lower
