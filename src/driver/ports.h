// A model as its caller sees it: read, states declared, inputs to feed and outputs to get.
#pragma once

#include <string>
#include <vector>

#include "driver/session.h"
#include "model/graph.h"

namespace smeaton::driver {

/// Makes states of what options.state names; `label` names the graph in messages. UserError when
/// that fails or operators are not supported.
model::Graph with_states(model::Graph, const std::string& label, const SessionOptions&);
/// The same for the graph of a file. UserError for a program (entry.h), which has none.
model::Graph read_model(const std::string& path, const SessionOptions&);

/// Graph inputs that are fed: all but states.
std::vector<PortInfo> input_ports(const model::Graph&);
/// Graph outputs that are given: all but those that go into states. As the file declares them; what
/// it leaves out, as shape inference finds it.
std::vector<PortInfo> output_ports(const model::Graph&);
/// Constants that may be fed instead, as the file declares them as inputs.
std::vector<PortInfo> overridable_ports(const model::Graph&);

/// UserError when a name of the inputs whose values decide shapes is that of a state.
void refuse_deciding_states(const model::Graph&, const std::vector<std::string>& inputs);

/// "INPUT=OUTPUT" of a command line. UserError for other text, and for an input given twice.
std::map<std::string, std::string> parse_states(const std::vector<std::string>&);

}  // namespace smeaton::driver
