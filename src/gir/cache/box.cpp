#include "gir/cache/box.h"

#include "gir/layout.h"

namespace smeaton::gir::cache {

namespace {

// The part of lo, lo + step, …, lo + reach that is still there after a move by `shift`.
double held_share(int64_t shift, int64_t step, int64_t reach) {
    if (shift == 0) return 1;
    if (step == 0 || shift % step != 0 || shift > reach) return 0;
    return 1 - static_cast<double>(shift) / static_cast<double>(reach + step);
}

}  // namespace

int64_t Box::elements() const {
    int64_t n = 1;
    for (const Reach& r : reach) n *= r.values();
    return n;
}

bool move_alike(const Box& a, const Box& b) {
    for (size_t d = 0; d < b.reach.size(); ++d)
        if (!(a.reach[d].outer == b.reach[d].outer)) return false;
    return true;
}

static void widen(Reach& into, const Reach& other) {
    const bool same = into.inner.lo == other.inner.lo && into.inner.hi == other.inner.hi &&
                      into.step == other.step;
    const double both =
        same ? std::max(into.distinct, other.distinct) : into.distinct + other.distinct;
    into.step = std::gcd(std::gcd(into.step, other.step), into.inner.lo - other.inner.lo);
    into.inner.lo = std::min(into.inner.lo, other.inner.lo);
    into.inner.hi = std::max(into.inner.hi, other.inner.hi);
    into.walked = into.walked || other.walked;
    into.distinct = std::min(both, static_cast<double>(into.values()));
}

void widen(Box& into, const Box& other) {
    for (size_t d = 0; d < into.reach.size(); ++d) widen(into.reach[d], other.reach[d]);
}

double new_share(const Let& let) {
    double held = 1;
    for (const Coord& c : let.source->at) {
        int64_t step = 0, reach = 0;
        for (const NamedDim& d : let.tile.dims) {
            int64_t k = std::abs(c.affine.coefficient(d.name));
            if (d.extent.value() > 1) step = std::gcd(step, k);
            reach += k * (d.extent.value() - 1);
        }
        held *= held_share(std::abs(c.affine.coefficient(let.ring)), step, reach);
    }
    return 1 - held;
}

double new_share(const Box& box, Name axis) {
    double held = 1;
    for (const Reach& r : box.reach)
        held *= held_share(std::abs(r.outer.coefficient(axis)), r.step, r.inner.hi - r.inner.lo);
    return 1 - held;
}

double new_share(const Let& let, double trips) {
    return (1 + (trips - 1) * new_share(let)) / trips;
}

Memory memory_of(const Buffer& buffer) {
    Memory memory;
    memory.dtype = buffer.dtype;
    for (const NamedDim& d : buffer.dims)
        memory.extents.push_back(static_cast<double>(d.extent.value()));
    memory.layout = physical_dims(buffer);
    memory.along = dim_along(buffer);
    memory.bytes = static_cast<double>(physical_bytes(buffer).value());
    return memory;
}

Memory memory_of(const Tile& tile) {
    Memory memory;
    memory.dtype = tile.dtype;
    int64_t elements = 1;
    for (size_t d = 0; d < tile.dims.size(); ++d) {
        const int64_t extent = tile.dims[d].extent.value();
        memory.extents.push_back(static_cast<double>(extent));
        memory.layout.push_back({static_cast<int>(d)});
        elements *= extent;
    }
    memory.along = dim_along(tile);
    memory.bytes = static_cast<double>(bytes_of(tile.dtype, Dim(elements)).value());
    return memory;
}

double touched_bytes(const Memory& memory, const std::vector<Touched>& touched, double line_bytes) {
    double element = tensor::bits(memory.dtype) / 8.0;
    double elements = 1;
    for (const Touched& t : touched) elements *= t.distinct;
    double run = 1;  // elements one after another in memory
    for (size_t i = memory.layout.size(); i-- > 0;) {
        const PhysicalDim& p = memory.layout[i];
        const Touched& t = touched[static_cast<size_t>(p.dim)];
        auto div = static_cast<double>(p.div), mod = static_cast<double>(p.mod);
        double whole = std::ceil(memory.extents[static_cast<size_t>(p.dim)] / div);
        if (p.mod > 0) whole = std::min(whole, mod);
        double covered = std::ceil(t.range / div);
        if (p.mod > 0) covered = std::min(covered, mod);
        double stride = t.range / t.distinct;
        if (stride > 1.01 && p.div == 1) {
            // Steps shorter than a line touch every line of the range, longer ones a line each.
            if (run * element * stride >= line_bytes) break;
            elements *= stride;
        }
        run *= covered;
        if (covered < whole) break;
    }
    run = std::min(run, elements);
    double bytes = elements / run * std::ceil(run * element / line_bytes) * line_bytes;
    return std::min(bytes, std::ceil(memory.bytes / line_bytes) * line_bytes);
}

double touched_bytes(const Memory& memory, const Box& box, double line_bytes) {
    std::vector<Touched> touched;
    for (size_t d = 0; d < box.reach.size(); ++d) {
        const Reach& r = box.reach[d];
        const double range = std::clamp(static_cast<double>(r.inner.hi - r.inner.lo + 1), 1.0,
                                        std::max(1.0, memory.extents[d]));
        touched.push_back({range, std::min(r.distinct, range)});
    }
    return touched_bytes(memory, touched, line_bytes);
}

}  // namespace smeaton::gir::cache
