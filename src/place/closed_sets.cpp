#include "place/closed_sets.h"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace smeaton::place {

namespace {

struct Hash {
    size_t operator()(const std::vector<uint64_t>& words) const {
        uint64_t h = 0x9e3779b97f4a7c15;
        for (uint64_t w : words) {
            h = (h ^ w) * 0xbf58476d1ce4e5b9;
            h ^= h >> 29;
        }
        return h;
    }
};

}  // namespace

std::optional<ClosedSets> ClosedSets::all(const std::vector<std::vector<int>>& needs, size_t most) {
    ClosedSets sets(needs.size());
    sets.bits_.assign(sets.words_, 0);
    size_t first = 0;
    for (size_t size = 0; size < needs.size(); ++size) {
        const size_t end = sets.count();
        std::unordered_map<std::vector<uint64_t>, char, Hash> seen;
        for (size_t set = first; set < end; ++set)
            for (size_t v = 0; v < needs.size(); ++v) {
                if (sets.has(set, static_cast<int>(v))) continue;
                if (!std::all_of(needs[v].begin(), needs[v].end(),
                                 [&](int n) { return sets.has(set, n); }))
                    continue;
                std::vector<uint64_t> grown(sets.bits(set), sets.bits(set) + sets.words_);
                grown[v / 64] |= uint64_t{1} << (v % 64);
                if (!seen.emplace(grown, 1).second) continue;
                if (sets.count() >= most) return std::nullopt;
                sets.bits_.insert(sets.bits_.end(), grown.begin(), grown.end());
            }
        first = end;
    }
    return sets;
}

ClosedSets ClosedSets::along(const std::vector<int>& order) {
    ClosedSets sets(order.size());
    std::vector<uint64_t> set(sets.words_, 0);
    sets.bits_ = set;
    for (const int v : order) {
        set[static_cast<size_t>(v) / 64] |= uint64_t{1} << (static_cast<size_t>(v) % 64);
        sets.bits_.insert(sets.bits_.end(), set.begin(), set.end());
    }
    return sets;
}

std::vector<int> ClosedSets::between(size_t inner, size_t outer) const {
    std::vector<int> nodes;
    for (size_t v = 0; v < nodes_; ++v)
        if (has(outer, static_cast<int>(v)) && !has(inner, static_cast<int>(v)))
            nodes.push_back(static_cast<int>(v));
    return nodes;
}

std::vector<int> order_of(const std::vector<std::vector<int>>& needs) {
    std::vector<std::vector<int>> after(needs.size());
    std::vector<int> waits(needs.size(), 0), order;
    for (size_t v = 0; v < needs.size(); ++v)
        for (const int n : needs[v]) {
            after[static_cast<size_t>(n)].push_back(static_cast<int>(v));
            ++waits[v];
        }
    std::set<int> ready;
    for (size_t v = 0; v < needs.size(); ++v)
        if (waits[v] == 0) ready.insert(static_cast<int>(v));
    while (!ready.empty()) {
        const int at = *ready.begin();
        ready.erase(ready.begin());
        order.push_back(at);
        for (const int next : after[static_cast<size_t>(at)])
            if (--waits[static_cast<size_t>(next)] == 0) ready.insert(next);
    }
    return order;
}

}  // namespace smeaton::place
