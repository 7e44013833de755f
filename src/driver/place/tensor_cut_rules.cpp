#include "driver/place/tensor_cut_rules.h"

#include <algorithm>

namespace smeaton::driver {

namespace {

using model::NodeView;
using model::OpFamily;
using model::OpType;
using Part = TensorCut::Part;
using Sizes = std::vector<int64_t>;
using MaybeSpread = std::optional<Spread>;

Sizes sizes(const std::vector<tensor::Dim>& shape) {
    Sizes out;
    for (const tensor::Dim& d : shape) out.push_back(d.is_const() ? d.value() : 0);
    return out;
}
Sizes operand(const NodeView& view, size_t k) {
    return sizes(view.shape(k));
}
Sizes result(const NodeView& view, size_t k = 0) {
    return sizes(*view.graph().at(view.node().outputs[k]).shape);
}
bool is_constant(const NodeView& view, size_t k) {
    return view.has(k) && view.graph().at(view.node().inputs[k]).constant.has_value();
}

int64_t first_split(const std::vector<int64_t>& axes) {
    for (const int64_t a : axes)
        if (a != kWholeAxis) return a;
    return kWholeAxis;
}

/// All results along one axis, as far as t divides it.
MaybeSpread along(const NodeView& view, int64_t axis, int t) {
    Spread s;
    for (size_t k = 0; k < view.node().outputs.size(); ++k) {
        s.axes.push_back(axis);
        if (!view.node().outputs[k].valid()) continue;
        const Sizes out = result(view, k);
        if (axis < 0 || axis >= static_cast<int64_t>(out.size())) return {};
        if (out[static_cast<size_t>(axis)] % t != 0) return {};
    }
    return s;
}

/// Operands broadcast: split ones lie on one axis of the result.
MaybeSpread elementwise(const NodeView& view, const std::vector<int64_t>& axes, int t) {
    const auto rank = static_cast<int64_t>(result(view).size());
    int64_t axis = kWholeAxis;
    for (size_t k = 0; k < axes.size(); ++k) {
        if (axes[k] == kWholeAxis) continue;
        const int64_t place = axes[k] + rank - view.rank(k);
        if (axis != kWholeAxis && axis != place) return {};
        axis = place;
    }
    MaybeSpread s = along(view, axis, t);
    for (size_t k = 0; s && k < axes.size(); ++k) {
        if (!is_constant(view, k)) continue;
        const int64_t place = axis - (rank - view.rank(k));
        if (place >= 0 && operand(view, k)[static_cast<size_t>(place)] > 1)
            s->constants.push_back(k);
    }
    return s;
}

/// Heads of one operand meet the same heads of the other; a weight that has them is cut with them.
MaybeSpread product(const NodeView& view, const std::vector<int64_t>& axes, int t) {
    const auto rank = static_cast<int64_t>(result(view).size());
    if (view.rank(0) < 2 || view.rank(1) < 2) return {};
    // Counted from the back: 0 the columns, 1 the rows, 2 and more what both are many of.
    auto from_back = [&](size_t k) {
        return axes[k] == kWholeAxis ? kWholeAxis : view.rank(k) - 1 - axes[k];
    };
    const int64_t a = from_back(0), b = from_back(1);
    if (a == 0) {
        if (b != 1 && !(b == kWholeAxis && is_constant(view, 1))) return {};
        Spread s{std::vector<int64_t>(1, kWholeAxis), Part::kInner, true, {}};
        if (is_constant(view, 1)) s.constants = {1};
        return s;
    }
    if (b == 1 || (a == 1 && b != kWholeAxis)) return {};
    if (b == 0 && a != kWholeAxis) return {};
    if (a >= 2 && b >= 2 && a != b) return {};
    const int64_t back = a != kWholeAxis ? a : b;
    MaybeSpread s = along(view, rank - 1 - back, t);
    if (!s) return {};
    s->part = b == 0 ? Part::kColumns : Part::kRows;
    for (const size_t k : {size_t{0}, size_t{1}}) {
        const int64_t place = view.rank(k) - 1 - back;
        const bool many =
            back >= 2 && place >= 0 && operand(view, k)[static_cast<size_t>(place)] > 1;
        if (many && is_constant(view, k)) s->constants.push_back(k);
    }
    return s;
}

/// The same elements in the same order: an axis goes to the one that counts the same blocks.
MaybeSpread reshaped(const NodeView& view, int64_t axis, int t) {
    const Sizes in = operand(view, 0), out = result(view);
    int64_t before = 1, passed = 1;
    for (int64_t i = 0; i < axis; ++i) before *= in[static_cast<size_t>(i)];
    for (size_t j = 0; j < out.size() && passed <= before; ++j) {
        if (passed == before && out[j] > 1) return along(view, static_cast<int64_t>(j), t);
        passed *= out[j];
    }
    return {};
}

/// Does the norm take all of the axis together?
bool normalizes(const NodeView& view, int64_t axis) {
    const int64_t rank = view.rank(0);
    switch (view.node().op) {
        case OpType::kSoftmax:
        case OpType::kLogSoftmax:
            return view.axis(view.attr("axis", -1), rank) == axis;
        case OpType::kLayerNormalization:
        case OpType::kRMSNormalization:
            return view.axis(view.attr("axis", -1), rank) <= axis;
        default:
            return true;
    }
}

MaybeSpread transposed(const NodeView& view, int64_t axis, int t) {
    Sizes perm;
    for (int64_t i = view.rank(0); i-- > 0;) perm.push_back(i);
    perm = view.attrs("perm", perm);
    return along(view, std::find(perm.begin(), perm.end(), axis) - perm.begin(), t);
}

/// What is many of the axis in one part may be cut within each part: weights are laid out so.
MaybeSpread concatenated(const NodeView& view, const std::vector<int64_t>& axes, int t) {
    for (size_t k = 0; k < axes.size(); ++k)
        if (axes[k] != axes[0]) return {};
    return along(view, axes[0], t);
}

MaybeSpread gathered(const NodeView& view, const std::vector<int64_t>& axes, int t) {
    const int64_t over = view.axis(view.attr("axis", 0), view.rank(0));
    if (axes[0] == kWholeAxis || axes[0] == over) return {};
    return along(view, axes[0] < over ? axes[0] : axes[0] + view.rank(1) - 1, t);
}

MaybeSpread moved(const NodeView& view, const std::vector<int64_t>& axes, int t) {
    const int64_t axis = axes[0];
    switch (view.node().op) {
        case OpType::kConcat:
            return concatenated(view, axes, t);
        case OpType::kTranspose:
            return transposed(view, axis, t);
        case OpType::kReshape:
        case OpType::kFlatten:
        case OpType::kSqueeze:
        case OpType::kUnsqueeze:
            return reshaped(view, axis, t);
        case OpType::kExpand:
            return along(view, axis + static_cast<int64_t>(result(view).size()) - view.rank(0), t);
        case OpType::kIdentity:
        case OpType::kSplit:
        case OpType::kSlice:
            return along(view, axis, t);
        default:
            return {};
    }
}

}  // namespace

std::optional<Spread> spread(const NodeView& view, const std::vector<int64_t>& axes, int t) {
    const int64_t axis = first_split(axes);
    switch (model::family(view.node().op)) {
        case OpFamily::Elementwise:
            return elementwise(view, axes, t);
        case OpFamily::MatMul:
            if (view.node().op == OpType::kMatMul) return product(view, axes, t);
            if (view.node().op == OpType::kGemm && axes[0] == 1 - view.attr("transA", 0) &&
                axes[0] == 1 && is_constant(view, 1))
                return Spread{{kWholeAxis}, Part::kInner, true, {1}};
            return {};
        case OpFamily::Norm:
            if (axes[0] == kWholeAxis || normalizes(view, axis)) return {};
            return along(view, axis, t);
        case OpFamily::Reduce: {
            const Sizes in = operand(view, 0), out = result(view);
            const auto at = static_cast<size_t>(axis);
            if (axes[0] == kWholeAxis || in.size() != out.size() || in[at] != out[at]) return {};
            return along(view, axis, t);
        }
        case OpFamily::Index:
            return view.node().op == OpType::kGather ? gathered(view, axes, t) : MaybeSpread{};
        case OpFamily::Move:
            return axes[0] == kWholeAxis ? MaybeSpread{} : moved(view, axes, t);
        default:
            return {};
    }
}

std::optional<Spread> split_columns(const NodeView& view, int t) {
    const OpType op = view.node().op;
    if ((op != OpType::kMatMul && op != OpType::kGemm) || !is_constant(view, 1)) return {};
    if (view.rank(1) < 2) return {};
    MaybeSpread s = along(view, static_cast<int64_t>(result(view).size()) - 1, t);
    if (!s) return {};
    s->part = Part::kColumns;
    s->constants = {1};
    if (op == OpType::kGemm && is_constant(view, 2)) s->constants.push_back(2);
    return s;
}

}  // namespace smeaton::driver
