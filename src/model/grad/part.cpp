#include "model/grad/part.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "model/grad/attention.h"
#include "model/grad/backward.h"
#include "model/grad/reach.h"
#include "model/grad/training_form.h"
#include "model/open_weights.h"
#include "model/rewrite/edit.h"
#include "model/rewrite/simplify.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

bool is_float(const Graph& graph, ValueId id) {
    return graph.at(id).dtype && tensor::is_float(*graph.at(id).dtype);
}

/// Weights become inputs. Gives them by name: passes give values new numbers.
std::vector<std::string> free_weights(Graph& graph) {
    const std::set<ValueId> statistics = running_statistics(graph);
    std::set<ValueId> found;
    for (const Node& node : graph.nodes)
        for (ValueId id : node.inputs)
            if (id.valid() && graph.at(id).constant && is_float(graph, id) &&
                may_be_weight(graph, *graph.at(id).constant) && statistics.count(id) == 0)
                found.insert(id);
    std::vector<std::string> names;
    for (ValueId id : found) {
        graph.at(id).constant.reset();
        graph.inputs.push_back(id);
        names.push_back(graph.at(id).name);
    }
    return names;
}

ValueId named(const Graph& graph, const std::string& name) {
    for (size_t v = 0; v < graph.values.size(); ++v)
        if (graph.values[v].name == name) return {static_cast<int32_t>(v)};
    return {};
}

std::vector<ValueId> named(const Graph& graph, const std::vector<std::string>& names) {
    std::vector<ValueId> ids;
    for (const std::string& name : names)
        if (const ValueId id = named(graph, name); id.valid()) ids.push_back(id);
    return ids;
}

constexpr const char* kProduct = "cotangent.product";

/// The sum of each output's product with its cotangent: the loss whose gradients those are.
ValueId inner_product(Composer& c, const std::vector<ValueId>& outputs) {
    std::vector<Expr> terms;
    for (ValueId id : outputs) {
        const Expr y = c.of(id);
        const Expr cotangent = c.input(c.graph().at(id).name + ".cotangent", y.dtype(), y.shape());
        c.stand_for(kProduct);
        const Expr product = y * cotangent;
        c.stand_for("cotangent");
        const auto all = axes_between(0, product.rank());
        terms.push_back(cast(reshape(sum(product, all), {}), DType::kF32));
    }
    Expr total = terms[0];
    for (size_t k = 1; k < terms.size(); ++k) total = total + terms[k];
    return total.id;
}

/// What came of a product's gradient is the cotangent itself.
void put_cotangents(Graph& graph) {
    Substitution substitution(graph);
    const std::string prefix = std::string(kProduct) + ".Mul";
    for (const Node& node : graph.nodes) {
        if (node.op != OpType::kMul || !node.name.starts_with(prefix) ||
            node.name.find(".grad") == std::string::npos)
            continue;
        for (ValueId id : node.inputs)
            if (graph.at(id).name.ends_with(".cotangent"))
                substitution.replace(node.outputs[0], id);
    }
    substitution.apply(graph);
}

/// By value: a node that outputs in `ends` need reads or makes it.
std::vector<bool> needed_for(const Graph& graph, const std::vector<ValueId>& ends,
                             std::vector<bool>& nodes) {
    std::vector<bool> values(graph.values.size(), false);
    nodes.assign(graph.nodes.size(), false);
    for (ValueId id : ends) values[index_of(id)] = true;
    for (size_t n = graph.nodes.size(); n-- > 0;) {
        const Node& node = graph.nodes[n];
        nodes[n] = std::any_of(node.outputs.begin(), node.outputs.end(),
                               [&](ValueId id) { return id.valid() && values[index_of(id)]; });
        if (!nodes[n]) continue;
        for (ValueId id : node.inputs)
            if (id.valid()) values[index_of(id)] = true;
    }
    return values;
}

void classify(PartStep& step, size_t forward_outputs, size_t data_gradients) {
    const Graph& graph = step.shaped.graph;
    const auto begin = graph.outputs.begin();
    const auto at = [&](size_t k) { return begin + static_cast<std::ptrdiff_t>(k); };
    std::vector<bool> forward, data;
    needed_for(graph, {begin, at(forward_outputs)}, forward);
    needed_for(graph, {at(forward_outputs), at(forward_outputs + data_gradients)}, data);
    for (size_t n = 0; n < graph.nodes.size(); ++n)
        step.halves.push_back(forward[n] ? Half::kForward : data[n] ? Half::kData : Half::kWeights);
}

/// Of the forward half alone: the backward one contracts too.
std::vector<bool> cores_of(const PartStep& step) {
    Graph forward = step.shaped.graph;
    std::vector<Node> nodes;
    std::vector<size_t> places;
    for (size_t n = 0; n < forward.nodes.size(); ++n) {
        if (step.halves[n] != Half::kForward) continue;
        places.push_back(n);
        nodes.push_back(forward.nodes[n]);
    }
    forward.nodes = std::move(nodes);
    const std::vector<bool> found = attention_cores(forward, step.data, step.weights);
    std::vector<bool> all(step.halves.size(), false);
    for (size_t k = 0; k < places.size(); ++k) all[places[k]] = found[k];
    return all;
}

}  // namespace

PartStep differentiate_part(Graph part, const std::optional<LossChoice>& loss,
                            const Evaluator& evaluator) {
    std::vector<std::string> data;
    for (ValueId id : part.inputs) data.push_back(part.at(id).name);
    std::vector<ValueId> outputs = part.outputs, floats = part.inputs;
    std::erase_if(floats, [&](ValueId id) { return !is_float(part, id); });
    const std::vector<std::string> weights = free_weights(part);
    Composer c(part);
    TrainingForm form = to_training_form(part, c);
    std::vector<ValueId> sources = floats;
    for (ValueId id : named(part, weights)) sources.push_back(id);

    ValueId end;
    if (loss) {
        part.outputs = outputs;
        end = append_loss(c, *loss).value;
        outputs.push_back(end);
    } else {
        std::vector<ValueId> moved;
        for (ValueId id : outputs)
            if (is_float(part, id) &&
                reach(part, sources, id, form.on_batch_statistics).between(id))
                moved.push_back(id);
        if (!moved.empty()) end = inner_product(c, moved);
    }
    std::vector<ValueId> gradients;
    if (end.valid() && !sources.empty()) {
        gradients = append_backward(c, sources, end, form.on_batch_statistics);
        put_cotangents(part);
    }
    part.outputs = outputs;
    part.outputs.insert(part.outputs.end(), gradients.begin(), gradients.end());

    PartStep step;
    const size_t data_gradients = gradients.empty() ? 0 : floats.size();
    SimplifyOptions options;
    options.skip = {"fold_affine"};
    step.shaped = simplify(infer_shapes(std::move(part), {}, evaluator), evaluator, options);
    step.data = named(step.shaped.graph, data);
    step.weights = named(step.shaped.graph, weights);
    if (!gradients.empty())
        step.weight_gradients.assign(
            step.shaped.graph.outputs.end() - static_cast<std::ptrdiff_t>(weights.size()),
            step.shaped.graph.outputs.end());
    classify(step, outputs.size(), data_gradients);
    step.core = cores_of(step);
    return step;
}

}  // namespace smeaton::model
