#include "model/blocks/order.h"

#include <algorithm>

#include "model/rewrite/edit.h"

namespace smeaton::model {

namespace {

class Walk {
public:
    Walk(const Graph& graph, const std::vector<ValueId>& early)
        : graph_(graph),
          producers_(producers_of(graph)),
          depths_(node_depths(graph, early)),
          done_(graph.nodes.size(), false) {}

    /// The node that makes the value, or -1.
    int32_t producer(ValueId id) const {
        return id.valid() ? producers_[static_cast<size_t>(id.v)] : -1;
    }

    bool done(int32_t node) const { return done_[static_cast<size_t>(node)]; }
    int32_t depth(int32_t node) const { return depths_[static_cast<size_t>(node)]; }

    /// Appends to `out` the node and all it needs that is not done yet, needed ones first.
    void visit(int32_t root, std::vector<int32_t>& out) {
        if (root < 0 || done(root)) return;
        std::vector<Frame> stack = {open(root)};
        while (!stack.empty()) {
            Frame& top = stack.back();
            if (top.next == top.needs.size()) {
                out.push_back(top.node);
                stack.pop_back();
                continue;
            }
            const int32_t need = top.needs[top.next++];
            if (!done(need)) stack.push_back(open(need));
        }
    }

private:
    struct Frame {
        int32_t node;
        std::vector<int32_t> needs;
        size_t next = 0;
    };

    Frame open(int32_t node) {
        done_[static_cast<size_t>(node)] = true;
        Frame frame{node, {}};
        for (ValueId id : graph_.nodes[static_cast<size_t>(node)].inputs)
            if (int32_t p = producer(id); p >= 0 && !done(p)) frame.needs.push_back(p);
        std::stable_sort(frame.needs.begin(), frame.needs.end(),
                         [&](int32_t a, int32_t b) { return depth(a) > depth(b); });
        return frame;
    }

    const Graph& graph_;
    std::vector<int32_t> producers_;
    std::vector<int32_t> depths_;
    std::vector<bool> done_;
};

/// `main` with each of `others` (topological among themselves) right behind the last node that it
/// reads from.
std::vector<int32_t> woven(const Graph& graph, const Walk& walk, const std::vector<int32_t>& main,
                           const std::vector<int32_t>& others) {
    // 0: before everything; i + 1: behind main[i].
    std::vector<size_t> place(graph.nodes.size(), 0);
    for (size_t i = 0; i < main.size(); ++i) place[static_cast<size_t>(main[i])] = i + 1;
    std::vector<std::vector<int32_t>> behind(main.size() + 1);
    for (int32_t node : others) {
        size_t& at = place[static_cast<size_t>(node)];
        for (ValueId id : graph.nodes[static_cast<size_t>(node)].inputs)
            if (int32_t p = walk.producer(id); p >= 0)
                at = std::max(at, place[static_cast<size_t>(p)]);
        behind[at].push_back(node);
    }
    std::vector<int32_t> order = behind[0];
    for (size_t i = 0; i < main.size(); ++i) {
        order.push_back(main[i]);
        order.insert(order.end(), behind[i + 1].begin(), behind[i + 1].end());
    }
    return order;
}

}  // namespace

std::vector<int32_t> node_depths(const Graph& graph, const std::vector<ValueId>& given) {
    std::vector<int32_t> value_depth(graph.values.size(), 0);  // of its readers, at least
    std::vector<bool> is_given(graph.values.size(), false);
    for (ValueId id : given) is_given[static_cast<size_t>(id.v)] = true;
    std::vector<int32_t> depths;
    depths.reserve(graph.nodes.size());
    for (const Node& node : graph.nodes) {
        int32_t depth = 0;
        for (ValueId id : node.inputs)
            if (id.valid()) depth = std::max(depth, value_depth[static_cast<size_t>(id.v)]);
        depths.push_back(depth);
        for (ValueId id : node.outputs)
            if (id.valid() && !is_given[static_cast<size_t>(id.v)])
                value_depth[static_cast<size_t>(id.v)] = depth + 1;
    }
    return depths;
}

std::vector<int32_t> structural_order(const Graph& graph, const std::vector<ValueId>& early) {
    Walk walk(graph, early);
    std::vector<int32_t> main, others;
    main.reserve(graph.nodes.size());
    for (ValueId id : early) walk.visit(walk.producer(id), main);
    int32_t deepest = -1;
    for (ValueId id : graph.outputs) {
        const int32_t node = walk.producer(id);
        if (node >= 0 && (deepest < 0 || walk.depth(node) > walk.depth(deepest))) deepest = node;
    }
    walk.visit(deepest, main);
    for (ValueId id : graph.outputs) walk.visit(walk.producer(id), others);
    for (size_t n = 0; n < graph.nodes.size(); ++n) walk.visit(static_cast<int32_t>(n), others);
    return woven(graph, walk, main, others);
}

}  // namespace smeaton::model
