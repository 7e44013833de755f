// Offset packing: several greedy orders, each placing at the best gap; the smallest arena wins.
#include <algorithm>
#include <limits>
#include <numeric>

#include "gir/memory/arena.h"

namespace smeaton::gir {

int64_t max_live_bytes(const std::vector<LiveRange>& ranges) {
    std::vector<std::pair<int, int64_t>> changes;  // (point, bytes born or dead)
    for (const LiveRange& r : ranges) {
        changes.emplace_back(r.first, r.bytes);
        changes.emplace_back(r.last + 1, -r.bytes);
    }
    // At one point the dead go before the born.
    std::sort(changes.begin(), changes.end());
    int64_t live = 0, most = 0;
    for (const auto& [point, bytes] : changes) most = std::max(most, live += bytes);
    return most;
}

namespace {

bool overlap(const LiveRange& a, const LiveRange& b) {
    return a.first <= b.last && b.first <= a.last;
}

struct Packing {
    std::vector<int64_t> offsets;
    int64_t bytes = 0;
};

// Given up where it comes to `limit` bytes, which it then has.
Packing place(const std::vector<LiveRange>& ranges, const std::vector<size_t>& order,
              int64_t alignment, const MayOverlap& may_overlap, int64_t limit) {
    Packing p;
    p.offsets.assign(ranges.size(), 0);
    std::vector<size_t> placed;  // by offset
    auto rounded = [&](int64_t n) { return (n + alignment - 1) / alignment * alignment; };
    for (size_t i : order) {
        const int64_t bytes = rounded(ranges[i].bytes);
        // The smallest gap between placed neighbours that is wide enough, else behind them all.
        int64_t end = 0, best = -1, best_width = 0;
        for (size_t j : placed) {
            if (!(may_overlap ? may_overlap(i, j) : overlap(ranges[i], ranges[j]))) continue;
            const int64_t width = p.offsets[j] - end;
            if (width >= bytes && (best < 0 || width < best_width)) best = end, best_width = width;
            end = std::max(end, p.offsets[j] + rounded(ranges[j].bytes));
        }
        p.offsets[i] = best >= 0 ? best : end;
        p.bytes = std::max(p.bytes, p.offsets[i] + bytes);
        if (p.bytes >= limit) return p;
        placed.insert(
            std::upper_bound(placed.begin(), placed.end(), i,
                             [&](size_t a, size_t b) { return p.offsets[a] < p.offsets[b]; }),
            i);
    }
    return p;
}

int length(const LiveRange& r) {
    return r.last - r.first + 1;
}

}  // namespace

int64_t pack(const std::vector<LiveRange>& ranges, int64_t alignment, std::vector<int64_t>& offsets,
             const MayOverlap& may_overlap) {
    using Before = bool (*)(const LiveRange&, const LiveRange&);
    static constexpr Before kOrders[] = {
        [](const LiveRange& a, const LiveRange& b) { return a.bytes > b.bytes; },
        [](const LiveRange& a, const LiveRange& b) {
            return a.bytes * length(a) > b.bytes * length(b);
        },
        [](const LiveRange& a, const LiveRange& b) { return length(a) > length(b); },
        [](const LiveRange& a, const LiveRange& b) { return a.first < b.first; },
        [](const LiveRange& a, const LiveRange& b) { return a.last > b.last; },
    };
    Packing best{{}, std::numeric_limits<int64_t>::max()};
    for (Before before : kOrders) {
        std::vector<size_t> order(ranges.size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](size_t a, size_t b) { return before(ranges[a], ranges[b]); });
        Packing p = place(ranges, order, alignment, may_overlap, best.bytes);
        if (p.bytes < best.bytes) best = std::move(p);
    }
    offsets = std::move(best.offsets);
    return best.bytes;
}

}  // namespace smeaton::gir
