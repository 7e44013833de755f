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

// The smallest gap between placed neighbours that is wide enough, else behind them all.
int64_t best_gap(std::vector<std::pair<int64_t, int64_t>> taken, int64_t bytes) {
    std::sort(taken.begin(), taken.end());
    int64_t end = 0, best = -1, best_width = 0;
    for (const auto& [from, to] : taken) {
        int64_t width = from - end;
        if (width >= bytes && (best < 0 || width < best_width)) {
            best = end;
            best_width = width;
        }
        end = std::max(end, to);
    }
    return best >= 0 ? best : end;
}

// Given up where it comes to `limit` bytes, which it then has.
Packing place(const std::vector<LiveRange>& ranges, const std::vector<size_t>& order,
              int64_t alignment, const MayOverlap& may_overlap, int64_t limit) {
    Packing p;
    p.offsets.assign(ranges.size(), 0);
    std::vector<size_t> placed;
    auto rounded = [&](int64_t n) { return (n + alignment - 1) / alignment * alignment; };
    for (size_t i : order) {
        std::vector<std::pair<int64_t, int64_t>> taken;
        for (size_t j : placed)
            if (may_overlap ? may_overlap(i, j) : overlap(ranges[i], ranges[j]))
                taken.emplace_back(p.offsets[j], p.offsets[j] + rounded(ranges[j].bytes));
        p.offsets[i] = best_gap(std::move(taken), rounded(ranges[i].bytes));
        p.bytes = std::max(p.bytes, p.offsets[i] + rounded(ranges[i].bytes));
        if (p.bytes >= limit) return p;
        placed.push_back(i);
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
