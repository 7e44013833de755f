#include "place/problem.h"

#include <algorithm>

#include "base/error.h"

namespace smeaton::place {

namespace {

ProblemAnswer answer_of(const ChainProblem& problem) {
    const ChainAnswer found = solve(problem);
    if (!found.best) {
        std::string why;
        for (const std::string& note : found.notes) why += (why.empty() ? "" : "; ") + note;
        throw UserError("{}: no plan fits: {}", problem.name, why);
    }
    ProblemAnswer answer;
    answer.format = "chain";
    answer.objective = answer.lower_bound = found.best->time;
    answer.devices_used = found.best->devices_used();
    answer.data_parallel = found.best->d, answer.tensor_parallel = found.best->t;
    answer.fixed_objective = found.fixed_time;
    answer.notes = found.notes;
    if (!found.fixed_refused.empty())
        answer.notes.push_back("the fixed plan: " + found.fixed_refused);
    const auto width = std::find_if(problem.widths.begin(), problem.widths.end(),
                                    [&](const ChainWidth& w) { return w.t == found.best->t; });
    for (const ChainStage& stage : found.best->stages) {
        Part part;
        for (int i = stage.first; i < stage.first + stage.count; ++i)
            part.nodes.push_back(width->layers[static_cast<size_t>(i)].name);
        part.devices = stage.devices, part.t = stage.devices, part.d = found.best->d;
        part.load = stage.load, part.memory_bytes = stage.memory_bytes;
        answer.parts.push_back(std::move(part));
    }
    return answer;
}

/// The node that no accelerator takes, with no CPU to take it.
std::string why_none(const PartitionProblem& p) {
    for (const PartitionNode& n : p.nodes)
        if (p.cpus == 0 && !n.on_accelerator)
            return fmt::format("node {} needs a CPU, and there is none", n.id);
    for (const PartitionNode& n : p.nodes)
        if (p.cpus == 0 && n.bytes > p.memory_bytes)
            return fmt::format("node {} alone needs {:.6g} bytes of an accelerator's {:.6g}", n.id,
                               n.bytes, p.memory_bytes);
    return fmt::format("{} accelerators of {:.6g} bytes do not hold the graph", p.accelerators,
                       p.memory_bytes);
}

ProblemAnswer answer_of(const PartitionProblem& problem) {
    const PartitionAnswer found = solve(problem);
    if (!found.fits) throw UserError("{}: no partition fits: {}", problem.name, why_none(problem));
    ProblemAnswer answer;
    answer.format = "partition";
    answer.objective = found.objective, answer.lower_bound = found.lower_bound;
    answer.optimal = found.optimal;
    if (!found.note.empty()) answer.notes.push_back(found.note);
    int cpus = 0, accelerators = 0;
    for (const PartitionPart& p : found.parts) {
        Part part;
        for (const int n : p.nodes) part.nodes.push_back(problem.nodes[static_cast<size_t>(n)].id);
        part.device =
            p.cpu ? fmt::format("cpu {}", ++cpus) : fmt::format("accelerator {}", ++accelerators);
        part.load = p.load, part.memory_bytes = p.bytes;
        answer.parts.push_back(std::move(part));
    }
    answer.devices_used = cpus + accelerators;
    return answer;
}

std::string why_none(const SplitProblem& p) {
    for (size_t n = 0; n < p.nodes.size(); ++n) {
        bool fits = false;
        for (const SplitWays& w : p.nodes[n].ways)
            fits |= w.t <= p.devices &&
                    stage_of(p, {static_cast<int>(n)}, w.t, 1, 1, Knapsack::kExact).has_value();
        if (!fits)
            return fmt::format("node {} alone fits no device of {:.6g} bytes at any width",
                               p.nodes[n].id, p.memory_bytes);
    }
    return fmt::format("{} devices of {:.6g} bytes do not hold the graph", p.devices,
                       p.memory_bytes);
}

ProblemAnswer answer_of(const SplitProblem& problem) {
    SplitAnswer found = solve(problem, Knapsack::kExact);
    if (!found.fits) throw UserError("{}: no plan fits: {}", problem.name, why_none(problem));
    const SplitAnswer ratio = solve(problem, Knapsack::kRatio);
    ProblemAnswer answer;
    answer.format = "plan";
    answer.objective = found.objective;
    answer.optimal = found.optimal;
    answer.lower_bound = found.optimal ? found.objective : 0;
    if (ratio.fits)
        answer.heuristic_objective = ratio.objective;
    else
        answer.notes.emplace_back("the published heuristic finds no plan that fits");
    if (!found.note.empty()) answer.notes.push_back(found.note);
    for (const SplitStage& s : found.stages) {
        Part part;
        part.t = s.t, part.d = s.d, part.devices = s.t * s.d;
        part.load = s.load, part.memory_bytes = s.memory_bytes;
        for (size_t i = 0; i < s.nodes.size(); ++i) {
            const SplitNode& node = problem.nodes[static_cast<size_t>(s.nodes[i])];
            part.nodes.push_back(node.id);
            for (const SplitWays& w : node.ways)
                if (w.t == s.t)
                    part.variants.emplace_back(node.id,
                                               w.variants[static_cast<size_t>(s.variants[i])].id);
        }
        answer.devices_used += part.devices;
        answer.parts.push_back(std::move(part));
    }
    return answer;
}

}  // namespace

ProblemAnswer solve_problem(const std::string& path, const ProblemOverrides& overrides) {
    ProblemAnswer answer = std::visit([](const auto& problem) { return answer_of(problem); },
                                      read_problem(path, overrides));
    answer.file = path;
    return answer;
}

}  // namespace smeaton::place
