#include "model/blocks/labels.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>

#include "base/text_writer.h"
#include "model/open_weights.h"
#include "model/shape/known.h"

namespace smeaton::model {

namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
    std::string text;
    for (int64_t d : shape) text += fmt::format("{},", d);
    return text;
}

std::string content_text(const Tensor& tensor) {
    std::string text = fmt::format("{}[{}]{:x}", tensor::name(tensor.dtype()),
                                   shape_text(tensor.shape()), tensor::content_hash(tensor));
    for (const std::string& s : tensor.strings()) text += quoted(s);
    return text;
}

std::string type_text(const Value& value) {
    return describe(value.dtype, value.shape);
}

std::string body_text(const Graph&);

struct AttributeLabel {
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return float_text(v); }
    std::string operator()(const std::string& v) const { return quoted(v); }
    std::string operator()(const Tensor& v) const { return content_text(v); }
    std::string operator()(const GraphPtr& v) const { return "{" + body_text(*v) + "}"; }
    template <class T>
    std::string operator()(const std::vector<T>& list) const {
        std::string text;
        for (const T& item : list) text += (*this)(item) + ",";
        return text;
    }
};

/// Operator, version and attributes.
std::string operator_text(const Node& node) {
    std::string text =
        fmt::format("{}/{}/{}", static_cast<int>(node.op), node.op_name, node.since_version);
    for (const auto& [key, value] : node.attributes)
        text += fmt::format(";{}#{}={}", key, value.index(), std::visit(AttributeLabel(), value));
    return text;
}

/// A subgraph by structure and contents: values are named by the order in which they appear.
std::string body_text(const Graph& body) {
    std::unordered_map<int32_t, size_t> numbers;
    std::string text;
    auto say = [&](ValueId id) {
        if (!id.valid()) {
            text += " _";
            return;
        }
        const auto [at, fresh] = numbers.emplace(id.v, numbers.size());
        text += fmt::format(" {}", at->second);
        if (!fresh) return;
        const Value& value = body.at(id);
        text += ":" + (value.constant ? content_text(*value.constant) : type_text(value));
    };
    for (ValueId id : body.inputs) say(id);
    for (const Node& node : body.nodes) {
        text += "|" + operator_text(node);
        for (ValueId id : node.inputs) say(id);
        text += ">";
        for (ValueId id : node.outputs) say(id);
    }
    text += "|";
    for (ValueId id : body.outputs) say(id);
    return text;
}

std::string exact_text(const Graph& graph, const Node& node) {
    std::string text = operator_text(node);
    for (size_t k = 0; k < node.inputs.size(); ++k) {
        if (!has_input(node, k)) {
            text += "(_)";
        } else if (const Tensor* constant = constant_input(graph, node, k)) {
            text += is_parameter(graph, node, k)
                        ? fmt::format("(w {}[{}])", tensor::name(constant->dtype()),
                                      shape_text(constant->shape()))
                        : "(c " + content_text(*constant) + ")";
        } else {
            text += "(" + type_text(graph.at(node.inputs[k])) + ")";
        }
    }
    for (ValueId id : node.outputs) text += id.valid() ? ">" + type_text(graph.at(id)) : ">_";
    return text;
}

std::string form_text(const Graph& graph, const Node& node) {
    std::string text = fmt::format("{}/{}/", static_cast<int>(node.op), node.op_name);
    for (size_t k = 0; k < node.inputs.size(); ++k)
        text += !has_input(node, k) ? '_' : constant_input(graph, node, k) != nullptr ? 'c' : 'v';
    return fmt::format("{}>{}", text, node.outputs.size());
}

/// Operands that say what the operator does, though they are floats.
bool sets_the_operator(OpType op, size_t k) {
    switch (op) {
        case OpType::kClip:
        case OpType::kPow:
        case OpType::kPad:
        case OpType::kResize:
        case OpType::kUpsample:
        case OpType::kDropout:
            return k > 0;
        case OpType::kRange:
            return true;
        default:
            return false;
    }
}

}  // namespace

bool is_parameter(const Graph& graph, const Node& node, size_t k) {
    const Tensor* constant = constant_input(graph, node, k);
    if (constant == nullptr || sets_the_operator(node.op, k)) return false;
    return may_be_weight(graph, *constant);
}

NodeLabels label_nodes(const Graph& graph) {
    NodeLabels labels;
    std::unordered_map<std::string, int32_t> exact, form;
    for (const Node& node : graph.nodes) {
        labels.exact.push_back(
            exact.emplace(exact_text(graph, node), static_cast<int32_t>(exact.size()))
                .first->second);
        labels.form.push_back(
            form.emplace(form_text(graph, node), static_cast<int32_t>(form.size())).first->second);
        bool heavy = node.op != OpType::kUnsupported &&
                     (family(node.op) == OpFamily::Conv || family(node.op) == OpFamily::MatMul);
        for (size_t k = 0; k < node.inputs.size() && !heavy; ++k) {
            const Tensor* constant = constant_input(graph, node, k);
            heavy = constant != nullptr && constant->elements() > 1 && is_parameter(graph, node, k);
        }
        labels.heavy.push_back(heavy);
    }
    return labels;
}

}  // namespace smeaton::model
