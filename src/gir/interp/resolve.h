// A kernel made ready to run: names are slots and pointers, claims are read through to their
// sources, extents are numbers. Internal to the interpreter.
#pragma once

#include <limits>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "gir/interp/interp.h"

namespace smeaton::gir::interp {

constexpr int64_t kNoLow = std::numeric_limits<int64_t>::min();
constexpr int64_t kNoHigh = std::numeric_limits<int64_t>::max();

/// constant + sum of coefficient * axis[slot] + sum of coefficient * dim[index].
struct LinearForm {
    int64_t constant = 0;
    std::vector<std::pair<int, int64_t>> axes;
    std::vector<std::pair<int, int64_t>> dims;

    int64_t at(const int64_t* axis_values, const int64_t* dim_values) const {
        int64_t v = constant;
        for (const auto& [slot, k] : axes) v += k * axis_values[slot];
        for (const auto& [dim, k] : dims) v += k * dim_values[dim];
        return v;
    }
};

/// Memory that a slice ends in: a buffer or a tile.
struct Place {
    Region region;
    int level = 0;
    DType dtype = DType::kF32;
    int64_t elements = 0;
    std::byte* data = nullptr;
    std::vector<DimMap> maps;
    bool constant = false;
    bool traced = false;
    bool writable = true;
    std::vector<uint8_t>* written = nullptr;
    Storage storage;
};

struct SliceRef;

struct CoordForm {
    struct Computed {
        int64_t coefficient;
        std::shared_ptr<const SliceRef> index;
    };
    LinearForm affine;
    std::vector<Computed> computed;
};

struct BoundForm {
    LinearForm expr;
    int64_t lo = kNoLow, hi = kNoHigh;  ///< lo <= expr < hi
};

struct SliceRef {
    Place* place = nullptr;
    std::vector<CoordForm> at;
    std::vector<BoundForm> bounds;
    Literal otherwise;
    // What it is charged to: the level and buffer it was written against, before claims are
    // followed.
    int level = 0;
    Name charged_buffer;        ///< empty: a tile
    std::vector<int> own_dims;  ///< op dims that occur in it (in its bounds too), sorted
};

struct OpNode {
    const Op* op = nullptr;
    std::vector<int64_t> extents;
    SliceRef dst;
    std::vector<std::optional<SliceRef>> srcs;  ///< none: a literal
    std::vector<Literal> literals;              ///< by source index
    std::optional<SliceRef> payload;
    LinearForm value;
    int along = -1;
    std::vector<bool> in_dst;    ///< by dim: occurs in dst
    std::shared_ptr<void> plan;  ///< made at the first execution
};

struct CheckNode {
    const Check* check = nullptr;
    std::vector<int64_t> extents;
    std::optional<SliceRef> condition;
    Literal literal;
};

struct LoopNode;

/// A let that has a source or constant data. Claims take no action except to be counted.
struct LetNode {
    const Let* let = nullptr;
    Place* place = nullptr;          ///< null for a claim
    std::optional<SliceRef> source;  ///< over the tile's dims
    std::vector<int64_t> extents;
    int64_t copies = 1;
    int ring_slot = -1;
    bool at_top = false;                          ///< no loop around it
    std::vector<std::vector<int64_t>> ring_held;  ///< sorted coordinates of the last entry
    std::shared_ptr<OpNode> fill;                 ///< the move that fills a copy
    std::shared_ptr<const Op> fill_op;
    // A copy in several parts: iteration i of `loop` has part i mod their number.
    std::vector<Storage> parts;
    uint64_t address = 0;  ///< of the first
    const LoopNode* loop = nullptr;
    int64_t next = 0;  ///< iteration whose part is filled next
};

struct Node;
using Nodes = std::vector<Node>;

struct LoopNode {
    int slot = 0;
    int64_t extent = 0;
    std::vector<LinearForm> from, to;
    bool parallel = false;
    Nodes* body = nullptr;
    std::vector<LetNode*> rings;  ///< claims and copies that start anew with this loop
    int64_t end = 0;              ///< of the run under way
};

struct Node {
    std::variant<LoopNode*, LetNode*, OpNode*, CheckNode*> v;
};

struct Resolved {
    Nodes body;
    int axis_slots = 0;
    Levels levels;
    std::string kernel_name;
    // Owners, so that the pointers above stay true.
    std::vector<std::unique_ptr<Nodes>> blocks;
    std::vector<std::unique_ptr<LoopNode>> loops;
    std::vector<std::unique_ptr<LetNode>> lets;
    std::vector<std::unique_ptr<OpNode>> ops;
    std::vector<std::unique_ptr<CheckNode>> checks;
    std::vector<std::unique_ptr<Place>> places;
    Block source;  ///< keeps the IR nodes alive
};

/// InternalError on names that are not declared.
Resolved resolve(const Block&, const std::string& kernel_name, const Program&, Memory&,
                 const Options&);

}  // namespace smeaton::gir::interp
