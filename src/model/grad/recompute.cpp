#include "model/grad/recompute.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "model/blocks/blocks.h"
#include "model/grad/attention.h"
#include "model/rewrite/edit.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

}  // namespace

Recompute recompute_named(const std::string& text) {
    if (text == "none") return Recompute::None;
    if (text == "full") return Recompute::Full;
    if (text == "selective") return Recompute::Selective;
    throw UserError("there is no way '{}' to recompute; expected none, full or selective", text);
}

ForwardBlocks::ForwardBlocks(const Graph& graph) {
    const Blocks blocks = find_blocks(graph);
    for (size_t b = 0; b < blocks.blocks.size(); ++b)
        for (NodeId id : blocks.blocks[b].nodes) by_name_[graph.at(id).name] = static_cast<int>(b);
}

std::vector<int> ForwardBlocks::of(const Graph& graph) const {
    std::vector<int> block(graph.nodes.size());
    int next = by_name_.empty() ? 0 : by_name_.rbegin()->second;
    for (size_t n = block.size(); n-- > 0;) {
        const auto found = by_name_.find(graph.nodes[n].name);
        if (found != by_name_.end()) next = found->second;
        block[n] = next;
    }
    return block;
}

namespace {

/// By value: made in one block and read in another.
std::vector<bool> passes_between(const Graph& graph, const std::vector<int>& block) {
    std::vector<int> made_in(graph.values.size(), -1);
    std::vector<bool> passes(graph.values.size());
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
        for (ValueId id : graph.nodes[n].outputs)
            if (id.valid()) made_in[index_of(id)] = block[n];
        for (ValueId id : graph.nodes[n].inputs)
            if (id.valid() && made_in[index_of(id)] != block[n]) passes[index_of(id)] = true;
    }
    return passes;
}

bool is_cheap(OpType op) {
    return family(op) == OpFamily::Elementwise || family(op) == OpFamily::Norm ||
           op == OpType::kIdentity || only_changes_shape(op);
}

std::vector<ValueId> without(const std::vector<ValueId>& all, const std::vector<ValueId>& some) {
    std::vector<ValueId> left;
    for (ValueId id : all)
        if (std::find(some.begin(), some.end(), id) == some.end()) left.push_back(id);
    return left;
}

}  // namespace

std::vector<bool> computed_again(const Graph& graph, const std::vector<int>& block,
                                 const std::vector<ValueId>& parameters, Recompute how) {
    std::vector<bool> again(graph.values.size()), nodes(graph.nodes.size(), true);
    if (how == Recompute::None) return again;
    bool in_blocks = true;
    if (how == Recompute::Selective) {
        nodes = attention_cores(graph, without(graph.inputs, parameters), parameters);
        in_blocks = std::find(nodes.begin(), nodes.end(), true) == nodes.end();
        for (size_t n = 0; in_blocks && n < nodes.size(); ++n)
            nodes[n] = is_cheap(graph.nodes[n].op);
    }
    const std::vector<bool> passes = passes_between(graph, block);
    for (size_t n = 0; n < nodes.size(); ++n)
        for (ValueId id : graph.nodes[n].outputs)
            if (id.valid() && nodes[n])
                again[index_of(id)] = !(in_blocks && passes[index_of(id)]);
    return again;
}

namespace {

class Rewriter {
public:
    Rewriter(Composer& c, size_t forward, const std::vector<bool>& again)
        : c_(c), graph_(c.graph()), again_(again), copy_(again.size()), maker_(again.size()) {
        backward_.assign(std::make_move_iterator(graph_.nodes.begin() +
                                                 static_cast<std::ptrdiff_t>(forward)),
                         std::make_move_iterator(graph_.nodes.end()));
        graph_.nodes.resize(forward);
        for (size_t n = 0; n < forward; ++n) {
            names_.insert(graph_.nodes[n].name);
            for (ValueId id : graph_.nodes[n].outputs)
                if (id.valid() && index_of(id) < maker_.size()) maker_[index_of(id)] = n;
        }
        for (const Node& node : backward_) names_.insert(node.name);
    }

    void run() {
        for (Node& node : backward_) {
            for (ValueId id : node.inputs) compute_again(id);
            for (ValueId& id : node.inputs) id = to_read(id);
            graph_.nodes.push_back(std::move(node));
        }
    }

private:
    bool is_again(ValueId id) const {
        return id.valid() && index_of(id) < again_.size() && again_[index_of(id)];
    }
    ValueId to_read(ValueId id) const { return is_again(id) ? copy_[index_of(id)] : id; }

    /// Appends copies of all nodes that `id` needs, in the order of the forward half.
    void compute_again(ValueId id) {
        std::set<size_t> needed;
        std::vector<ValueId> open = {id};
        while (!open.empty()) {
            const ValueId next = open.back();
            open.pop_back();
            if (!is_again(next) || copy_[index_of(next)].valid()) continue;
            if (!needed.insert(maker_[index_of(next)]).second) continue;
            const Node& node = graph_.nodes[maker_[index_of(next)]];
            open.insert(open.end(), node.inputs.begin(), node.inputs.end());
        }
        for (size_t n : needed) append_copy(graph_.nodes[n]);
    }

    void append_copy(Node node) {
        const std::string base = node.name + ".again";
        node.name = base;
        for (int k = 2; !names_.insert(node.name).second; ++k)
            node.name = fmt::format("{}_{}", base, k);
        for (ValueId& id : node.inputs) id = to_read(id);
        for (ValueId& id : node.outputs) {
            if (!id.valid()) continue;
            Value value = graph_.at(id);
            value.name = c_.fresh_value(value.name + ".again");
            const size_t of = index_of(id);
            id = {static_cast<int32_t>(graph_.values.size())};
            graph_.values.push_back(std::move(value));
            copy_[of] = id;
        }
        node.attributes[kComputedAgain] = int64_t{1};
        graph_.nodes.push_back(std::move(node));
    }

    Composer& c_;
    Graph& graph_;
    const std::vector<bool>& again_;
    std::vector<ValueId> copy_;   // by value
    std::vector<size_t> maker_;  // by value: the node that makes it
    std::vector<Node> backward_;
    std::set<std::string> names_;
};

}  // namespace

void recompute(Composer& c, size_t forward, const std::vector<bool>& again) {
    Rewriter(c, forward, again).run();
}

}  // namespace smeaton::model
