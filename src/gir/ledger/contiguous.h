// How long the pieces of memory are that a slice runs through.
#pragma once

#include <set>
#include <vector>

#include "gir/ledger/loops.h"

namespace smeaton::gir {

/// Per logical dim: the element stride of its innermost part, and that part's extent when it is a
/// block (0: not cut).
struct MemoryStrides {
    std::vector<Dim> strides;
    std::vector<int64_t> blocks;
};
MemoryStrides memory_strides(const Tile&, const Loops&);
MemoryStrides memory_strides(const Buffer&, const Loops&);

/// Longest piece of memory that one pass over the dims (variables) runs through, in elements.
Dim contiguous_elements(const Slice&, const MemoryStrides&, const std::set<int>& dims,
                        const DimVars&, const Loops&);

}  // namespace smeaton::gir
