#include "search/phaze/layers.h"

#include <algorithm>
#include <utility>

namespace smeaton::search::phaze {

namespace {

/// No schedule is shorter: the longest way, and the work of each type of core.
double least_cycles(const std::vector<Task>& tasks, const std::vector<Latency>& latencies,
                    const Chip& chip) {
    double way = 0, tensor = 0, vector = 0;
    const double pairs = std::min(chip.n_tc, chip.n_vc);
    std::vector<double> end(tasks.size(), 0);
    for (size_t i = 0; i < tasks.size(); ++i) {
        const Latency& l = latencies[i];
        for (const int a : tasks[i].after) end[i] = std::max(end[i], end[static_cast<size_t>(a)]);
        end[i] += std::min(l.one, l.all);
        way = std::max(way, end[i]);
        switch (tasks[i].engine) {
            case Engine::kTensor:
                tensor += std::min(l.one, l.all * chip.n_tc);
                break;
            case Engine::kVector:
                vector += std::min(l.one, l.all * chip.n_vc);
                break;
            default:
                tensor += std::min(l.one, l.all * pairs), vector += std::min(l.one, l.all * pairs);
        }
    }
    return std::max({way, tensor / chip.n_tc, vector / chip.n_vc});
}

/// The bytes of what a schedule depends on.
std::string key_of(const Half& half, const LayerCores& cores,
                   const std::vector<Latency>& latencies) {
    std::string key;
    auto add = [&](const auto& part) {
        key.append(reinterpret_cast<const char*>(&part), sizeof part);
    };
    add(half.id), add(cores.pairs), add(cores.more_tensor), add(cores.more_vector);
    for (const Latency& l : latencies) add(l.one), add(l.all);
    return key;
}

}  // namespace

Layers::Layers(std::shared_ptr<Shared> shared, const Rules& rules, double link_bytes_per_cycle)
    : shared_(std::move(shared)),
      rules_(rules),
      link_bytes_per_cycle_(link_bytes_per_cycle),
      prices_(shared_->operators, rules.has(8)) {}

Half Layers::half(const LayerKind& kind, Direction direction) {
    Half half{halves_++, tasks_of(kind.operators, direction, rules_), {}};
    for (const Task& task : half.tasks)
        half.operators.push_back(
            task.engine == Engine::kVector ? -1 : shared_->operators.add(task.tensor));
    return half;
}

double Layers::tensor_cycles(int place, const Chip& chip, int cores, Price how) {
    return how == Price::kRoofline ? prices_.bound(place, chip, cores)
                                   : prices_.cycles(place, chip, cores);
}

std::vector<Latency> Layers::latencies(const Half& half, const Chip& chip, Price how) {
    std::vector<Latency> out;
    const int pairs = std::min(chip.n_tc, chip.n_vc);
    for (size_t i = 0; i < half.tasks.size(); ++i) {
        const Task& t = half.tasks[i];
        Latency l;
        const int all = t.engine == Engine::kTensor   ? chip.n_tc
                        : t.engine == Engine::kVector ? chip.n_vc
                                                      : pairs;
        if (half.operators[i] >= 0) {
            // Defect 12: a fused operator priced on cores that it does not hold.
            const bool wrong = t.engine == Engine::kFused && rules_.has(12);
            l.one = tensor_cycles(half.operators[i], chip, 1, how);
            l.all = tensor_cycles(half.operators[i], chip, wrong ? chip.n_tc : all, how);
            // With its plain sum of cycles, as published.
            if (t.engine == Engine::kFused) l.one += t.cycles_each, l.all += t.cycles_each;
        } else if (t.sent_bytes > 0) {
            l.one = l.all = t.sent_bytes / link_bytes_per_cycle_;
        } else {
            l.one = vector_cycles(t.elements, chip.width, 1, t.cycles_each);
            l.all = vector_cycles(t.elements, chip.width, all, t.cycles_each);
        }
        out.push_back(l);
    }
    return out;
}

double Layers::roofline(const Half& half, const Chip& chip) {
    return least_cycles(half.tasks, latencies(half, chip, Price::kRoofline), chip);
}

double Layers::least(const Half& half, const Chip& chip) {
    const std::vector<Latency> l = latencies(half, chip, Price::kMapped);
    return shared_->bounds.bound(half.id, LayerCores(chip, half.tasks.size()), l,
                                 least_cycles(half.tasks, l, chip));
}

schedule::TaskGraph Layers::graph(const Half& half, const Chip& chip) {
    return task_graph(half.tasks, latencies(half, chip, Price::kMapped), chip);
}

/// Schedules are kept only where they took an effort.
void Layers::take_steps(const Half& half, const Chip& chip, const std::vector<Latency>& latencies,
                        Effort effort, Steps& steps) {
    const schedule::TaskGraph graph = task_graph(half.tasks, latencies, chip);
    LayerTime time;
    time.lower_bound = least_cycles(half.tasks, latencies, chip);
    for (const Effort step : kEfforts) {
        std::optional<LayerTime>& kept = steps[static_cast<size_t>(step)];
        if (step > effort) break;
        if (!kept) {
            const double before = time.lower_bound;
            improve(graph, step, time);
            if (time.proven()) time.lower_bound = time.time;
            if (step >= Effort::kLinear && time.lower_bound > before)
                news_.push_back(
                    {half.id, LayerCores(chip, half.tasks.size()), latencies, time.lower_bound});
            kept = time;
            if (step < Effort::kTree) kept->schedule = {};
        }
        time = *kept;
    }
}

const LayerTime& Layers::time(const Half& half, const Chip& chip, Effort effort) {
    const std::vector<Latency> l = latencies(half, chip, Price::kMapped);
    Steps& steps = known_[key_of(half, LayerCores(chip, half.tasks.size()), l)];
    if (!steps[static_cast<size_t>(effort)]) take_steps(half, chip, l, effort, steps);
    return *steps[static_cast<size_t>(effort)];
}

LayerTime Layers::scheduled(const Half& half, const Chip& chip, Effort effort) {
    LayerTime t = time(half, chip, effort);
    if (t.schedule.tasks.empty() && !half.tasks.empty() && effort >= Effort::kList)
        t.schedule = layer_time(graph(half, chip), Effort::kList).schedule;
    return t;
}

std::vector<LayerBounds::Known> Layers::news() {
    return std::exchange(news_, {});
}

}  // namespace smeaton::search::phaze
