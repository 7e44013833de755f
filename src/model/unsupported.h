// What of a model this compiler cannot do, all at once.
#pragma once

#include <string>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

struct UnsupportedNode {
    std::string node;  ///< its name, with those of the nodes around it: "If_3/then_branch/Foo_1"
    std::string op;    ///< "com.x.Foo"; "input" for a graph input that is no dense tensor
    std::string reason;
};

/// Nodes of kUnsupported in the order of the graph, those of subgraphs after the node that holds
/// them, and graph inputs of no known element type.
std::vector<UnsupportedNode> unsupported(const Graph&);

/// UserError that lists all of them, one per line; nothing when there are none.
void refuse_unsupported(const Graph&);

}  // namespace smeaton::model
