#include "driver/place/layers.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "driver/operator_kind.h"
#include "lower/evaluate.h"
#include "model/blocks/extract.h"
#include "model/grad/part.h"
#include "model/rewrite/edit.h"
#include "model/summary/summary.h"

namespace smeaton::driver {

using model::Graph;
using model::Half;
using model::Node;
using model::NodeId;
using model::OpFamily;
using model::OpType;
using model::ValueId;

LayerWork& LayerWork::operator+=(const LayerWork& b) {
    matrix_flops += b.matrix_flops;
    vector_flops += b.vector_flops;
    weights += b.weights;
    read += b.read;
    written += b.written;
    return *this;
}

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

}  // namespace

std::vector<bool> moved_by(const Graph& graph, const std::vector<ValueId>& inputs) {
    std::vector<bool> moved(graph.values.size(), false);
    for (ValueId id : inputs) moved[index_of(id)] = true;
    for (const Node& node : graph.nodes) {
        const bool any = node.op != OpType::kShape && node.op != OpType::kSize &&
                         std::any_of(node.inputs.begin(), node.inputs.end(),
                                     [&](ValueId id) { return id.valid() && moved[index_of(id)]; });
        for (ValueId id : node.outputs)
            if (id.valid()) moved[index_of(id)] = any;
    }
    return moved;
}

int64_t elements_of(const Graph& graph, ValueId id) {
    const model::Value& value = graph.at(id);
    int64_t count = 1;
    for (const model::Dim& d : *value.shape) {
        if (!d.is_const())
            throw UserError("value '{}': a size of it is still open: {}", value.name, d.str());
        count *= d.value();
    }
    return count;
}

namespace {

Amount amount_of(const Graph& graph, ValueId id) {
    const model::Value& value = graph.at(id);
    const int64_t count = elements_of(graph, id);
    if (tensor::is_float(*value.dtype)) return {count, 0};
    return {0, tensor::byte_count(*value.dtype, count)};
}

/// The same elements: a view, or a copy that whoever reads it can read through.
bool is_view(const Graph& graph, const Node& node) {
    switch (node.op) {
        case OpType::kTranspose:
        case OpType::kExpand:
        case OpType::kIdentity:
            return true;
        case OpType::kCast:
            return graph.at(node.inputs[0]).dtype == graph.at(node.outputs[0]).dtype;
        default:
            return model::only_changes_shape(node.op);
    }
}

/// By value: what it is a view of, itself where it is none.
std::vector<ValueId> roots_of(const Graph& graph) {
    std::vector<ValueId> roots(graph.values.size());
    for (size_t v = 0; v < roots.size(); ++v) roots[v] = {static_cast<int32_t>(v)};
    for (const Node& node : graph.nodes)
        if (is_view(graph, node))
            roots[index_of(node.outputs[0])] = roots[index_of(node.inputs[0])];
    return roots;
}

/// The figures of one layer from its step.
class Reader {
public:
    /// `fed`: the step's inputs that come from data.
    Reader(const model::PartStep& step, const std::vector<ValueId>& fed)
        : step_(step), graph_(step.shaped.graph), roots_(roots_of(graph_)), fed_(fed) {
        for (ValueId id : step.weights) weights_.insert(id.v);
        for (ValueId id : step.weight_gradients) gradients_.insert(roots_[index_of(id)].v);
    }

    LayerFigures run() {
        LayerFigures figures;
        for (ValueId id : step_.weights) figures.parameters += amount_of(graph_, id).elements;
        for (ValueId id : fed_) figures.inputs += amount_of(graph_, id);
        for (size_t n = 0; n < graph_.nodes.size(); ++n) {
            const LayerWork work = work_of(graph_.nodes[n]);
            if (step_.halves[n] == Half::kForward) figures.forward += work;
            if (step_.halves[n] == Half::kData) figures.data += work;
            if (step_.halves[n] == Half::kWeights) figures.weights += work;
            if (step_.core[n]) figures.core += work;
            if (!is_view(graph_, graph_.nodes[n]))
                figures.operators.push_back({step_.halves[n] == Half::kForward, work,
                                             operator_kind(graph_.nodes[n]),
                                             operator_rows(graph_, graph_.nodes[n])});
        }
        figures.kept = kept(false);
        figures.kept_selective = kept(true);
        return figures;
    }

private:
    bool is_weight(ValueId id) const { return weights_.count(roots_[index_of(id)].v) != 0; }

    LayerWork work_of(const Node& node) const {
        LayerWork work;
        const bool contracts =
            model::family(node.op) == OpFamily::Conv || model::family(node.op) == OpFamily::MatMul;
        const int64_t flops = model::operations(model::NodeView(graph_, node)).value();
        (contracts ? work.matrix_flops : work.vector_flops) = flops;
        if (is_view(graph_, node)) return work;
        std::unordered_set<int32_t> seen;
        for (ValueId id : node.inputs) {
            if (!id.valid() || !seen.insert(id.v).second) continue;
            (is_weight(id) ? work.weights : work.read) += amount_of(graph_, id);
        }
        for (ValueId id : node.outputs) {
            if (!id.valid()) continue;
            const bool gradient = gradients_.count(roots_[index_of(id)].v) != 0;
            (gradient ? work.weights : work.written) += amount_of(graph_, id);
        }
        return work;
    }

    /// What moves with the data, was made in the forward half, or comes in, and is read behind it.
    Amount kept(bool cores_run_again) const {
        std::unordered_map<int32_t, bool> core;  // by value of the forward half
        for (ValueId id : fed_) core[id.v] = false;
        const std::vector<bool> moved = moved_by(graph_, fed_);
        for (size_t n = 0; n < graph_.nodes.size(); ++n)
            if (step_.halves[n] == Half::kForward)
                for (ValueId id : graph_.nodes[n].outputs)
                    if (id.valid() && moved[index_of(id)]) core[id.v] = step_.core[n];
        std::unordered_set<int32_t> all;
        const auto keep = [&](ValueId id) {
            const ValueId root = id.valid() ? roots_[index_of(id)] : id;
            const auto found = id.valid() ? core.find(root.v) : core.end();
            if (found != core.end() && !(cores_run_again && found->second)) all.insert(root.v);
        };
        for (size_t n = 0; n < graph_.nodes.size(); ++n) {
            const bool again = cores_run_again && step_.core[n];
            if (step_.halves[n] == Half::kForward && !again) continue;
            for (ValueId id : graph_.nodes[n].inputs) keep(id);
        }
        Amount sum;
        for (int32_t v : all)
            if (!is_part_of_kept(v, all)) sum += amount_of(graph_, {v});
        return sum;
    }

    /// A part of a tensor that is kept whole.
    bool is_part_of_kept(int32_t v, const std::unordered_set<int32_t>& all) const {
        for (const Node& node : graph_.nodes) {
            const bool cuts = node.op == OpType::kSplit || node.op == OpType::kSlice;
            if (!cuts || all.count(roots_[index_of(node.inputs[0])].v) == 0) continue;
            if (std::any_of(node.outputs.begin(), node.outputs.end(),
                            [&](ValueId id) { return id.v == v; }))
                return true;
        }
        return false;
    }

    const model::PartStep& step_;
    const Graph& graph_;
    std::vector<ValueId> roots_;
    std::vector<ValueId> fed_;
    std::unordered_set<int32_t> weights_, gradients_;
};

/// Stands on the first output where it is a float.
std::optional<model::LossChoice> loss_of(const Graph& graph) {
    if (graph.outputs.empty()) return {};
    const model::Value& output = graph.at(graph.outputs[0]);
    if (!tensor::is_float(*output.dtype)) return {};
    if (output.shape->size() < 2) return model::LossChoice{model::LossKind::Output, "", {}};
    model::LossChoice choice;
    std::vector<int64_t> target;
    for (size_t d = 0; d + 1 < output.shape->size(); ++d)
        target.push_back((*output.shape)[d].value());
    choice.target_shape = target;
    return choice;
}

LayerFigures figures_of(const Graph& graph, const model::Block& block,
                        const std::vector<bool>& moved) {
    Graph part = model::extract(graph, block);
    const bool last = !graph.outputs.empty() &&
                      std::find(block.outputs.begin(), block.outputs.end(), graph.outputs[0]) !=
                          block.outputs.end();
    std::optional<model::LossChoice> loss;
    if (last && (loss = loss_of(graph))) loss->output = graph.at(graph.outputs[0]).name;
    const model::PartStep step = model::differentiate_part(std::move(part), loss, lower::evaluate);
    std::unordered_set<std::string> names;
    for (ValueId id : block.inputs)
        if (moved[index_of(id)]) names.insert(graph.at(id).name);
    std::vector<ValueId> fed;
    for (ValueId id : step.data)
        if (names.count(step.shaped.graph.at(id).name) != 0) fed.push_back(id);
    return Reader(step, fed).run();
}

std::vector<Amount> boundaries_of(const Graph& graph, const model::Blocks& blocks,
                                  const std::vector<bool>& moved) {
    const auto count = static_cast<int>(blocks.blocks.size());
    std::vector<int> made(graph.values.size(), -1), read(graph.values.size(), -1);
    for (int b = 0; b < count; ++b)
        for (NodeId n : blocks.blocks[static_cast<size_t>(b)].nodes) {
            for (ValueId id : graph.at(n).inputs)
                if (id.valid()) read[index_of(id)] = std::max(read[index_of(id)], b);
            for (ValueId id : graph.at(n).outputs)
                if (id.valid()) made[index_of(id)] = b;
        }
    std::vector<Amount> behind(blocks.blocks.size());
    for (size_t v = 0; v < graph.values.size(); ++v) {
        if (made[v] < 0 || !moved[v] || graph.values[v].constant) continue;
        for (int b = made[v]; b < read[v]; ++b)
            behind[static_cast<size_t>(b)] += amount_of(graph, {static_cast<int32_t>(v)});
    }
    return behind;
}

std::vector<SharedWeights> shared_weights(const Graph& graph, const model::Blocks& blocks) {
    std::map<int32_t, std::vector<size_t>> readers;  // of each weight
    for (size_t b = 0; b < blocks.blocks.size(); ++b)
        for (ValueId id : blocks.blocks[b].parameters) readers[id.v].push_back(b);
    std::map<std::vector<size_t>, int64_t> sizes;
    for (const auto& [weight, layers] : readers)
        if (layers.size() > 1) sizes[layers] += amount_of(graph, {weight}).elements;
    std::vector<SharedWeights> shared;
    for (const auto& [layers, parameters] : sizes)
        if (parameters > 0) shared.push_back({layers, parameters});
    return shared;
}

}  // namespace

ModelLayers model_layers(model::ShapedGraph shaped) {
    ModelLayers layers;
    layers.shaped = std::move(shaped);
    const Graph& graph = layers.shaped.graph;
    layers.blocks = model::find_blocks(graph);
    if (layers.blocks.blocks.empty()) throw UserError("the model has no node to place");
    const std::vector<bool> moved = moved_by(graph, graph.inputs);
    std::vector<bool> known(static_cast<size_t>(layers.blocks.kinds), false);
    layers.figures.resize(known.size());
    for (const model::Block& block : layers.blocks.blocks) {
        const auto kind = static_cast<size_t>(block.kind);
        if (known[kind]) continue;
        known[kind] = true;
        layers.figures[kind] = figures_of(graph, block, moved);
        ++layers.worked_out;
    }
    layers.boundaries = boundaries_of(graph, layers.blocks, moved);
    layers.shared = shared_weights(graph, layers.blocks);
    return layers;
}

}  // namespace smeaton::driver
