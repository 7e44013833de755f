// The two halves of charge.h, one file each.
#pragma once

#include "sim/simdit/charge.h"

namespace smeaton::sim::simdit {

inline double real(int64_t v) {
    return static_cast<double>(v);
}

/// A convolution, or a GEMM: one row is output stationary, several are a convolution of one pixel
/// per image (systolic.cpp). `keeps_result`: the result is not written to DRAM.
Cost charge_on_array(Kind, const Sizes&, const Hardware&, bool keeps_result);

struct VectorContext {
    int64_t out_bits = 32;  ///< of a result element
    bool training = false;
    bool input_on_chip = false;  ///< the first operand need not be loaded
};
Cost charge_vector(Kind, const Sizes&, const Hardware&, const VectorContext&);

}  // namespace smeaton::sim::simdit
