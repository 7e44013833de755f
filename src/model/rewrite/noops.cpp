#include "model/rewrite/noops.h"

#include <algorithm>
#include <cmath>

#include "model/rewrite/edit.h"
#include "model/shape/move.h"
#include "model/shape/resize.h"
#include "tensor/open.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

/// True when operand k is a constant all of whose elements are `wanted`; of floats the sign of a
/// zero counts too.
bool all_elements_are(const Graph& graph, const Node& node, size_t k, double wanted) {
    const Tensor* tensor = constant_input(graph, node, k);
    if (!tensor || tensor::is_open(*tensor) || tensor->elements() > 65536 ||
        tensor->dtype() == DType::kString)
        return false;
    for (int64_t i = 0; i < tensor->elements(); ++i) {
        const double element = tensor->at_as_double(i);
        if (element != wanted) return false;
        if (tensor::is_float(tensor->dtype()) && std::signbit(element) != std::signbit(wanted))
            return false;
    }
    return true;
}

/// The operand that an arithmetic node with a neutral constant gives back: 0, 1, or none (-1).
int neutral_operand(const Graph& graph, const Node& node) {
    if (node.since_version < 7) return -1;
    auto is = [&](size_t k, double v) { return all_elements_are(graph, node, k, v); };
    // Of floats, -0 + 0 is +0: only adding -0 and subtracting +0 change nothing.
    const double nothing = tensor::is_float(*graph.at(node.outputs[0]).dtype) ? -0.0 : 0.0;
    switch (node.op) {
        case OpType::kAdd:
            return is(1, nothing) ? 0 : is(0, nothing) ? 1 : -1;
        case OpType::kMul:
            return is(1, 1) ? 0 : is(0, 1) ? 1 : -1;
        case OpType::kSub:
            return is(1, 0) ? 0 : -1;
        case OpType::kDiv:
        case OpType::kPow:
            return is(1, 1) ? 0 : -1;
        default:
            return -1;
    }
}

bool slice_is_whole(const NodeView& view) {
    const SliceRange range = slice_range(view);
    for (size_t d = 0; d < range.steps.size(); ++d) {
        const Dim& size = view.shape(0)[d];
        if (range.sizes[d] != size) return false;
        const bool single = size.is(0) || size.is(1);
        if (range.steps[d] != 1 && !single) return false;
    }
    return true;
}

bool pads_nothing(const NodeView& view) {
    const KnownPtr given = view.version() >= 11 ? view.try_known(1) : nullptr;
    if (view.version() >= 11 && !(given && given->is_const())) return false;
    const Padding padding = padding_of(view);
    auto zero = [](int64_t p) { return p == 0; };
    return std::all_of(padding.begins.begin(), padding.begins.end(), zero) &&
           std::all_of(padding.ends.begin(), padding.ends.end(), zero);
}

bool resizes_nothing(const NodeView& view) {
    return resize_of(view).keeps(view.shape(0));
}

bool permutes_nothing(const NodeView& view) {
    const std::vector<int64_t> perm = transpose_perm(view);
    return std::is_sorted(perm.begin(), perm.end());
}

/// The operand that the node gives back unchanged, or -1.
int unchanged_operand(const Graph& graph, const Node& node) {
    const NodeView view(graph, node);
    const Value& out = graph.at(node.outputs[0]);
    const bool same = has_input(node, 0) && *out.shape == view.shape(0);
    switch (node.op) {
        case OpType::kIdentity:
        case OpType::kDropout:
            return 0;
        case OpType::kCast:
            return out.dtype == view.dtype(0) ? 0 : -1;
        case OpType::kReshape:
        case OpType::kSqueeze:
        case OpType::kUnsqueeze:
        case OpType::kFlatten:
        case OpType::kExpand:
        case OpType::kTile:
            return same ? 0 : -1;
        case OpType::kSlice:
            return same && slice_is_whole(view) ? 0 : -1;
        case OpType::kPad:
            return same && pads_nothing(view) ? 0 : -1;
        case OpType::kTranspose:
            return same && permutes_nothing(view) ? 0 : -1;
        case OpType::kResize:
        case OpType::kUpsample:
            return same && resizes_nothing(view) ? 0 : -1;
        case OpType::kConcat:
        case OpType::kSum:
        case OpType::kMax:
        case OpType::kMin:
            return node.inputs.size() == 1 ? 0 : -1;
        case OpType::kSplit:
            return node.outputs.size() == 1 && same ? 0 : -1;
        default:
            break;
    }
    const int kept = neutral_operand(graph, node);
    if (kept < 0 || view.shape(static_cast<size_t>(kept)) != *out.shape) return -1;
    return view.dtype(static_cast<size_t>(kept)) == out.dtype ? kept : -1;
}

class Remover {
public:
    explicit Remover(ShapedGraph shaped)
        : shaped_(std::move(shaped)),
          graph_(shaped_.graph),
          substitution_(graph_),
          producers_(producers_of(graph_)),
          erased_(graph_.nodes.size(), false) {}

    Rewritten run() {
        // Values may be added on the way; node count stays.
        for (size_t n = 0; n < graph_.nodes.size(); ++n) {
            for (ValueId& id : graph_.nodes[n].inputs) id = substitution_.find(id);
            join_chain(n);
            drop_empty_operands(graph_.nodes[n]);
            visit(n);
        }
        substitution_.apply(graph_);
        if (changes_ > 0) erase_nodes(graph_, erased_);
        return {std::move(shaped_), changes_};
    }

private:
    void visit(size_t n) {
        Node& node = graph_.nodes[n];
        if (!node.outputs[0].valid()) return;
        const int kept = unchanged_operand(graph_, node);
        if (kept < 0) return;
        if (node.op == OpType::kDropout && !replace_mask(node)) return;
        const ValueId from = node.inputs[static_cast<size_t>(kept)];
        const ValueId to = node.outputs[0];
        if (!is_graph_output(graph_, to)) {
            substitution_.replace(to, from);
            erase(n);
            return;
        }
        const int32_t producer = producers_[index_of(from)];
        if (producer >= 0 && !is_graph_output(graph_, from)) {
            // The producer makes the output itself.
            Node& maker = graph_.nodes[static_cast<size_t>(producer)];
            std::replace(maker.outputs.begin(), maker.outputs.end(), from, to);
            producers_[index_of(to)] = producer;
            substitution_.replace(from, to);
            erase(n);
            return;
        }
        if (node.op == OpType::kIdentity) return;
        node.op = OpType::kIdentity;
        node.op_name = "Identity";
        node.since_version = 1;
        node.attributes.clear();
        node.inputs = {from};
        ++changes_;
    }

    void erase(size_t n) {
        erased_[n] = true;
        ++changes_;
    }

    /// The mask of a Dropout that drops nothing is all true; before version 12 all zero (lowering
    /// says why).
    bool replace_mask(Node& node) {
        if (node.outputs.size() < 2 || !node.outputs[1].valid()) return true;
        Value& mask = graph_.at(node.outputs[1]);
        std::vector<int64_t> shape;
        if (!const_dims(mask, shape)) return false;
        Tensor kept(*mask.dtype, shape);
        const double value = node.since_version >= 12 ? 1 : 0;
        for (int64_t i = 0; i < kept.elements(); ++i) kept.set_from_double(i, value);
        mask.constant = std::move(kept);
        node.outputs.pop_back();
        return true;
    }

    void drop_empty_operands(Node& node) {
        if (node.op != OpType::kConcat || node.inputs.size() < 2) return;
        const auto axis = static_cast<size_t>(move_axis(NodeView(graph_, node)));
        auto empty = [&](ValueId id) { return (*graph_.at(id).shape)[axis].is(0); };
        const auto count = std::count_if(node.inputs.begin(), node.inputs.end(), empty);
        if (count == 0 || count == static_cast<int64_t>(node.inputs.size())) return;
        std::erase_if(node.inputs, empty);
        ++changes_;
    }

    const Node* producer_of(ValueId id) const {
        const int32_t n = producers_[index_of(id)];
        if (n < 0 || erased_[static_cast<size_t>(n)]) return nullptr;
        return &graph_.nodes[static_cast<size_t>(n)];
    }

    void join_chain(size_t n) {
        Node& node = graph_.nodes[n];
        const bool joins = node.op == OpType::kTranspose || only_changes_shape(node.op);
        const Node* before = joins ? producer_of(node.inputs[0]) : nullptr;
        if (!before) return;
        if (node.op == OpType::kTranspose && before->op == OpType::kTranspose) {
            const std::vector<int64_t> first = transpose_perm(NodeView(graph_, *before));
            std::vector<int64_t> perm = transpose_perm(NodeView(graph_, node));
            for (int64_t& p : perm) p = first[static_cast<size_t>(p)];
            node.attributes["perm"] = perm;
            node.inputs[0] = before->inputs[0];
            absorb_origins(node, *before);
            ++changes_;
        } else if (only_changes_shape(node.op) && only_changes_shape(before->op)) {
            std::vector<int64_t> shape;
            if (!const_dims(graph_.at(node.outputs[0]), shape)) return;
            const ValueId from = before->inputs[0];
            absorb_origins(node, *before);
            const std::string wanted = graph_.at(node.outputs[0]).name + ".shape";
            const ValueId target = add_constant(graph_, wanted, tensor::of_i64(shape));
            producers_.resize(graph_.values.size(), -1);
            node.op = OpType::kReshape;
            node.op_name = "Reshape";
            node.since_version = 14;
            node.attributes = {{"allowzero", int64_t{1}}};
            node.inputs = {from, target};
            ++changes_;
        }
    }

    ShapedGraph shaped_;
    Graph& graph_;
    Substitution substitution_;
    std::vector<int32_t> producers_;
    std::vector<bool> erased_;
    int64_t changes_ = 0;
};

}  // namespace

Rewritten remove_noops(ShapedGraph shaped) {
    return Remover(std::move(shaped)).run();
}

}  // namespace smeaton::model
