// A kernel as the memory sees it: loops with known trip counts around references to memory.
// Claims on caches are resolved to what they claim; ops are spelled out as the loops that code for
// them runs.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "gir/cache/box.h"

namespace smeaton::gir::cache {

/// A buffer, or a tile that is memory of the kernel's own.
struct Array : Memory {
    Name name;   ///< of the buffer that holds the bytes, for views
    Name level;  ///< the level it names
    bool scratch = false;
};

struct Ref {
    int array = 0;
    bool write = false;
    std::vector<Affine> at;
    std::vector<Name> computed;  ///< variables of index slices; those coordinates are anywhere
    std::vector<bool> anywhere;  ///< per coordinate
};

struct Loop {
    Name var;
    double trips = 1;
    bool parallel = false;
};

/// A loop (or the root, without one) over children and references; `op` is set where an op's own
/// loops start: what they execute is for the cost model to say.
struct Node {
    bool is_loop = false;
    Loop loop;
    std::vector<Node> children;
    std::vector<Ref> refs;
    const Op* op = nullptr;
};

/// A copy of the kernel.
struct Copying {
    Let let;
    double share = 1;   ///< of what its entries hold: what they bring in (less than all for a ring)
    double waited = 1;  ///< of that: what the work waits for; of several parts, the first of a loop
};

struct Nest {
    std::vector<Array> arrays;
    Node root;
    double parallel_trips = 1;   ///< of the widest chain of nested parallels
    std::map<Name, Tile> tiles;  ///< all tiles, by name
    std::map<Name, Let> claims;  ///< tiles that name what a cache holds
    Block body;  ///< the kernel's, each tile with a name of its own; keeps the ops alive
    std::map<const Op*, Copying> copies;            ///< by the pass that stands for the transfer
    std::vector<std::shared_ptr<const Op>> passes;  ///< keeps those alive
};

/// `chunks` > 1: the share of one of so many equal parties: outermost parallels are divided,
/// rounded up. Every size must be bound (InternalError otherwise). Tiles at `reg` are registers and
/// no array. The nest refers to ops of the kernel.
Nest nest_of(const Program&, const Kernel&, int64_t chunks = 1);

/// The slice with claims replaced by what they claim.
Slice resolved(const Nest&, Slice);
/// Is the tile held in registers?
bool in_registers(const Tile&);
/// Null when the nest has none of this name.
const Array* array_named(const Nest&, Name);
/// Of a tile or an array.
tensor::DType dtype_of(const Nest&, Name target);

}  // namespace smeaton::gir::cache
