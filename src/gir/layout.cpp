#include "gir/layout.h"

#include <algorithm>

#include "base/error.h"

namespace smeaton::gir {

std::vector<PhysicalDim> physical_dims(const Buffer& buffer) {
    if (!buffer.layout.dense()) return buffer.layout.dims;
    std::vector<PhysicalDim> dims(buffer.dims.size());
    for (size_t i = 0; i < dims.size(); ++i) dims[i].dim = static_cast<int>(i);
    return dims;
}

static Dim extent_of(const Buffer& buffer, const PhysicalDim& p) {
    const Dim& logical = buffer.dims[static_cast<size_t>(p.dim)].extent;
    Dim inside = p.mod != 0 ? Dim(p.mod) : p.div == 1 ? logical : ceil_div(logical, p.div);
    return inside += Dim(p.before + p.after);
}

std::vector<Dim> physical_extents(const Buffer& buffer) {
    std::vector<Dim> extents;
    const std::vector<PhysicalDim> dims = physical_dims(buffer);
    extents.reserve(dims.size());
    for (const PhysicalDim& p : dims) extents.push_back(extent_of(buffer, p));
    return extents;
}

Dim physical_elements(const Buffer& buffer) {
    return tensor::product(physical_extents(buffer));
}

Dim bytes_of(DType dtype, const Dim& elements) {
    int bits = tensor::bits(dtype);
    return bits % 8 == 0 ? elements * Dim(bits / 8) : ceil_div(elements * Dim(bits), 8);
}

Dim physical_bytes(const Buffer& buffer) {
    return bytes_of(buffer.dtype, physical_elements(buffer));
}

Dim logical_bytes(const Buffer& buffer) {
    Dim elements(1);
    for (const NamedDim& d : buffer.dims) elements *= d.extent;
    return bytes_of(buffer.dtype, elements);
}

std::vector<int64_t> physical_strides(const Buffer& buffer) {
    std::vector<int64_t> strides;
    for (const MemoryPart& part : memory_parts(buffer)) strides.push_back(part.stride);
    return strides;
}

int64_t element_offset(const Buffer& buffer, const std::vector<int64_t>& coordinate) {
    std::vector<PhysicalDim> dims = physical_dims(buffer);
    std::vector<Dim> extents = physical_extents(buffer);
    int64_t offset = 0;
    for (size_t i = 0; i < dims.size(); ++i) {
        const PhysicalDim& p = dims[i];
        // Floor division, so that a border of a split dim works on both sides.
        int64_t c = coordinate[static_cast<size_t>(p.dim)];
        int64_t q = floor_div(c, p.div);
        if (p.mod != 0) q = ((q % p.mod) + p.mod) % p.mod;
        q += p.before;
        SMEATON_CHECK(q >= 0 && q < extents[i].value(), "{}: coordinate {} of dim {} is outside",
                      buffer.name, c, p.dim);
        offset = offset * extents[i].value() + q;
    }
    return offset;
}

int dim_along(const Buffer& buffer) {
    const std::vector<PhysicalDim> dims = physical_dims(buffer);
    if (dims.empty()) return -1;
    const std::vector<Dim> extents = physical_extents(buffer);
    size_t last = dims.size() - 1;
    while (last > 0 && extents[last].is(1)) --last;  // takes no room
    return dims[last].div == 1 ? dims[last].dim : -1;
}

int dim_along(const Tile& tile) {
    if (tile.dims.empty()) return -1;
    size_t last = tile.dims.size() - 1;
    while (last > 0 && tile.dims[last].extent.is(1)) --last;
    return static_cast<int>(last);
}

std::vector<MemoryPart> memory_parts(const Buffer& buffer) {
    const bool dense = buffer.layout.dense();
    std::vector<MemoryPart> parts(dense ? buffer.dims.size() : buffer.layout.dims.size());
    int64_t stride = 1;
    for (size_t i = parts.size(); i-- > 0;) {
        const PhysicalDim p = dense ? PhysicalDim{static_cast<int>(i)} : buffer.layout.dims[i];
        parts[i] = {p.dim, p.div, p.mod, p.before, stride};
        if (i > 0) stride *= extent_of(buffer, p).value();
    }
    return parts;
}

TileMemory tile_memory(const Tile& tile, bool is_constant, int64_t vector_lanes) {
    int lanes = is_constant ? -1 : tile.lanes;
    TileMemory memory;
    memory.parts.resize(tile.dims.size());
    size_t at = memory.parts.size();
    int64_t stride = 1;
    auto add = [&](int d) {
        memory.parts[--at] = {d, 1, 0, 0, stride};
        const int64_t n = tile.dims[static_cast<size_t>(d)].extent.value();
        stride *= d == lanes ? (n + vector_lanes - 1) / vector_lanes * vector_lanes : n;
    };
    if (lanes >= 0) add(lanes);
    for (auto d = static_cast<int>(tile.dims.size()); d-- > 0;)
        if (d != lanes) add(d);
    memory.elements = std::max<int64_t>(1, stride);
    return memory;
}

int64_t bytes_of(const Tile& tile) {
    return bytes_of(Let{tile});
}

/// How far an iteration of the ring moves the tile along this dim.
static std::optional<int64_t> advance_of(const Let& let, Name dim) {
    if (let.ring.empty()) return std::nullopt;
    for (const Coord& c : let.source->at)
        if (int64_t k = c.affine.coefficient(let.ring); k != 0 && c.affine.coefficient(dim) != 0)
            return std::abs(k);
    return std::nullopt;
}

int64_t bytes_of(const Let& let, const Bindings& bindings) {
    int64_t elements = 1, advance = 1;
    for (const NamedDim& d : let.tile.dims) {
        const int64_t extent = d.extent.bind(bindings).value();
        elements *= extent;
        advance *= std::min(extent, advance_of(let, d.name).value_or(extent));
    }
    return tensor::byte_count(let.tile.dtype, elements + (let.depth - 1) * advance);
}

}  // namespace smeaton::gir
