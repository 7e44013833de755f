// What one operator takes on a device by an engine: one function for `simulate`, `place` and
// `compare`.
#pragma once

#include <string>
#include <vector>

#include "compare/row_parts.h"

namespace smeaton::compare {

/// Of models that give no tokens, where none is named.
inline constexpr const char* kOperatorEngine = "onnxruntime";

struct OperatorPrices {
    End slow, value, fast;        ///< rates and bits
    cost::Efficiency efficiency;  ///< of the engine
    machine::Interval factor;     ///< measured over predicted; see correction()
    Quantity rests_on;            ///< flags and sources of all of them
};

/// In the format and at the ends of the inputs.
OperatorPrices operator_prices(const RowInputs&, const std::string& engine);
/// The same on a device alone, with what ships of measured rows. UserError where a number is blank.
OperatorPrices operator_prices(const machine::Device&, const Format&, const std::string& engine);

/// Seconds of an operator at one end, its bytes counted in elements of `counted_bits`: the larger
/// of factor x operator_time() and the roofline.
double operator_seconds(const cost::OperatorWork&, double counted_bits, const End&,
                        const cost::Efficiency&, double factor);
/// The same at all ends; low is of the fast one.
OperatorRow priced(const cost::OperatorWork&, double counted_bits, const OperatorPrices&);

/// An operator with the bits of one end: products with weights have pruned ones, where there are
/// any.
cost::OperatorWork with_bits(cost::OperatorWork, const Bits&, double counted_bits);

}  // namespace smeaton::compare
