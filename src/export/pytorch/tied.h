// Parameters that the model has once and the source names several times: an embedding that is also
// the last layer's matrix, a layer that is called twice.
#pragma once

#include <string>
#include <vector>

#include "export/pytorch/emit.h"

namespace smeaton::pytorch {

/// Parameters with equal bytes, after what the source does to them (a matrix turned), each with the
/// first that has these bytes. Exporters write equal tensors once, so that a file does not tell
/// what was one from what was filled alike: those whose elements are all one value, and very short
/// ones, are left apart.
std::vector<TiedPair> tied_parameters(const model::Graph&, const std::vector<StoredTensor>&);

}  // namespace smeaton::pytorch
