#include "model/grad/training_form.h"

#include <map>

#include "base/error.h"
#include "model/shape/norm.h"

namespace smeaton::model {

namespace {

bool is_float_constant(const Graph& graph, ValueId id) {
    const Value& value = graph.at(id);
    return value.constant && tensor::is_float(value.constant->dtype());
}

}  // namespace

void prepare_training_form(Graph& graph) {
    std::vector<Node> kept;
    for (Node& node : graph.nodes) {
        if (node.op == OpType::kIdentity && node.inputs.size() == 1 && node.inputs[0].valid() &&
            is_float_constant(graph, node.inputs[0])) {
            graph.at(node.outputs[0]).constant = graph.at(node.inputs[0]).constant;
            continue;
        }
        if (node.op == OpType::kDropout && node.since_version >= 12 && node.inputs.size() > 2)
            node.inputs.resize(2);
        kept.push_back(std::move(node));
    }
    graph.nodes = std::move(kept);
}

std::set<ValueId> running_statistics(const Graph& graph) {
    std::set<ValueId> found;
    for (const Node& node : graph.nodes) {
        if (node.op != OpType::kBatchNormalization) continue;
        for (size_t k = 3; k <= 4; ++k)
            if (has_input(node, k)) found.insert(node.inputs[k]);
    }
    return found;
}

namespace {

/// Adds result k where the node leaves it out.
void add_result(Composer& c, Node& node, size_t k, DType dtype, const Sizes& shape) {
    if (node.outputs.size() <= k) node.outputs.resize(k + 1);
    if (node.outputs[k].valid()) return;
    Value value;
    value.name = c.fresh_value(fmt::format("{}.{}", node.name, k));
    value.dtype = dtype;
    value.shape = {shape.begin(), shape.end()};
    c.graph().values.push_back(std::move(value));
    node.outputs[k] = {static_cast<int32_t>(c.graph().values.size()) - 1};
}

void complete(Composer& c, Node& node) {
    if (node.op == OpType::kTopK) add_result(c, node, 1, DType::kI64, c.shape_of(node.outputs[0]));
    if (node.op == OpType::kMaxPool && node.since_version >= 8 &&
        attribute_int(node, "storage_order", 0) == 0)
        add_result(c, node, 1, DType::kI64, c.shape_of(node.outputs[0]));
    if (node.op != OpType::kLayerNormalization) return;
    const AxisRange range = layer_norm_axes(NodeView(c.graph(), node));
    Sizes shape = c.shape_of(node.inputs[0]);
    for (int64_t d = range.begin; d < range.end; ++d) shape[static_cast<size_t>(d)] = 1;
    const bool wide = c.dtype_of(node.inputs[0]) == DType::kF64;
    for (size_t k = 1; k <= 2; ++k) add_result(c, node, k, wide ? DType::kF64 : DType::kF32, shape);
}

/// Writes the nodes of a graph anew, with others before them.
class Rewriter {
public:
    Rewriter(Graph& graph, Composer& c) : graph_(graph), c_(c) {}

    TrainingForm run() {
        std::vector<Node> nodes = std::move(graph_.nodes);
        graph_.nodes.clear();
        for (Node& node : nodes) {
            c_.stand_for(node.name);
            if (node.op == OpType::kDropout) {
                drop(node);
            } else {
                if (node.op == OpType::kBatchNormalization) take_statistics(node);
                complete(c_, node);
                graph_.nodes.push_back(std::move(node));
            }
        }
        for (const auto& [input, next] : next_) state_next(input, next);
        return std::move(form_);
    }

private:
    void take_statistics(Node& node) {
        const Expr x = c_.of(node.inputs[0]);
        const Sizes parameter = c_.shape_of(node.inputs[1]);
        std::vector<int64_t> axes = {0};
        for (int64_t d = 2; parameter.size() == 1 && d < x.rank(); ++d) axes.push_back(d);
        const Expr m = mean(x, axes), centred = x - m;
        const Expr v = mean(centred * centred, axes);
        const double momentum = attribute_float(node, "momentum", 0.9);
        advance(node.inputs[3], reshape(m, parameter), momentum);
        advance(node.inputs[4], reshape(v, parameter), momentum);
        const DType t = c_.dtype_of(node.inputs[3]);
        node.inputs[3] = cast(reshape(m, parameter), t).id;
        node.inputs[4] = cast(reshape(v, parameter), t).id;
        node.outputs.resize(1);
        node.attributes.erase("training_mode");
        node.attributes.erase("is_test");
        form_.on_batch_statistics.insert(node.name);
    }

    /// A statistic that two nodes share moves twice.
    void advance(ValueId running, Expr current, double momentum) {
        if (!graph_.at(running).constant) return;
        const auto found = next_.find(running);
        const Expr old = c_.of(found == next_.end() ? running : found->second);
        const Expr now = cast(current, old.dtype());
        next_[running] = (old * momentum + now * (1 - momentum)).id;
    }

    void state_next(ValueId running, ValueId next) {
        Value& value = graph_.at(running);
        const std::string output = c_.fresh_value(value.name + ".next");
        form_.statistics.push_back({value.name, *value.constant, output});
        value.constant.reset();
        graph_.inputs.push_back(running);
        const Expr made = c_.of(next);
        const Expr named = c_.node(OpType::kIdentity, {made}, {}, made.dtype(), made.shape());
        graph_.at(named.id).name = output;
        graph_.outputs.push_back(named.id);
    }

    double ratio_of(const Node& node) const {
        if (node.since_version < 12) return attribute_float(node, "ratio", 0.5);
        if (!has_input(node, 1)) return 0.5;
        const Tensor* ratio = constant_input(graph_, node, 1);
        if (!ratio || ratio->elements() != 1)
            throw UserError("node {} (Dropout): its ratio must be one constant", node.name);
        return ratio->at_as_double(0);
    }

    void drop(Node& node) {
        const double ratio = ratio_of(node);
        if (!(ratio >= 0 && ratio < 1))
            throw UserError("node {} (Dropout): ratio {} is not within 0 <= ratio < 1", node.name,
                            ratio);
        const Expr x = c_.of(node.inputs[0]);
        const Expr mask = c_.input(node.name + ".mask", x.dtype(), x.shape());
        form_.masks.push_back({graph_.at(mask.id).name, ratio});
        (void)(x * mask);  // the product takes the place of the node
        graph_.nodes.back().outputs[0] = node.outputs[0];
        if (node.outputs.size() < 2 || !node.outputs[1].valid()) return;
        Expr kept = greater(mask, 0);
        if (c_.dtype_of(node.outputs[1]) != DType::kBool)
            kept = cast(kept, c_.dtype_of(node.outputs[1]));
        graph_.nodes.back().outputs[0] = node.outputs[1];
    }

    Graph& graph_;
    Composer& c_;
    TrainingForm form_;
    std::map<ValueId, ValueId> next_;
};

}  // namespace

TrainingForm to_training_form(Graph& graph, Composer& c) {
    return Rewriter(graph, c).run();
}

void complete_results(Graph& graph, Composer& c) {
    for (Node& node : graph.nodes) complete(c, node);
}

}  // namespace smeaton::model
