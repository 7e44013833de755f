// Going on from a dump: a person edits the text of a stage and the stages after it take that.
#pragma once

#include <string>

#include "driver/pipeline.h"

namespace smeaton::driver {

/// Reads a dump of --dump or --stop-after; its first line says which stage made it. UserError for
/// another text, for a stage that cannot be taken up, and for one that changed nothing.
Resume read_resume(const std::string& path);

/// The program of the text, with the large constants of the one that the model lowers to. UserError
/// where it does not parse, does not verify, or has other inputs, outputs and states, or other
/// sizes of them.
gir::Program resumed_program(const Resume&, const gir::Program& lowered);

/// The graph of the text, with the large constants of `graph`. UserError as above.
model::Graph resumed_graph(const Resume&, const model::Graph& graph);

}  // namespace smeaton::driver
