// Number formats that a model is served in: bits stored, bits computed with, and the peak that
// counts.
#pragma once

#include <string>
#include <vector>

#include "compare/phases.h"

namespace smeaton::compare {

/// Zeros of pruned weights: `kept` of each group of `of` that follow one another, or, with of = 0,
/// a `share` anywhere.
struct Sparsity {
    int kept = 0, of = 0;
    double share = 0;  ///< of weights that are zero; 0: none are
    bool any() const { return share > 0; }
    std::string text() const;  ///< "2:4", "50%"; "" for none
    friend bool operator==(const Sparsity&, const Sparsity&) = default;
};
/// "2:4", "50%". UserError for others.
Sparsity parse_sparsity(const std::string&);
/// Bits that N of M leave of each weight of `bits`: what is kept, and which of the M each is.
double pruned_bits(const Sparsity&, double bits);

struct Format {
    std::string name;
    Bits bits;              ///< of weights with scales and zeros
    std::string peak;       ///< of device_formats(): what products compute in
    std::string attention;  ///< the same of attention
    std::string source;     ///< of the bits
    Sparsity sparsity = {};
    std::string base = {};  ///< the table's name; empty where weights or activations are set anew
};

/// Names, in the order of the table.
std::vector<std::string> format_names();
/// UserError with the nearest name.
Format format_named(const std::string& name);
/// "w=4,a=16,kv=8,group=128,scale=16,zero=0" over a format. UserError for other keys and sizes.
void override_bits(const std::string& text, Format&);

}  // namespace smeaton::compare
