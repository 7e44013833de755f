// Is a description whole and without contradiction?
#pragma once

#include <string>

#include "machine/machine.h"

namespace smeaton::machine {

/// UserError "<file>: <where>: <what is wrong, what is expected>" unless: names distinct; scopes,
/// levels and links refer to what exists; levels form one tree (one outermost, no cycle), inner
/// instances neither larger (registers may be) nor more widely shared than what they hang on; every
/// figure positive with low <= value <= high, of a size that its unit can have, and from a source
/// that the table lists where one word names it; all units together get no less than one; units
/// have the fields of their kind and no rate twice.
void verify(const Machine&, const std::string& file);

}  // namespace smeaton::machine
