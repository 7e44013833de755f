// What a session's options say for the machine at hand, and which of them say nothing.
#pragma once

#include <string>

#include "driver/session.h"
#include "emit/cpp/emit.h"
#include "gir/target.h"

namespace smeaton::driver {

/// The instruction set of that name; empty: the best there is here. UserError where it is none, or
/// not here.
emit::Isa isa_for(const std::string& wanted);
/// This machine as code of that instruction set sees it, with so many cores.
gir::Target target_for(const std::string& wanted, int threads);

/// UserError naming the option where a word is none that it takes.
void check_words(const SessionOptions&);

}  // namespace smeaton::driver
