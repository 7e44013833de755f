#include "gir/rewrite/spell/apart.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "gir/walk.h"
#include "tensor/dtype.h"

namespace smeaton::gir::rewrite {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// An operand, wherever the op reads it with its lanes apart: elements from one to the next, where
/// they are everywhere as many.
struct Operand {
    Name name;
    DType dtype = DType::kF32;
    std::optional<int64_t> stride;
};

std::vector<Operand> operands_apart(const Place& place, const Op& op, Name lanes, int64_t count) {
    Ranges ranges = place.ranges;
    for (const NamedDim& d : op.dims) ranges[d.name] = {0, 0};
    std::vector<Operand> all;
    for_each_operand(op, [&](const Slice& s) {
        const Laid at = laid(place, s);
        if (at.in_registers || run_along(at, lanes, count, ranges) != Run::Scattered) return;
        const std::optional<int64_t> stride = stride_along(at, lanes);
        auto known = std::find_if(all.begin(), all.end(),
                                  [&](const Operand& o) { return o.name == s.target; });
        if (known == all.end())
            all.push_back({s.target, at.dtype, stride});
        else if (known->stride != stride)
            known->stride = std::nullopt;
    });
    return all;
}

/// Cycles of one vector, by each way to read it.
struct Cycles {
    const Target& target;
    double lanes;
    const Operand& operand;

    double inserted(double elements) const {
        const double inserts = target.inserts_per_cycle;
        return inserts > 0 ? elements / inserts : kNever;
    }
    /// A gather loads every lane, whether it counts or not; within offsets of 32 bits.
    double gathered() const {
        const double gathers = target.gathers_per_cycle;
        const bool can = gathers > 0 && operand.dtype == DType::kF32 && operand.stride &&
                         static_cast<double>(std::abs(*operand.stride)) * lanes <=
                             std::numeric_limits<int32_t>::max();
        return can ? lanes / gathers : kNever;
    }
    /// As many loads as elements from one to the next, put together by shuffles. Behind a cache
    /// what lies between them has come anyway.
    double strided() const {
        const bool cached = !target.first_level(OperandRole::Vector).software_managed;
        const double shuffles = target.shuffles_per_cycle;
        if (!cached || shuffles == 0 || !operand.stride || *operand.stride < 2) return kNever;
        if (tensor::bits(operand.dtype) != 32) return kNever;
        const auto loads = static_cast<double>(*operand.stride);
        if (loads > lanes) return kNever;  // a vector would hold one lane, or none
        return loads / target.loads_per_cycle + (loads - 1) / shuffles;
    }
};

}  // namespace

void choose_apart(const Place& place, const Target& target, const Op& op, Spelling& spelling) {
    int64_t extent = 1;
    for (const NamedDim& d : op.dims)
        if (d.name == spelling.lanes) extent = d.extent.value();
    const int64_t width = spelling.width, last = extent % width;
    for (const Operand& o : operands_apart(place, op, spelling.lanes, std::min(width, extent))) {
        const Cycles cycles{target, static_cast<double>(width), o};
        const double gathered = cycles.gathered();
        const double inserted = cycles.inserted(static_cast<double>(width));
        const bool rest =
            last > 0 && gathered <= cycles.inserted(static_cast<double>(last)) && gathered < kNever;
        if (extent >= width && cycles.strided() < std::min(gathered, inserted))
            spelling.strided.push_back({o.name, *o.stride});
        else if (rest || (extent >= width && gathered <= inserted && gathered < kNever))
            spelling.gathered.push_back({o.name, last > 0 && !rest});
    }
}

}  // namespace smeaton::gir::rewrite
