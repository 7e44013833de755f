// How one op runs over vectors: which dim lies along them, what is written out, what loops.
#pragma once

#include <optional>

#include "gir/rewrite/spell/laid.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// The spelling of an op whose tiles lie where they will stay; extents must be const. Any kind but
/// Sort.
Spelling choose_spelling(const Place&, const Target&, const Op&);

/// Dims of a move that is turned in blocks of registers: the destination runs along the first,
/// the source along the second.
struct Turned {
    size_t rows = 0, columns = 0;
};
std::optional<Turned> find_turned(const Place&, const Op&);

}  // namespace smeaton::gir::rewrite
