#include "model/grad/differentiate.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "model/bind_dims.h"
#include "model/grad/backward.h"
#include "model/grad/reach.h"
#include "model/open_weights.h"
#include "model/rewrite/dead_code.h"
#include "model/rewrite/simplify.h"
#include "model/verify.h"

namespace smeaton::model {

namespace {

void refuse_unbound(const Graph& graph) {
    const std::vector<std::string> open = unbound_dims(graph);
    if (open.empty()) return;
    std::string list;
    for (const std::string& one : open) list += "\n  " + one;
    throw UserError("gradients need the sizes of all inputs; feed them or bind with --dim:{}",
                    list);
}

/// Names of float initializers that may be trained, frozen ones left out.
std::set<std::string> candidates(const Graph& graph, const std::vector<std::string>& freeze) {
    std::set<std::string> all;
    const std::set<ValueId> statistics = running_statistics(graph);
    for (const Node& node : graph.nodes)
        for (ValueId id : node.inputs)
            if (id.valid() && graph.at(id).constant &&
                tensor::is_float(graph.at(id).constant->dtype()) &&
                may_be_weight(graph, *graph.at(id).constant) && statistics.count(id) == 0)
                all.insert(graph.at(id).name);
    for (const std::string& pattern : freeze) {
        const auto named = [&](const std::string& name) {
            return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
        };
        if (std::none_of(graph.values.begin(), graph.values.end(),
                         [&](const Value& v) { return v.constant && named(v.name); }))
            throw UserError(
                "--freeze {}: no initializer has such a name; {} may be trained, the "
                "first: {}",
                pattern, all.size(), all.empty() ? "none" : *all.begin());
        std::erase_if(all, named);
    }
    return all;
}

std::vector<ValueId> ids_of(const Graph& graph, const std::set<std::string>& names) {
    std::vector<ValueId> ids;
    for (size_t v = 0; v < graph.values.size(); ++v)
        if (names.count(graph.values[v].name) > 0) ids.push_back({static_cast<int32_t>(v)});
    return ids;
}

ValueId named(const Graph& graph, const std::string& name) {
    const std::vector<ValueId> ids = ids_of(graph, {name});
    SMEATON_CHECK(ids.size() == 1, "{} values are called '{}'", ids.size(), name);
    return ids[0];
}

/// Initializers that look like weights and cannot be trained, with how to have them trained; or "".
std::string integer_weights(const Graph& graph) {
    constexpr size_t kNamed = 3;
    std::vector<std::string> found;
    for (const Value& v : graph.values)
        if (v.constant && tensor::is_integer(v.constant->dtype()) && v.constant->shape().size() > 1)
            found.push_back(fmt::format("'{}' {}", v.name, describe(v.dtype, v.shape)));
    if (found.empty()) return "";
    std::string list;
    for (size_t k = 0; k < std::min(found.size(), kNamed); ++k)
        list += (k > 0 ? ", " : "") + found[k];
    if (found.size() > kNamed) list += fmt::format(" and {} more", found.size() - kNamed);
    return fmt::format("; integer weights: {}; export the model in float to train them", list);
}

/// Those of `wanted` that reach the loss become graph inputs.
std::vector<TrainedParameter> free_parameters(Graph& graph, const std::set<std::string>& wanted,
                                              ValueId loss) {
    const std::vector<ValueId> sources = ids_of(graph, wanted);
    const Reach r = reach(graph, sources, loss, {});
    std::vector<TrainedParameter> parameters;
    for (ValueId id : sources) {
        if (!r.between(id)) continue;
        Value& value = graph.at(id);
        parameters.push_back({value.name, *value.constant, ""});
        value.constant.reset();
        graph.inputs.push_back(id);
    }
    if (parameters.empty())
        throw UserError(
            "no parameter reaches the loss: {} float initializers are not frozen; "
            "integers, running statistics and values of Constant nodes are not trained{}",
            wanted.size(), integer_weights(graph));
    return parameters;
}

/// Settings become constants, and an If whose condition is known its branch.
ShapedGraph folded(ShapedGraph shaped, const Evaluator& evaluator) {
    SimplifyOptions options;
    options.skip = {"remove_noops", "share_common", "fold_affine"};
    return simplify(std::move(shaped), evaluator, options);
}

ForwardHalf half_of(const Graph& forward, const std::vector<TrainedParameter>& parameters) {
    Graph inference = forward;
    std::vector<ValueId> ids;
    for (const TrainedParameter& p : parameters) {
        ids.push_back(named(forward, p.name));
        inference.at(ids.back()).constant = p.initial;
        std::erase(inference.inputs, ids.back());
    }
    return forward_half(forward, inference, ids);
}

/// The gradient under its own name, as a graph output.
std::string add_gradient_output(Graph& graph, Composer& c, const std::string& parameter,
                                Expr gradient) {
    const std::string output = c.fresh_value(parameter + ".gradient");
    const Expr made = c.node(OpType::kIdentity, {gradient}, {}, gradient.dtype(), gradient.shape());
    graph.at(made.id).name = output;
    graph.outputs.push_back(made.id);
    return output;
}

/// Float inputs that move the loss and are no parameters.
std::vector<ValueId> moving_inputs(const Graph& graph, const std::vector<ValueId>& parameters,
                                   const std::string& target, ValueId loss) {
    std::vector<ValueId> found;
    const Reach r = reach(graph, graph.inputs, loss, {});
    for (ValueId id : graph.inputs)
        if (r.between(id) && graph.at(id).name != target && graph.at(id).dtype &&
            tensor::is_float(*graph.at(id).dtype) &&
            std::find(parameters.begin(), parameters.end(), id) == parameters.end())
            found.push_back(id);
    return found;
}

/// What the Composer stated of its nodes is what their shape rules say.
ShapedGraph inferred_alike(Graph graph, const Evaluator& evaluator) {
    const std::vector<Value> stated = graph.values;
    ShapedGraph shaped = infer_shapes(std::move(graph), {}, evaluator);
    for (size_t v = 0; v < stated.size(); ++v) {
        const Value& now = shaped.graph.values[v];
        SMEATON_CHECK(stated[v].dtype == now.dtype && stated[v].shape == now.shape,
                      "'{}' was written as {} and is {}", now.name,
                      describe(stated[v].dtype, stated[v].shape), describe(now.dtype, now.shape));
    }
    return shaped;
}

}  // namespace

GradientGraph differentiate(Graph graph, const GradientOptions& options, const Evaluator& evaluator,
                            const ValueBindings& known) {
    refuse_unbound(graph);
    prepare_training_form(graph);
    GradientGraph result;
    ShapedGraph shaped = infer_shapes(std::move(graph), known, evaluator);
    {
        // Before the loss brings constants of its own.
        const std::set<std::string> wanted = candidates(shaped.graph, options.freeze);
        Composer c(shaped.graph);
        const Loss loss = append_loss(c, options.loss);
        result.loss = shaped.graph.at(loss.value).name;
        if (loss.target.valid()) result.target = shaped.graph.at(loss.target).name;
        result.classes = loss.classes;
        shaped.graph.outputs = {loss.value};
        result.parameters = free_parameters(shaped.graph, wanted, loss.value);
    }
    shaped = folded(std::move(shaped), evaluator);
    Graph& forward = shaped.graph;
    result.half = half_of(forward, result.parameters);
    Composer c(forward);
    if (options.training_form) {
        result.form = to_training_form(forward, c);
    } else {
        complete_results(forward, c);
    }
    std::vector<ValueId> sources;
    for (const TrainedParameter& p : result.parameters) sources.push_back(named(forward, p.name));
    const ValueId loss = named(forward, result.loss);
    const std::vector<ValueId> inputs = options.zeros_inserted
                                            ? moving_inputs(forward, sources, result.target, loss)
                                            : std::vector<ValueId>{};
    sources.insert(sources.end(), inputs.begin(), inputs.end());
    const std::vector<ValueId> gradients =
        append_backward(c, sources, loss, result.form.on_batch_statistics, options.zeros_inserted);
    c.stand_for("gradients");
    for (size_t k = 0; k < sources.size(); ++k) {
        const std::string output =
            add_gradient_output(forward, c, forward.at(sources[k]).name, c.of(gradients[k]));
        if (k < result.parameters.size()) result.parameters[k].gradient = output;
    }
    result.shaped = inferred_alike(std::move(forward), evaluator);
    result.shaped = remove_dead_code(std::move(result.shaped)).shaped;
    verify(result.shaped, "differentiate");
    return result;
}

}  // namespace smeaton::model
