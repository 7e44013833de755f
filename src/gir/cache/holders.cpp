#include "gir/cache/holders.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <optional>

#include "gir/layout.h"

namespace smeaton::gir::cache {
namespace {

constexpr int kBits = 64;

int bit_of(int64_t thread, int threads) {
    return static_cast<int>(threads <= kBits ? thread : thread * kBits / threads);
}

uint64_t bits_between(int first, int last) {
    const uint64_t up_to_last = last >= kBits - 1 ? ~uint64_t{0} : (uint64_t{1} << (last + 1)) - 1;
    return up_to_last & ~((uint64_t{1} << first) - 1);
}

/// Values from..to of an axis of a phase.
struct Stretch {
    int64_t from = 0, to = 0;
};

/// The parallels that are one range, outermost first.
struct Phase {
    std::vector<Loop> axes;
    int threads = 1;

    int64_t range() const {
        int64_t n = 1;
        for (const Loop& l : axes) n *= static_cast<int64_t>(l.trips);
        return n;
    }
    /// The pool gives thread t what lies from range * t / threads on, and one iteration to the
    /// caller.
    uint64_t owners(int64_t first, int64_t last) const {
        if (range() < 2) return 1;
        auto owner = [&](int64_t i) { return ((i + 1) * threads + range() - 1) / range() - 1; };
        return bits_between(bit_of(owner(first), threads), bit_of(owner(last), threads));
    }
    /// Of all iterations in the box.
    uint64_t owners(const std::vector<Stretch>& box) const {
        uint64_t found = 0;
        add_owners(box, 0, 0, found);
        return found;
    }

private:
    void add_owners(const std::vector<Stretch>& box, size_t axis, int64_t before,
                    uint64_t& found) const {
        if (axis == axes.size()) {
            found |= owners(before, before);
            return;
        }
        const auto extent = static_cast<int64_t>(axes[axis].trips);
        int64_t inside = 1;
        bool all_inside = true;
        for (size_t i = axis + 1; i < axes.size(); ++i) {
            const auto n = static_cast<int64_t>(axes[i].trips);
            inside *= n;
            all_inside = all_inside && box[i].from == 0 && box[i].to == n - 1;
        }
        if (all_inside) {
            const int64_t at = before * extent;
            found |= owners((at + box[axis].from) * inside, (at + box[axis].to + 1) * inside - 1);
            return;
        }
        for (int64_t v = box[axis].from; v <= box[axis].to; ++v)
            add_owners(box, axis + 1, before * extent + v, found);
    }
};

/// Logical coordinates of the places of a buffer; empty where one lies in padding or a border.
std::vector<std::vector<int64_t>> places_of(const Buffer& buffer, const Array& array) {
    const std::vector<MemoryPart> parts = memory_parts(buffer);
    const auto elements = static_cast<int64_t>(array.bytes * 8 / tensor::bits(array.dtype));
    std::vector<std::vector<int64_t>> places(kPlaces);
    for (int i = 0; i < kPlaces; ++i) {
        // The middle of each of as many equal stretches.
        int64_t offset = elements * (2 * i + 1) / (2 * kPlaces);
        std::vector<int64_t> at(array.extents.size(), 0);
        for (const MemoryPart& p : parts) {
            const int64_t q = offset / p.stride;
            offset %= p.stride;
            at[static_cast<size_t>(p.dim)] += (q - p.before) * p.div;
        }
        bool inside = true;
        for (size_t d = 0; d < at.size(); ++d)
            inside = inside && at[d] >= 0 && static_cast<double>(at[d]) < array.extents[d];
        if (inside) places[static_cast<size_t>(i)] = std::move(at);
    }
    return places;
}

class Meeter {
public:
    Meeter(const Program& program, const Nest& nest, int threads)
        : nest_(nest), threads_(threads), meetings_(nest.arrays.size()) {
        for (const Array& array : nest.arrays)
            places_.push_back(array.scratch ? std::vector<std::vector<int64_t>>(kPlaces)
                                            : places_of(program.buffer(array.name), array));
    }

    std::vector<Meeting> take() {
        for (const Node& node : nest_.root.children) {
            phase_ = {{}, threads_};
            const Node* at = &node;
            while (at->is_loop && at->loop.parallel) {
                phase_.axes.push_back(at->loop);
                if (at->children.size() != 1 || !at->refs.empty()) break;
                at = &at->children.front();
            }
            visit(node);
        }
        return std::move(meetings_);
    }

private:
    void visit(const Node& node) {
        if (node.is_loop) trips_[node.loop.var] = node.loop.trips;
        for (const Ref& ref : node.refs) meet(ref);
        for (const Node& child : node.children) visit(child);
    }

    /// A coordinate: what its other loops add to the constant, and the phase's axes in it.
    struct At {
        size_t dim = 0;
        Stretch others;
        std::vector<std::pair<size_t, int64_t>> axes = {};  ///< with coefficients
    };

    void meet(const Ref& ref) {
        const auto array = static_cast<size_t>(ref.array);
        if (nest_.arrays[array].scratch) return;
        Holders& by = ref.write ? meetings_[array].written : meetings_[array].read;
        const std::vector<At> coordinates = coordinates_of(ref);
        std::vector<Stretch> box;
        for (size_t i = 0; i < kPlaces; ++i) {
            const std::vector<int64_t>& place = places_[array][i];
            box.clear();
            if (!place.empty() && iterations_at(coordinates, place, box))
                by[i] |= phase_.axes.empty() ? 1 : phase_.owners(box);
        }
    }

    std::vector<At> coordinates_of(const Ref& ref) const {
        std::vector<At> all;
        for (size_t d = 0; d < ref.at.size(); ++d) {
            if (ref.anywhere[d]) continue;
            At& at = all.emplace_back(At{d, {ref.at[d].constant, ref.at[d].constant}});
            for (const Term& t : ref.at[d].terms) {
                if (auto axis = axis_of(t.var)) {
                    at.axes.emplace_back(*axis, t.coefficient);
                } else if (auto trips = trips_.find(t.var); trips != trips_.end()) {
                    const Stretch own = times(
                        {0, std::max<int64_t>(std::lround(trips->second), 1) - 1}, t.coefficient);
                    at.others = {at.others.from + own.from, at.others.to + own.to};
                }
            }
        }
        return all;
    }

    static Stretch times(const Stretch& values, int64_t coefficient) {
        const int64_t a = values.from * coefficient, b = values.to * coefficient;
        return {std::min(a, b), std::max(a, b)};
    }

    /// Values of the phase's axes at which the reference may meet the place; false: it never does.
    bool iterations_at(const std::vector<At>& coordinates, const std::vector<int64_t>& place,
                       std::vector<Stretch>& box) const {
        for (const Loop& axis : phase_.axes)
            box.push_back({0, static_cast<int64_t>(axis.trips) - 1});
        return std::all_of(coordinates.begin(), coordinates.end(),
                           [&](const At& at) { return narrow(at, place[at.dim], box); });
    }

    static bool narrow(const At& at, int64_t place, std::vector<Stretch>& box) {
        // Each axis with all else of the coordinate at its ends.
        Stretch all = at.others;
        for (const auto& [axis, coefficient] : at.axes) {
            const Stretch own = times(box[axis], coefficient);
            all = {all.from + own.from, all.to + own.to};
        }
        if (place < all.from || place > all.to) return false;
        for (const auto& [axis, coefficient] : at.axes) {
            Stretch& s = box[axis];
            const Stretch own = times(s, coefficient);
            const int64_t least = place - (all.to - own.to), most = place - (all.from - own.from);
            const int64_t k = std::abs(coefficient);
            const int64_t low = coefficient > 0 ? least : -most,
                          high = coefficient > 0 ? most : -least;
            s.from = std::max(s.from, low <= 0 ? 0 : (low + k - 1) / k);
            s.to = std::min(s.to, high < 0 ? -1 : high / k);
            if (s.from > s.to) return false;
        }
        return true;
    }

    std::optional<size_t> axis_of(Name var) const {
        for (size_t i = 0; i < phase_.axes.size(); ++i)
            if (phase_.axes[i].var == var) return i;
        return std::nullopt;
    }

    const Nest& nest_;
    int threads_;
    std::vector<Meeting> meetings_;
    std::vector<std::vector<std::vector<int64_t>>> places_;  // by array, by place
    std::map<Name, double> trips_;
    Phase phase_;
};

/// For each instance of a cache, the bits of the threads that it serves.
std::vector<uint64_t> by_instance(int threads, int cores_each) {
    const int bits = std::min(threads, kBits);
    std::vector<uint64_t> served;
    int64_t last = -1;
    for (int b = 0; b < bits; ++b) {
        const int64_t instance = static_cast<int64_t>(b) * threads / bits / cores_each;
        if (instance != last) served.push_back(0);
        served.back() |= uint64_t{1} << b;
        last = instance;
    }
    return served;
}

/// All bits of instances that have one among `held`.
uint64_t reached(const std::vector<uint64_t>& served, int bits, uint64_t held) {
    if (served.size() == static_cast<size_t>(bits)) return held;  // a thread each
    uint64_t found = 0;
    for (const uint64_t instance : served)
        if ((held & instance) != 0) found |= instance;
    return found;
}

}  // namespace

std::vector<Meeting> meetings_of(const Program& program, const Nest& nest, int threads) {
    return Meeter(program, nest, threads).take();
}

double share_at_home(const Meeting& meeting, const Holders& holders, int threads, int cores_each) {
    int met = 0, at_home = 0;
    const int bits = std::min(threads, kBits);
    const uint64_t at_work = bits_between(0, bits - 1);
    const std::vector<uint64_t> served = by_instance(threads, cores_each);
    for (size_t i = 0; i < kPlaces; ++i) {
        const uint64_t meets = (meeting.read[i] | meeting.written[i]) & at_work;
        if (meets == 0) continue;
        met += std::popcount(meets);
        at_home += std::popcount(meets & reached(served, bits, holders[i]));
    }
    return met == 0 ? 1 : static_cast<double>(at_home) / met;
}

void meet(Holders& holders, const Meeting& meeting) {
    for (size_t i = 0; i < kPlaces; ++i)
        holders[i] = meeting.written[i] != 0 ? meeting.written[i] : holders[i] | meeting.read[i];
}

}  // namespace smeaton::gir::cache
