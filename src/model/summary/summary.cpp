#include "model/summary/summary.h"

#include <set>

#include "model/open_weights.h"
#include "model/shape/einsum.h"
#include "model/shape/shape_ops.h"
#include "model/shape/window.h"

namespace smeaton::model {

namespace {

/// Bytes of a value; sub-byte types are packed, so symbolic counts round up.
Dim bytes_of(const Value& value) {
    const Dim count = tensor::product(*value.shape);
    if (count.is_const()) return tensor::byte_count(*value.dtype, count.value());
    return tensor::ceil_div(count * tensor::bits(*value.dtype), 8);
}

Dim output_elements(const NodeView& view) {
    for (ValueId id : view.node().outputs) {
        if (id.valid()) return tensor::product(*view.graph().at(id).shape);
    }
    return 0;
}

Dim einsum_operations(const NodeView& view) {
    const EinsumEquation equation = einsum_equation(view);
    return tensor::product(equation.sizes) * static_cast<int64_t>(view.input_count());
}

/// Multiply-adds of Conv: each output element takes (channels in group) x kernel; of ConvTranspose:
/// each input element gives (channels out of group) x kernel. Both are the weight's inner elements.
Dim conv_operations(const NodeView& view) {
    Dim taps = 1;
    const Shape& w = view.shape(1);
    for (size_t d = 1; d < w.size(); ++d) taps *= w[d];
    const bool forward = view.node().op == OpType::kConv;
    const Dim outputs = output_elements(view);
    const Dim positions = forward ? outputs : tensor::product(view.shape(0));
    return positions * taps * 2 + (view.has(2) ? outputs : Dim(0));
}

Dim pool_operations(const NodeView& view) {
    Dim taps = 1;
    for (int64_t k : pool_window(view).kernel) taps *= k;
    return output_elements(view) * taps;
}

/// Passes over the operand's elements.
int64_t norm_passes(OpType op) {
    switch (op) {
        case OpType::kSoftmax:
        case OpType::kLogSoftmax:
            return 5;  // maximum, subtract, exp, sum, divide
        case OpType::kBatchNormalization:
            return 2;  // one factor and one addend per channel
        case OpType::kRMSNormalization:
            return 4;  // square, sum, factor, scale
        case OpType::kLRN:
            return 4;  // beside its window
        default:
            return 8;  // mean (1), centre (1), square and sum (2), factor (1), scale (1), bias (1),
                       // eps
    }
}

void count_constant(const Graph& graph, const Tensor& tensor, ModelSummary& summary) {
    summary.constant_bytes += tensor.bytes();
    if (may_be_weight(graph, tensor)) summary.parameters += tensor.elements();
}

}  // namespace

Dim operations(const NodeView& view) {
    const OpType op = view.node().op;
    switch (op) {
        case OpType::kConv:
        case OpType::kConvTranspose:
            return conv_operations(view);
        case OpType::kMatMul:
            return output_elements(view) * view.shape(0).back() * 2;
        case OpType::kGemm: {
            const Dim inner = view.shape(0)[view.attr("transA", 0) != 0 ? 0 : 1];
            return output_elements(view) * (inner * 2 + (view.has(2) ? 1 : 0));
        }
        case OpType::kEinsum:
            return einsum_operations(view);
        case OpType::kDropout:
        case OpType::kConstant:
        case OpType::kConstantOfShape:
            return 0;
        case OpType::kLRN:
            return output_elements(view) * (2 * view.attr("size", 1) + norm_passes(op));
        default:
            break;
    }
    switch (family(op)) {
        case OpFamily::Norm:
            return tensor::product(view.shape(0)) * norm_passes(op);
        case OpFamily::Elementwise:
            return output_elements(view);
        case OpFamily::Pool:
            if (op == OpType::kMaxPool || op == OpType::kAveragePool) return pool_operations(view);
            return tensor::product(view.shape(0));
        case OpFamily::Reduce:
            return tensor::product(view.shape(0));
        default:
            return 0;
    }
}

ModelSummary summarize(const ShapedGraph& shaped) {
    const Graph& graph = shaped.graph;
    ModelSummary summary;
    std::set<ValueId> counted;
    for (const Node& node : graph.nodes) {
        OperatorSummary one;
        one.node = node.name;
        one.op = node.op_name;
        one.flops = operations(NodeView(graph, node));
        if (node.op == OpType::kConstant) {
            count_constant(graph, constant_value(NodeView(graph, node)), summary);
        }
        std::set<ValueId> read;
        for (ValueId id : node.inputs) {
            if (!id.valid() || !read.insert(id).second) continue;
            const Value& value = graph.at(id);
            one.read_bytes += bytes_of(value);
            if (!value.constant) continue;
            one.constant_bytes += bytes_of(value);
            if (!counted.insert(id).second) continue;
            count_constant(graph, *value.constant, summary);
        }
        for (ValueId id : node.outputs) {
            if (!id.valid()) continue;
            const Value& value = graph.at(id);
            one.written_bytes += bytes_of(value);
            if (one.output.empty()) one.output = describe(value.dtype, value.shape);
        }
        summary.flops += one.flops;
        summary.read_bytes += one.read_bytes;
        summary.written_bytes += one.written_bytes;
        summary.operators.push_back(std::move(one));
    }
    return summary;
}

}  // namespace smeaton::model
