// The helpers that emitted code stands on: vector types, tails, casts, scalar functions.
#pragma once

#include <string>

#include "emit/cpp/isa.h"

namespace smeaton::emit {

/// Definitions of every helper that `code` names, in an order that compiles; nothing else.
std::string prelude_for(const std::string& code, const Isa&);

}  // namespace smeaton::emit
