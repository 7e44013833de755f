#include "place/chain.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "place/chain_table.h"

namespace smeaton::place {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

void evaluate_fixed(const ChainProblem& problem, ChainAnswer& answer) {
    const FixedPlan& f = *problem.fixed;
    const auto width = std::find_if(problem.widths.begin(), problem.widths.end(),
                                    [&](const ChainWidth& w) { return w.t == f.t; });
    if (width == problem.widths.end()) {
        answer.fixed_refused = fmt::format("there is no width t = {}", f.t);
        return;
    }
    const int each = (f.repeated_layers + f.p - 1) / f.p;
    std::vector<int> ends;
    int seen = 0;
    const auto count = static_cast<int>(width->layers.size());
    for (int i = 0; i < count; ++i) {
        if (width->layers[static_cast<size_t>(i)].id < 0) continue;
        if (++seen % each == 0 && static_cast<int>(ends.size()) < f.p - 1) ends.push_back(i + 1);
    }
    if (ends.empty() || ends.back() < count) ends.push_back(count);
    std::vector<ChainStage> stages;
    for (size_t i = 0; i < ends.size(); ++i) {
        const int from = i == 0 ? 0 : ends[i - 1];
        stages.push_back(
            stage_of(problem, *width, from, ends[i] - from, static_cast<int>(ends.size() - i)));
    }
    answer.fixed_time = time_of(problem, *width, f.d, stages);
    if (!answer.fixed_time)
        answer.fixed_refused = fmt::format(
            "p = {}, t = {}, d = {} does not fit the devices or their memory", f.p, f.t, f.d);
}

}  // namespace

int ChainPlan::devices_used() const {
    int sum = 0;
    for (const ChainStage& s : stages) sum += s.devices;
    return sum * d;
}

ChainStage stage_of(const ChainProblem& problem, const ChainWidth& width, int first, int count,
                    int s) {
    ChainStage stage{first, count, 1, 0, 0};
    const int end = first + count;
    double f = 0, b = 0, held = 0, a = 0, entering = 0, forward = 0, back = 0;
    for (int i = first; i < end; ++i) {
        const ChainLayer& layer = width.layers[static_cast<size_t>(i)];
        f += layer.forward_time, b += layer.backward_time;
        held += held_bytes(problem, layer), a += layer.activation_bytes;
        if (layer.tensor_parallel) stage.devices = width.t;
        double in = 0, out = 0;
        for (const ChainEdge& e : width.edges) {
            if (e.to == i && e.from < first) in = std::max(in, e.bytes), entering += e.bytes;
            if (e.from == i && e.to >= end) out = std::max(out, e.bytes);
        }
        forward = std::max(forward, in / problem.bandwidth) + layer.forward_time;
        if (out > 0) back = std::max(back, out / problem.bandwidth + b);
    }
    for (const ChainEdge& e : width.edges)
        if ((e.from >= first && e.from < end) != (e.to >= first && e.to < end))
            held += e.buffer_bytes;
    const bool again = problem.recompute && s > 1;
    stage.load = forward + std::max(back, again ? f + b : b);
    held -= counted_again(width, static_cast<size_t>(first), static_cast<size_t>(end),
                          &ChainShared::held_bytes);
    stage.memory_bytes = held + a + (s - 1) * (problem.recompute ? entering : a);
    return stage;
}

double parameter_bytes(const ChainWidth& width, int first, int count) {
    double sum = 0;
    for (int i = first; i < first + count; ++i)
        sum += width.layers[static_cast<size_t>(i)].parameter_bytes;
    return sum - counted_again(width, static_cast<size_t>(first),
                               static_cast<size_t>(first + count), &ChainShared::parameter_bytes);
}

std::optional<double> time_of(const ChainProblem& problem, const ChainWidth& width, int d,
                              const std::vector<ChainStage>& stages) {
    int devices = 0;
    double load = 0, parameters = 0;
    for (const ChainStage& stage : stages) {
        devices += stage.devices;
        load = std::max(load, stage.load);
        if (stage.memory_bytes > problem.memory_bytes) return std::nullopt;
    }
    if (d > problem.microbatches || devices > problem.devices / d) return std::nullopt;
    const size_t counted = problem.gradients_of_all_stages ? stages.size() : 1;
    for (size_t s = 0; s < counted; ++s) {
        parameters = std::max(parameters, parameter_bytes(width, stages[s].first, stages[s].count));
    }
    const double microbatches = std::ceil(static_cast<double>(problem.microbatches) / d);
    return load * (microbatches + static_cast<double>(stages.size()) - 1) +
           problem.gradient_factor * (d - 1) / d / problem.bandwidth * parameters;
}

struct ChainSolver::State {
    explicit State(ChainProblem p) : problem(std::move(p)) {
        for (const ChainWidth& width : problem.widths) tables.emplace_back(problem, width);
    }
    ChainProblem problem;
    std::vector<Table> tables;  // by width
};

ChainSolver::ChainSolver(ChainProblem problem) {
    verify(problem);
    state_ = std::make_unique<State>(std::move(problem));
}
ChainSolver::~ChainSolver() = default;
ChainSolver::ChainSolver(ChainSolver&&) noexcept = default;

void ChainSolver::set_times(size_t width, const std::vector<ChainTimes>& times) {
    std::vector<ChainLayer>& layers = state_->problem.widths[width].layers;
    SMEATON_CHECK(times.size() == layers.size(), "{} times of {} layers", times.size(),
                  layers.size());
    for (size_t i = 0; i < layers.size(); ++i)
        layers[i].forward_time = times[i].forward, layers[i].backward_time = times[i].backward;
    state_->tables[width].price();
}

double ChainSolver::lower_bound() const {
    double least = kInfinite;
    for (const Table& table : state_->tables) least = std::min(least, table.bound());
    return least * (1 - 1e-12);
}

double ChainSolver::tight_lower_bound() {
    double least = kInfinite;
    for (Table& table : state_->tables) least = std::min(least, table.tight_bound());
    return least * (1 - 1e-12);
}

ChainAnswer ChainSolver::solve() {
    const ChainProblem& problem = state_->problem;
    ChainAnswer answer;
    for (size_t i = 0; i < problem.widths.size(); ++i) {
        Table& table = state_->tables[i];
        const bool fits = problem.gradients_of_all_stages ? table.better_of_all_stages(answer.best)
                                                          : table.better(answer.best);
        if (!fits)
            answer.notes.push_back(
                fmt::format("t = {}: {}", problem.widths[i].t, table.too_large()));
    }
    if (problem.fixed) evaluate_fixed(problem, answer);
    return answer;
}

double lower_bound(const ChainProblem& problem) {
    return ChainSolver(problem).lower_bound();
}

ChainAnswer solve(const ChainProblem& problem) {
    return ChainSolver(problem).solve();
}

}  // namespace smeaton::place
