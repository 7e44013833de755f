// Graphs whose gradients are checked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace smeaton::grad_test {

struct Case {
    std::string name;
    std::string body;  ///< model text without its header; float inputs are f64 and parameters
    /// Values of inputs lie here; default -1.5 .. 1.5.
    std::map<std::string, std::pair<double, double>> ranges = {};
    /// Inputs of given value; integers must be.
    std::map<std::string, tensor::Tensor> fed = {};
    bool training_form = false;
};

/// The same cases for the same seed.
std::vector<Case> cases(uint64_t seed);

}  // namespace smeaton::grad_test
