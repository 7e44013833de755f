#include "model/blocks/blocks.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "model/blocks/cuts.h"
#include "model/blocks/order.h"
#include "model/blocks/signature.h"
#include "model/rewrite/edit.h"

namespace smeaton::model {

namespace {

/// Values that nodes of one label read in one place at different depths: masks, tables of
/// positions, encodings, that every layer reads. By the place of their makers in `order`.
std::vector<ValueId> read_by_many(const Graph& graph, const NodeLabels& labels,
                                  const std::vector<int32_t>& order) {
    const std::vector<int32_t> producers = producers_of(graph);
    const std::vector<int32_t> depths = node_depths(graph, {});
    std::vector<std::tuple<int32_t, int32_t, size_t, int32_t>> reads;  // value, label, place, depth
    for (size_t n = 0; n < graph.nodes.size(); ++n)
        for (size_t k = 0; k < graph.nodes[n].inputs.size(); ++k) {
            const ValueId id = graph.nodes[n].inputs[k];
            if (id.valid() && producers[static_cast<size_t>(id.v)] >= 0)
                reads.emplace_back(id.v, labels.exact[n], k, depths[n]);
        }
    std::sort(reads.begin(), reads.end());
    std::set<int32_t> many;
    for (size_t i = 1; i < reads.size(); ++i) {
        const auto& [v0, l0, k0, d0] = reads[i - 1];
        const auto& [v1, l1, k1, d1] = reads[i];
        if (v0 == v1 && l0 == l1 && k0 == k1 && d0 != d1) many.insert(v0);
    }
    std::vector<ValueId> sorted;
    for (int32_t n : order)
        for (ValueId id : graph.nodes[static_cast<size_t>(n)].outputs)
            if (many.count(id.v) != 0) sorted.push_back(id);
    return sorted;
}

/// Which values a node of another block, or the caller, reads.
std::vector<bool> read_outside(const Graph& graph, const std::vector<int>& block_of) {
    const std::vector<int32_t> producers = producers_of(graph);
    std::vector<bool> out(graph.values.size(), false);
    for (size_t n = 0; n < graph.nodes.size(); ++n)
        for (ValueId id : graph.nodes[n].inputs) {
            if (!id.valid()) continue;
            const int32_t p = producers[static_cast<size_t>(id.v)];
            if (p >= 0 && block_of[static_cast<size_t>(p)] != block_of[n])
                out[static_cast<size_t>(id.v)] = true;
        }
    for (ValueId id : graph.outputs) out[static_cast<size_t>(id.v)] = true;
    return out;
}

std::vector<ValueId> values_made(const Graph& graph, const Block& block) {
    std::vector<ValueId> made;
    for (NodeId n : block.nodes)
        for (ValueId id : graph.at(n).outputs)
            if (id.valid()) made.push_back(id);
    return made;
}

/// Fills in outputs and reads; nodes, kinds and inputs are there.
void connect(const Graph& graph, Blocks& out) {
    std::vector<int> block_of(graph.nodes.size(), -1), maker(graph.values.size(), -1);
    for (size_t b = 0; b < out.blocks.size(); ++b)
        for (NodeId n : out.blocks[b].nodes) {
            block_of[static_cast<size_t>(n.v)] = static_cast<int>(b);
            for (ValueId id : graph.at(n).outputs)
                if (id.valid()) maker[static_cast<size_t>(id.v)] = static_cast<int>(b);
        }
    const std::vector<bool> outside = read_outside(graph, block_of);
    std::vector<std::vector<bool>> shown(static_cast<size_t>(out.kinds));  // by kind, value made
    for (const Block& block : out.blocks) {
        const std::vector<ValueId> made = values_made(graph, block);
        std::vector<bool>& flags = shown[static_cast<size_t>(block.kind)];
        flags.resize(made.size(), false);
        for (size_t k = 0; k < made.size(); ++k)
            if (outside[static_cast<size_t>(made[k].v)]) flags[k] = true;
    }
    for (Block& block : out.blocks) {
        const std::vector<ValueId> made = values_made(graph, block);
        const std::vector<bool>& flags = shown[static_cast<size_t>(block.kind)];
        for (size_t k = 0; k < made.size(); ++k)
            if (flags[k]) block.outputs.push_back(made[k]);
        std::set<int> reads;
        for (ValueId id : block.inputs)
            if (int b = maker[static_cast<size_t>(id.v)]; b >= 0) reads.insert(b);
        block.reads.assign(reads.begin(), reads.end());
    }
}

Blocks blocks_of(const Graph& graph, const NodeLabels& labels, const std::vector<Scope>& scopes,
                 const std::vector<int32_t>& order) {
    Blocks out;
    PartReader reader(graph, labels);
    std::map<std::vector<int32_t>, int> kinds;
    for (const Piece& piece : cut_into_pieces(graph, order, labels, scopes)) {
        Part part = reader.read(order.data() + piece.begin, order.data() + piece.end);
        Block block;
        block.kind =
            kinds.emplace(std::move(part.signature), static_cast<int>(kinds.size())).first->second;
        for (size_t i = piece.begin; i < piece.end; ++i) block.nodes.push_back(NodeId{order[i]});
        block.inputs = std::move(part.inputs);
        block.constants = std::move(part.constants);
        block.parameters = std::move(part.parameters);
        out.blocks.push_back(std::move(block));
    }
    out.kinds = static_cast<int>(kinds.size());
    return out;
}

/// Appends what neighbours of a kind read in the same place and some node makes; tells whether
/// there was anything new.
bool add_shared(const Graph& graph, const Blocks& blocks, std::vector<ValueId>& early) {
    const std::vector<int32_t> producers = producers_of(graph);
    std::set<ValueId> known(early.begin(), early.end());
    const size_t before = early.size();
    for (size_t b = 1; b < blocks.blocks.size(); ++b) {
        const Block& x = blocks.blocks[b - 1];
        const Block& y = blocks.blocks[b];
        if (x.kind != y.kind) continue;
        for (size_t k = 0; k < x.inputs.size(); ++k)
            if (x.inputs[k] == y.inputs[k] && producers[static_cast<size_t>(x.inputs[k].v)] >= 0 &&
                known.insert(x.inputs[k]).second)
                early.push_back(x.inputs[k]);
    }
    return early.size() > before;
}

RunInput run_input(const Blocks& all, const Run& run, size_t k) {
    auto block = [&](int i) -> const Block& {
        return all.blocks[static_cast<size_t>(run.first + i)];
    };
    auto everywhere = [&](auto holds) {
        for (int i = 1; i < run.count; ++i)
            if (!holds(block(i - 1), block(i))) return false;
        return true;
    };
    if (everywhere([&](const Block& a, const Block& b) { return a.inputs[k] == b.inputs[k]; }))
        return {RunInput::From::kShared, -1};
    const std::vector<ValueId>& made = block(0).outputs;
    const auto found = std::find(made.begin(), made.end(), block(1).inputs[k]);
    const auto j = static_cast<size_t>(found - made.begin());
    if (found != made.end() &&
        everywhere([&](const Block& a, const Block& b) { return a.outputs[j] == b.inputs[k]; }))
        return {RunInput::From::kPrevious, static_cast<int>(j)};
    return {};
}

void find_runs(Blocks& blocks) {
    const int n = static_cast<int>(blocks.blocks.size());
    auto kind = [&](int b) { return blocks.blocks[static_cast<size_t>(b)].kind; };
    for (int first = 0; first < n;) {
        int end = first + 1;
        while (end < n && kind(end) == kind(first)) ++end;
        if (end - first > 1) {
            Run run{first, end - first, {}};
            const size_t inputs = blocks.blocks[static_cast<size_t>(first)].inputs.size();
            for (size_t k = 0; k < inputs; ++k) run.inputs.push_back(run_input(blocks, run, k));
            blocks.runs.push_back(std::move(run));
        }
        first = end;
    }
}

void name_blocks(const std::vector<Scope>& scopes, Blocks& blocks) {
    std::set<std::string> used;
    for (size_t b = 0; b < blocks.blocks.size(); ++b) {
        std::vector<const Scope*> own;
        for (NodeId n : blocks.blocks[b].nodes) own.push_back(&scopes[static_cast<size_t>(n.v)]);
        std::string wanted = scope_text(shared_scope(own));
        if (wanted.empty()) wanted = fmt::format("block_{}", b);
        std::string name = wanted;
        for (int k = 2; !used.insert(name).second; ++k) name = fmt::format("{}_{}", wanted, k);
        blocks.blocks[b].name = name;
    }
}

}  // namespace

// What all layers read would stand inside the first layer that reads it and hide that it equals the
// others. So it moves to the front of the order; what a first round of blocks shows to be shared
// moves there for the next round.
Blocks find_blocks(const Graph& graph) {
    constexpr int kRounds = 4;
    const NodeLabels labels = label_nodes(graph);
    const std::vector<Scope> scopes = node_scopes(graph);
    std::vector<ValueId> early = read_by_many(graph, labels, structural_order(graph, {}));
    Blocks blocks;
    for (int round = 0; round < kRounds; ++round) {
        blocks = blocks_of(graph, labels, scopes, structural_order(graph, early));
        if (!add_shared(graph, blocks, early)) break;
    }
    connect(graph, blocks);
    find_runs(blocks);
    name_blocks(scopes, blocks);
    return blocks;
}

}  // namespace smeaton::model
