#include "model/grad/state_order.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "tensor/open.h"

namespace smeaton::model {

namespace {

std::vector<int64_t> inverse(const std::vector<int64_t>& order) {
    std::vector<int64_t> back(order.size());
    for (size_t d = 0; d < order.size(); ++d)
        back[static_cast<size_t>(order[d])] = static_cast<int64_t>(d);
    return back;
}

}  // namespace

std::vector<int64_t> order_between_steps(const Graph& graph, ValueId parameter) {
    const bool of_convolution =
        std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
            const bool convolves = node.op == OpType::kConv || node.op == OpType::kConvTranspose;
            return convolves && node.inputs[1] == parameter;
        });
    if (!of_convolution) return {};
    auto order = axes_between(1, static_cast<int64_t>(graph.at(parameter).shape->size()));
    order.push_back(0);
    return order;
}

Tensor in_order(const Tensor& t, const std::vector<int64_t>& order) {
    std::vector<int64_t> shape, steps;  // in elements of t, by dim of the result
    for (int64_t dim : order) {
        const auto d = static_cast<size_t>(dim);
        shape.push_back(t.shape()[d]);
        int64_t step = 1;
        for (size_t k = d + 1; k < t.shape().size(); ++k) step *= t.shape()[k];
        steps.push_back(step);
    }
    if (tensor::is_open(t)) return tensor::open_tensor(t.dtype(), shape);
    Tensor out(t.dtype(), shape);
    const int64_t size = tensor::byte_count(t.dtype(), 1);
    std::vector<int64_t> at(shape.size(), 0);
    for (int64_t n = 0, from = 0; n < out.elements(); ++n) {
        std::memcpy(out.mutable_data() + n * size, t.data() + from * size,
                    static_cast<size_t>(size));
        for (size_t d = shape.size(); d-- > 0;) {
            from += steps[d];
            if (++at[d] < shape[d]) break;
            from -= at[d] * steps[d];
            at[d] = 0;
        }
    }
    return out;
}

Tensor out_of_order(const Tensor& t, const std::vector<int64_t>& order) {
    return in_order(t, inverse(order));
}

void turn_input(Composer& c, ValueId input, const std::vector<int64_t>& order) {
    Graph& graph = c.graph();
    Value& value = graph.at(input);
    const std::vector<Dim> shape = *value.shape;
    for (size_t d = 0; d < order.size(); ++d)
        (*value.shape)[d] = shape[static_cast<size_t>(order[d])];
    const ValueId turned = transpose(c.of(input), inverse(order)).id;
    for (size_t n = 0; n + 1 < graph.nodes.size(); ++n)
        std::replace(graph.nodes[n].inputs.begin(), graph.nodes[n].inputs.end(), input, turned);
    std::rotate(graph.nodes.begin(), graph.nodes.end() - 1, graph.nodes.end());
}

}  // namespace smeaton::model
