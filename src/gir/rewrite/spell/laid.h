// Slices as they lie in memory: what is known, where a statement stands, of the elements that
// consecutive values of a variable touch.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "gir/layout.h"
#include "gir/program.h"

namespace smeaton::gir::rewrite {

/// Values that each variable in scope takes.
using Ranges = FlatMap<Name, ValueRange>;

/// What stands around a statement.
struct Place {
    struct Loop {
        Name axis;
        int64_t extent = 1;
    };
    const Program& program;
    int64_t lanes = 1;  ///< of a vector
    Name registers;     ///< the level of registers
    Ranges ranges = {};
    std::vector<Loop> loops = {};           ///< outermost first
    std::map<Name, const Let*> tiles = {};  ///< of the block that is looked at, which lives longer
};

/// A slice behind all claims: coordinates of a buffer or of a tile that is memory or registers.
struct Laid {
    Name target;
    DType dtype = DType::kF32;
    bool in_registers = false;
    int lanes = -1;                 ///< of a tile in registers: the dim that lies along vectors
    std::vector<MemoryPart> parts;  ///< of memory
    std::vector<Coord> at;
    bool bounded = false;  ///< within some bounds

    bool uses(Name var) const;  ///< index slices included, bounds not
    bool computed() const;      ///< some coordinate is read from a tile or buffer
};

Laid laid(const Place&, const Slice&);

/// Least and greatest value; variables that nobody knows may be anything.
ValueRange range_of(const Affine&, const Ranges&);

enum class Run { Uniform, Contiguous, Scattered };

/// How `count` consecutive values of `var`, from 0 on, lie; the other variables are anywhere in
/// `ranges`. Contiguous and Uniform are certain, Scattered may be for want of knowledge.
Run run_along(const Laid&, Name var, int64_t count, const Ranges& ranges);

/// Elements of memory from one value of `var` to the next, where they are as many for all values.
std::optional<int64_t> stride_along(const Laid&, Name var);

/// Element offset into the memory of the slice's target; nothing where a coordinate is computed or
/// a split of the layout cannot be resolved.
std::optional<Affine> element_offset(const Laid&, const Ranges&);

}  // namespace smeaton::gir::rewrite
