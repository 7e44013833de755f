#include "model/grad/backward.h"

#include <algorithm>

#include "base/error.h"
#include "model/grad/reach.h"
#include "model/grad/rule.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

bool leads_on(const Reach& r, const Node& node) {
    return std::any_of(node.outputs.begin(), node.outputs.end(),
                       [&](ValueId id) { return r.between(id); });
}

/// Up to three names of the sources behind a node, for messages.
std::string sources_behind(const Graph& graph, const std::vector<ValueId>& sources,
                           const Node& node, const std::set<std::string>& on_batch_statistics) {
    std::string list;
    int count = 0;
    for (ValueId source : sources) {
        const Reach r = reach(graph, {source}, node.outputs[0], on_batch_statistics);
        if (!r.between(source)) continue;
        if (++count <= 3) list += (count > 1 ? ", '" : "'") + graph.at(source).name + "'";
    }
    return count > 3 ? fmt::format("{} and {} more", list, count - 3) : list;
}

void refuse_missing(const Graph& graph, const std::vector<ValueId>& sources, const Reach& r,
                    const std::set<std::string>& on_batch_statistics) {
    std::string lines;
    int count = 0;
    for (const Node& node : graph.nodes) {
        const GradientRow& row = gradient_row(node.op);
        if (row.rule != nullptr || !row.stops.empty() || !leads_on(r, node)) continue;
        ++count;
        lines += fmt::format("\n  node {} ({}): {}; behind it: {}", node.name, name(node.op),
                             row.missing.empty() ? "no gradient rule yet" : row.missing,
                             sources_behind(graph, sources, node, on_batch_statistics));
    }
    if (count > 0)
        throw UserError(
            "{} node{} on the way to the loss without a gradient; freeze the "
            "parameters behind them (--freeze PATTERN) or replace the operators:{}",
            count, count == 1 ? " is" : "s are", lines);
}

class Backward {
public:
    Backward(Composer& c, const Reach& r, const std::set<std::string>& on_batch_statistics,
             bool zeros_inserted)
        : c_(c),
          reach_(r),
          on_batch_statistics_(on_batch_statistics),
          zeros_inserted_(zeros_inserted),
          parts_(r.moves.size()) {}

    void run(ValueId loss) {
        c_.stand_for("loss.grad");
        parts_[index_of(loss)].push_back(c_.filled(1, c_.dtype_of(loss), c_.shape_of(loss)).id);
        for (size_t n = c_.graph().nodes.size() - 1; n-- > 0;) pull(n);  // the seed is the last
    }

    /// The sum of what the readers of a value gave; invalid where none did.
    ValueId gradient_of(ValueId id) {
        std::vector<ValueId>& parts = parts_[index_of(id)];
        if (parts.size() > 1) {
            std::vector<Expr> terms;
            for (ValueId part : parts) terms.push_back(c_.of(part));
            const OpType op = parts.size() == 2 ? OpType::kAdd : OpType::kSum;
            parts = {c_.node(op, terms, {}, c_.dtype_of(id), c_.shape_of(id)).id};
        }
        return parts.empty() ? ValueId{} : parts[0];
    }

private:
    void pull(size_t n) {
        const Node node = c_.graph().nodes[n];
        if (!leads_on(reach_, node)) return;
        c_.stand_for(node);
        std::vector<ValueId> grads;
        bool any = false;
        for (ValueId id : node.outputs) {
            grads.push_back(reach_.between(id) ? gradient_of(id) : ValueId{});
            any = any || grads.back().valid();
        }
        if (!any) return;
        std::vector<bool> wanted;
        for (size_t k = 0; k < node.inputs.size(); ++k)
            wanted.push_back(reach_.between(node.inputs[k]) &&
                             passes_gradient(c_.graph(), node, k, on_batch_statistics_));
        Pullback pullback(c_, node, std::move(grads), std::move(wanted),
                          on_batch_statistics_.count(node.name) > 0, zeros_inserted_);
        with_context(fmt::format("deriving the gradient of {} ({})", node.name, name(node.op)),
                     [&] { gradient_row(node.op).rule(pullback); });
        for (size_t k = 0; k < node.inputs.size(); ++k)
            if (pullback.given()[k].valid())
                parts_[index_of(node.inputs[k])].push_back(pullback.given()[k]);
    }

    Composer& c_;
    const Reach& reach_;
    const std::set<std::string>& on_batch_statistics_;
    bool zeros_inserted_;
    std::vector<std::vector<ValueId>> parts_;  // by value of the forward graph
};

}  // namespace

std::vector<ValueId> append_backward(Composer& c, const std::vector<ValueId>& sources, ValueId loss,
                                     const std::set<std::string>& on_batch_statistics,
                                     bool zeros_inserted) {
    const Reach r = reach(c.graph(), sources, loss, on_batch_statistics);
    refuse_missing(c.graph(), sources, r, on_batch_statistics);
    Backward backward(c, r, on_batch_statistics, zeros_inserted);
    backward.run(loss);
    std::vector<ValueId> gradients;
    c.stand_for("gradients");
    for (ValueId id : sources) {
        const ValueId found = r.between(id) ? backward.gradient_of(id) : ValueId{};
        gradients.push_back(found.valid() ? found : c.filled(0, c.dtype_of(id), c.shape_of(id)).id);
    }
    return gradients;
}

}  // namespace smeaton::model
