// Number formats that a model is served in: bits stored, bits computed with, and the peak that
// counts.
#pragma once

#include <string>
#include <vector>

#include "compare/phases.h"

namespace smeaton::compare {

struct Format {
    std::string name;
    Bits bits;              ///< of weights with scales and zeros
    std::string peak;       ///< of device_formats(): what products compute in
    std::string attention;  ///< the same of attention
    std::string source;     ///< of the bits
};

/// Names, in the order of the table.
std::vector<std::string> format_names();
/// UserError with the nearest name.
Format format_named(const std::string& name);
/// Peak that a device must state for operands of this many bits: w bits below 8 with 16-bit
/// activations compute at 16 bits.
/// "w=4,a=16,kv=8,group=128,scale=16,zero=0" over a format. UserError for other keys and sizes.
void override_bits(const std::string& text, Format&);

}  // namespace smeaton::compare
