#include "lower/lower.h"

#include <algorithm>

#include "gir/walk.h"
#include "lower/rules.h"
#include "model/states.h"
#include "tensor/open.h"

namespace smeaton::lower {

using model::Node;
using model::ValueId;

const RuleTable& rules() {
    static const RuleTable table = [] {
        RuleTable t;
        add_elementwise_rules(t);
        add_conv_rules(t);
        add_matmul_rules(t);
        add_norm_rules(t);
        add_pool_rules(t);
        add_reduce_rules(t);
        add_index_rules(t);
        add_move_rules(t);
        add_shape_rules(t);

        return t;
    }();
    return table;
}

namespace {

bool can_be_held(DType t) {
    return tensor::bits(t) >= 8 && (!tensor::is_float(t) || tensor::bits(t) >= 16);
}

/// Values that some kernel must compute: those that outputs depend on and that are not constant.
std::set<ValueId> needed_values(const model::Graph& graph) {
    std::set<ValueId> needed;
    for (ValueId id : graph.outputs)
        if (!graph.at(id).constant) needed.insert(id);
    for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
        const bool used = std::any_of(node->outputs.begin(), node->outputs.end(), [&](ValueId id) {
            return id.valid() && needed.contains(id);
        });
        if (!used) continue;
        for (ValueId id : node->inputs)
            if (id.valid() && !graph.at(id).constant) needed.insert(id);
    }
    return needed;
}

void check_dtypes(NodeContext& node) {
    for (size_t k = 0; k < node.input_count(); ++k)
        if (node.has_in(k) && !can_be_held(node.in_dtype(k)))
            node.refuse("input {} has dtype {}, which is not computed with", k,
                        tensor::name(node.in_dtype(k)));
    for (size_t k = 0; k < node.output_count(); ++k)
        if (node.has_out(k) && !can_be_held(node.out_dtype(k)))
            node.refuse("output {} has dtype {}, which is not computed with", k,
                        tensor::name(node.out_dtype(k)));
}

/// Where all outputs are empty no rule needs to know: kernels of no iterations write them.
bool write_nothing(NodeContext& node) {
    for (size_t k = 0; k < node.output_count(); ++k)
        if (node.has_out(k) && element_count(node.out_shape(k)) != 0) return false;
    for (size_t k = 0; k < node.output_count(); ++k) {
        if (!node.has_out(k)) continue;
        const Buf y = node.out(k);
        KernelBuilder b(node, k == 0 ? "" : fmt::format("_{}", k));
        b.fill(b.at(y, b.parallel_all(y.shape)), literal(0, y.dtype));
        b.done();
    }
    return true;
}

void lower_node(NodeContext& node) {
    const Node& n = node.node();
    if (n.op == model::OpType::kUnsupported)
        node.refuse("{}", n.unsupported_reason.empty() ? "unknown operator" : n.unsupported_reason);
    if (n.op == model::OpType::kIf)
        node.refuse(
            "its condition is computed while the model runs; only conditions that are known "
            "when it is compiled are supported yet");
    const auto rule = rules().find(n.op);
    if (rule == rules().end()) node.refuse("the operator has no lowering rule yet");
    check_dtypes(node);
    if (write_nothing(node)) return;
    rule->second(node);
}

/// A copy kernel for graph outputs that are inputs, constants, views, or listed twice; for states.
void copy(Lowering& lowering, const Buf& from, Name output) {
    Node copy;
    copy.name = "copy_" + output.str();
    NodeContext context(lowering, copy);
    const gir::Buffer& target = lowering.program.buffer(output);
    const Buf to{output, target.dtype, from.shape};
    KernelBuilder k(context);
    const Index i = k.parallel_all(to.shape);
    k.move(k.at(to, i), k.at(from, i));
    k.done();
}

bool same_extents(const gir::Buffer& a, const gir::Buffer& b) {
    return a.dims == b.dims;
}

/// Gives every graph output memory of its own. `declared`: the Output buffers by place in the
/// graph.
void bind_outputs(Lowering& lowering, const std::map<size_t, Name>& declared) {
    const model::Graph& graph = lowering.graph;
    for (const auto& [n, output] : declared) {
        const Buf source = lowering.buffer_of(graph.outputs[n]);
        if (source.name == output) continue;
        gir::Program& program = lowering.program;
        // A temp that an output views becomes a view of that output: no copy.
        const gir::Buffer& viewed = program.buffer(source.name);
        const Name root = viewed.alias_of.empty() ? source.name : viewed.alias_of;
        gir::Buffer& base = program.buffer(root);
        if (base.lifetime == gir::Lifetime::Temp && same_extents(viewed, program.buffer(output))) {
            for (gir::Buffer& b : program.buffers) {
                if (b.alias_of != root && b.name != root) continue;
                b.alias_of = output;
                b.lifetime = gir::Lifetime::Output;
            }
            continue;
        }
        copy(lowering, source, output);
    }
}

/// States take their next values at the end, when nobody reads the old ones any more. What is kept
/// in another state (or in a view of one) is set aside first, so that their order does not matter.
void bind_states(Lowering& lowering) {
    const model::Graph& graph = lowering.graph;
    gir::Program& program = lowering.program;
    std::vector<std::pair<Buf, Name>> next;
    for (const model::StatePair& s : graph.states) {
        Buf from = lowering.buffer_of(graph.outputs[s.output]);
        const Name to = lowering.buffers.at(graph.inputs[s.input]).name;
        const gir::Buffer& source = program.buffer(from.name);
        const Name root = source.alias_of.empty() ? from.name : source.alias_of;
        if (root == to) continue;  // it stays as it is
        if (source.lifetime == gir::Lifetime::State) {
            const Buf aside = lowering.add_buffer(to.str() + "_next", from.dtype, from.shape,
                                                  gir::Lifetime::Temp);
            copy(lowering, from, aside.name);
            from = aside;
        }
        next.emplace_back(from, to);
    }
    for (const auto& [from, to] : next) copy(lowering, from, to);
}

/// Memory by name: that of a view is its root's.
std::map<Name, Name> roots_of(const gir::Program& program) {
    std::map<Name, Name> roots;
    for (const gir::Buffer& b : program.buffers)
        roots[b.name] = b.alias_of.empty() ? b.name : b.alias_of;
    return roots;
}

/// By step: does it read weights only, or temps that only such steps write? All writers of a temp
/// go together.
std::vector<bool> steps_on_weights(const gir::Program& program, const std::map<Name, Name>& roots) {
    std::map<Name, gir::Lifetime> lifetime;
    for (const gir::Buffer& b : program.buffers) lifetime[b.name] = b.lifetime;
    std::vector<const gir::Kernel*> kernels;
    std::map<Name, std::vector<size_t>> writers;
    for (const gir::Step& step : program.steps) {
        kernels.push_back(std::get<gir::RunStep>(step.node).kernel.get());
        for (Name b : kernels.back()->writes) writers[roots.at(b)].push_back(kernels.size() - 1);
    }
    std::vector<bool> once(kernels.size(), true);
    const auto fixed = [&](Name b) {
        const Name root = roots.at(b);
        if (lifetime[root] != gir::Lifetime::Temp) return lifetime[root] == gir::Lifetime::Weight;
        const std::vector<size_t>& by = writers[root];
        return std::all_of(by.begin(), by.end(), [&](size_t w) { return once[w]; });
    };
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t s = 0; s < once.size(); ++s) {
            if (!once[s] ||
                (std::all_of(kernels[s]->reads.begin(), kernels[s]->reads.end(), fixed) &&
                 std::all_of(kernels[s]->writes.begin(), kernels[s]->writes.end(), fixed)))
                continue;
            once[s] = false;
            changed = true;
        }
    }
    return once;
}

bool only_fills(const gir::Kernel& kernel) {
    bool all = true;
    gir::for_each_op(kernel.body,
                     [&](const gir::Op& op) { all = all && op.kind == gir::OpKind::Fill; });
    return all && kernel.reads.empty();
}

/// What is one number throughout is written anew in each run: no slower than reading it would be,
/// and no memory holds it between runs. Not where a step that stays `once` reads it.
void refill(const gir::Program& program, const std::map<Name, Name>& roots,
            std::vector<bool>& once) {
    std::set<Name> kept;  // by others than fills, or for steps that run once
    const auto kernel = [&](size_t s) -> const gir::Kernel& {
        return *std::get<gir::RunStep>(program.steps[s].node).kernel;
    };
    for (size_t s = 0; s < once.size(); ++s) {
        if (!once[s] || only_fills(kernel(s))) continue;
        for (const auto* names : {&kernel(s).reads, &kernel(s).writes})
            for (Name b : *names) kept.insert(roots.at(b));
    }
    for (size_t s = 0; s < once.size(); ++s) {
        const auto& writes = kernel(s).writes;
        const bool free = std::none_of(writes.begin(), writes.end(),
                                       [&](Name b) { return kept.contains(roots.at(b)); });
        if (once[s] && free && only_fills(kernel(s))) once[s] = false;
    }
}

/// Marks steps that depend on weights only `once`; what they write are weights to the steps after
/// them.
void mark_once(gir::Program& program) {
    const std::map<Name, Name> roots = roots_of(program);
    std::vector<bool> once = steps_on_weights(program, roots);
    refill(program, roots, once);
    std::set<Name> fixed;
    for (size_t s = 0; s < once.size(); ++s) {
        gir::RunStep& step = std::get<gir::RunStep>(program.steps[s].node);
        step.once = once[s];
        if (once[s])
            for (Name b : step.kernel->writes) fixed.insert(roots.at(b));
    }
    for (gir::Buffer& b : program.buffers)
        if (fixed.contains(roots.at(b.name))) b.lifetime = gir::Lifetime::Weight;
}

/// Declares input and output buffers, in the graph's order, before any other.
/// Gives the Output buffers by place in graph.outputs; what goes into a state has none.
std::map<size_t, Name> declare_ports(Lowering& lowering) {
    const model::Graph& graph = lowering.graph;
    for (size_t k = 0; k < graph.inputs.size(); ++k) {
        const ValueId id = graph.inputs[k];
        const std::string& name = graph.at(id).name;
        SMEATON_CHECK(graph.at(id).dtype, "input {} has no dtype", name);
        const model::StatePair* state = model::state_of_input(graph, k);
        lowering.buffers[id] =
            lowering.add_buffer(name, *graph.at(id).dtype, const_shape(graph, id),
                                state ? gir::Lifetime::State : gir::Lifetime::Input, name);
        if (state && state->first && !tensor::is_open(*state->first))
            lowering.program.buffers.back().data = state->first;
    }
    std::map<size_t, Name> declared;
    for (size_t k = 0; k < graph.outputs.size(); ++k) {
        if (model::goes_into_state(graph, k)) continue;
        const ValueId id = graph.outputs[k];
        const model::Value& value = graph.at(id);
        const DType dtype = value.constant ? value.constant->dtype() : value.dtype.value();
        Buf made = lowering.add_buffer(value.name, dtype, const_shape(graph, id),
                                       gir::Lifetime::Output, value.name);
        declared[k] = made.name;
        // Its node writes here directly, unless it is an input, a constant, or listed before.
        if (!value.constant) lowering.buffers.emplace(id, made);
    }
    return declared;
}

gir::Program run(const model::ShapedGraph& shaped, std::vector<Unsupported>& refused) {
    const model::Graph& graph = shaped.graph;
    Lowering lowering(graph);
    lowering.program.name = identifier(graph.name.empty() ? "model" : graph.name);
    const std::map<size_t, Name> outputs = declare_ports(lowering);
    lowering.needed = needed_values(graph);
    for (const Node& node : graph.nodes) {
        NodeContext context(lowering, node);
        bool used = false;
        for (size_t k = 0; k < node.outputs.size(); ++k) used = used || context.has_out(k);
        if (!used) continue;
        const std::string op = node.op_name.empty() ? std::string(name(node.op)) : node.op_name;
        with_context(fmt::format("lowering {} ({})", node.name, op), [&] {
            try {
                lower_node(context);
            } catch (const Refused& why) {
                refused.push_back({node.name, op, why.what()});
                for (size_t k = 0; k < node.outputs.size(); ++k)
                    if (context.has_out(k)) context.out(k);  // so that its readers can be judged
            }
        });
    }
    if (!refused.empty()) return {};
    bind_outputs(lowering, outputs);
    bind_states(lowering);
    mark_once(lowering.program);
    return std::move(lowering.program);
}

}  // namespace

gir::Program lower(const model::ShapedGraph& graph) {
    std::vector<Unsupported> refused;
    gir::Program program = run(graph, refused);
    if (refused.empty()) return program;
    std::string lines;
    for (const Unsupported& u : refused)
        lines += fmt::format("\n  node {} ({}): {}", u.node, u.op, u.reason);
    throw UserError("cannot compile {} node{}:{}", refused.size(), refused.size() == 1 ? "" : "s",
                    lines);
}

std::vector<Unsupported> unsupported(const model::ShapedGraph& graph) {
    std::vector<Unsupported> refused;
    run(graph, refused);
    return refused;
}

}  // namespace smeaton::lower
