// The sets of nodes that hold with a node all that it needs: what stands before, or behind, a cut
// of a graph without cycles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace smeaton::place {

class ClosedSets {
public:
    /// `needs[v]`: nodes that stand in every set that v stands in. Nothing where there are more
    /// than `most` sets.
    static std::optional<ClosedSets> all(const std::vector<std::vector<int>>& needs, size_t most);
    /// Only the beginnings of an order.
    static ClosedSets along(const std::vector<int>& order);

    /// From the empty set to the full one, by how many nodes they hold.
    size_t count() const { return bits_.size() / words_; }
    size_t nodes() const { return nodes_; }
    bool has(size_t set, int node) const {
        const auto n = static_cast<size_t>(node);
        return (bits(set)[n / 64] >> (n % 64) & 1) != 0;
    }
    bool within(size_t inner, size_t outer) const {
        const uint64_t *a = bits(inner), *b = bits(outer);
        for (size_t w = 0; w < words_; ++w)
            if ((a[w] & ~b[w]) != 0) return false;
        return true;
    }
    /// Nodes of `outer` that are not in `inner`, ascending.
    std::vector<int> between(size_t inner, size_t outer) const;

private:
    explicit ClosedSets(size_t nodes) : nodes_(nodes), words_((nodes + 63) / 64) {
        if (words_ == 0) words_ = 1;
    }
    const uint64_t* bits(size_t set) const { return bits_.data() + set * words_; }

    size_t nodes_ = 0, words_ = 1;
    std::vector<uint64_t> bits_;
};

/// An order of the nodes, what a node needs before it, the lowest number first among those that
/// are ready; shorter than the nodes where they form a cycle.
std::vector<int> order_of(const std::vector<std::vector<int>>& needs);

}  // namespace smeaton::place
