// How many rows a contraction takes at once, and in which parts it contracts.
#include <algorithm>
#include <utility>

#include "gir/rewrite/access.h"
#include "gir/rewrite/mma_tiler.h"

namespace smeaton::gir::rewrite {

namespace {

// Shapes (multiply-adds of a vector, tiles of a unit) that one unrolled inner body may hold: enough
// to hide loop overhead, few enough to stay a body that is read and compiled in one piece.
constexpr int64_t kBodyShapes = 60;
// A contraction this short is unrolled whole.
constexpr int64_t kWholeBodyShapes = 72;
int64_t rounded_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

int64_t size_of(const std::vector<NamedDim>& dims, Name name) {
    for (const NamedDim& d : dims)
        if (d.name == name) return d.extent.value();
    return 1;
}

}  // namespace

void MmaTiler::choose_row() {
    int64_t steps = 1;
    for (const NamedDim& d : contracted) steps *= d.extent.value();
    MmaExtents extents{1, extent(lane), steps, broadcast};
    tile = choose_tile(extents, shape, target);
    double best = box_cycles(tile, extents, shape, target);
    // Innermost axis last, so that equal choices walk memory forwards.
    for (const Loop& l : nest.loops) {
        if (l.axis == lane || !uses(bro, l.axis) || uses(vec, l.axis)) continue;
        extents.rows = l.extent.value();
        RankedTile t = rank_tiles(extents, shape, target).front();
        double per_row = t.cycles / static_cast<double>(extents.rows);
        if (per_row > best) continue;
        best = per_row;
        tile = t.tile;
        row = l.axis;
    }
}

// A unit that holds its second operand takes the longer to fill than to work where few rows stream
// through: further axes of rows, the innermost first, as long as their sums have room.
void MmaTiler::choose_more_rows() {
    if (!shape.holds_b || row.empty() || tile.rows < extent(row)) return;
    int64_t rows = tile.rows;
    for (size_t i = nest.loops.size(); i-- > 0;) {
        const Loop& l = nest.loops[i];
        const bool streams = l.axis != lane && l.axis != row && uses(bro, l.axis);
        if (!streams || uses(vec, l.axis) || l.extent.value() == 1) continue;
        const MmaExtents all{rows * l.extent.value(), extent(lane), 1, broadcast};
        const int64_t part =
            std::min(l.extent.value(), choose_tile(all, shape, target).rows / rows);
        if (part < 2) return;
        more_rows[l.axis] = part;
        rows *= part;
        if (part < l.extent.value()) return;
    }
}

// The dim whose parts are the longest: along which the broadcast operand is contiguous. Of tiles
// that are not weighed, the channels.
Name MmaTiler::inner_dim() const {
    if (shape.holds_b && !weighs) return contracted.front().name;
    Name inner = contracted.back().name;
    for (const NamedDim& d : contracted)
        if (runs_along(program, bro, d.name)) inner = d.name;
    return inner;
}

// Contraction dims from outermost to innermost: blocks of the broadcast operand's layout, then the
// other dims, then the dim along which it is contiguous, cut so that the body stays short.
std::vector<Cut> MmaTiler::cuts(const Op& op) const {
    if (contracted.empty()) return {};
    if (shape.holds_b && !weighs) return first_cuts(op);
    const Name inner = inner_dim();
    if (shape.holds_b) return held_cuts(op, inner);
    int64_t per_step = shapes_per_step(), steps = 1;
    for (const NamedDim& d : op.dims) {
        int64_t n = size_of(contracted, d.name);
        steps *= d.name == inner ? (n + shape.group - 1) / shape.group : n;
    }
    if (per_step * steps <= kWholeBodyShapes) return {};
    std::vector<Cut> order;
    int64_t length = size_of(contracted, inner);
    int64_t block = block_along(program, bro, inner);
    if (block > 1 && block < length) {
        order.push_back({inner, block});
        length = block;
    }
    for (const NamedDim& d : contracted)
        if (d.name != inner) order.push_back({d.name, 1});
    int64_t unroll = std::clamp<int64_t>(kBodyShapes / per_step, 1, 8);
    while (unroll > 1 && length % (unroll * shape.group) != 0) --unroll;
    order.push_back({inner, unroll * shape.group});
    return order;
}

// The window is halved, cut in three, ... until a group of channels of it fits, then as many
// channels as fit are taken (SimDIT, simulator.md 1.2).
Extents MmaTiler::first_parts(const Op& op, Extents extents) const {
    const Name channels = contracted.front().name;
    const int64_t all = size_of(contracted, channels);
    extents[channels] = std::min(shape.group, all);
    bool more = true;
    for (int64_t parts = 1; more && !operands_fit(op, extents); ++parts) {
        more = false;
        for (const NamedDim& d : contracted) {
            if (d.name == channels) continue;
            extents[d.name] = (d.extent.value() + parts - 1) / parts;
            more = more || extents[d.name] > 1;
        }
    }
    for (int64_t part = extents[channels]; part < all;) {
        part = std::min(part + shape.group, all);
        const int64_t before = std::exchange(extents[channels], part);
        if (operands_fit(op, extents)) continue;
        extents[channels] = before;
        break;
    }
    return extents;
}

// The first parts that fit, and of these one tap of the window after another, its channels along
// the unit's rows.
std::vector<Cut> MmaTiler::first_cuts(const Op& op) const {
    const Name channels = contracted.front().name;
    Extents extents, taps;
    for (const NamedDim& d : op.dims) extents[d.name] = d.extent.value();
    for (const NamedDim& d : contracted)
        if (d.name != channels) taps[d.name] = d.extent.value();
    extents = first_parts(op, extents);
    std::vector<Cut> order;
    for (const auto& [tap, extent] : taps)
        if (extents[tap] < extent) order.push_back({tap, extents[tap]});
    if (extents[channels] < size_of(contracted, channels))
        order.push_back({channels, extents[channels]});
    for (const auto& [tap, extent] : taps)
        if (extents[tap] > 1) order.push_back({tap, 1});
    return order;
}

// Many rows fill and drain the unit seldom, but leave the operand that streams so little room that
// parts of it come again for every tap and every panel: the cheaper of as many as have room for
// their sums, and as many as have room for all that they read.
void MmaTiler::weigh_rows() {
    if (!shape.holds_b) return;
    keep_to_room();
    if (contracted.empty() || row.empty() || !broadcast) return;
    if (vec_role != OperandRole::B) return;
    const double tall_cycles = cycles_of_rows();
    const MmaTile tall = tile;
    const std::map<Name, int64_t> more = more_rows;
    fit_rows();
    if (cycles_of_rows() < tall_cycles) return;
    tile = tall;
    more_rows = more;
}

// Units are fed from scratchpads alone. Rows, and then lanes, are so few that the least part of the
// contraction has room for both operands: the outermost axis first.
void MmaTiler::keep_to_room() {
    Extents extents{{lane, lane_part()}, {row, tile.rows}};
    for (const NamedDim& d : contracted) extents[d.name] = 1;
    if (!contracted.empty()) {
        const Name inner = inner_dim();
        extents[inner] = std::min(shape.group, size_of(contracted, inner));
    }
    for (const auto& [axis, part] : more_rows) extents[axis] = part;
    auto fits_with = [&](Name axis, int64_t part) {
        extents[axis] = part;
        for (size_t k : {0, 1})
            if (uses(std::get<Slice>(mma.srcs[k]), axis) && !has_room(k, extents)) return false;
        return true;
    };
    auto shrink = [&](Name axis, int64_t part) {
        if (part == 1 || fits_with(axis, part)) return part;
        int64_t fitting = 1, too_many = part;
        while (too_many - fitting > 1) {
            const int64_t middle = (fitting + too_many) / 2;
            (fits_with(axis, middle) ? fitting : too_many) = middle;
        }
        // As many parts, of one size.
        const int64_t all = extent(axis), parts = rounded_up(all, fitting);
        return extents[axis] = rounded_up(all, parts);
    };
    for (const Loop& l : nest.loops) {
        auto more = more_rows.find(l.axis);
        if (more == more_rows.end()) continue;
        more->second = shrink(l.axis, more->second);
        if (more->second == 1) more_rows.erase(more);
    }
    if (!row.empty()) tile.rows = shrink(row, tile.rows);
    if (!lane.empty()) most_lanes = shrink(lane, lane_part());
}

// Rows whose operands fit with the parts of the contraction that a single row allows: the outermost
// axis is halved, cut in three, ... down to one, then the next.
void MmaTiler::fit_rows() {
    Extents extents{{lane, lane_part()}};
    for (const NamedDim& d : contracted) extents[d.name] = d.extent.value();
    extents = first_parts(mma, extents);
    extents[row] = tile.rows;
    for (const auto& [axis, part] : more_rows) extents[axis] = part;
    auto shrink = [&](Name axis, int64_t& part) {
        const int64_t all = extent(axis);
        for (int64_t parts = (all + part - 1) / part; part > 1 && !operands_fit(mma, extents);) {
            part = std::min(part, (all + parts - 1) / parts);
            extents[axis] = part;
            ++parts;
        }
    };
    for (const Loop& l : nest.loops) {
        auto more = more_rows.find(l.axis);
        if (more == more_rows.end()) continue;
        shrink(l.axis, more->second);
        if (more->second == 1) more_rows.erase(more);
    }
    shrink(row, tile.rows);
}

/// The contraction as one op of the tile.
Op MmaTiler::with_rows() const {
    Op op = mma;
    for (const auto& [axis, part] : more_rows) op.dims.push_back({axis, Dim(part)});
    op.dims.push_back({row, Dim(tile.rows)});
    if (!lane.empty()) op.dims.push_back({lane, Dim(lane_part())});
    return op;
}

// Of one row, all panels: the unit's, or what the streaming operand takes of its port, whichever is
// longer. Outside the loops behind which its box fits, it is fetched once for each of their turns.
double MmaTiler::cycles_of_rows() const {
    const Op op = with_rows();
    const std::vector<Cut> order = cuts(op);
    Extents extents;
    for (const NamedDim& d : op.dims) extents[d.name] = d.extent.value();
    auto fetched_by = [&](double turns) {
        return turns * static_cast<double>(box_bytes(std::get<Slice>(op.srcs[0]), extents));
    };
    const auto panels = static_cast<double>(rounded_up(extent(lane), lane_part()));
    double turns = 1, fetched = -1;
    if (operand_fits(op, 0, extents)) fetched = fetched_by(keeps_whole_panel() ? 1 : panels);
    for (const Cut& cut : order) {
        int64_t& now = extents[cut.dim];
        turns *= static_cast<double>(rounded_up(now, cut.part));
        now = std::min(now, cut.part);
        if (fetched < 0 && operand_fits(op, 0, extents)) fetched = fetched_by(turns * panels);
    }
    if (fetched < 0) fetched = fetched_by(turns * panels);
    double rows = static_cast<double>(tile.rows);
    for (const auto& [axis, part] : more_rows) rows *= static_cast<double>(part);
    int64_t steps = 1;
    for (const NamedDim& d : contracted) steps *= extents[d.name];
    const double unit =
        panels * turns *
        (static_cast<double>(rounded_up(steps, shape.group)) * rows / shape.per_cycle +
         shape.fill_cycles);
    const TargetLevel& level = target.first_level(OperandRole::A);
    const Figure& outwards = target.outwards_of(level).read_bytes_per_cycle;
    const double into = level.write_bytes_per_cycle;
    double fill = into;
    if (into <= 0)
        fill = outwards;
    else if (outwards.unnoted() > 0)
        fill = outwards.at_most(into);
    return std::max(unit, fill > 0 ? fetched / fill : 0) / rows;
}

// A unit that holds its second operand is filled and drained once for each op: that one is as long
// as the operands' scratchpads allow.
std::vector<Cut> MmaTiler::held_cuts(const Op& op, Name inner) const {
    std::vector<Cut> order;
    Extents extents;
    for (const NamedDim& d : op.dims) extents[d.name] = d.extent.value();
    for (const NamedDim& d : contracted) {
        if (operands_fit(op, extents)) return order;
        if (d.name == inner) continue;
        order.push_back({d.name, 1});
        extents[d.name] = 1;
    }
    const int64_t all = size_of(contracted, inner);
    int64_t part = all;
    while (part > shape.group && !operands_fit(op, extents)) {
        part = (part - 1) / shape.group * shape.group;
        extents[inner] = part;
    }
    if (part == all) return order;
    // As many parts, of one size where groups allow.
    const int64_t count = (all + part - 1) / part, even = (all + count - 1) / count;
    order.push_back({inner, (even + shape.group - 1) / shape.group * shape.group});
    return order;
}

/// Of what the op touches of an operand.
int64_t MmaTiler::box_bytes(const Slice& s, const Extents& extents) const {
    int64_t elements = 1;
    for (const Coord& c : s.at) {
        int64_t reach = 1;
        for (const Term& t : c.affine.terms)
            if (auto d = extents.find(t.var); d != extents.end())
                reach += std::abs(t.coefficient) * (d->second - 1);
        elements *= reach;
    }
    const Buffer* buffer = program.find_buffer(s.target);
    return tensor::byte_count(buffer ? buffer->dtype : vec_dtype, elements);
}

bool MmaTiler::operand_fits(const Op& op, size_t k, const Extents& extents) const {
    const TargetLevel& level = target.first_level(k == 0 ? OperandRole::A : OperandRole::B);
    if (!level.capacity.bounded()) return true;
    // Beside one that is being filled, and sums where the level holds them too.
    const int64_t shares = level.roles.size() == 1 ? 1 : 4;
    return level.capacity.holds(shares * box_bytes(std::get<Slice>(op.srcs[k]), extents));
}

/// Of the results that the op adds to.
int64_t MmaTiler::sums_bytes(const Extents& extents) const {
    int64_t elements = 1;
    for (const auto& [axis, extent] : extents)
        if (size_of(contracted, axis) == 1) elements *= extent;
    return tensor::byte_count(shape.acc, elements);
}

/// Is there room for the box of an operand beside what else the unit needs at the same level?
bool MmaTiler::has_room(size_t k, const Extents& extents) const {
    const OperandRole other = k == 0 ? OperandRole::B : OperandRole::A;
    const TargetLevel& level = target.first_level(k == 0 ? OperandRole::A : OperandRole::B);
    if (!level.capacity.bounded()) return true;
    int64_t bytes = box_bytes(std::get<Slice>(mma.srcs[k]), extents);
    if (&target.first_level(other) == &level)
        bytes += box_bytes(std::get<Slice>(mma.srcs[1 - k]), extents);
    if (&target.first_level(OperandRole::Acc) == &level) bytes += sums_bytes(extents);
    return level.capacity.holds(bytes);
}

/// Do the boxes that the op touches of both operands have room where each is kept?
bool MmaTiler::operands_fit(const Op& op, const Extents& extents) const {
    return operand_fits(op, 0, extents) && operand_fits(op, 1, extents);
}

/// Has the level of panels room for all of them? Then what streams comes once, not once for each
/// panel.
bool MmaTiler::keeps_whole_panel() const {
    if (!shape.holds_b || lane.empty() || !broadcast) return false;
    int64_t elements = extent(lane);
    for (const NamedDim& d : contracted)
        if (uses(vec, d.name)) elements *= d.extent.value();
    const TargetLevel& level = target.panel_level(vec_role);
    const int64_t shares = level.roles.size() == 1 && level.parts > 1 ? 1 : 4;
    return level.capacity.holds(shares * tensor::byte_count(vec_dtype, elements));
}

}  // namespace smeaton::gir::rewrite
