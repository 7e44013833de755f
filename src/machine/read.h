// Reads machine descriptions (docs/machine.md).
#pragma once

#include <string>

#include "machine/machine.h"

namespace smeaton::machine {

/// Reads and verifies. UserError names file, line and key: for what is not YAML, unknown keys (with
/// the nearest known one), missing keys, words outside their lists, and what verify() refuses.
Machine read_machine_file(const std::string& path);
/// The same from text; `file` stands in messages.
Machine parse_machine(const std::string& yaml, const std::string& file);

}  // namespace smeaton::machine
