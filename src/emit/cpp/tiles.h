// Which tiles become named variables, and which become memory.
#pragma once

#include <set>

#include "emit/cpp/isa.h"
#include "gir/program.h"

namespace smeaton::emit {

/// Is the `let` a claim on a hardware cache, which no code stands for?
bool is_claim(const gir::Let&);
/// Tiles that can be held in variables: few elements, every coordinate known once the op is
/// unrolled.
std::set<Name> register_tiles(const gir::Block&, const Isa&, const std::set<Name>& buffers);

}  // namespace smeaton::emit
