// What a kernel touches, in program order, with every parameter bound. Internal to the verifier.
#pragma once

#include <string>
#include <vector>

#include "gir/program.h"
#include "gir/verify/space.h"

namespace smeaton::gir::verifying {

/// A buffer, or one declaration of a tile.
struct TouchedTarget {
    Name name;
    Name root;  ///< of a buffer: the end of its alias chain
    bool is_tile = false;
    bool filled = false;              ///< a tile with a source or constant data
    size_t depth = 0;                 ///< axes around a tile's declaration; 0 for buffers
    std::vector<ValueRange> logical;  ///< per dim: 0 to extent - 1
    std::vector<ValueRange> stored;   ///< per dim: border and padding included
    bool border_has_value = false;
};

struct LoopAxis {
    int id = 0;  ///< of the statement
    bool parallel = false;
};

/// One slice of one statement.
struct SliceAccess {
    std::string place;
    size_t target = 0;
    bool write = false;
    bool scatter = false;  ///< a store whose computed coordinates may repeat
    std::vector<Affine> at;
    std::vector<bool> computed;   ///< the coordinate has an index added to it
    Space space;                  ///< the axes around, outermost first, then the op's dims
    std::vector<LoopAxis> loops;  ///< parallel to the first variables of space

    bool any_computed() const;
};

struct Accesses {
    std::vector<TouchedTarget> targets;
    std::vector<SliceAccess> list;  ///< an op's reads before its write
};

Accesses accesses_of(const Program&, const Kernel&, const Bindings&);

}  // namespace smeaton::gir::verifying
