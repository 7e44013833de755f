// Walking a block whose tiles live to its end. Internal to the verifier.
#pragma once

#include <variant>

#include "gir/program.h"

namespace smeaton::gir::verifying {

/// Calls `visit` with the node of each statement; what it adds to `tiles` is gone at the end.
template <class Tiles, class Visit>
void visit_block(const Block& statements, Tiles& tiles, Visit visit) {
    const size_t before = tiles.size();
    for (const StmtPtr& s : statements) std::visit(visit, s->node);
    tiles.resize(before);
}

}  // namespace smeaton::gir::verifying
