// What a model takes and gives, as its file declares it.
#pragma once

#include <vector>

#include "driver/session.h"
#include "model/graph.h"

namespace smeaton::driver {

/// Of a graph as read.
std::vector<PortInfo> input_ports(const model::Graph&);
/// As the file declares them; what it leaves out, as shape inference finds it.
std::vector<PortInfo> output_ports(const model::Graph&);
/// Constants that may be fed instead.
std::vector<PortInfo> overridable_ports(const model::Graph&);

}  // namespace smeaton::driver
