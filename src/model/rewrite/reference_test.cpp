#include "model/rewrite/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "base/error.h"
#include "model/rewrite/fold_constants.h"
#include "model/shape/elementwise.h"
#include "model/shape/move.h"
#include "model/shape/window.h"

namespace smeaton::model::test {

namespace {

using Index = std::vector<int64_t>;

int64_t flat(const Index& shape, const Index& at) {
    int64_t i = 0;
    for (size_t d = 0; d < shape.size(); ++d) i = i * shape[d] + at[d];
    return i;
}

void for_each(const Index& shape, const std::function<void(const Index&)>& body) {
    Index at(shape.size(), 0);
    for (int64_t n = element_count(shape); n > 0; --n) {
        body(at);
        for (size_t d = shape.size(); d-- > 0 && ++at[d] == shape[d];) at[d] = 0;
    }
}

/// Conv (scatter false: gather from x) and ConvTranspose (x scatters into y).
Tensor convolve(const NodeView& view, const std::vector<Tensor>& in, Index shape) {
    const bool scatter = view.node().op == OpType::kConvTranspose;
    const Window window = scatter ? conv_transpose_window(view) : conv_window(view);
    const size_t dims = window.kernel.size();
    const int64_t group = view.attr("group", 1);
    Tensor y(DType::kF32, shape);
    const Tensor& x = in[0];
    const Tensor& w = in[1];
    // `big` is the side that pads and dilates, `small` the side whose positions are windows.
    const Tensor& big = scatter ? y : x;
    const Tensor& small = scatter ? x : y;
    for_each(small.shape(), [&](const Index& s) {
        for_each(w.shape(), [&](const Index& k) {
            const int64_t per_group = w.shape()[0] / group;
            if (s[1] != k[0]) return;
            Index b = s;
            b[1] = s[1] / per_group * w.shape()[1] + k[1];
            for (size_t d = 0; d < dims; ++d) {
                b[d + 2] = s[d + 2] * window.strides[d] + k[d + 2] * window.dilations[d] -
                           window.pads_begin[d];
                if (b[d + 2] < 0 || b[d + 2] >= big.shape()[d + 2]) return;
            }
            const int64_t from = flat(x.shape(), scatter ? s : b);
            const int64_t to = flat(shape, scatter ? b : s);
            y.set_from_double(
                to, y.at_as_double(to) + x.at_as_double(from) * w.at_as_double(flat(w.shape(), k)));
        });
    });
    if (in.size() > 2) {
        for_each(shape, [&](const Index& at) {
            const int64_t i = flat(shape, at);
            y.set_from_double(i, y.at_as_double(i) + in[2].at_as_double(at[1]));
        });
    }
    return y;
}

double broadcast_at(const Tensor& t, const Shape& aligned, const Index& at) {
    Index shape;
    Index where;
    for (size_t d = 0; d < aligned.size(); ++d) {
        shape.push_back(aligned[d].value());
        where.push_back(shape[d] == 1 ? 0 : at[d]);
    }
    return t.at_as_double(flat(shape, where));
}

Tensor gemm(const NodeView& view, const std::vector<Tensor>& in, const Index& shape) {
    const bool ta = view.attr("transA", 0) != 0;
    const bool tb = view.attr("transB", 0) != 0;
    Tensor y(DType::kF32, shape);
    for_each(shape, [&](const Index& at) {
        double sum = 0;
        for (int64_t k = 0; k < in[0].shape()[ta ? 0 : 1]; ++k) {
            sum += in[0].at_as_double(flat(in[0].shape(), ta ? Index{k, at[0]} : Index{at[0], k})) *
                   in[1].at_as_double(flat(in[1].shape(), tb ? Index{at[1], k} : Index{k, at[1]}));
        }
        sum *= view.number("alpha", 1);
        if (in.size() > 2) {
            Shape aligned(2 - in[2].shape().size(), 1);
            for (int64_t d : in[2].shape()) aligned.push_back(d);
            sum += view.number("beta", 1) * broadcast_at(in[2], aligned, at);
        }
        y.set_from_double(flat(shape, at), sum);
    });
    return y;
}

double scalar(OpType op, double a, double b) {
    switch (op) {
        case OpType::kAdd:
            return a + b;
        case OpType::kSub:
            return a - b;
        case OpType::kMul:
            return a * b;
        case OpType::kDiv:
            return a / b;
        case OpType::kRelu:
            return std::max(a, 0.0);
        case OpType::kExp:
            return std::exp(a);
        default:
            throw InternalError("the reference does not know this operator");
    }
}

double normalised(const NodeView& view, const std::vector<Tensor>& in, double x, int64_t c) {
    const double root = std::sqrt(in[4].at_as_double(c) + view.number("epsilon", 1e-5));
    return (x - in[3].at_as_double(c)) / root * in[1].at_as_double(c) + in[2].at_as_double(c);
}

Tensor compute(const NodeView& view, const std::vector<Tensor>& in, const Index& shape) {
    const OpType op = view.node().op;
    if (op == OpType::kConv || op == OpType::kConvTranspose) return convolve(view, in, shape);
    if (op == OpType::kGemm) return gemm(view, in, shape);
    if (op == OpType::kReshape) return in[0].reshaped(shape);
    Tensor y(DType::kF32, shape);
    for_each(shape, [&](const Index& at) {
        double value = 0;
        if (op == OpType::kTranspose) {
            const std::vector<int64_t> perm = transpose_perm(view);
            Index from(at.size());
            for (size_t d = 0; d < at.size(); ++d) from[static_cast<size_t>(perm[d])] = at[d];
            value = in[0].at_as_double(flat(in[0].shape(), from));
        } else if (op == OpType::kBatchNormalization) {
            value = normalised(view, in, in[0].at_as_double(flat(shape, at)), at[1]);
        } else {
            const std::vector<Shape> aligned = aligned_operands(view);
            const double a = broadcast_at(in[0], aligned[0], at);
            value = scalar(op, a, in.size() > 1 ? broadcast_at(in[1], aligned[1], at) : 0);
        }
        y.set_from_double(flat(shape, at), value);
    });
    return y;
}

}  // namespace

std::optional<std::vector<Tensor>> evaluate(const Node& node,
                                            const std::vector<std::optional<Tensor>>& inputs) {
    const ShapedGraph one = graph_of_node(node, inputs);
    std::vector<Tensor> in;
    for (const auto& tensor : inputs) in.push_back(*tensor);
    const Value& out = one.graph.at(one.graph.outputs[0]);
    return {{compute(NodeView(one.graph, one.graph.nodes[0]), in, *const_shape(*out.shape))}};
}

std::vector<Tensor> run(const Graph& graph, const std::map<std::string, Tensor>& feeds) {
    std::map<ValueId, Tensor> values;
    for (ValueId id : graph.inputs) values[id] = feeds.at(graph.at(id).name);
    for (const Node& node : graph.nodes) {
        std::vector<std::optional<Tensor>> in;
        for (ValueId id : node.inputs) {
            in.push_back(graph.at(id).constant ? *graph.at(id).constant : values.at(id));
        }
        values[node.outputs[0]] = evaluate(node, in)->at(0);
    }
    std::vector<Tensor> outputs;
    for (ValueId id : graph.outputs) {
        outputs.push_back(graph.at(id).constant ? *graph.at(id).constant : values.at(id));
    }
    return outputs;
}

Tensor random_tensor(std::vector<int64_t> shape, uint64_t seed) {
    std::mt19937_64 random(seed);
    Tensor tensor(DType::kF32, std::move(shape));
    for (int64_t i = 0; i < tensor.elements(); ++i) {
        tensor.set_from_double(i, static_cast<double>(random() % 2001) / 1000 - 1);
    }
    return tensor;
}

TEST(Reference, convolves_a_known_case) {
    Node node;
    node.op = OpType::kConv;
    node.op_name = "Conv";
    node.name = "c";
    node.since_version = 11;
    node.inputs = {{0}, {1}};
    node.outputs = {{2}};
    node.attributes["pads"] = std::vector<int64_t>{1, 0};
    Tensor x(DType::kF32, {1, 1, 3});
    Tensor w(DType::kF32, {1, 1, 2});
    for (int64_t i = 0; i < 3; ++i) x.set_from_double(i, static_cast<double>(i + 1));
    w.set_from_double(0, 10);
    w.set_from_double(1, 1);
    const Tensor y = evaluate(node, {x, w})->at(0);
    ASSERT_EQ(y.shape(), (std::vector<int64_t>{1, 1, 3}));
    EXPECT_EQ(y.at_as_double(0), 1);
    EXPECT_EQ(y.at_as_double(1), 12);
    EXPECT_EQ(y.at_as_double(2), 23);
}

}  // namespace smeaton::model::test
