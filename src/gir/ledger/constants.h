// Constant tiles: an element that is 0, 1 or -1 is known when code is made and costs no bytes.
#pragma once

#include <vector>

#include "gir/ledger/loops.h"

namespace smeaton::gir {

inline bool is_free_value(double v) {
    return v == 0 || v == 1 || v == -1;
}

/// Reads of one slice of a constant tile. What is passed must outlive this.
class ConstantReads {
public:
    /// InternalError when the slice has a computed coordinate.
    ConstantReads(const Slice&, const Tile&, const Tensor& values, const DimVars&, const Loops&);

    /// Variables on which the element depends, ascending.
    const std::vector<int>& variables() const { return variables_; }
    /// The value read where `names` (which hold variables()) have the values `at`.
    double at(const std::vector<int>& names, const std::vector<int64_t>& at) const;

private:
    int64_t value_of(const Affine&, const std::vector<int>& names,
                     const std::vector<int64_t>& at) const;

    const Slice& slice_;
    const Tile& tile_;
    const Tensor& values_;
    const DimVars& vars_;
    const Loops& loops_;
    std::vector<int> variables_;
};

}  // namespace smeaton::gir
