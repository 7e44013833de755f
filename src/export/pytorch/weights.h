// weights.safetensors: what the state dict of Model holds.
#pragma once

#include <vector>

#include "export/pytorch/classes.h"
#include "export/pytorch/emit.h"

namespace smeaton::pytorch {

/// Wide elements first, so that every tensor of the file is aligned.
std::vector<StoredTensor> stored_tensors(const Source&, const Tree&, const Classes&, const Paths&);

}  // namespace smeaton::pytorch
