// Counted traffic: numbers, as the interpreter counts them and as a ledger gives them for one
// binding.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gir/ledger/levels.h"

namespace smeaton::gir {

struct LevelBytes {
    Name level;
    int64_t read_bytes = 0;
    int64_t write_bytes = 0;
    friend bool operator==(const LevelBytes&, const LevelBytes&) = default;
};

using OpCounts = std::map<std::pair<LedgerClass, DType>, int64_t>;

/// Bytes per level, cumulative inwards (outermost first), and operations by class and dtype.
struct Traffic {
    std::vector<LevelBytes> levels;
    OpCounts operations;
    std::map<Name, LevelBytes>
        buffers;  ///< what was asked of each buffer itself; `level` is its level

    /// The row; zeros when the level does not occur.
    LevelBytes at(Name level) const;
    std::string str() const;
    friend bool operator==(const Traffic&, const Traffic&) = default;
};

/// Adds rows of equal levels, operations and buffers.
Traffic& operator+=(Traffic&, const Traffic&);

/// The dtype that an op computes in: of the operands for mma and comparisons, else of the
/// destination.
DType compute_dtype(const Op&, DType dst, const std::vector<DType>& slice_sources);

/// How an op counts: Fma for mma, the row of the scalar list for the others, Move for fill and
/// iota, Compare for sort and select.
LedgerClass class_of(const Op&);

/// Comparisons that a sort of n elements is charged with, per element: ceil(log2 n), at least 1.
int64_t sort_comparisons(int64_t n);

}  // namespace smeaton::gir
