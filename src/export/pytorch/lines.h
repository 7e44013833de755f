// The statements of a model.
#pragma once

#include <vector>

#include "export/pytorch/speller.h"
#include "model/blocks/blocks.h"
#include "model/blocks/scopes.h"

namespace smeaton::pytorch {

struct Lines {
    std::vector<Statement> statements;
    std::vector<model::Scope> scopes;      ///< by statement
    std::vector<std::vector<int>> blocks;  ///< statements of each block, in order
    std::vector<int> kinds;                ///< of each block
};

/// Spells what the outputs depend on; what is one module in PyTorch is joined (joins.h). UserError
/// listing every node that has no spelling.
Lines make_lines(const Source&);

}  // namespace smeaton::pytorch
