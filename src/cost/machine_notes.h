// What a reader of a description should know before trusting its figures.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.h"

namespace smeaton::cost {

/// A sentence for each unit that does contractions but none of f32, and for the classes of
/// operations that general code needs and the main vector unit has no rate for.
std::vector<std::string> machine_notes(const machine::Machine&);

}  // namespace smeaton::cost
