// Shape rule of If: of the branch taken where the condition is known, else of both.
#include "model/shape/infer_state.h"
#include "model/shape/rule.h"

namespace smeaton::model {

namespace {

/// The shaped branch, with what is known of its captured values. Operand 0 of the node is the
/// condition, the captured values follow.
Graph shaped_branch(Rule& rule, const GraphPtr& branch, std::vector<KnownPtr>& known) {
    Graph graph = *branch;
    if (graph.inputs.size() + 1 != rule.input_count()) {
        rule.fail("branch '{}' takes {} captured values, the node passes {}", graph.name,
                  graph.inputs.size(), rule.input_count() - 1);
    }
    static const Evaluator kNone;
    InferState inner(graph, kNone);
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
        Value& input = graph.at(graph.inputs[i]);
        input.dtype = rule.dtype(i + 1);
        input.shape = rule.shape(i + 1);
        inner.known[static_cast<size_t>(graph.inputs[i].v)] = rule.try_known(i + 1);
    }
    try {
        infer_nodes(inner);
    } catch (const NeedsValue& need) {
        for (size_t i = 0; i < graph.inputs.size(); ++i) {
            if (graph.at(graph.inputs[i]).name == need.inputs.front()) {
                rule.state().explain(rule.node().inputs[i + 1], need.what());
            }
        }
        throw;
    }
    add_warnings(inner);
    known = std::move(inner.known);
    return graph;
}

GraphPtr branch_of(const Rule& rule, const char* key) {
    const Attribute& attribute = rule.node().attributes.at(key);
    const GraphPtr* graph = std::get_if<GraphPtr>(&attribute);
    if (!graph || !*graph) rule.fail("attribute {} must be a graph", key);
    if ((*graph)->outputs.size() != rule.output_count()) {
        rule.fail("{} makes {} outputs, the node {}", key, (*graph)->outputs.size(),
                  rule.output_count());
    }
    return *graph;
}

void state_branch(Rule& rule, const Graph& branch, const std::vector<KnownPtr>& known) {
    for (size_t k = 0; k < branch.outputs.size(); ++k) {
        const Value& value = branch.at(branch.outputs[k]);
        rule.output(k, *value.dtype, *value.shape);
        const KnownPtr& elements = known[static_cast<size_t>(branch.outputs[k].v)];
        if (!elements || !rule.wants(k)) continue;
        if (tensor::is_float(elements->dtype)) {
            rule.output_floats(k, elements->floats);
        } else {
            rule.output_ints(k, elements->ints);
        }
    }
}

void if_node(Rule& rule) {
    const Dim count = tensor::product(rule.shape(0));
    if (count.is_const() && !count.is(1)) rule.fail("{} must be one bool", rule.operand(0));
    std::vector<KnownPtr> known;
    const KnownPtr condition = rule.try_known(0);
    if (condition && condition->ints.at(0).is_const()) {
        const char* key = condition->ints[0].is(0) ? "else_branch" : "then_branch";
        const Graph taken = shaped_branch(rule, branch_of(rule, key), known);
        state_branch(rule, taken, known);
        return;
    }
    const Graph then_graph = shaped_branch(rule, branch_of(rule, "then_branch"), known);
    const Graph else_graph = shaped_branch(rule, branch_of(rule, "else_branch"), known);
    for (size_t k = 0; k < rule.output_count(); ++k) {
        const Value& a = then_graph.at(then_graph.outputs[k]);
        const Value& b = else_graph.at(else_graph.outputs[k]);
        if (a.dtype != b.dtype || a.shape != b.shape) {
            rule.known(0, "condition");  // explains why it cannot be known
            rule.fail("its branches make {} and {} as output {}", describe(a.dtype, a.shape),
                      describe(b.dtype, b.shape), k);
        }
        rule.output(k, *a.dtype, *a.shape);
    }
}

}  // namespace

void add_control_rules(RuleTable& table) {
    row(table.shape, OpType::kIf) = if_node;
}

}  // namespace smeaton::model
