#include "gir/rewrite/spell/choose.h"

#include <algorithm>
#include <cmath>

#include "gir/rewrite/spell/apart.h"
#include "tensor/dtype.h"

namespace smeaton::gir::rewrite {

namespace {

constexpr int64_t kUnrollLimit = 64;       // vectors (or scalars) written out for one op
constexpr int64_t kMemoryUnrollLimit = 8;  // the same where nothing is held in registers
constexpr int64_t kLongSum = 64;  // additions one after the other; longer sums are sums of sums

struct Chooser {
    const Place& place;
    const Target& target;
    const Op& op;
    Laid dst;
    std::vector<Laid> srcs;
    std::vector<int64_t> extents;
    std::vector<bool> reduced, unrolled;
    int lane = -1;

    Chooser(const Place& p, const Target& t, const Op& o)
        : place(p), target(t), op(o), dst(laid(p, o.dst)) {
        for (const Operand& s : op.srcs)
            if (auto* slice = std::get_if<Slice>(&s)) srcs.push_back(laid(p, *slice));
        bool reduces = op.kind == OpKind::Reduce || op.kind == OpKind::Mma;
        for (const NamedDim& d : op.dims) {
            extents.push_back(d.extent.value());
            reduced.push_back(reduces && !dst.uses(d.name));
        }
        unrolled.assign(op.dims.size(), false);
    }

    Spelling run();

    Name name(size_t d) const { return op.dims[d].name; }
    int64_t vectors(size_t d) const {
        return static_cast<int>(d) == lane ? (extents[d] + place.lanes - 1) / place.lanes
                                           : extents[d];
    }
    bool lane_is(bool kept) const {
        return lane >= 0 && reduced[static_cast<size_t>(lane)] != kept;
    }

    void choose_lane();
    int register_lane(const Laid&) const;
    bool pays_as_vectors(int64_t extent) const;
    int64_t score(size_t d) const;
    void mark_registers(const Laid&);
    void unroll();
    int64_t turn() const;
    int64_t sums() const;
    int64_t part() const;
};

bool held_in_scalars(const Laid& a, Name var) {
    return a.in_registers && a.lanes < 0 && a.uses(var);
}

/// The dim along the vectors of a tile in registers, -1: none.
int Chooser::register_lane(const Laid& a) const {
    if (!a.in_registers || a.lanes < 0) return -1;
    for (size_t d = 0; d < op.dims.size(); ++d)
        if (a.at[static_cast<size_t>(a.lanes)].affine.coefficient(name(d)) == 1)
            return static_cast<int>(d);
    return -1;
}

/// Is a sum of a part of a vector shorter along the lanes than one element after the other? Lanes
/// are combined in log2 steps of a shuffle and the function.
bool Chooser::pays_as_vectors(int64_t extent) const {
    int64_t steps = 0;
    while ((int64_t{1} << steps) < place.lanes) ++steps;
    return extent > 1 + 2 * steps;
}

/// How good a dim is as the vector's: 0 unless the destination is contiguous along it (or reduced
/// over it with contiguous sources).
int64_t Chooser::score(size_t d) const {
    Ranges ranges = place.ranges;
    for (const NamedDim& other : op.dims) ranges[other.name] = {0, 0};
    int64_t count = std::min(place.lanes, extents[d]);
    int64_t contiguous = 0, scattered = 0;
    for (const Laid& src : srcs) {
        if (!src.uses(name(d))) continue;
        if (held_in_scalars(src, name(d))) return 0;
        (run_along(src, name(d), count, ranges) == Run::Contiguous ? contiguous : scattered) += 1;
    }
    if (held_in_scalars(dst, name(d))) return 0;
    bool fills = extents[d] >= place.lanes;
    if (reduced[d]) {
        const bool pays = fills || pays_as_vectors(extents[d]);
        return scattered > 0 || contiguous == 0 || !pays ? 0 : 4 + contiguous;
    }
    if (run_along(dst, name(d), count, ranges) != Run::Contiguous) return 0;
    if (op.kind == OpKind::Scatter && d + 1 != extents.size()) return 0;
    return (fills ? 20 : 8) + 4 * contiguous - 6 * scattered;
}

void Chooser::choose_lane() {
    if (op.kind != OpKind::Scatter) {
        if (lane = register_lane(dst); lane >= 0) return;
        for (const Laid& src : srcs)
            if (int d = register_lane(src); d >= 0 && !held_in_scalars(dst, name(size_t(d)))) {
                lane = d;
                return;
            }
    }
    int64_t best = 0;
    for (size_t d = 0; d < op.dims.size(); ++d) {
        if (extents[d] < 2) continue;
        int64_t s = score(d);
        if (s <= 0 || s < best) continue;
        best = s;
        lane = static_cast<int>(d);
    }
}

/// Whatever addresses a register has to be known where the code is written.
void Chooser::mark_registers(const Laid& a) {
    for (const Coord& c : a.at) {
        for (size_t d = 0; d < op.dims.size(); ++d)
            if (a.in_registers && c.affine.uses(name(d))) unrolled[d] = true;
        if (c.index) mark_registers(laid(place, *c.index));
    }
}

void Chooser::unroll() {
    mark_registers(dst);
    for (const Laid& src : srcs) mark_registers(src);
    int64_t written = 1;
    bool any = false;
    for (size_t d = 0; d < op.dims.size(); ++d)
        if (unrolled[d]) {
            written *= std::max<int64_t>(1, vectors(d));
            any = true;
        }
    int64_t limit = any || dst.in_registers ? kUnrollLimit : kMemoryUnrollLimit;
    // The vectors first, then the other dims from the innermost out, those of the destination
    // first.
    std::vector<size_t> order;
    if (lane >= 0) order.push_back(static_cast<size_t>(lane));
    for (bool of_sum : {false, true})
        for (size_t d = op.dims.size(); d-- > 0;)
            if (static_cast<int>(d) != lane && reduced[d] == of_sum) order.push_back(d);
    for (size_t d : order) {
        if (unrolled[d]) continue;
        if (written * vectors(d) > limit) break;
        written *= std::max<int64_t>(1, vectors(d));
        unrolled[d] = true;
    }
}

/// Multiply-adds under way at once where nothing waits.
int64_t in_flight(const Target& target) {
    MmaShape fma = target.vector_multiply_add();
    return std::max<int64_t>(1, std::llround(fma.latency_cycles * fma.per_cycle));
}

/// Vectors of results at a turn: as many independent sums as fill the pipe.
int64_t Chooser::turn() const {
    bool reduces = op.kind == OpKind::Reduce || op.kind == OpKind::Mma;
    if (!reduces || !lane_is(true) || unrolled[static_cast<size_t>(lane)]) return 1;
    int64_t written = 1;
    for (size_t d = 0; d < op.dims.size(); ++d)
        if (unrolled[d] && !reduced[d]) written *= std::max<int64_t>(1, extents[d]);
    int64_t wanted = in_flight(target);
    return std::clamp<int64_t>(wanted / written, 1, wanted);
}

/// A sum along the lanes is several, of which each takes a part of the vectors.
int64_t Chooser::sums() const {
    if (!lane_is(false)) return 1;
    int64_t results = 1;
    for (size_t d = 0; d < op.dims.size(); ++d)
        if (unrolled[d] && !reduced[d]) results *= extents[d];
    int64_t most = std::max<int64_t>(1, in_flight(target) / 2);
    return std::clamp<int64_t>(vectors(static_cast<size_t>(lane)), 1, results < most ? most : 1);
}

/// Rounding errors grow with the length of a sum: a long one is a sum of sums of about the square
/// root of its length, or one for each turn of the outermost of several loops.
int64_t Chooser::part() const {
    if (op.kind != OpKind::Reduce || op.fn != ScalarFn::add || !tensor::is_float(dst.dtype))
        return 0;
    int64_t length = 1, loops = 0, outermost = 0;
    for (size_t d = 0; d < op.dims.size(); ++d) {
        if (!reduced[d] || unrolled[d] || static_cast<int>(d) == lane) continue;
        if (loops++ == 0) outermost = extents[d];
        length *= extents[d];
    }
    if (length <= kLongSum) return 0;
    if (loops > 1) return 1;
    int64_t root = 1;
    while (root * root < outermost) ++root;
    return root;
}

Spelling Chooser::run() {
    choose_lane();
    unroll();
    Spelling s;
    if (lane >= 0) {
        s.lanes = name(static_cast<size_t>(lane));
        s.width = place.lanes;
        choose_apart(place, target, op, s);
    }
    s.turn = turn();
    s.sums = sums();
    s.part = part();
    for (size_t d = 0; d < op.dims.size(); ++d)
        if (unrolled[d]) s.unrolled.push_back(name(d));
    for (bool of_sum : {false, true})
        for (size_t d = 0; d < op.dims.size(); ++d)
            if (!unrolled[d] && static_cast<int>(d) != lane && reduced[d] == of_sum)
                s.loops.push_back(name(d));
    return s;
}

/// Do all vectors of a block, wherever it stands, lie in one piece?
bool block_lies_well(const Place& place, const Op& op, const Turned& t, const Laid& dst,
                     const Laid& src) {
    Ranges ranges = place.ranges;
    Substitution to_blocks;
    for (size_t d = 0; d < op.dims.size(); ++d) {
        int64_t step = d == t.rows || d == t.columns ? place.lanes : 1;
        ranges[op.dims[d].name] = {0, op.dims[d].extent.value() / step - 1};
        if (step != 1) to_blocks[op.dims[d].name] = Affine(op.dims[d].name, step);
    }
    Name within("within the block");
    auto contiguous = [&](Laid a, size_t along, size_t other, int64_t row) {
        Substitution here = to_blocks;
        here[op.dims[along].name] += Affine(within);
        here[op.dims[other].name] += Affine(row);
        for (Coord& c : a.at) c.affine = substitute(c.affine, here);
        return run_along(a, within, place.lanes, ranges) == Run::Contiguous;
    };
    for (int64_t i = 0; i < place.lanes; ++i)
        if (!contiguous(dst, t.rows, t.columns, i) || !contiguous(src, t.columns, t.rows, i))
            return false;
    return true;
}

}  // namespace

Spelling choose_spelling(const Place& place, const Target& target, const Op& op) {
    return Chooser(place, target, op).run();
}

std::optional<Turned> find_turned(const Place& place, const Op& op) {
    if (op.kind != OpKind::Move || place.lanes < 2) return std::nullopt;
    const auto* from = std::get_if<Slice>(&op.srcs[0]);
    if (!from) return std::nullopt;
    Laid dst = laid(place, op.dst), src = laid(place, *from);
    bool plain = tensor::bits(dst.dtype) == 32 && !dst.in_registers && !src.in_registers &&
                 !dst.bounded && !src.bounded && !dst.computed() && !src.computed();
    if (!plain) return std::nullopt;
    Ranges ranges = place.ranges;
    for (const NamedDim& d : op.dims) ranges[d.name] = {0, 0};
    auto run = [&](const Laid& a, size_t d) {
        return run_along(a, op.dims[d].name, place.lanes, ranges);
    };
    for (size_t r = 0; r < op.dims.size(); ++r)
        for (size_t c = 0; c < op.dims.size(); ++c) {
            if (r == c || op.dims[r].extent.value() < place.lanes ||
                op.dims[c].extent.value() < place.lanes)
                continue;
            if (run(dst, r) != Run::Contiguous || run(src, c) != Run::Contiguous ||
                run(src, r) != Run::Scattered)
                continue;
            Turned t{r, c};
            if (block_lies_well(place, op, t, dst, src)) return t;
        }
    return std::nullopt;
}

}  // namespace smeaton::gir::rewrite
