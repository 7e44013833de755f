// GIR: a program of buffers and steps; a kernel is a block of statements over slices of named
// memory levels. gir.md is the definition by example (docs/gir.md is ours). Nodes are immutable and
// shared: a rewrite builds new nodes for what it changes and keeps pointers to the rest.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/name.h"
#include "gir/affine.h"
#include "gir/scalar_list.h"
#include "tensor/dim.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

namespace smeaton::gir {

using tensor::DType;
using tensor::Tensor;

/// A literal operand. Integers keep all 64 bits.
struct Literal {
    bool is_int = false;
    double f = 0;
    int64_t i = 0;
    static Literal of(double v) { return {false, v, 0}; }
    static Literal of_int(int64_t v) { return {true, 0, v}; }
    double as_double() const { return is_int ? static_cast<double>(i) : f; }
    friend bool operator==(const Literal&, const Literal&);  // NaN equals NaN
};

struct Slice;

/// A logical coordinate: affine form, plus (gather, scatter) the integer read from a slice.
struct Coord {
    Affine affine;
    std::shared_ptr<const Slice> index;  ///< null unless the coordinate is computed

    Coord() = default;
    Coord(Affine a) : affine(std::move(a)) {}
    Coord(int64_t c) : affine(c) {}
    Coord(Name v) : affine(v) {}
    Coord(Affine a, Slice i);
};
bool operator==(const Coord&, const Coord&);

/// lo <= expr < hi; a missing end is unbounded. Dims may be symbolic.
struct Bound {
    Affine expr;
    std::optional<Dim> lo;
    std::optional<Dim> hi;
};
bool operator==(const Bound&, const Bound&);

/// Outside the conjunction of bounds a read gives `otherwise` and a store is dropped;
/// elements outside are neither moved nor counted.
struct Within {
    std::vector<Bound> bounds;
    Literal otherwise;
    friend bool operator==(const Within&, const Within&) = default;
};

/// Elements of a buffer or tile named by `target`, one per point of the op's dims.
struct Slice {
    Name target;
    std::vector<Coord> at;  ///< one per logical dim of the target
    std::optional<Within> within;
    friend bool operator==(const Slice&, const Slice&) = default;
};

using Operand = std::variant<Slice, Literal>;

enum class OpKind { Move, Fill, Iota, Unary, Binary, Select, Reduce, Mma, Scatter, Sort };

/// A named extent: a dim of a tile, of a buffer's logical shape, or of an op's iteration space.
struct NamedDim {
    Name name;
    Dim extent;
    friend bool operator==(const NamedDim&, const NamedDim&) = default;
};

/// Model nodes (by name) that an op or kernel comes from.
using Origins = std::vector<std::string>;

/// An operand that one instruction gathers for each vector where its lanes lie apart in memory.
struct Gathered {
    Name operand;
    bool whole = false;  ///< whole vectors alone; of others the elements are loaded one by one
    friend bool operator==(const Gathered&, const Gathered&) = default;
};

/// An operand whose lanes are so many elements apart, read in whole vectors of all that lies there.
struct Strided {
    Name operand;
    int64_t by = 2;
    friend bool operator==(const Strided&, const Strided&) = default;
};

/// How an op runs on a machine, written by the rewrite `spell`; nothing about its code is left
/// open. Every dim is the lanes', unrolled, or a loop; loops enclose the lanes, which enclose what
/// is written out. A Reduce or Mma has its kept dims outside the reduced ones.
struct Spelling {
    Name lanes;         ///< dim that runs along vectors; empty: element by element
    int64_t width = 1;  ///< elements of a vector
    int64_t turn = 1;   ///< vectors per turn of the loop over the lanes
    Name across;        ///< Move: blocks of width x width turned in registers; the source's dim
    std::vector<Name> unrolled;  ///< dims written out; with the lanes among them: all vectors
    std::vector<Name> loops;     ///< outermost first
    int64_t sums = 1;            ///< accumulators of each result of a reduction along the lanes
    int64_t part = 0;  ///< iterations of the outermost reduced loop that are summed apart; 0: all
    std::vector<Name> scratch;  ///< Sort: tiles to merge into, the keys' and the payload's
    /// Operands whose lanes lie apart. All others, and what is no whole vector of the strided ones,
    /// come one by one.
    std::vector<Gathered> gathered;
    std::vector<Strided> strided;
    friend bool operator==(const Spelling&, const Spelling&) = default;
};

/// One pass over the box of `dims`: for each point, dst (+)= fn(srcs).
///   Move    dst <- srcs[0]                     (dtypes equal; Unary cast converts)
///   Fill    dst <- srcs[0], a literal
///   Iota    dst <- value                       (an affine form of axes and dims; integer dst)
///   Unary   dst <- fn(srcs[0])
///   Binary  dst <- fn(srcs[0], srcs[1])
///   Select  dst <- srcs[0] ? srcs[1] : srcs[2] (srcs[0] bool)
///   Reduce  dst <- or += fn over the dims absent from dst of srcs[0]
///   Mma     dst += srcs[0] * srcs[1], contracted over the dims absent from dst
///   Scatter dst fn= srcs[0], in the order of the dims; fn copy sets. dst has a computed coordinate
///   Sort    sorts dst along dim `along`, stable, `payload` permuted with it; NaN is the greatest
/// In all but Reduce and Mma, dims absent from an operand are broadcast; every dim is in dst.
struct Op {
    OpKind kind = OpKind::Move;
    ScalarFn fn = ScalarFn::copy;
    std::vector<NamedDim> dims;
    Slice dst;
    std::vector<Operand> srcs;
    bool accumulate = false;  ///< `+=`: Reduce combines with what dst holds; Mma always true
    Affine value;             ///< Iota
    bool descending = false;  ///< Sort
    std::optional<Slice> payload;
    Name along;
    bool unique = false;  ///< Scatter: indices proven unique
    std::optional<Spelling> spelling;
    Origins origins;
    friend bool operator==(const Op&, const Op&) = default;
};

struct Stmt;
using StmtPtr = std::shared_ptr<const Stmt>;
using Block = std::vector<StmtPtr>;

/// Independent iterations over units of `scope` ("any" before tiling, then "core", ...).
struct Parallel {
    Name axis;
    Dim extent;
    Name scope;
    Block body;
};

/// Serial iterations 0 <= axis < extent, further clipped: axis >= every `from`, axis < every `to`.
struct For {
    Name axis;
    Dim extent;
    std::vector<Affine> from;
    std::vector<Affine> to;
    int unroll = 1;  ///< changes code, never meaning
    Block body;
};

/// A tile; lives to the end of its block.
struct Tile {
    Name name;
    Name level;
    DType dtype = DType::kF32;
    std::vector<NamedDim> dims;
    int lanes = -1;  ///< index of the dim that runs along vector lanes, -1: none
    friend bool operator==(const Tile&, const Tile&) = default;
};

/// How a tile comes by its elements. Memory: ops write them, or they are constant data. Claim: it
/// has no memory of its own, a cache keeps the slice that it is read through to. Copy: memory that
/// the machine fills from the slice when control comes to it; no unit spends an instruction.
enum class TileKind { Memory, Claim, Copy };

/// Declares a tile: `let` (memory), `claim` or `copy`.
struct Let {
    Tile tile;
    TileKind kind = TileKind::Memory;
    std::optional<Slice> source = {};  ///< of a claim or copy: over the tile's dims and axes around
    /// Loop whose iterations overlap (those of a Parallel in their order), empty: none.
    Name ring = {};
    /// Copy: parts in flight. While an iteration of the innermost loop around works on one, those
    /// of the next depth - 1 are being filled.
    int depth = 1;
    std::optional<Tensor> constant = {};
};

/// Ends the run with `message` unless the bool or integer operand is nonzero at every point.
struct Check {
    std::vector<NamedDim> dims;
    Operand condition;
    std::string message;
};

/// Brings lines of a buffer nearer before they are read: no value depends on it. It speaks of the
/// buffer as it lies in memory, since that is what a machine fetches.
struct Prefetch {
    Name buffer;
    Affine element;      ///< of the buffer's memory, the first one asked for
    int64_t lines = 1;   ///< how many
    int64_t stride = 1;  ///< elements from one line to the next
    Name level;          ///< where to
    friend bool operator==(const Prefetch&, const Prefetch&) = default;
};

struct Stmt {
    std::variant<Parallel, For, Let, Op, Check, Prefetch> node;
};

template <class Node>
StmtPtr stmt(Node node) {
    return std::make_shared<const Stmt>(Stmt{std::move(node)});
}

/// Structural equality of blocks (pointers first, so shared parts are free).
bool same(const Block&, const Block&);

// ---- layout ----

/// A physical dim: (coordinate of `dim` / div) % mod + before, in an extent with `after` to spare.
/// mod 0 = no modulo. Physical dims run from outermost to innermost.
struct PhysicalDim {
    int dim = 0;
    int64_t div = 1;
    int64_t mod = 0;
    int64_t before = 0;
    int64_t after = 0;
    friend bool operator==(const PhysicalDim&, const PhysicalDim&) = default;
};

/// How logical dims lie in memory. Empty `dims` = dense row-major. Splitting a dim by a block that
/// does not divide its extent pads the last block.
struct Layout {
    std::vector<PhysicalDim> dims;
    std::optional<Literal> border;  ///< value of border and padding elements; none: undefined
    bool dense() const { return dims.empty(); }
    friend bool operator==(const Layout&, const Layout&) = default;
};

enum class Lifetime { Input, Output, Weight, State, Temp };  ///< State: dense, kept between runs

struct Buffer {
    Name name;
    Name level = "memory";
    DType dtype = DType::kF32;
    Lifetime lifetime = Lifetime::Temp;
    std::vector<NamedDim> dims;  ///< logical shape
    Layout layout;
    Name alias_of;  ///< same bytes, another dense shape of as many elements; empty: none
    std::optional<Tensor> data;  ///< of weights and states that come from the file
    Name resident;               ///< level claimed from the writing step to the last reader
    std::string value_name;      ///< the model value it holds, for messages and traces
};

// ---- program ----

/// A kernel refers to the program's buffers by name. `reads` and `writes` list them in first-use
/// order and are derived from the body (collect_uses in walk.h keeps them true).
struct Kernel {
    Name name;
    std::vector<Name> reads;
    std::vector<Name> writes;
    Block body;
    Origins origins;
};
using KernelPtr = std::shared_ptr<const Kernel>;

struct Step;
using Steps = std::vector<Step>;

struct RunStep {
    KernelPtr kernel;
    bool once = false;  ///< depends on weights only: runs at load
};
/// If: runs one side; both write the same buffers.
struct BranchStep {
    Name condition;
    Steps then_steps, else_steps;
};
/// Loop, Scan: runs `body` while `condition` holds, at most `trips` times; `counter` is an i64[]
/// buffer.
struct RepeatStep {
    Name counter;
    std::optional<Dim> trips;
    Name condition;  ///< empty: none
    Steps body;
    struct Carried {
        Name from, to;
    };
    std::vector<Carried> carried;  ///< after an iteration, `to` takes the value of `from`
};
/// A data-dependent size becomes known: parameter <- value of an integer scalar buffer.
struct SettleStep {
    Name parameter;
    Name from;
};
struct Step {
    std::variant<RunStep, BranchStep, RepeatStep, SettleStep> node;
};

struct Param {
    Name name;
    std::optional<int64_t> bound;
};

struct Program {
    Name name;
    std::vector<Param> params;
    std::vector<Buffer> buffers;
    Steps steps;

    const Buffer& buffer(Name) const;  ///< InternalError when absent
    Buffer& buffer(Name);
    const Buffer* find_buffer(Name) const;
};

std::string_view name(OpKind);
std::string_view name(Lifetime);

}  // namespace smeaton::gir
