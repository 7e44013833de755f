// NumPy's .npz files: arrays by name, as numpy.savez writes them (a zip archive without
// compression).
#pragma once

#include <map>
#include <string>

#include "tensor/tensor.h"

namespace smeaton::tensor {

/// UserError "FILE: ..." on what is no such archive, on compressed arrays (numpy.savez_compressed),
/// and on arrays that read_npy refuses.
std::map<std::string, Tensor> read_npz(const std::string& path);

/// The bytes of such a file. UserError for types that NumPy has no word for, and above 4 GB.
std::string npz_bytes(const std::map<std::string, Tensor>&);

}  // namespace smeaton::tensor
