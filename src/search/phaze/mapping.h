// What a tensor operator costs on cores of a chip: PHAZE's cost function, and the least of it over
// all mappings.
//
// Seven loops N, C, K, R, S, P, Q: in [P + R - 1, Q + S - 1, C, N], weight [R, S, C, K], out
// [P, Q, K, N]. A mapping factors each dim into divisors, from the inside out: the array (width x
// depth), registers (R, S, C, K only: weights), loops over a core's memory, the mesh of cores,
// loops over the buffer, loops over DRAM. What is inside of a memory's loops is its tile.
//
// Words are counted where they leave or reach a memory. With the loops of one memory, tile by tile:
// a tensor's part of the next smaller tile is read once for each step of these loops, but not again
// while only the innermost of them run that do not index it. Weights stop in registers; inputs
// and outputs pass them, so that for these the register loops are inner loops of the core's memory.
// An output that comes again is read where it is added to. Cores, and the rows and columns of an
// array, that need one word share one read; sums over cores are made on the way.
//
//   cycles = max(multiply-adds / active multiply-adds, reads / rate, writes / rate of each memory)
//   rates: 64 words a cycle of a core's memory, 256 of the buffer, 128 of DRAM
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "search/phaze/chip.h"

namespace smeaton::search::phaze {

enum Dim : size_t { kN, kC, kK, kR, kS, kP, kQ };
using Sizes = std::array<int64_t, 7>;

constexpr double kCoreWords = 64, kBufferWords = 256, kDramWords = 128;

/// A matrix product is {rows, inner, columns, 1, 1, 1, 1}.
struct TensorOperator {
    Sizes sizes = {1, 1, 1, 1, 1, 1, 1};
    double multiply_adds() const;
    friend auto operator<=>(const TensorOperator&, const TensorOperator&) = default;
};

/// Memories in words, as the mapper takes them.
struct Memories {
    double core_words = 0, buffer_words = 0;
    int register_words = 0;        ///< weights of a multiply-add
    bool core_per_tensor = false;  ///< each tensor may fill the core's memory by itself
};
/// Elements of two bytes. `published`: PHAZE's, which holds bytes against elements and the core's
/// memory against each tensor by itself (docs/phaze.md, defect 8).
Memories memories_of(const Chip&, bool published);

/// An array and a mesh.
struct Cores {
    int width = 2, depth = 2;
    Mesh mesh;
};

/// Cycles of an operator, and the cores and memories as text.
struct Priced {
    std::string on;
    double cycles = 0;
};

/// One operator on many chips: what they share is worked out once. Safe for several threads.
class Mapper {
public:
    explicit Mapper(const TensorOperator&);
    ~Mapper();
    Mapper(Mapper&&) noexcept;

    /// Cycles of the best mapping.
    double cycles(const Cores&, const Memories&);
    /// As cycles() gave them to another mapper of the same operator. False: text that is none.
    bool know(const Priced&);
    /// What cycles() worked out since the last call, in the order of the text.
    std::vector<Priced> news();
    /// Of the processor's time what cycles() took for them, s.
    double seconds() const;
    /// No mapping has fewer: each memory and the array by itself.
    double bound(const Cores&, const Memories&);

private:
    struct State;
    std::unique_ptr<State> state_;
};

// ---- The definition, for one mapping.

struct Mapping {
    Sizes x = {1, 1, 1, 1, 1, 1, 1}, y = x;  ///< of the array
    Sizes registers = x, core = x;           ///< loops
    Sizes mesh_x = x, mesh_y = x;
    Sizes buffer = x;
    /// Innermost dim first, of the loops of DRAM, buffer, core, registers; the rest of each dim is
    /// DRAM's.
    std::array<std::array<size_t, 7>, 4> orders{};
};
/// Infinite where a tile is larger than its memory, or more of an array or mesh is used than there
/// is. InternalError unless all factors of a dim divide it.
double cycles_of(const TensorOperator&, const Mapping&, const Cores&, const Memories&);

/// Words of a tile.
double weight_words(const Sizes&);
double input_words(const Sizes&);
double output_words(const Sizes&);

}  // namespace smeaton::search::phaze
