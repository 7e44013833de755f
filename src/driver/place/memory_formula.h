// The closed form of what a transformer's layer keeps for its backward half, beside what its
// training graph says (driver/layers): the other way to the same number.
#pragma once

#include <cstdint>
#include <string>

#include "model/hf/facts.h"

namespace smeaton::driver {

struct FormulaSizes {
    int64_t microbatch = 1, sequence = 1;  ///< b, s
    int t = 1;                             ///< devices that share a layer
    double element_bytes = 2;
};

/// Bytes of one layer, masks of one byte (2205.05198, table 2 and section 4.2,
/// without sequence parallelism), here at two bytes an element, of a model with h, a heads and k
/// key heads of d, F inside:
///
///     b s (10 h + (4 a d + 4 k d + 4 F) / t) + 5 a b s^2 / t,   gated: 8 F
///
/// With a d = k d = h and F = 4 h that is s b h (10 + 24 / t + 5 a s / (h t)). 2 b s h + 3 a b s^2
/// / t of it belong to dropout, in training with it: its masks and what attention's dropout gives.
double activation_formula_bytes(const model::hf::Facts&, const FormulaSizes&);
/// Of dropout alone.
double dropout_formula_bytes(const model::hf::Facts&, const FormulaSizes&);
/// b s h elements: what a layer reads of the one before.
double input_formula_bytes(const model::hf::Facts&, const FormulaSizes&);

/// Why the model's `repeated` equal layers are not such layers; "": they are.
std::string why_no_formula(const model::hf::Facts&, int repeated);

}  // namespace smeaton::driver
