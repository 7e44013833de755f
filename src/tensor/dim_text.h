// Dims inside our line-based texts.
#pragma once

#include "tensor/dim.h"

namespace smeaton {
class TextReader;
}

namespace smeaton::tensor {

/// Reads one Dim: sums and products of integers, parameters (quoted where no identifier),
/// parentheses, floor(dim/INT) and ceil(dim/INT). UserError at the place where it is malformed.
Dim read_dim(TextReader&);

}  // namespace smeaton::tensor
