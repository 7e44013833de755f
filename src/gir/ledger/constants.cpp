#include "gir/ledger/constants.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace smeaton::gir {

ConstantReads::ConstantReads(const Slice& s, const Tile& tile, const Tensor& values,
                             const DimVars& vars, const Loops& loops)
    : slice_(s), tile_(tile), values_(values), vars_(vars), loops_(loops) {
    LinearTerms terms;
    for (const Coord& c : s.at) {
        SMEATON_CHECK(!c.index, "a constant tile read through an index");
        loops.split(c.affine, vars, terms);
    }
    if (s.within)
        for (const Bound& b : s.within->bounds) loops.split(b.expr, vars, terms);
    std::set<int> used;
    for (const auto& [v, k] : terms) used.insert(v);
    variables_.assign(used.begin(), used.end());
}

int64_t ConstantReads::value_of(const Affine& a, const std::vector<int>& names,
                                const std::vector<int64_t>& at) const {
    LinearTerms terms;
    int64_t v = loops_.split(a, vars_, terms).value();
    for (const auto& [var, k] : terms) {
        const auto place = std::find(names.begin(), names.end(), var) - names.begin();
        v += k * at[static_cast<size_t>(place)];
    }
    return v;
}

double ConstantReads::at(const std::vector<int>& names, const std::vector<int64_t>& at) const {
    if (slice_.within) {
        for (const Bound& b : slice_.within->bounds) {
            int64_t v = value_of(b.expr, names, at);
            if ((b.lo && v < loops_.bound(*b.lo).value()) ||
                (b.hi && v >= loops_.bound(*b.hi).value()))
                return slice_.within->otherwise.as_double();
        }
    }
    int64_t offset = 0;
    for (size_t d = 0; d < slice_.at.size(); ++d)
        offset = offset * loops_.bound(tile_.dims[d].extent).value() +
                 value_of(slice_.at[d].affine, names, at);
    return values_.at_as_double(offset);
}

}  // namespace smeaton::gir
