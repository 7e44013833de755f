#include "model/rewrite/fold_affine.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "model/rewrite/edit.h"
#include "model/shape/elementwise.h"
#include "model/shape/window.h"
#include "tensor/open.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

/// y[n, c, ...] = x[n, c, ...] * scale[c] + shift[c].
struct Affine {
    size_t operand = 0;  ///< which input is x
    std::vector<double> scale;
    std::vector<double> shift;

    bool scales() const {
        return std::any_of(scale.begin(), scale.end(), [](double s) { return s != 1; });
    }
    bool shifts() const {
        return std::any_of(shift.begin(), shift.end(), [](double s) { return s != 0; });
    }
    bool finite() const {
        auto ok = [](double v) { return std::isfinite(v); };
        return std::all_of(scale.begin(), scale.end(), ok) &&
               std::all_of(shift.begin(), shift.end(), ok);
    }
};

/// Numbers that scales and shifts may go into.
bool is_foldable(const Tensor* t) {
    return t && !tensor::is_open(*t) && (t->dtype() == DType::kF32 || t->dtype() == DType::kF64);
}

std::optional<Affine> batch_norm_affine(const Graph& graph, const Node& node) {
    const bool training = attribute_int(node, "training_mode", 0) != 0 || node.outputs.size() > 1;
    if (training || (node.since_version < 9 && attribute_int(node, "spatial", 1) == 0)) return {};
    const Tensor* parts[4];
    for (size_t k = 0; k < 4; ++k) {
        parts[k] = constant_input(graph, node, k + 1);
        if (!is_foldable(parts[k])) return {};
    }
    const double epsilon = attribute_float(node, "epsilon", 1e-5);
    Affine affine;
    for (int64_t c = 0; c < parts[0]->elements(); ++c) {
        const double scale =
            parts[0]->at_as_double(c) / std::sqrt(parts[3]->at_as_double(c) + epsilon);
        affine.scale.push_back(scale);
        affine.shift.push_back(parts[1]->at_as_double(c) - parts[2]->at_as_double(c) * scale);
    }
    return affine;
}

// No weights have more; sizes of graph inputs, which cost nothing yet, may.
constexpr int64_t kMostChannels = 1 << 20;

/// The elements of a constant operand by channel: one for each of `channels`; nothing where it
/// varies along another dim than 1.
std::optional<std::vector<double>> by_channel(const Tensor& tensor, const Shape& aligned,
                                              int64_t channels) {
    for (size_t d = 0; d < aligned.size(); ++d) {
        if (d != 1 && !aligned[d].is(1)) return {};
    }
    std::vector<double> result;
    for (int64_t c = 0; c < channels; ++c) {
        result.push_back(tensor.at_as_double(tensor.elements() == 1 ? 0 : c));
    }
    return result;
}

std::optional<Affine> arithmetic_affine(const Graph& graph, const Node& node) {
    if (node.since_version < 7) return {};
    const NodeView view(graph, node);
    for (size_t k = 0; k < 2; ++k) {
        const Tensor* constant = constant_input(graph, node, k);
        if (!is_foldable(constant)) continue;
        const size_t x = 1 - k;
        const Shape& shape = view.shape(x);
        if (shape.size() < 2 || !shape[1].is_const()) return {};
        if (shape[1].value() > kMostChannels) return {};
        if (shape != *graph.at(node.outputs[0]).shape) return {};
        if (node.op == OpType::kDiv && k == 0) return {};
        const auto values = by_channel(*constant, aligned_operands(view)[k], shape[1].value());
        if (!values) return {};
        Affine affine;
        affine.operand = x;
        affine.scale.assign(values->size(), 1);
        affine.shift.assign(values->size(), 0);
        for (size_t c = 0; c < values->size(); ++c) {
            const double v = (*values)[c];
            if (node.op == OpType::kMul) affine.scale[c] = v;
            if (node.op == OpType::kDiv) affine.scale[c] = 1 / v;
            if (node.op == OpType::kAdd) affine.shift[c] = v;
            if (node.op == OpType::kSub) affine.shift[c] = k == 1 ? -v : v;
            if (node.op == OpType::kSub && k == 0) affine.scale[c] = -1;
        }
        return affine;
    }
    return {};
}

std::optional<Affine> affine_of(const Graph& graph, const Node& node) {
    std::optional<Affine> affine;
    switch (node.op) {
        case OpType::kBatchNormalization:
            affine = batch_norm_affine(graph, node);
            break;
        case OpType::kAdd:
        case OpType::kSub:
        case OpType::kMul:
        case OpType::kDiv:
            affine = arithmetic_affine(graph, node);
            break;
        default:
            break;
    }
    if (affine && !affine->finite()) return {};
    return affine;
}

/// The weights of a Conv, ConvTranspose or Gemm, seen as [.., output channel, .., input channel,
/// ..].
struct Weights {
    const Tensor* tensor = nullptr;
    std::vector<double> bias;  ///< one per output channel
    int64_t outputs = 0;
    int64_t inputs = 0;

    int64_t kernel = 1;  ///< elements per pair of channels
    int64_t groups = 1;
    bool output_first =
        true;  ///< w[output][input in group][kernel]; else w[input][output in group]

    int64_t output_channel(int64_t i) const {
        const int64_t first = i / (kernel * inner());
        if (output_first) return first;
        return first / (inputs / groups) * inner() + i / kernel % inner();
    }
    int64_t input_channel(int64_t i) const {
        const int64_t first = i / (kernel * inner());
        if (!output_first) return first;
        return first / (outputs / groups) * inner() + i / kernel % inner();
    }

private:
    int64_t inner() const { return (output_first ? inputs : outputs) / groups; }
};

bool read_bias(const Graph& graph, const Node& node, Weights& weights) {
    weights.bias.assign(static_cast<size_t>(weights.outputs), 0);
    if (!has_input(node, 2)) return true;
    const Tensor* bias = constant_input(graph, node, 2);
    if (!is_foldable(bias)) return false;
    const int64_t count = bias->elements();
    const bool row = !bias->shape().empty() && bias->shape().back() == count;
    if (count != 1 && !(row && count == weights.outputs)) return false;
    const double beta = node.op == OpType::kGemm ? attribute_float(node, "beta", 1) : 1;
    for (int64_t c = 0; c < weights.outputs; ++c) {
        weights.bias[static_cast<size_t>(c)] = beta * bias->at_as_double(count == 1 ? 0 : c);
    }
    return true;
}

/// Nothing where a weight or bias is not constant.
std::optional<Weights> weights_of(const Graph& graph, const Node& node) {
    if (node.op != OpType::kConv && node.op != OpType::kConvTranspose && node.op != OpType::kGemm) {
        return {};
    }
    Weights weights;
    weights.tensor = constant_input(graph, node, 1);
    if (!is_foldable(weights.tensor)) return {};
    const std::vector<int64_t>& shape = weights.tensor->shape();
    if (weights.tensor->elements() == 0) return {};
    for (size_t d = 2; d < shape.size(); ++d) weights.kernel *= shape[d];
    if (node.op == OpType::kGemm) {
        weights.output_first = attribute_int(node, "transB", 0) != 0;
        weights.outputs = shape[weights.output_first ? 0 : 1];
        weights.inputs = shape[weights.output_first ? 1 : 0];
        if (node.since_version < 7 && has_input(node, 2)) return {};
    } else {
        weights.groups = attribute_int(node, "group", 1);
        weights.output_first = node.op == OpType::kConv;
        weights.outputs = weights.output_first ? shape[0] : shape[1] * weights.groups;
        weights.inputs = weights.output_first ? shape[1] * weights.groups : shape[0];
    }
    if (!read_bias(graph, node, weights)) return {};
    return weights;
}

/// `product` of `value` and `factor` lost nothing but rounding: it neither overflowed nor sank
/// below the normal numbers. Where it does, activations of the other extreme would come out wrong.
template <class T>
bool holds(T product, double value, double factor) {
    if (!std::isfinite(value) || value == 0 || factor == 0) return true;
    return std::isnormal(product) || (std::fpclassify(product) == FP_SUBNORMAL && factor == 1);
}

/// Nothing where a product does not hold.
template <class T, class Factor>
std::optional<Tensor> scaled_as(const Tensor& tensor, Factor&& factor) {
    Tensor result(tensor.dtype(), tensor.shape());
    const std::span<const T> from = tensor.as<T>();
    const std::span<T> to = result.mutable_as<T>();
    for (size_t i = 0; i < from.size(); ++i) {
        const double f = factor(static_cast<int64_t>(i));
        to[i] = static_cast<T>(from[i] * f);
        if (!holds(to[i], from[i], f)) return {};
    }
    return result;
}

/// All are finite in the weights' element type, as they were.
bool representable(const std::vector<double>& values, DType dtype) {
    return std::all_of(values.begin(), values.end(), [&](double v) {
        return dtype == DType::kF32 ? std::isfinite(static_cast<float>(v)) : std::isfinite(v);
    });
}

template <class Factor>
std::optional<Tensor> scaled(const Tensor& tensor, Factor&& factor) {
    return tensor.dtype() == DType::kF32 ? scaled_as<float>(tensor, factor)
                                         : scaled_as<double>(tensor, factor);
}

void set_weights(Graph& graph, Node& node, const Weights& weights, std::optional<Tensor> scaled,
                 const std::vector<double>& bias) {
    const DType dtype = weights.tensor->dtype();
    Tensor shifted(dtype, {static_cast<int64_t>(bias.size())});
    for (size_t c = 0; c < bias.size(); ++c) {
        shifted.set_from_double(static_cast<int64_t>(c), bias[c]);
    }
    if (scaled) node.inputs[1] = add_constant(graph, node.name + ".weight", std::move(*scaled));
    node.inputs.resize(3);
    node.inputs[2] = add_constant(graph, node.name + ".bias", std::move(shifted));
    if (node.op == OpType::kGemm) node.attributes["beta"] = 1.0;
}

/// `affine` follows the BatchNormalization `node`, whose scale and bias take it in.
bool fold_into_norm(Graph& graph, Node& node, const Affine& affine) {
    if (!batch_norm_affine(graph, node)) return false;
    const Tensor& scale = *constant_input(graph, node, 1);
    const Tensor& bias = *constant_input(graph, node, 2);
    if (static_cast<int64_t>(affine.scale.size()) != scale.elements()) return false;
    Tensor new_scale(scale.dtype(), scale.shape());
    Tensor new_bias(bias.dtype(), bias.shape());
    for (int64_t c = 0; c < scale.elements(); ++c) {
        const double factor = affine.scale[static_cast<size_t>(c)];
        const double product = scale.at_as_double(c) * factor;
        const double sum = bias.at_as_double(c) * factor + affine.shift[static_cast<size_t>(c)];
        new_scale.set_from_double(c, product);
        new_bias.set_from_double(c, sum);
        if (!representable({sum}, bias.dtype())) return false;
        const double kept = new_scale.at_as_double(c);
        const bool held = scale.dtype() == DType::kF32
                              ? holds(static_cast<float>(kept), scale.at_as_double(c), factor)
                              : holds(kept, scale.at_as_double(c), factor);
        if (!held) return false;
    }
    node.inputs[1] = add_constant(graph, node.name + ".scale", std::move(new_scale));
    node.inputs[2] = add_constant(graph, node.name + ".bias", std::move(new_bias));
    return true;
}

/// `affine` follows `node`.
bool fold_into_producer(Graph& graph, Node& node, const Affine& affine) {
    if (node.op == OpType::kBatchNormalization) return fold_into_norm(graph, node, affine);
    const std::optional<Weights> weights = weights_of(graph, node);
    if (!weights || static_cast<int64_t>(affine.scale.size()) != weights->outputs) return false;
    std::optional<Tensor> w;
    if (affine.scales()) {
        w = scaled(*weights->tensor, [&](int64_t i) {
            return affine.scale[static_cast<size_t>(weights->output_channel(i))];
        });
        if (!w) return false;
    }
    std::vector<double> bias = weights->bias;
    for (size_t c = 0; c < bias.size(); ++c) bias[c] = bias[c] * affine.scale[c] + affine.shift[c];
    if (!representable(bias, weights->tensor->dtype())) return false;
    set_weights(graph, node, *weights, std::move(w), bias);
    return true;
}

/// True when every output of the node sees every tap of its kernel.
bool pads_nothing(const Graph& graph, const Node& node) {
    if (node.op == OpType::kGemm) return true;
    if (node.op != OpType::kConv) return false;
    const Window window = conv_window(NodeView(graph, node));
    if (window.pads_begin.size() != window.kernel.size()) return false;
    auto none = [](int64_t p) { return p <= 0; };
    return std::all_of(window.pads_begin.begin(), window.pads_begin.end(), none) &&
           std::all_of(window.pads_end.begin(), window.pads_end.end(), none);
}

/// `affine` makes input 0 of `node`.
bool fold_into_reader(Graph& graph, Node& node, const Affine& affine) {
    const std::optional<Weights> weights = weights_of(graph, node);
    if (!weights || static_cast<int64_t>(affine.scale.size()) != weights->inputs) return false;
    if (node.op == OpType::kGemm && attribute_int(node, "transA", 0) != 0) return false;
    if (affine.shifts() && !pads_nothing(graph, node)) return false;
    const double alpha = node.op == OpType::kGemm ? attribute_float(node, "alpha", 1) : 1;
    std::vector<double> bias = weights->bias;
    for (int64_t i = 0; affine.shifts() && i < weights->tensor->elements(); ++i) {
        bias[static_cast<size_t>(weights->output_channel(i))] +=
            alpha * weights->tensor->at_as_double(i) *
            affine.shift[static_cast<size_t>(weights->input_channel(i))];
    }
    std::optional<Tensor> w;
    if (affine.scales()) {
        w = scaled(*weights->tensor, [&](int64_t i) {
            return affine.scale[static_cast<size_t>(weights->input_channel(i))];
        });
        if (!w) return false;
    }
    if (!representable(bias, weights->tensor->dtype())) return false;
    set_weights(graph, node, *weights, std::move(w), bias);
    return true;
}

class AffineFolder {
public:
    explicit AffineFolder(ShapedGraph shaped)
        : shaped_(std::move(shaped)),
          graph_(shaped_.graph),
          uses_(use_counts(graph_)),
          producers_(producers_of(graph_)),
          erased_(graph_.nodes.size(), false) {}

    Rewritten run() {
        const size_t count = graph_.nodes.size();
        for (size_t n = 0; n < count; ++n) fold_back(n);
        for (size_t n = 0; n < count; ++n) fold_forth(n);
        const auto changes = std::count(erased_.begin(), erased_.end(), true);
        if (changes > 0) erase_nodes(graph_, erased_);
        return {std::move(shaped_), changes};
    }

private:
    bool read_once(ValueId id) const {
        return index_of(id) < uses_.size() && uses_[index_of(id)] == 1 &&
               !is_graph_output(graph_, id);
    }

    /// Node n, an affine one, into the node that makes its operand.
    void fold_back(size_t n) {
        const std::optional<Affine> affine = affine_of(graph_, graph_.nodes[n]);
        if (!affine) return;
        const Node& node = graph_.nodes[n];
        const ValueId x = node.inputs[affine->operand];
        const int32_t producer = producers_[index_of(x)];
        if (producer < 0 || !read_once(x)) return;
        Node& maker = graph_.nodes[static_cast<size_t>(producer)];
        if (!fold_into_producer(graph_, maker, *affine)) return;
        absorb_origins(maker, node);
        maker.outputs[0] = node.outputs[0];
        producers_[index_of(node.outputs[0])] = producer;
        erased_[n] = true;
    }

    /// The affine node before node n into n.
    void fold_forth(size_t n) {
        Node& node = graph_.nodes[n];
        if (erased_[n] || node.inputs.empty() || !node.inputs[0].valid()) return;
        const ValueId x = node.inputs[0];
        if (!read_once(x) || producers_[index_of(x)] < 0) return;
        const auto before = static_cast<size_t>(producers_[index_of(x)]);
        const std::optional<Affine> affine = affine_of(graph_, graph_.nodes[before]);
        if (!affine || !fold_into_reader(graph_, node, *affine)) return;
        absorb_origins(node, graph_.nodes[before]);
        node.inputs[0] = graph_.nodes[before].inputs[affine->operand];
        erased_[before] = true;
    }

    ShapedGraph shaped_;
    Graph& graph_;
    std::vector<int32_t> uses_;
    std::vector<int32_t> producers_;
    std::vector<bool> erased_;
};

}  // namespace

Rewritten fold_affine(ShapedGraph shaped) {
    return AffineFolder(std::move(shaped)).run();
}

}  // namespace smeaton::model
