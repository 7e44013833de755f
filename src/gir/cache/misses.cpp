#include "gir/cache/misses.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"

namespace smeaton::gir::cache {
namespace {

using Inner = std::vector<Loop>;  ///< loops inside the node that is looked at
using Bytes = std::vector<ArrayBytes>;

/// Boxes of one array, reads and writes apart.
struct TouchedBoxes {
    std::vector<Box> read, written;
};

std::optional<double> trips_in(const Inner& inner, Name var) {
    // Innermost last; a name is taken from the nearest loop.
    for (auto loop = inner.rbegin(); loop != inner.rend(); ++loop)
        if (loop->var == var) return loop->trips;
    return std::nullopt;
}

/// The part that loops around move stays symbolic; a computed coordinate is anywhere.
Reach reach_of(const Ref& ref, size_t coordinate, const Inner& inner, double extent) {
    Reach r = cache::reach_of(ref.at[coordinate], [&](Name var) { return trips_in(inner, var); });
    if (!ref.anywhere[coordinate]) return r;
    for (Name var : ref.computed) r.distinct *= trips_in(inner, var).value_or(1);
    r.inner = {0, static_cast<int64_t>(extent) - 1};
    r.step = 1;
    r.distinct = std::min(r.distinct, extent);
    return r;
}

void add_box(std::vector<Box>& boxes, Box box) {
    for (Box& known : boxes)
        if (move_alike(known, box)) return widen(known, box);
    boxes.push_back(std::move(box));
}

class Analysis {
public:
    Analysis(const Nest& nest, double line) : nest_(nest), line_(line) {}

    /// Footprint of children (and refs) of `node`, `inner` loops around them counted in.
    Bytes footprint(const Node& node, Inner inner) const {
        std::vector<TouchedBoxes> boxes(nest_.arrays.size());
        collect(node, inner, boxes);
        Bytes bytes(nest_.arrays.size());
        for (size_t i = 0; i < boxes.size(); ++i)
            bytes[i] = {lines_of(boxes[i].read, nest_.arrays[i]),
                        lines_of(boxes[i].written, nest_.arrays[i])};
        return bytes;
    }

    PartBytes by_part(const Node& node) const {
        PartBytes part;
        part.is_loop = node.is_loop;
        part.parallel = node.loop.parallel;
        part.trips = node.loop.trips;
        part.turn = footprint(node, {});
        part.all = node.is_loop ? footprint(node, {node.loop}) : part.turn;
        if (!node.refs.empty()) part.own = node.children.empty() ? part.turn : own(node);
        for (const Node& child : node.children) part.parts.push_back(by_part(child));
        return part;
    }

private:
    /// Footprint of the node's own references alone.
    Bytes own(const Node& node) const {
        Node bare;
        bare.refs = node.refs;
        return footprint(bare, {});
    }

    double lines_of(const std::vector<Box>& boxes, const Array& array) const {
        double bytes = 0;
        for (const Box& box : boxes) bytes += touched_bytes(array, box, line_);
        return std::min(bytes, std::ceil(array.bytes / line_) * line_);
    }

    void collect(const Node& node, Inner& inner, std::vector<TouchedBoxes>& boxes) const {
        for (const Ref& ref : node.refs) {
            const auto array = static_cast<size_t>(ref.array);
            Box box;
            for (size_t d = 0; d < ref.at.size(); ++d)
                box.reach.push_back(reach_of(ref, d, inner, nest_.arrays[array].extents[d]));
            add_box(ref.write ? boxes[array].written : boxes[array].read, std::move(box));
        }
        for (const Node& child : node.children) {
            if (child.is_loop) inner.push_back(child.loop);
            collect(child, inner, boxes);
            if (child.is_loop) inner.pop_back();
        }
    }

    const Nest& nest_;
    double line_;
};

double sum(const Bytes& bytes) {
    double total = 0;
    for (const ArrayBytes& b : bytes) total += std::max(b.read, b.write);
    return total;
}

void add(Bytes& into, const Bytes& more, double times) {
    for (size_t i = 0; i < into.size(); ++i) {
        into[i].read += times * more[i].read;
        into[i].write += times * more[i].write;
    }
}

/// What every turn touches whole is hot: between two uses of a line lie two turns at most, so that
/// it is fetched once while the rest streams past.
void keep_hot(const PartBytes& part, const Bytes& turn, Bytes& all) {
    for (size_t i = 0; i < all.size(); ++i)
        if (turn[i].read == part.turn[i].read && turn[i].write == part.turn[i].write)
            all[i] = part.all[i];
}

/// `turn`: footprint of one iteration of the loop, here or inside, that fits; null where something
/// runs beside that loop, or several parties run it.
Bytes fetched(const PartBytes& part, const Room& capacity, double concurrent, const Bytes*& turn) {
    const double sharers = part.is_loop && part.parallel ? concurrent : 1;
    if (capacity.holds(sum(part.turn) * std::min(sharers, part.is_loop ? part.trips : 1))) {
        turn = sharers > 1 ? nullptr : &part.turn;
        return part.all;
    }
    // Parties that run different iterations split the room; inside there is one party.
    const Room room = sharers > 1 ? capacity / std::min(sharers, part.trips) : capacity;
    const double rest = sharers > 1 ? 1 : concurrent;
    Bytes total(part.turn.size());
    for (const PartBytes& inside : part.parts) add(total, fetched(inside, room, rest, turn), 1);
    if (sharers > 1 || part.parts.size() != 1 || !part.own.empty()) turn = nullptr;
    if (!part.own.empty()) add(total, part.own, 1);
    if (!part.is_loop) return total;
    Bytes all(part.turn.size());
    add(all, total, part.trips);
    if (turn && capacity.holds(2 * sum(*turn))) keep_hot(part, *turn, all);
    return all;
}

}  // namespace

std::vector<ArrayBytes> footprint(const Nest& nest, double line_bytes) {
    return Analysis(nest, line_bytes).footprint(nest.root, {});
}

PartBytes bytes_by_part(const Nest& nest, double line_bytes) {
    return Analysis(nest, line_bytes).by_part(nest.root);
}

std::vector<ArrayBytes> misses(const PartBytes& root, const Room& capacity, double concurrent) {
    const Bytes* turn = nullptr;
    return fetched(root, capacity, concurrent, turn);
}

std::vector<ArrayBytes> misses(const Nest& nest, const Room& capacity, double line_bytes,
                               double concurrent) {
    return misses(bytes_by_part(nest, line_bytes), capacity, concurrent);
}

}  // namespace smeaton::gir::cache
