// A kernel as a cost model sees it: loops with known trip counts around references to memory.
// Claims on caches are resolved to what they claim; ops are spelled out as the loops that code for
// them runs.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "gir/layout.h"
#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::cost {

/// A buffer, or a tile that is memory of the kernel's own.
struct Array {
    Name name;   ///< of the buffer that holds the bytes, for views
    Name level;  ///< the level it names
    bool scratch = false;
    tensor::DType dtype = tensor::DType::kF32;
    std::vector<double> extents;           ///< logical
    std::vector<gir::PhysicalDim> layout;  ///< outermost first, spelled out
    double bytes = 0;                      ///< of the layout
};

struct Ref {
    int array = 0;
    bool write = false;
    std::vector<gir::Affine> at;
    std::vector<Name> computed;  ///< variables of index slices; those coordinates are anywhere
    std::vector<bool> anywhere;  ///< per coordinate
};

struct Loop {
    Name var;
    double trips = 1;
    bool parallel = false;
};

/// A loop (or the root, without one) over children and references; `op` is set where an op's own
/// loops start: what they execute is in work.h.
struct Node {
    bool is_loop = false;
    Loop loop;
    std::vector<Node> children;
    std::vector<Ref> refs;
    const gir::Op* op = nullptr;
};

struct Nest {
    std::vector<Array> arrays;
    Node root;
    double parallel_trips = 1;        ///< of the widest chain of nested parallels
    std::map<Name, gir::Tile> tiles;  ///< all tiles, by name
    std::map<Name, gir::Let> claims;  ///< tiles that name what a cache holds
    gir::Block body;  ///< the kernel's, each tile with a name of its own; keeps the ops alive
    std::map<const gir::Op*, gir::Let> copies;  ///< by the pass that stands for the transfer
    std::vector<std::shared_ptr<const gir::Op>> passes;  ///< keeps those alive
};

/// `chunks` > 1: the share of one of so many equal parties: outermost parallels are divided,
/// rounded up. Every size must be bound (InternalError otherwise). Tiles at `reg` are registers and
/// no array. The nest refers to ops of the kernel.
Nest nest_of(const gir::Program&, const gir::Kernel&, int64_t chunks = 1);

/// The slice with claims replaced by what they claim.
gir::Slice resolved(const Nest&, gir::Slice);
/// Is the tile held in registers?
bool in_registers(const gir::Tile&);
/// Null when the nest has none of this name.
const Array* array_named(const Nest&, Name);
/// Of a tile or an array.
tensor::DType dtype_of(const Nest&, Name target);

}  // namespace smeaton::cost
