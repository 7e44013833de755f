#include "driver/place/tensor_cut.h"

#include <fmt/core.h>

#include <unordered_map>

#include "driver/place/layers.h"
#include "driver/place/tensor_cut_rules.h"

namespace smeaton::driver {

namespace {

using model::Graph;
using model::Node;
using model::NodeId;
using model::NodeView;
using model::OpFamily;
using model::ValueId;

/// A cut for given products that stay whole; it ends at the first operator that needs one more.
class Attempt {
public:
    Attempt(const Graph& graph, const std::vector<NodeId>& nodes, const std::vector<bool>& moved,
            const std::set<ValueId>& leaving, int t)
        : graph_(graph), nodes_(nodes), moved_(moved), leaving_(leaving), t_(t) {}

    /// Products that are to stay whole besides those of `whole`; none: the cut stands.
    std::set<NodeId> run(const std::set<NodeId>& whole);
    TensorCut cut;

private:
    struct State {
        int64_t axis = kWholeAxis;
        std::set<NodeId> from;  ///< products that split it
    };
    std::set<NodeId> visit(NodeId, const std::set<NodeId>& whole);
    void take(NodeId, const Spread&, const std::set<NodeId>& from);
    void keep(const Node&);
    bool moves(ValueId id) const {
        return id.valid() && moved_[static_cast<size_t>(id.v)] &&
               tensor::is_float(*graph_.at(id).dtype);
    }

    const Graph& graph_;
    const std::vector<NodeId>& nodes_;
    const std::vector<bool>& moved_;
    const std::set<ValueId>& leaving_;
    int t_;
    std::unordered_map<int32_t, State> states_;
    std::set<ValueId> kept_, weights_;
};

std::set<NodeId> Attempt::run(const std::set<NodeId>& whole) {
    for (const NodeId n : nodes_) {
        std::set<NodeId> more = visit(n, whole);
        if (!more.empty()) return more;
    }
    return {};
}

std::set<NodeId> Attempt::visit(NodeId n, const std::set<NodeId>& whole) {
    const Node& node = graph_.at(n);
    const NodeView view(graph_, node);
    std::vector<int64_t> axes;
    std::set<NodeId> from;
    for (const ValueId id : node.inputs) {
        const auto found = id.valid() ? states_.find(id.v) : states_.end();
        axes.push_back(found == states_.end() ? kWholeAxis : found->second.axis);
        if (found != states_.end() && axes.back() != kWholeAxis)
            from.insert(found->second.from.begin(), found->second.from.end());
    }
    std::optional<Spread> s;
    if (!from.empty()) {
        s = spread(view, axes, t_);
        if (!s) {
            if (cut.why.empty()) cut.why = fmt::format("{} needs it whole", view.title());
            return from;
        }
    } else if (!whole.contains(n) && !node.inputs.empty() && moves(node.inputs[0])) {
        s = split_columns(view, t_);
        if (s) from = {n};
    }
    keep(node);
    if (!s) return {};
    take(n, *s, from);
    for (size_t k = 0; k < node.outputs.size(); ++k)
        if (s->axes[k] != kWholeAxis && leaving_.contains(node.outputs[k])) {
            if (cut.why.empty())
                cut.why =
                    fmt::format("layers behind read '{}' whole", graph_.at(node.outputs[k]).name);
            return from;
        }
    return {};
}

void Attempt::take(NodeId n, const Spread& s, const std::set<NodeId>& from) {
    const Node& node = graph_.at(n);
    if (s.part != TensorCut::Part::kWhole) cut.parts[n] = s.part;
    for (size_t k = 0; k < node.outputs.size(); ++k) {
        if (!node.outputs[k].valid()) continue;
        states_[node.outputs[k].v] = {s.axes[k], from};
        if (s.axes[k] != kWholeAxis) cut.split.insert(node.outputs[k]);
        if (s.sum) cut.sums.insert(node.outputs[k]);
    }
    for (const ValueId id : node.inputs)
        if (moves(id) && !cut.split.contains(id)) cut.gradients.insert(id);
    for (const size_t k : s.constants)
        if (weights_.insert(node.inputs[k]).second)
            cut.split_parameters += static_cast<double>(elements_of(graph_, node.inputs[k]));
}

/// Norms and contractions read what came in again on the way back.
void Attempt::keep(const Node& node) {
    const OpFamily family = model::family(node.op);
    if (family != OpFamily::Norm && family != OpFamily::MatMul && family != OpFamily::Conv) return;
    for (const ValueId id : node.inputs)
        if (moves(id) && !cut.split.contains(id) && kept_.insert(id).second)
            cut.whole_kept += static_cast<double>(elements_of(graph_, id));
}

/// What the layer makes and nodes outside of it read.
std::set<ValueId> leaving(const Graph& graph, const std::vector<NodeId>& nodes) {
    const std::set<NodeId> mine(nodes.begin(), nodes.end());
    std::set<ValueId> made, out;
    for (const NodeId n : nodes)
        for (const ValueId id : graph.at(n).outputs)
            if (id.valid()) made.insert(id);
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
        if (mine.contains({static_cast<int32_t>(n)})) continue;
        for (const ValueId id : graph.nodes[n].inputs)
            if (id.valid() && made.contains(id)) out.insert(id);
    }
    return out;
}

}  // namespace

TensorCut tensor_cut(const Graph& graph, const std::vector<NodeId>& nodes,
                     const std::vector<bool>& moved, int t) {
    const std::set<ValueId> out = leaving(graph, nodes);
    std::set<NodeId> whole;
    std::string why;
    while (true) {
        Attempt attempt(graph, nodes, moved, out, t);
        const std::set<NodeId> more = attempt.run(whole);
        if (why.empty()) why = attempt.cut.why;
        if (more.empty()) {
            attempt.cut.why = why;
            return attempt.cut;
        }
        whole.insert(more.begin(), more.end());
    }
}

}  // namespace smeaton::driver
