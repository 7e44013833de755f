#include "driver/parallel/tasks.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "driver/regions.h"
#include "gir/walk.h"
#include "run/cpu.h"
#include "sim/simulate.h"

namespace smeaton::driver {

using schedule::TaskGraph;

std::string_view name(Costs costs) {
    switch (costs) {
#define X(enumerator, text) \
    case Costs::enumerator: \
        return text;
        SMEATON_COSTS(X)
#undef X
    }
    return "";
}

Costs costs_named(const std::string& text) {
    std::string all;
#define X(enumerator, word)                     \
    if (text == word) return Costs::enumerator; \
    all += (all.empty() ? "" : ", ") + std::string(word);
    SMEATON_COSTS(X)
#undef X
    throw UserError("--costs {}: there are {}", text, all);
}

double message_us(const machine::Machine& m, double bytes) {
    if (!m.handoff)
        throw UserError(
            "machine {}: it has no `handoff`, which messages between cores take; add it, "
            "or use --costs unit or class",
            m.name);
    double us = m.handoff->spin_ns.value * 1e-3, kept = bytes;
    for (const machine::Level& level : m.levels) {
        if (!level.private_to.empty()) {
            kept = std::min(bytes, level.capacity_bytes.value);
            continue;
        }
        if (level.read) us += kept / (level.read->one_gb_s.value * 1e3);
        break;
    }
    return us;
}

namespace {

// 8 where the operator contracts (Conv, MatMul and their kin), else 1.
double class_weight(model::OpType op) {
    model::OpFamily family = model::family(op);
    return family == model::OpFamily::Conv || family == model::OpFamily::MatMul ? 8 : 1;
}

double value_bytes(const model::Value& v) {
    if (!v.dtype || !v.shape) return 0;
    double elements = 1;
    for (const Dim& d : *v.shape) elements *= static_cast<double>(d.if_const().value_or(0));
    return elements * tensor::bits(*v.dtype) / 8;
}

}  // namespace

TaskGraph operator_tasks(const model::Graph& graph) {
    TaskGraph tasks;
    std::vector<bool> constant(graph.values.size(), false);
    for (size_t v = 0; v < graph.values.size(); ++v)
        constant[v] = graph.values[v].constant.has_value();
    std::vector<int> maker(graph.values.size(), -1);
    for (const model::Node& node : graph.nodes) {
        std::set<model::ValueId> read;
        for (model::ValueId v : node.inputs)
            if (v.valid() && !constant[static_cast<size_t>(v.v)]) read.insert(v);
        if (read.empty()) {
            for (model::ValueId v : node.outputs)
                if (v.valid()) constant[static_cast<size_t>(v.v)] = true;
            continue;
        }
        auto id = static_cast<int>(tasks.tasks.size());
        schedule::Task task{node.name, {1}, {0}, 0};
        for (model::ValueId v : node.outputs) {
            if (!v.valid()) continue;
            maker[static_cast<size_t>(v.v)] = id;
            task.output_bytes += value_bytes(graph.at(v));
        }
        tasks.tasks.push_back(std::move(task));
        for (model::ValueId v : read)
            if (int from = maker[static_cast<size_t>(v.v)]; from >= 0)
                tasks.edges.push_back({{from}, {id}, 1, value_bytes(graph.at(v))});
    }
    schedule::merge_edges(tasks);
    return tasks;
}

void set_static_costs(const model::Graph& graph, Costs costs, TaskGraph& tasks) {
    std::map<std::string, const model::Node*> nodes;
    for (const model::Node& node : graph.nodes) nodes[node.name] = &node;
    for (schedule::Task& task : tasks.tasks)
        task.durations_us = {costs == Costs::Class ? class_weight(nodes.at(task.name)->op) : 1};
    for (schedule::Edge& e : tasks.edges) e.cost_us = 1;
}

namespace {

bool at_load(const gir::Step& step) {
    const auto* run = std::get_if<gir::RunStep>(&step.node);
    return run != nullptr && run->once;
}

std::vector<const gir::Step*> steps_of(const gir::Program& program) {
    std::vector<const gir::Step*> steps;
    for (const gir::Step& step : program.steps)
        if (!at_load(step)) steps.push_back(&step);
    return steps;
}

// Kernels of a step and of what stands in it.
void add_kernels(const gir::Step& step, std::vector<const gir::Kernel*>& kernels) {
    auto all = [&](const gir::Steps& steps) {
        for (const gir::Step& s : steps) add_kernels(s, kernels);
    };
    if (const auto* run = std::get_if<gir::RunStep>(&step.node))
        kernels.push_back(run->kernel.get());
    if (const auto* branch = std::get_if<gir::BranchStep>(&step.node)) {
        all(branch->then_steps);
        all(branch->else_steps);
    }
    if (const auto* repeat = std::get_if<gir::RepeatStep>(&step.node)) all(repeat->body);
}

std::string step_name(const gir::Step& step) {
    if (const auto* run = std::get_if<gir::RunStep>(&step.node)) return run->kernel->name.str();
    if (const auto* branch = std::get_if<gir::BranchStep>(&step.node))
        return "branch_" + branch->condition.str();
    if (const auto* repeat = std::get_if<gir::RepeatStep>(&step.node))
        return "repeat_" + repeat->counter.str();
    return "settle_" + std::get<gir::SettleStep>(step.node).parameter.str();
}

double written_bytes(const gir::Program& program, const gir::Step& step) {
    double bytes = 0;
    for (const Region& r : regions_of(program, step))
        if (r.write) bytes += r.bytes;
    return bytes;
}

}  // namespace

TaskGraph kernel_tasks(const gir::Program& program) {
    TaskGraph tasks;
    std::vector<const gir::Step*> steps = steps_of(program);
    std::set<Name> names;
    for (const gir::Step* step : steps)
        tasks.tasks.push_back(
            {gir::fresh(step_name(*step), names).str(), {1}, {0}, written_bytes(program, *step)});
    for (const Dependence& d : dependences(program, steps))
        tasks.edges.push_back({{d.from}, {d.to}, 1, d.bytes});
    return tasks;
}

void set_static_costs(const gir::Program& program, const model::Graph& graph, Costs costs,
                      TaskGraph& tasks) {
    std::map<std::string, double> weights;
    for (const model::Node& node : graph.nodes) weights[node.name] = class_weight(node.op);
    std::vector<const gir::Step*> steps = steps_of(program);
    for (size_t i = 0; i < steps.size(); ++i) {
        std::vector<const gir::Kernel*> kernels;
        add_kernels(*steps[i], kernels);
        double weight = 0;
        for (const gir::Kernel* k : kernels)
            for (const std::string& op : k->origins)
                if (auto found = weights.find(op); found != weights.end()) weight += found->second;
        tasks.tasks[i].durations_us = {costs == Costs::Class ? std::max(weight, 1.0) : 1};
    }
    for (schedule::Edge& e : tasks.edges) e.cost_us = 1;
}

namespace {

void set_messages(const machine::Machine& m, TaskGraph& tasks) {
    for (schedule::Edge& e : tasks.edges) e.cost_us = message_us(m, e.bytes);
}

// Of each step the sum over its kernels that `kernel_us` knows.
void add_step_times(const std::vector<const gir::Step*>& steps,
                    const std::map<std::string, double>& kernel_us, TaskGraph& tasks) {
    for (size_t i = 0; i < steps.size(); ++i) {
        std::vector<const gir::Kernel*> kernels;
        add_kernels(*steps[i], kernels);
        double us = 0;
        for (const gir::Kernel* k : kernels)
            if (auto found = kernel_us.find(k->name.str()); found != kernel_us.end())
                us += found->second;
        tasks.tasks[i].durations_us.push_back(us);
    }
}

std::map<std::string, double> simulated_us(const gir::Program& program, const machine::Machine& m,
                                           int threads) {
    std::map<std::string, double> us;
    for (const cost::KernelCost& k : sim::simulate(program, m, {threads, 0}).kernels)
        if (!k.once) us[k.name] += k.time_us.value;
    return us;
}

}  // namespace

void set_model_costs(const gir::Program& program, const machine::Machine& m, int cores,
                     TaskGraph& tasks) {
    for (schedule::Task& task : tasks.tasks) task.durations_us.clear();
    for (int k = 1; k <= cores; ++k)
        add_step_times(steps_of(program), simulated_us(program, m, k), tasks);
    if (cores > 1) set_messages(m, tasks);
}

void set_measured_costs(const std::string& path, const SessionOptions& options,
                        const std::map<std::string, Tensor>& feeds, const gir::Program& program,
                        const machine::Machine& here, int cores, TaskGraph& tasks) {
    if (cores > run::usable_cores())
        throw UserError("--costs measured: {} cores, but this machine lets {} be used", cores,
                        run::usable_cores());
    constexpr int kRuns = 10;
    for (schedule::Task& task : tasks.tasks) task.durations_us.clear();
    for (int k = 1; k <= cores; ++k) {
        SessionOptions session = options;
        session.threads = k;
        std::map<std::string, double> us;
        for (const KernelStats& stats : Session(path, session).profile(feeds, kRuns))
            us[stats.name] = stats.time_us;
        for (const gir::Step* step : steps_of(program))
            if (const auto* run = std::get_if<gir::RunStep>(&step->node))
                if (us.count(run->kernel->name.str()) == 0)
                    throw UserError(
                        "{}: on {} threads there is no kernel {}, so that its times do "
                        "not compare; use --costs model",
                        path, k, run->kernel->name);
        add_step_times(steps_of(program), us, tasks);
    }
    if (cores > 1) set_messages(here, tasks);
}

void set_operator_costs(const gir::Program& unfused, const machine::Machine& m,
                        const model::Graph& graph, TaskGraph& tasks) {
    std::map<std::string, size_t> task_of;
    for (size_t t = 0; t < tasks.tasks.size(); ++t) {
        tasks.tasks[t].durations_us = {0};
        task_of[tasks.tasks[t].name] = t;
    }
    for (const model::Node& node : graph.nodes)
        if (auto own = task_of.find(node.name); own != task_of.end())
            for (const std::string& origin : node.origins) task_of.emplace(origin, own->second);
    for (const cost::KernelCost& k : sim::simulate(unfused, m, {1, 0}).kernels) {
        if (k.once) continue;
        std::vector<size_t> of;
        for (const std::string& op : k.ops)
            if (auto found = task_of.find(op); found != task_of.end()) of.push_back(found->second);
        for (size_t t : of)
            tasks.tasks[t].durations_us[0] += k.time_us.value / static_cast<double>(of.size());
    }
    set_messages(m, tasks);
}

}  // namespace smeaton::driver
