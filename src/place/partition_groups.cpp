#include "place/partition_groups.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

namespace smeaton::place {

namespace {

/// Components of nodes that reach each other, numbered from 0.
class Cycles {
public:
    explicit Cycles(const std::vector<std::vector<int>>& needs)
        : needs_(needs), index_(needs.size(), -1), low_(needs.size(), 0), of(needs.size(), -1) {
        for (size_t v = 0; v < needs.size(); ++v)
            if (index_[v] < 0) visit(static_cast<int>(v));
    }

private:
    struct Frame {
        int node;
        size_t next;
    };
    // Tarjan, with a stack of our own: graphs are deep.
    void visit(int root) {
        std::vector<Frame> frames = {{root, 0}};
        open(root);
        while (!frames.empty()) {
            Frame& f = frames.back();
            const auto v = static_cast<size_t>(f.node);
            if (f.next < needs_[v].size()) {
                const int n = needs_[v][f.next++];
                const auto w = static_cast<size_t>(n);
                if (index_[w] < 0) {
                    open(n);
                    frames.push_back({n, 0});
                } else if (of[w] < 0) {
                    low_[v] = std::min(low_[v], index_[w]);
                }
                continue;
            }
            if (low_[v] == index_[v]) close(f.node);
            frames.pop_back();
            if (!frames.empty()) {
                const auto p = static_cast<size_t>(frames.back().node);
                low_[p] = std::min(low_[p], low_[v]);
            }
        }
    }
    void open(int v) {
        index_[static_cast<size_t>(v)] = low_[static_cast<size_t>(v)] = next_++;
        stack_.push_back(v);
    }
    void close(int v) {
        for (int w = -1; w != v;) {
            w = stack_.back();
            stack_.pop_back();
            of[static_cast<size_t>(w)] = count;
        }
        ++count;
    }

    const std::vector<std::vector<int>>& needs_;
    std::vector<int> index_, low_, stack_;
    int next_ = 0;

public:
    std::vector<int> of;
    int count = 0;
};

/// Groups by which every node is told where it is.
Groups gathered(const PartitionProblem& problem, const std::vector<std::vector<int>>& needs,
                const std::vector<int>& group_of, size_t count) {
    Groups all;
    all.groups.resize(count), all.needs.resize(count);
    all.of_node.resize(problem.nodes.size()), all.out.resize(problem.nodes.size());
    for (size_t n = 0; n < problem.nodes.size(); ++n) {
        const PartitionNode& node = problem.nodes[n];
        const int g = group_of[static_cast<size_t>(node.colour)];
        Group& group = all.groups[static_cast<size_t>(g)];
        all.of_node[n] = g;
        group.nodes.push_back(static_cast<int>(n));
        group.accelerator_time +=
            node.on_accelerator ? node.accelerator_time : std::numeric_limits<double>::infinity();
        group.cpu_time += node.cpu_time, group.bytes += node.bytes;
    }
    std::vector<std::set<int>> before(count), out(problem.nodes.size());
    for (size_t c = 0; c < needs.size(); ++c)
        for (const int n : needs[c])
            if (group_of[c] != group_of[static_cast<size_t>(n)])
                before[static_cast<size_t>(group_of[c])].insert(group_of[static_cast<size_t>(n)]);
    for (const auto& [from, to] : problem.edges) {
        const int a = all.of_node[static_cast<size_t>(from)],
                  b = all.of_node[static_cast<size_t>(to)];
        if (a != b) out[static_cast<size_t>(from)].insert(b);
    }
    for (size_t g = 0; g < count; ++g) all.needs[g] = {before[g].begin(), before[g].end()};
    for (size_t n = 0; n < out.size(); ++n) all.out[n] = {out[n].begin(), out[n].end()};
    return all;
}

/// Where each group goes that costs nothing beside its only neighbour; itself where it stays.
std::vector<int> joined(const PartitionProblem& problem, const Groups& all) {
    double bytes = 0;
    for (const PartitionNode& node : problem.nodes) bytes += node.bytes;
    const bool memory_binds = bytes > problem.memory_bytes;
    std::vector<std::set<int>> near(all.groups.size());
    auto pair = [&](int a, int b) {
        near[static_cast<size_t>(a)].insert(b), near[static_cast<size_t>(b)].insert(a);
    };
    for (size_t g = 0; g < all.groups.size(); ++g)
        for (const int n : all.needs[g]) pair(static_cast<int>(g), n);
    for (size_t n = 0; n < all.out.size(); ++n)
        for (const int g : all.out[n]) pair(all.of_node[n], g);
    std::vector<int> to(all.groups.size());
    std::iota(to.begin(), to.end(), 0);
    for (size_t g = 0; g < all.groups.size(); ++g) {
        const Group& group = all.groups[g];
        const bool free = group.accelerator_time == 0 && group.cpu_time == 0;
        if (!free || near[g].size() != 1 || (memory_binds && group.bytes > 0)) continue;
        const int other = *near[g].begin();
        if (to[static_cast<size_t>(other)] == other) to[g] = other;  // no pairs that swap
    }
    return to;
}

}  // namespace

std::vector<std::vector<int>> colour_order(const PartitionProblem& problem) {
    int colours = 0;
    for (const PartitionNode& node : problem.nodes) colours = std::max(colours, node.colour + 1);
    std::vector<char> forward(static_cast<size_t>(colours), 0);
    for (const PartitionNode& node : problem.nodes)
        if (!node.backward) forward[static_cast<size_t>(node.colour)] = 1;
    std::vector<std::set<int>> needs(static_cast<size_t>(colours));
    for (const auto& [from, to] : problem.edges) {
        const PartitionNode &a = problem.nodes[static_cast<size_t>(from)],
                            &b = problem.nodes[static_cast<size_t>(to)];
        const auto ca = static_cast<size_t>(a.colour), cb = static_cast<size_t>(b.colour);
        if (ca == cb) continue;
        if (!a.backward && !b.backward) needs[cb].insert(a.colour);
        if (a.backward && b.backward && (!forward[ca] || !forward[cb])) needs[ca].insert(b.colour);
    }
    std::vector<std::vector<int>> all;
    for (const std::set<int>& n : needs) all.emplace_back(n.begin(), n.end());
    return all;
}

Groups groups_of(const PartitionProblem& problem) {
    const std::vector<std::vector<int>> needs = colour_order(problem);
    const Cycles cycles(needs);
    std::vector<int> group_of = cycles.of;
    Groups all = gathered(problem, needs, group_of, static_cast<size_t>(cycles.count));
    for (;;) {
        const std::vector<int> to = joined(problem, all);
        std::vector<int> number(to.size(), -1);
        int count = 0;
        for (size_t g = 0; g < to.size(); ++g)
            if (to[g] == static_cast<int>(g)) number[g] = count++;
        if (static_cast<size_t>(count) == to.size()) return all;
        for (int& g : group_of) g = number[static_cast<size_t>(to[static_cast<size_t>(g)])];
        all = gathered(problem, needs, group_of, static_cast<size_t>(count));
    }
}

}  // namespace smeaton::place
