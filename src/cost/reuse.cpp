#include "cost/reuse.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace smeaton::cost {
namespace {

using gir::Affine;
using gir::Term;

using Inner = std::vector<Loop>;  ///< loops inside the node that is looked at
using Bytes = std::vector<ArrayBytes>;

/// Where one coordinate goes while the inner loops run; the part that outer loops move stays
/// symbolic.
struct Span {
    Affine outer;
    double lo = 0, hi = 0, distinct = 1;
    int64_t step = 0;  ///< greatest common divisor of the steps, 0: one value
    bool anywhere = false;
};

double trips_of(const Inner& inner, Name var, bool& found) {
    // Innermost last; a name is taken from the nearest loop.
    for (auto loop = inner.rbegin(); loop != inner.rend(); ++loop)
        if (loop->var == var) {
            found = true;
            return loop->trips;
        }
    found = false;
    return 1;
}

Span span_of(const Ref& ref, size_t coordinate, const Inner& inner, double extent) {
    Span span;
    double values = 1;
    const Affine& at = ref.at[coordinate];
    span.lo = span.hi = static_cast<double>(at.constant);
    for (const Term& t : at.terms) {
        bool found = false;
        double trips = trips_of(inner, t.var, found);
        if (!found) {
            span.outer.terms.push_back(t);
            continue;
        }
        if (trips <= 1) continue;
        double reach = static_cast<double>(t.coefficient) * (trips - 1);
        (reach < 0 ? span.lo : span.hi) += reach;
        span.step = std::gcd(span.step, t.coefficient < 0 ? -t.coefficient : t.coefficient);
        values *= trips;
    }
    if (ref.anywhere[coordinate]) {
        for (Name var : ref.computed) {
            bool found = false;
            values *= trips_of(inner, var, found);
        }
        span.anywhere = true;
        span.lo = 0;
        span.hi = extent - 1;
        span.step = 1;
    }
    double steps =
        span.step ? std::floor((span.hi - span.lo) / static_cast<double>(span.step)) + 1 : 1;
    span.distinct = std::max(1.0, std::min({values, steps, extent}));
    return span;
}

struct Box {
    const Array* array;
    bool write;
    std::vector<Span> spans;
};

bool moves_alike(const Box& a, const Box& b) {
    for (size_t d = 0; d < a.spans.size(); ++d)
        if (!(a.spans[d].outer == b.spans[d].outer)) return false;
    return true;
}

void widen(Box& into, const Box& other, const std::vector<double>& extents) {
    for (size_t d = 0; d < into.spans.size(); ++d) {
        Span& a = into.spans[d];
        const Span& b = other.spans[d];
        if (a.lo == b.lo && a.hi == b.hi && a.step == b.step) {
            a.distinct = std::max(a.distinct, b.distinct);
            continue;
        }
        a.step = std::gcd(std::gcd(a.step, b.step),
                          static_cast<int64_t>(std::llround(std::abs(a.lo - b.lo))));
        a.lo = std::min(a.lo, b.lo);
        a.hi = std::max(a.hi, b.hi);
        double steps = a.step ? std::floor((a.hi - a.lo) / static_cast<double>(a.step)) + 1 : 1;
        a.distinct = std::min({a.distinct + b.distinct, steps, extents[d]});
    }
}

class Analysis {
public:
    Analysis(const Nest& nest, double line) : nest_(nest), line_(line) {}

    /// Footprint of children (and refs) of `node`, `inner` loops around them counted in.
    Bytes footprint(const Node& node, Inner inner) const {
        std::vector<std::vector<Box>> boxes(nest_.arrays.size());
        collect(node, inner, boxes);
        Bytes bytes(nest_.arrays.size());
        for (size_t i = 0; i < boxes.size(); ++i) {
            for (const Box& box : boxes[i]) {
                std::vector<Touched> touched;
                for (size_t d = 0; d < box.spans.size(); ++d) {
                    const Span& s = box.spans[d];
                    double range = std::min(s.hi - s.lo + 1, nest_.arrays[i].extents[d]);
                    touched.push_back(
                        {std::max(range, 1.0), std::min(s.distinct, std::max(range, 1.0))});
                }
                double b = touched_bytes(*box.array, touched, line_);
                (box.write ? bytes[i].write : bytes[i].read) += b;
            }
            double whole = std::ceil(nest_.arrays[i].bytes / line_) * line_;
            bytes[i].read = std::min(bytes[i].read, whole);
            bytes[i].write = std::min(bytes[i].write, whole);
        }
        return bytes;
    }

    Bytes misses(const Node& node, double capacity, double concurrent) const {
        Bytes turn;
        return misses(node, capacity, concurrent, turn);
    }

private:
    /// `turn`: footprint of one iteration of the loop, here or inside, that fits; empty where
    /// something runs beside that loop, or several parties run it.
    Bytes misses(const Node& node, double capacity, double concurrent, Bytes& turn) const {
        double sharers = node.is_loop && node.loop.parallel ? concurrent : 1;
        Bytes body = footprint(node, {});
        if (sum(body) * std::min(sharers, node.is_loop ? node.loop.trips : 1) <= capacity) {
            turn = sharers > 1 ? Bytes{} : std::move(body);
            return footprint(node, node.is_loop ? Inner{node.loop} : Inner{});
        }
        // Parties that run different iterations split the room; inside there is one party.
        double room = sharers > 1 ? capacity / std::min(sharers, node.loop.trips) : capacity;
        double rest = sharers > 1 ? 1 : concurrent;
        Bytes total(nest_.arrays.size());
        for (const Node& child : node.children) add(total, misses(child, room, rest, turn), 1);
        if (sharers > 1 || node.children.size() != 1 || !node.refs.empty()) turn.clear();
        if (!node.refs.empty()) add(total, own(node), 1);
        if (!node.is_loop) return total;
        Bytes all(nest_.arrays.size());
        add(all, total, node.loop.trips);
        if (!turn.empty() && 2 * sum(turn) <= capacity) keep_hot(node, body, turn, all);
        return all;
    }

    /// What every turn touches whole is hot: between two uses of a line lie two turns at most, so
    /// that it is fetched once while the rest streams past.
    void keep_hot(const Node& node, const Bytes& body, const Bytes& turn, Bytes& all) const {
        Bytes once = footprint(node, {node.loop});
        for (size_t i = 0; i < all.size(); ++i)
            if (turn[i].read == body[i].read && turn[i].write == body[i].write) all[i] = once[i];
    }

    static double sum(const Bytes& bytes) {
        double total = 0;
        for (const ArrayBytes& b : bytes) total += std::max(b.read, b.write);
        return total;
    }
    static void add(Bytes& into, const Bytes& more, double times) {
        for (size_t i = 0; i < into.size(); ++i) {
            into[i].read += times * more[i].read;
            into[i].write += times * more[i].write;
        }
    }
    /// Footprint of the node's own references alone.
    Bytes own(const Node& node) const {
        Node bare;
        bare.refs = node.refs;
        return footprint(bare, {});
    }

    void collect(const Node& node, Inner& inner, std::vector<std::vector<Box>>& boxes) const {
        for (const Ref& ref : node.refs) {
            Box box{&nest_.arrays[static_cast<size_t>(ref.array)], ref.write, {}};
            for (size_t d = 0; d < ref.at.size(); ++d)
                box.spans.push_back(span_of(ref, d, inner, box.array->extents[d]));
            auto& known = boxes[static_cast<size_t>(ref.array)];
            auto same = std::find_if(known.begin(), known.end(), [&](const Box& b) {
                return b.write == box.write && moves_alike(b, box);
            });
            if (same == known.end())
                known.push_back(std::move(box));
            else
                widen(*same, box, box.array->extents);
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

}  // namespace

double touched_bytes(const Array& array, const std::vector<Touched>& touched, double line_bytes) {
    double element = tensor::bits(array.dtype) / 8.0;
    double elements = 1;
    for (const Touched& t : touched) elements *= t.distinct;
    double run = 1;  // elements one after another in memory
    for (size_t i = array.layout.size(); i-- > 0;) {
        const gir::PhysicalDim& p = array.layout[i];
        const Touched& t = touched[static_cast<size_t>(p.dim)];
        auto div = static_cast<double>(p.div), mod = static_cast<double>(p.mod);
        double whole = std::ceil(array.extents[static_cast<size_t>(p.dim)] / div);
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
    return std::min(bytes, std::ceil(array.bytes / line_bytes) * line_bytes);
}

std::vector<ArrayBytes> footprint(const Nest& nest, double line_bytes) {
    return Analysis(nest, line_bytes).footprint(nest.root, {});
}

std::vector<ArrayBytes> misses(const Nest& nest, double capacity_bytes, double line_bytes,
                               double concurrent) {
    return Analysis(nest, line_bytes).misses(nest.root, capacity_bytes, concurrent);
}

}  // namespace smeaton::cost
