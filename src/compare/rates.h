// What of a device's numbers counts for work of a format: one roofline over formats, so that
// narrower operands are never computed with more slowly than wider ones.
#pragma once

#include <string>
#include <vector>

#include "compare/formats.h"
#include "cost/efficiency.h"
#include "machine/device.h"

namespace smeaton::compare {

/// Which end of numbers that have a range.
enum class NumberEnd { Low, Value, High };

/// What an engine sums in: llama.cpp has cuBLAS multiply 16-bit operands with 16-bit sums.
std::string sums_of(const std::string& engine);

/// Rates of a device for products in `peak` and attention in `attention_peak`, each the fastest of
/// those of the formats that hold its operands (machine::dense_rate); with the sums of an engine,
/// where the device states a rate for them. UserError where a number is blank that this work needs:
/// also where the format's own peak is, although it could be computed in a wider one.
cost::DeviceRates rates_of(const machine::Device&, const std::string& peak,
                           const std::string& attention_peak, bool needs_link,
                           const std::string& what, const std::string& engine,
                           NumberEnd = NumberEnd::Value);

/// The numbers behind these rates.
struct UsedNumber {
    std::string key;  ///< "peak.fp16"
    const machine::DeviceNumber* number;
};
std::vector<UsedNumber> numbers_behind(const machine::Device&, const std::string& peak,
                                       const std::string& attention_peak, bool needs_link,
                                       const std::string& engine);

/// The wider format that products of this one are computed in because it is faster; "" where its
/// own is the fastest.
std::string faster_format(const machine::Device&, const std::string& peak,
                          const std::string& engine);

}  // namespace smeaton::compare
