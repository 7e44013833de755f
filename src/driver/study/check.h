// Compares what came out with what should have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace smeaton::driver {

using tensor::Tensor;

struct Tolerance {
    double rtol = 1e-3;  ///< of the expected element
    double atol = 1e-4;  ///< of the range (greatest less least finite element) of the output
};

/// An element and what it should be; indices by axis.
struct WrongElement {
    std::vector<int64_t> at;
    std::string got, expected;
};

struct Comparison {
    std::string output;   ///< its name
    std::string against;  ///< a file, or who else computed it
    bool equal = false;
    double max_error = 0;             ///< greatest absolute difference of finite elements
    double share_of_allowed = 0;      ///< greatest error over what is allowed there; over 1 fails
    std::string reason;               ///< why not equal, in one line
    std::vector<WrongElement> worst;  ///< up to three that are not equal, farthest off first
};

/// Floats within the tolerance, NaN and infinity in the same places; integers and bools exactly.
Comparison compare(const std::string& output, const Tensor& got, const Tensor& expected,
                   const std::string& against, const Tolerance& = {});

/// "largest at [0,3]: 1.5, expected 1.25; then at ..."; empty where all are equal.
std::string worst_text(const Comparison&);

}  // namespace smeaton::driver
