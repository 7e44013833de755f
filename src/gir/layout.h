// Shape and address arithmetic of buffers with layouts, and of tiles in memory.
#pragma once

#include <vector>

#include "gir/program.h"

namespace smeaton::gir {

/// The layout spelt out: dense becomes one physical dim per logical dim.
std::vector<PhysicalDim> physical_dims(const Buffer&);
/// Extent of each physical dim, border and padding included.
std::vector<Dim> physical_extents(const Buffer&);
/// Elements, border and padding included.
Dim physical_elements(const Buffer&);
Dim physical_bytes(const Buffer&);
/// Bytes of the logical elements alone.
Dim logical_bytes(const Buffer&);
/// Of so many elements; those below a byte are summed as bits first.
Dim bytes_of(DType, const Dim& elements);
/// Element offset of a logical coordinate. InternalError outside the buffer and its border.
int64_t element_offset(const Buffer&, const std::vector<int64_t>& coordinate);
/// Strides (elements) of each physical dim; extents must be const.
std::vector<int64_t> physical_strides(const Buffer&);

/// The dim whose coordinates lie one element after another: that of the innermost physical dim that
/// has more than one element, -1 where that holds blocks of its coordinates.
int dim_along(const Buffer&);
/// The same of a tile in memory, which is dense.
int dim_along(const Tile&);

/// A physical dim as it lies: (coordinate of `dim` / div) % mod + before, times stride (elements).
struct MemoryPart {
    int dim = 0;
    int64_t div = 1, mod = 0, before = 0, stride = 1;
};
/// Outermost first; extents must be const.
std::vector<MemoryPart> memory_parts(const Buffer&);

struct TileMemory {
    std::vector<MemoryPart> parts;  ///< outermost first
    int64_t elements = 1;           ///< filled up ones included; at least 1
};
/// Tiles in memory are dense, the lanes innermost and filled up to whole vectors; constant ones lie
/// in the order of their dims. Extents must be const.
TileMemory tile_memory(const Tile&, bool is_constant, int64_t vector_lanes);

/// Bytes of a tile's elements alone; extents must be const.
int64_t bytes_of(const Tile&);
/// Bytes that a tile takes up at its level: of a copy, its elements and what each further part in
/// flight adds: what an iteration of the ring moves on by; without a ring, all of it.
int64_t bytes_of(const Let&, const Bindings& = {});

}  // namespace smeaton::gir
