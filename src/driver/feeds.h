// Inputs of a model from files and, for the rest, from a seed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "driver/session.h"

namespace smeaton::driver {

struct FeedRequest {
    std::vector<std::string> inputs;  ///< "NAME=FILE", FILE ending in .npy or .pb
    std::string arrays;               ///< .npz file of inputs by name; empty: none
    std::vector<std::string> dims;    ///< "NAME=VALUE", "INPUT:AXIS=VALUE"
    uint64_t seed = 0;                ///< of the values of inputs that are not given
};

/// UserError for text that is no NAME=VALUE with a whole number from 0 on.
std::map<std::string, int64_t> parse_dims(const std::vector<std::string>&);
/// A .npy file, or an ONNX tensor file. UserError naming the file.
Tensor read_tensor(const std::string& path);

/// The tensors that the request has files for. UserError for names that are none of the ports and
/// for inputs given twice.
std::map<std::string, Tensor> given_feeds(const std::vector<PortInfo>&, const FeedRequest&);

/// Adds the option that binds an open size, "--dim N=VALUE" or "--dim INPUT:AXIS=VALUE", unless it
/// is there.
void add_binding(std::vector<std::string>& options, const Dim& size, const std::string& input,
                 size_t axis);

/// Zeros for the ports. Symbolic dims must be bound in `dims`; UserError names the rest. `model`:
/// the file, for messages.
std::map<std::string, Tensor> zero_feeds(const std::string& model, const std::vector<PortInfo>&,
                                         const std::map<std::string, int64_t>& dims);
/// The same, at random from the seed: floats from -1 to 1, integers 0 or 1.
std::map<std::string, Tensor> random_feeds(const std::string& model, const std::vector<PortInfo>&,
                                           const std::map<std::string, int64_t>& dims,
                                           uint64_t seed);

/// `dims`, and those that the sizes of what is given bind.
std::map<std::string, int64_t> dims_with(std::map<std::string, int64_t> dims,
                                         const std::vector<PortInfo>&,
                                         const std::map<std::string, Tensor>& given);

/// Reads the files; fills the other inputs at random, with the sizes that `dims` and the given
/// inputs bind. `overridable`: constants that a file may be given for, and that stay as they are
/// where none is. UserError for unknown inputs and open sizes.
std::map<std::string, Tensor> gather_feeds(const std::string& model, const std::vector<PortInfo>&,
                                           const FeedRequest&,
                                           const std::vector<PortInfo>& overridable = {});

/// The ports that have no value yet.
std::vector<PortInfo> missing(const std::vector<PortInfo>&,
                              const std::map<std::string, Tensor>& given);

}  // namespace smeaton::driver
