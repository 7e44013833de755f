#include "driver/simulate/layer_table.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "driver/batch.h"
#include "driver/feeds.h"
#include "driver/model_file.h"
#include "driver/naming.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/shape/window.h"
#include "model/unsupported.h"

namespace smeaton::driver {

namespace {

using model::NodeView;
using model::OpType;

std::vector<int64_t> numbers(const NodeView& view, const std::vector<Dim>& shape) {
    std::vector<int64_t> sizes;
    for (const Dim& d : shape) {
        if (!d.is_const())
            view.fail("a size of it is still open: {}; bind it with --dim NAME=VALUE or --batch",
                      d.str());
        sizes.push_back(d.value());
    }
    return sizes;
}

int64_t elements(const std::vector<int64_t>& shape, size_t from, size_t to) {
    return std::accumulate(shape.begin() + static_cast<long>(from),
                           shape.begin() + static_cast<long>(to), int64_t{1}, std::multiplies<>());
}

bool hands_on(OpType op) {
    return op == OpType::kIdentity || op == OpType::kDropout || op == OpType::kCast;
}

bool only_moves(OpType op) {
    switch (op) {
        case OpType::kReshape:
        case OpType::kTranspose:
        case OpType::kConcat:
        case OpType::kSplit:
        case OpType::kSlice:
        case OpType::kSqueeze:
        case OpType::kUnsqueeze:
        case OpType::kFlatten:
        case OpType::kExpand:
        case OpType::kTile:
        case OpType::kPad:
        case OpType::kDepthToSpace:
        case OpType::kSpaceToDepth:
            return true;
        default:
            return false;
    }
}

class Builder {
public:
    explicit Builder(const model::Graph& graph)
        : graph_(graph),
          made_by_(graph.values.size(), sim::kModelInput),
          readers_(made_by_.size()) {
        for (const model::Node& node : graph.nodes)
            for (model::ValueId id : node.inputs)
                if (id.valid()) ++readers_[index(id)];
        for (model::ValueId id : graph.outputs) ++readers_[index(id)];
    }

    sim::LayerTable table() {
        for (const model::Node& node : graph_.nodes) add(node);
        return std::move(table_);
    }

private:
    void add(const model::Node& node) {
        const NodeView view(graph_, node);
        if (is_constant(node.outputs[0])) return;
        if (hands_on(node.op)) {
            maker(node.outputs[0]) = maker(node.inputs[0]);
            return;
        }
        if (node.op == OpType::kAdd && add_bias(view)) return;
        sim::Layer layer{node.name, node.op_name, work(view), {}};
        for (model::ValueId id : node.inputs)
            if (id.valid() && !is_constant(id)) layer.operands.push_back(maker(id));
        for (model::ValueId id : node.outputs)
            if (id.valid()) maker(id) = static_cast<int>(table_.layers.size());
        table_.layers.push_back(std::move(layer));
    }

    /// Add of a constant row to the only use of a product: the product has a bias.
    bool add_bias(const NodeView& view) {
        const model::Node& node = view.node();
        const size_t constant = is_constant(node.inputs[0]) ? 0 : 1, product = 1 - constant;
        if (!is_constant(node.inputs[constant]) || is_constant(node.inputs[product])) return false;
        const int made = maker(node.inputs[product]);
        if (made == sim::kModelInput || readers_[index(node.inputs[product])] != 1) return false;
        sim::Layer& layer = table_.layers[static_cast<size_t>(made)];
        auto* c = std::get_if<sim::Contraction>(&layer.work);
        const std::vector<int64_t> row = numbers(view, view.shape(constant));
        if (!c || c->bias || row.empty() || row.back() != c->columns ||
            elements(row, 0, row.size()) != c->columns)
            return false;
        c->bias = true;
        maker(node.outputs[0]) = made;
        return true;
    }

    decltype(sim::Layer::work) work(const NodeView& view) const {
        const OpType op = view.node().op;
        if (op == OpType::kConv && view.rank(0) == 4) return convolution(view);
        if (op == OpType::kGemm) return gemm(view);
        if (op == OpType::kMatMul && view.rank(0) >= 2 && view.rank(1) >= 2) return matmul(view);
        if (only_moves(op)) return sim::Movement{};
        return vector_operator(view);
    }

    sim::Convolution convolution(const NodeView& view) const {
        const model::Window w = model::conv_window(view);
        const std::vector<int64_t> in = numbers(view, view.shape(0)), out = result(view);
        sim::Convolution c;
        c.batch = in[0], c.in_channels = in[1], c.in_height = in[2], c.in_width = in[3];
        c.out_channels = out[1], c.out_height = out[2], c.out_width = out[3];
        c.kernel_height = w.kernel[0], c.kernel_width = w.kernel[1];
        c.stride_height = w.strides[0], c.stride_width = w.strides[1];
        c.dilation_height = w.dilations[0], c.dilation_width = w.dilations[1];
        c.pad_height = w.pads_begin[0] + w.pads_end[0];
        c.pad_width = w.pads_begin[1] + w.pads_end[1];
        c.groups = view.attr("group", 1);
        c.bias = view.has(2);
        return c;
    }

    sim::Contraction gemm(const NodeView& view) const {
        const std::vector<int64_t> a = numbers(view, view.shape(0)), out = result(view);
        const bool transposed = view.attr("transA", 0) != 0;
        return {1, out[0], transposed ? a[0] : a[1], out[1], view.has(2), weights(view)};
    }

    sim::Contraction matmul(const NodeView& view) const {
        const std::vector<int64_t> a = numbers(view, view.shape(0)),
                                   b = numbers(view, view.shape(1)), out = result(view);
        const int64_t all = elements(out, 0, out.size() - 1);
        // One right operand for all: the leading dims of the left are rows.
        const bool shared = elements(b, 0, b.size() - 2) == 1;
        const int64_t copies = shared ? 1 : elements(out, 0, out.size() - 2);
        return {copies,       all / std::max<int64_t>(copies, 1), a.back(), out.back(), false,
                weights(view)};
    }

    sim::VectorOperator vector_operator(const NodeView& view) const {
        sim::VectorOperator v;
        if (!view.node().inputs.empty() && view.has(0)) v.in_shape = numbers(view, view.shape(0));
        v.out_shape = result(view);
        v.operands = 0;
        for (size_t k = 0; k < view.input_count(); ++k) {
            if (!view.has(k) || is_constant(view.node().inputs[k])) continue;
            ++v.operands;
            v.same_shapes &= numbers(view, view.shape(k)) == v.out_shape;
        }
        add_parameters(view, v);
        return v;
    }

    static void add_parameters(const NodeView& view, sim::VectorOperator& v) {
        switch (view.node().op) {
            case OpType::kRelu:
                v.op = sim::VectorOp::kRelu;
                break;
            case OpType::kAdd:
            case OpType::kSum:
                v.op = sim::VectorOp::kAdd;
                break;
            case OpType::kBatchNormalization:
                v.op = sim::VectorOp::kBatchNormalization;
                break;
            case OpType::kSoftmax:
                v.op = sim::VectorOp::kSoftmax;
                v.axis = softmax_axis(view);
                break;
            case OpType::kMaxPool:
            case OpType::kAveragePool:
                window(v, model::pool_window(view));
                v.op = view.node().op == OpType::kMaxPool ? sim::VectorOp::kMaxPool
                                                          : sim::VectorOp::kAveragePool;
                break;
            case OpType::kGlobalMaxPool:
            case OpType::kGlobalAveragePool:
                v.op = view.node().op == OpType::kGlobalMaxPool ? sim::VectorOp::kMaxPool
                                                                : sim::VectorOp::kAveragePool;
                v.kernel.assign(v.in_shape.begin() + 2, v.in_shape.end());
                v.stride.assign(v.kernel.size(), 1);
                break;
            default:
                break;
        }
    }

    static void window(sim::VectorOperator& v, const model::Window& w) {
        const bool dilated =
            std::any_of(w.dilations.begin(), w.dilations.end(), [](int64_t d) { return d != 1; });
        if (dilated) return;  // stays without a kernel, which no model takes
        v.kernel = w.kernel;
        v.stride = w.strides;
    }

    /// Before version 13 a Softmax runs over all dims from its axis on.
    static int64_t softmax_axis(const NodeView& view) {
        return view.axis(view.attr("axis", view.version() >= 13 ? -1 : 1), view.rank(0));
    }

    std::vector<int64_t> result(const NodeView& view) const {
        return numbers(view, *graph_.at(view.node().outputs[0]).shape);
    }
    bool weights(const NodeView& view) const { return is_constant(view.node().inputs[1]); }
    bool is_constant(model::ValueId id) const {
        return !id.valid() || graph_.at(id).constant.has_value();
    }
    static size_t index(model::ValueId id) { return static_cast<size_t>(id.v); }
    int& maker(model::ValueId id) { return made_by_[index(id)]; }

    const model::Graph& graph_;
    std::vector<int> made_by_;  ///< layer, by value
    std::vector<int> readers_;  ///< by value; an output of the graph is read
    sim::LayerTable table_;
};

model::ShapedGraph shaped_graph(const LayerRequest& request) {
    model::Graph graph = read_graph(request.model);
    model::refuse_unsupported(graph);
    const std::map<std::string, int64_t> dims = parse_dims(request.dims);
    if (request.batch > 0) graph = with_batch(std::move(graph), request.batch);
    graph = model::bind_dims(graph, model::dim_bindings(graph, dims));
    model::ShapedGraph shaped = inferred_for_batch(std::move(graph), request.batch);
    // Rows are those of the file: nothing is shared, no chain of moves becomes one.
    model::SimplifyOptions options;
    options.skip = {"remove_noops", "share_common"};
    if (request.training) options.skip.insert("fold_affine");
    return model::simplify(std::move(shaped), lower::evaluate, options);
}

}  // namespace

sim::LayerTable layer_table(const model::ShapedGraph& shaped) {
    return Builder(shaped.graph).table();
}

sim::LayerTable read_layer_table(const LayerRequest& request) {
    return naming(request.model, [&] {
        const model::ShapedGraph shaped = shaped_graph(request);
        if (request.batch > 0) check_batch(shaped, request.batch);
        return layer_table(shaped);
    });
}

}  // namespace smeaton::driver
