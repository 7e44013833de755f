// Prints a machine description in its one canonical form.
#pragma once

#include <string>

#include "machine/machine.h"

namespace smeaton::machine {

/// YAML; parse_machine(print(m)) == m, and print(parse_machine(x)) == x for x in canonical form.
std::string print(const Machine&);

}  // namespace smeaton::machine
