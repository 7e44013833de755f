#include "model/shape/infer.h"

#include <algorithm>

#include "model/shape/infer_state.h"
#include "model/unsupported.h"

namespace smeaton::model {

namespace {

/// Inputs up to this many elements may become keys of a specialisation.
constexpr int64_t kSmallInput = 4096;

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

/// Nodes of subgraphs are judged where the subgraph is entered: an If whose condition is known
/// needs one branch only.
void refuse_unsupported_here(const Graph& graph) {
    Graph shallow;
    for (const Node& node : graph.nodes) {
        if (node.op == OpType::kUnsupported) shallow.nodes.push_back(node);
    }
    refuse_unsupported(shallow);
}

}  // namespace

InferState::InferState(Graph& g, const Evaluator& e)
    : graph(g),
      evaluator(e),
      known(g.values.size()),
      producers(g.values.size(), -1),
      evaluated(g.values.size()) {
    for (size_t n = 0; n < g.nodes.size(); ++n) {
        for (ValueId id : g.nodes[n].outputs) {
            if (id.valid()) producers[index_of(id)] = static_cast<int32_t>(n);
        }
    }
}

KnownPtr InferState::lookup(ValueId id, bool needed) {
    KnownPtr& slot = known[index_of(id)];
    if (slot) return slot;
    if (const auto& constant = graph.at(id).constant) {
        slot = known_from(*constant);
    } else if (needed && evaluate(id)) {
        slot = known_from(*evaluated[index_of(id)]);
    }
    return slot;
}

std::optional<Tensor> InferState::tensor_of(ValueId id) {
    if (graph.at(id).constant) return graph.at(id).constant;
    if (evaluated[index_of(id)]) return evaluated[index_of(id)];
    const KnownPtr& slot = known[index_of(id)];
    if (slot && slot->is_const()) return to_tensor(*slot);
    return std::nullopt;
}

bool InferState::evaluate(ValueId wanted) {
    if (!evaluator) return false;
    std::set<int32_t> nodes;
    std::vector<ValueId> open = {wanted};
    while (!open.empty()) {
        const ValueId id = open.back();
        open.pop_back();
        if (tensor_of(id)) continue;
        const int32_t producer = producers[index_of(id)];
        if (producer < 0) return false;
        if (!nodes.insert(producer).second) continue;
        for (ValueId operand : graph.nodes[static_cast<size_t>(producer)].inputs) {
            if (operand.valid()) open.push_back(operand);
        }
    }
    for (int32_t n : nodes) {  // node order is topological
        const Node& node = graph.nodes[static_cast<size_t>(n)];
        std::vector<std::optional<Tensor>> operands;
        for (ValueId id : node.inputs) {
            operands.push_back(id.valid() ? tensor_of(id) : std::nullopt);
        }
        auto results = evaluator(node, operands);
        if (!results) return false;
        SMEATON_CHECK(results->size() >= node.outputs.size(), "evaluator gave {} of {} outputs",
                      results->size(), node.outputs.size());
        for (size_t k = 0; k < node.outputs.size(); ++k) {
            if (node.outputs[k].valid()) evaluated[index_of(node.outputs[k])] = (*results)[k];
        }
    }
    return evaluated[index_of(wanted)].has_value();
}

void InferState::explain(ValueId wanted, const std::string& message) {
    std::set<int32_t> seen;
    std::vector<ValueId> open = {wanted};
    std::vector<std::string> inputs;
    std::string large;
    while (!open.empty()) {
        const ValueId id = open.back();
        open.pop_back();
        if (!seen.insert(id.v).second || tensor_of(id) || known[index_of(id)]) continue;
        const int32_t producer = producers[index_of(id)];
        if (producer >= 0) {
            for (ValueId operand : graph.nodes[static_cast<size_t>(producer)].inputs) {
                if (operand.valid()) open.push_back(operand);
            }
            continue;
        }
        const Value& value = graph.at(id);
        inputs.push_back(value.name);
        const auto shape = const_shape(value.shape.value_or(Shape{}));
        if (shape && element_count(*shape) > kSmallInput) {
            large = fmt::format("'{}' {}", value.name, describe(value.dtype, value.shape));
        }
    }
    std::sort(inputs.begin(), inputs.end());
    if (!large.empty()) {
        throw UserError(
            "{}, but is computed while running from the input {}; such shapes are not "
            "supported yet",
            message, large);
    }
    if (inputs.empty()) {
        throw UserError("{}; it is made of constants in a way that could not be folded", message);
    }
    std::string list;
    for (const std::string& name : inputs) list += (list.empty() ? "'" : ", '") + name + "'";
    throw NeedsValue(fmt::format("{}; it depends on the values of input {}: give them with "
                                 "--input NAME=FILE",
                                 message, list),
                     inputs);
}

namespace {

/// Errors of Dim arithmetic do not know their node.
void run_rule(Rule& rule, RuleFunction function) {
    try {
        function(rule);
    } catch (const NeedsValue&) {
        throw;
    } catch (const UserError& error) {
        const std::string text = error.what();
        if (text.find("'" + rule.node().name + "'") != std::string::npos) throw;
        rule.fail_with(text);
    }
}

void infer_node(InferState& state, Node& node) {
    Rule rule(state, node);
    for (ValueId id : node.inputs) {
        if (!id.valid()) continue;
        const Value& value = state.graph.at(id);
        if (!value.dtype || !value.shape) {
            rule.fail("it reads '{}', which nothing makes before it", value.name);
        }
    }
    check_signature(rule);
    const RuleTable& table = rule_table();
    const RuleFunction shape = table.shape[static_cast<size_t>(node.op)];
    SMEATON_CHECK(shape != nullptr, "no shape rule for {}", node.op_name);
    run_rule(rule, shape);
    const RuleFunction value = table.value[static_cast<size_t>(node.op)];
    if (!value || !(rule.small_output(0) || node.outputs.size() > 1)) return;
    try {
        value(rule);
    } catch (const NeedsValue&) {
        throw;
    } catch (const UserError&) {
        // Sizes beyond 64 bits: the elements stay unknown, which matters only if a shape needs
        // them.
    }
}

void check_inputs(Graph& graph) {
    for (Value& value : graph.values) {
        if (!value.constant) continue;
        value.dtype = value.constant->dtype();
        value.shape = to_dims(value.constant->shape());
    }
    for (ValueId id : graph.inputs) {
        const Value& value = graph.at(id);
        if (!value.dtype) throw UserError("input '{}' has no dtype", value.name);
        if (!value.shape) {
            throw UserError("input '{}' has no declared shape: feed a value for it", value.name);
        }
        for (const Dim& d : *value.shape) {
            if (d.is_const() && d.value() < 0) {
                throw UserError("input '{}' {} has a negative size", value.name,
                                describe(value.dtype, value.shape));
            }
        }
        if (!countable(*value.shape)) {
            throw UserError("input '{}' {} is too large", value.name,
                            describe(value.dtype, value.shape));
        }
    }
}

/// Readers of a bound input read a constant; the input stays in the signature.
void bind_input_values(Graph& graph, const ValueBindings& bindings) {
    for (const auto& [name, tensor] : bindings) {
        const auto at = std::find_if(graph.inputs.begin(), graph.inputs.end(),
                                     [&](ValueId id) { return graph.at(id).name == name; });
        if (at == graph.inputs.end()) throw UserError("there is no input '{}'", name);
        const ValueId input = *at;
        if (graph.at(input).dtype && graph.at(input).dtype != tensor.dtype()) {
            throw UserError("input '{}' is {}, its value is {}", name,
                            describe(graph.at(input).dtype, graph.at(input).shape),
                            describe(tensor.dtype(), to_dims(tensor.shape())));
        }
        graph.at(input).dtype = tensor.dtype();
        graph.at(input).shape = to_dims(tensor.shape());
        Value constant;
        constant.name = name + ".value";
        while (std::any_of(graph.values.begin(), graph.values.end(),
                           [&](const Value& v) { return v.name == constant.name; })) {
            constant.name += "_";
        }
        constant.constant = tensor;
        const ValueId id{static_cast<int32_t>(graph.values.size())};
        graph.values.push_back(std::move(constant));
        for (Node& node : graph.nodes)
            std::replace(node.inputs.begin(), node.inputs.end(), input, id);
        std::replace(graph.outputs.begin(), graph.outputs.end(), input, id);
    }
}

}  // namespace

void infer_nodes(InferState& state) {
    refuse_unsupported_here(state.graph);
    check_inputs(state.graph);
    for (Node& node : state.graph.nodes) infer_node(state, node);
    for (ValueId id : state.graph.outputs) {
        const Value& value = state.graph.at(id);
        if (!value.dtype || !value.shape) {
            throw UserError("nothing makes the output '{}'", value.name);
        }
    }
}

void add_warnings(InferState& state) {
    std::vector<std::string>& warnings = state.graph.warnings;
    std::vector<std::string> fresh;
    if (state.disagreements > 0) {
        fresh.push_back(fmt::format(
            "{} declared shape{} or dtypes disagree with what the graph "
            "computes, which is used; the first: {}",
            state.disagreements, state.disagreements == 1 ? "" : "s", state.first_disagreement));
    }
    fresh.insert(fresh.end(), state.assumptions.begin(), state.assumptions.end());
    for (std::string& text : fresh) {
        if (std::find(warnings.begin(), warnings.end(), text) == warnings.end()) {
            warnings.push_back(std::move(text));
        }
    }
}

Inferred infer_values(Graph graph, const ValueBindings& known, const Evaluator& evaluator) {
    bind_input_values(graph, known);
    InferState state(graph, evaluator);
    infer_nodes(state);
    add_warnings(state);
    for (size_t v = 0; v < graph.values.size(); ++v) {
        if (!state.known[v] && state.evaluated[v]) {
            state.known[v] = known_from(*state.evaluated[v]);
        }
    }
    Inferred result;
    result.known = std::move(state.known);
    result.shaped.graph = std::move(graph);
    return result;
}

ShapedGraph infer_shapes(Graph graph, const ValueBindings& known, const Evaluator& evaluator) {
    return infer_values(std::move(graph), known, evaluator).shaped;
}

}  // namespace smeaton::model
