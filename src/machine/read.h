// Reads machine descriptions (docs/machine.md).
#pragma once

#include <string>

#include "machine/machine.h"

namespace smeaton::machine {

/// The text of a description: of a file, or of one that ships, by its name (shipped.h). A file of
/// that name goes first. UserError when there is neither.
std::string read_description(const std::string& path_or_name);
/// Reads and verifies. UserError names file, line and key: for what is not YAML, unknown keys (with
/// the nearest known one), missing keys, words outside their lists, and what verify() refuses.
Machine read_machine_file(const std::string& path_or_name);
/// The same from text; `file` stands in messages.
Machine parse_machine(const std::string& yaml, const std::string& file);

}  // namespace smeaton::machine
