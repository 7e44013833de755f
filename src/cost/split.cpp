#include "cost/split.h"

#include <cmath>
#include <cstdlib>
#include <numeric>

#include "gir/layout.h"

namespace smeaton::cost {
namespace {

using gir::MemoryPart;

/// As gir::memory_parts of the buffer.
std::vector<MemoryPart> parts_of(const Array& array) {
    std::vector<MemoryPart> parts(array.layout.size());
    int64_t stride = 1;
    for (size_t i = parts.size(); i-- > 0;) {
        const gir::PhysicalDim& p = array.layout[i];
        parts[i] = {p.dim, p.div, p.mod, p.before, stride};
        auto extent = static_cast<int64_t>(
            std::ceil(array.extents[static_cast<size_t>(p.dim)] / static_cast<double>(p.div)));
        if (p.mod > 0) extent = std::min(extent, p.mod);
        stride *= extent + p.before + p.after;
    }
    return parts;
}

}  // namespace

double split_share(const Nest& nest, const gir::Slice& named, const VectorOf& vector,
                   double line_bytes) {
    const gir::Slice slice = resolved(nest, named);
    const auto width = static_cast<int64_t>(vector.width);
    std::vector<MemoryPart> parts;
    if (auto tile = nest.tiles.find(slice.target); tile != nest.tiles.end())
        parts = gir::tile_memory(tile->second, false, width).parts;
    else if (const Array* array = array_named(nest, slice.target))
        parts = parts_of(*array);
    const int64_t line = std::llround(line_bytes * 8 / tensor::bits(dtype_of(nest, slice.target)));
    // Where a vector begins: `at` + any multiple of `step`, in elements.
    int64_t at = 0, step = std::gcd(line, width);
    for (const MemoryPart& part : parts) {
        const auto& coordinate = slice.at[static_cast<size_t>(part.dim)];
        const gir::Affine& affine = coordinate.affine;
        at += part.before * part.stride;
        if (coordinate.index || (part.div > 1 && !affine.terms.empty())) {
            step = std::gcd(step, part.stride);
            continue;
        }
        at += affine.constant / part.div % (part.mod > 0 ? part.mod : line) * part.stride;
        if (part.mod > 0) step = std::gcd(step, part.mod * part.stride);
        for (const gir::Term& term : affine.terms)
            if (term.var != vector.lane && !vector.still.contains(term.var))
                step = std::gcd(step, term.coefficient * part.stride);
    }
    if (step <= 0) return 0;
    at = ((at % step) + step) % step;
    int64_t crossing = 0;
    for (int64_t from = at; from < line; from += step) crossing += from + width > line;
    return static_cast<double>(crossing) * static_cast<double>(step) / static_cast<double>(line);
}

}  // namespace smeaton::cost
