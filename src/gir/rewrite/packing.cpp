#include "gir/rewrite/packing.h"

#include <algorithm>

#include "gir/layout.h"
#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// Two rules say when an operand that changes is laid out anew in each run. Where its rows meet in
// few sets of a cache, cycles_of_conflicts reckons what that costs from the target's figures. What
// else a panel across long rows costs (another page at each step, lines that no prefetcher brings)
// no target has a figure for, so that a number of passes stands for it. Seen on one machine: up to
// 64 rows packing costs up to four times the product, at 256 it still loses 13 to 33 %, at 2,000 it
// wins where the operand is read across its rows.
constexpr double kPassesWorthPacking = 64;
// How often packing must be earned back where lines that lie apart push each other out: what is
// expected of it comes from the figures of a common CPU.
constexpr double kPackingEarned = 2;

// Logical dim of the slice that walks `var` alone (unit coefficient, multiples of `block` beside
// it).
int dim_walked_by(const Slice& s, Name var, int64_t block) {
    int found = -1;
    for (size_t i = 0; i < s.at.size(); ++i) {
        const Affine& a = s.at[i].affine;
        if (s.at[i].index || !a.uses(var)) continue;
        if (found >= 0 || a.coefficient(var) != 1 || a.constant % block != 0) return -1;
        for (const Term& t : a.terms)
            if (t.var != var && t.coefficient % block != 0) return -1;
        found = static_cast<int>(i);
    }
    return found;
}

// How often a panel is gone through.
double passes_of(const PanelOperand& p) {
    int64_t rows = 1;
    for (const Loop& l : p.nest.loops)
        if (!uses(p.slice, l.axis)) rows *= l.extent.value();
    return static_cast<double>(rows) / static_cast<double>(p.rows);
}

// Of the whole contraction and the lanes in hand.
int64_t elements_of(const PanelOperand& p) {
    int64_t elements = p.lanes;
    for (const NamedDim& d : p.contracted)
        if (uses(p.slice, d.name)) elements *= d.extent.value();
    return elements;
}

// Elements from one step of the contraction to the next in memory, the least of its dims; 0 where
// the layout cuts them.
int64_t step_elements(const PanelOperand& p, const Buffer& source) {
    int64_t least = 0;
    for (const NamedDim& d : p.contracted) {
        if (!uses(p.slice, d.name) || d.extent.value() == 1) continue;
        const int dim = dim_walked_by(p.slice, d.name, 1);
        for (const MemoryPart& part : memory_parts(source)) {
            if (part.dim != dim) continue;
            if (part.mod != 0 || part.div != 1) return 0;
            least = least == 0 ? part.stride : std::min(least, part.stride);
        }
    }
    return least;
}

// What a pass over the panel waits for the level behind its own, since rows that lie a multiple of
// many lines apart meet in few of a cache's sets: with r lines a row and rows s lines apart, whose
// largest power of two is p, the panel takes as much room as p / r of it, wherever that is above 1.
double cycles_of_conflicts(const PanelOperand& p, const Buffer& source) {
    const TargetLevel& level = p.target.panel_level(p.role);
    if (level.software_managed) return 0;
    const double behind = p.target.outwards_of(level).read_bytes_per_cycle;
    const int64_t step_bytes = tensor::byte_count(source.dtype, step_elements(p, source));
    if (behind <= 0 || step_bytes % level.line_bytes != 0) return 0;
    const int64_t apart = step_bytes / level.line_bytes;  // lines
    if (apart == 0) return 0;
    const int64_t row_bytes = tensor::byte_count(source.dtype, p.lanes);
    const int64_t row = (row_bytes + level.line_bytes - 1) / level.line_bytes;
    const int64_t met = std::max<int64_t>(1, (apart & -apart) / row);
    const int64_t bytes = tensor::byte_count(source.dtype, elements_of(p));
    if (level.capacity.holds(bytes * met)) return 0;
    const double macs_per_cycle =
        p.shape.per_cycle * static_cast<double>(p.shape.rows * p.shape.columns * p.shape.group);
    const double product = static_cast<double>(elements_of(p) * p.rows) / macs_per_cycle;
    return std::max(0.0, static_cast<double>(bytes) / behind - product);
}

// A weight is packed once, a state in each run.
bool worth_packing(const PanelOperand& p, const Buffer& source, const std::set<Name>& changed) {
    if (source.lifetime == Lifetime::Weight) return true;
    if (source.lifetime != Lifetime::State || changed.count(root_of(p.program, source.name)) > 0)
        return false;
    if (passes_of(p) > kPassesWorthPacking) return true;
    const double passes =
        passes_of(p) * static_cast<double>(p.all_lanes) / static_cast<double>(p.lanes);
    const double conflicts = cycles_of_conflicts(p, source);
    if (conflicts == 0) return false;
    const TargetLevel& memory = p.target.outermost();
    if (memory.read_bytes_per_cycle <= 0 || memory.write_bytes_per_cycle <= 0) return false;
    const auto bytes = static_cast<double>(physical_bytes(source).value());
    const double packing_cycles =
        bytes / memory.read_bytes_per_cycle + bytes / memory.write_bytes_per_cycle;
    return passes * conflicts > kPackingEarned * packing_cycles;
}

// The logical dim that each contracted one walks; -1: none.
std::vector<int> dims_contracted(const PanelOperand& p) {
    std::vector<int> dims;
    for (const NamedDim& d : p.contracted) dims.push_back(dim_walked_by(p.slice, d.name, 1));
    return dims;
}

// The walk's cuts as parts of the layout.
void place_walk(const PanelOperand& p, const std::vector<Cut>& walk, Layout& layout) {
    const std::vector<int> order = dims_contracted(p);
    auto placed = [&](int dim) {
        return std::any_of(layout.dims.begin(), layout.dims.end(),
                           [&](const PhysicalDim& d) { return d.dim == dim; });
    };
    for (size_t k = 0; k < walk.size(); ++k) {
        size_t at = 0;
        while (p.contracted[at].name != walk[k].dim) ++at;
        int dim = order[at];
        if (dim < 0) continue;
        bool again = false;  // a dim cut twice is walked in blocks here and within a block later
        for (size_t j = k + 1; j < walk.size(); ++j) again = again || walk[j].dim == walk[k].dim;
        if (placed(dim)) {
            int64_t mod = 0;
            for (size_t j = 0; j < k; ++j)
                if (walk[j].dim == walk[k].dim) mod = walk[j].part;
            layout.dims.push_back({dim, 1, mod, 0, 0});
        } else {
            layout.dims.push_back({dim, again ? walk[k].part : 1, 0, 0, 0});
        }
    }
    for (int dim : order)
        if (dim >= 0 && !placed(dim)) layout.dims.push_back({dim, 1, 0, 0, 0});
    const size_t all = p.program.buffer(p.slice.target).dims.size();
    for (size_t i = all; i-- > 0;)
        if (!placed(static_cast<int>(i)))
            layout.dims.insert(layout.dims.begin(), {static_cast<int>(i), 1, 0, 0, 0});
}

}  // namespace

bool can_pack(const PanelOperand& p, const std::set<Name>& changed) {
    const Buffer& source = p.program.buffer(p.slice.target);
    // What may be read in the border of a weight would be lost.
    if (p.slice.within || source.layout.border || !worth_packing(p, source, changed) ||
        dim_walked_by(p.slice, p.lane, p.block) < 0)
        return false;
    const std::vector<int> dims = dims_contracted(p);
    for (size_t i = 0; i < dims.size(); ++i)
        if (uses(p.slice, p.contracted[i].name) && dims[i] < 0) return false;
    return true;
}

Packing packing_of(const PanelOperand& p, const std::vector<Cut>& walk, std::set<Name>& taken) {
    const Buffer& source = p.program.buffer(p.slice.target);
    const int lane_dim = dim_walked_by(p.slice, p.lane, p.block);
    Layout layout;
    layout.dims.push_back({lane_dim, p.block, 0, 0, 0});
    place_walk(p, walk, layout);
    layout.dims.push_back({lane_dim, 1, p.block, 0, 0});
    layout.border = Literal::of(0);
    Packing packing{source.name, source};
    Buffer& packed = packing.packed;
    packed.name = fresh(source.name.str() + "_packed", taken);
    packed.layout = layout;
    packed.data.reset();
    if (packed.lifetime == Lifetime::State) packed.lifetime = Lifetime::Temp;
    packed.alias_of = Name();
    return packing;
}

}  // namespace smeaton::gir::rewrite
