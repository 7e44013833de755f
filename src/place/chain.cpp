#include "place/chain.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/error.h"

namespace smeaton::place {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr size_t kMostStates = 400'000'000;

double held_bytes(const ChainProblem& problem, const ChainLayer& layer) {
    return layer.held_bytes.value_or((problem.adam ? 3 : 2) * layer.parameter_bytes);
}

/// Numbers of pipelines worth a look: of those that leave each as many microbatches the fewest, as
/// more have fewer devices each and more gradients to sum.
std::vector<int> pipelines(const ChainProblem& problem) {
    std::vector<int> all;
    const int n = problem.microbatches, most = std::min(problem.devices, n);
    if (problem.only_pipelines) {
        if (*problem.only_pipelines <= most) all = {*problem.only_pipelines};
        return all;
    }
    for (int d = 1; d <= most;) {
        all.push_back(d);
        const int each = (n + d - 1) / d;
        if (each == 1) break;
        d = (n + each - 2) / (each - 1);
    }
    return all;
}

/// What layers from … end - 1 count more than once of weights that they share.
double counted_again(const ChainWidth& width, size_t from, size_t end, double ChainShared::*bytes) {
    double again = 0;
    for (const ChainShared& shared : width.shared) {
        const auto readers =
            std::count_if(shared.layers.begin(), shared.layers.end(), [&](int layer) {
                return static_cast<size_t>(layer) >= from && static_cast<size_t>(layer) < end;
            });
        if (readers > 1) again += static_cast<double>(readers - 1) * shared.*bytes;
    }
    return again;
}

/// Of every run of layers what its load and memory are made of; the sums are there once.
class Runs {
public:
    Runs(const ChainProblem& problem, const ChainWidth& width)
        : problem_(problem), width_(width), count_(width.layers.size()) {
        const size_t all = count_ * (count_ + 1);
        forward_.resize(all), back_.resize(all), late_.resize(all), base_.resize(all);
        stash_.resize(all), split_.resize(all), parameters_.resize(all);
        for (size_t from = 0; from < count_; ++from)
            for (size_t end = from + 1; end <= count_; ++end) fill(from, end);
    }

    double load(size_t from, size_t end, size_t s) const {
        const size_t at = index(from, end);
        return forward_[at] + (problem_.recompute && s > 1 ? late_[at] : back_[at]);
    }
    double memory(size_t from, size_t end, size_t s) const {
        const size_t at = index(from, end);
        return base_[at] + static_cast<double>(s - 1) * stash_[at];
    }
    bool fits(size_t from, size_t end, size_t s) const {
        return memory(from, end, s) <= problem_.memory_bytes && parameters(from, end) <= cap_;
    }
    /// Only runs of so many parameter bytes count from now on.
    void set_cap(double cap) { cap_ = cap; }
    bool split(size_t from, size_t end) const { return split_[index(from, end)] != 0; }
    double parameters(size_t from, size_t end) const { return parameters_[index(from, end)]; }
    double parameters() const { return parameters(0, count_); }

private:
    size_t index(size_t from, size_t end) const { return from * (count_ + 1) + end; }
    void fill(size_t from, size_t end);

    const ChainProblem& problem_;
    const ChainWidth& width_;
    size_t count_;
    std::vector<double> forward_, back_, late_, base_, stash_, parameters_;
    std::vector<char> split_;
    double cap_ = kInfinite;
};

void Runs::fill(size_t from, size_t end) {
    double f = 0, b = 0, held = 0, a = 0, in_bytes = 0, parameters = 0;
    bool split = false;
    std::vector<double> enters(end - from, 0), leaves(end - from, 0);  // the largest of each layer
    for (const ChainEdge& e : width_.edges) {
        const auto source = static_cast<size_t>(e.from), target = static_cast<size_t>(e.to);
        if ((source >= from && source < end) != (target >= from && target < end))
            held += e.buffer_bytes;
        if (source < from && target >= from && target < end) {
            enters[target - from] = std::max(enters[target - from], e.bytes);
            in_bytes += e.bytes;
        }
        if (source >= from && source < end && target >= end)
            leaves[source - from] = std::max(leaves[source - from], e.bytes);
    }
    double last_out = 0;  // end of the backward half when it waits for a tensor from behind
    double forward = 0;
    for (size_t i = from; i < end; ++i) {
        const ChainLayer& layer = width_.layers[i];
        f += layer.forward_time, b += layer.backward_time;
        held += held_bytes(problem_, layer), a += layer.activation_bytes;
        parameters += layer.parameter_bytes;
        split |= layer.tensor_parallel;
        forward = std::max(forward, enters[i - from] / problem_.bandwidth) + layer.forward_time;
        const double out = leaves[i - from] / problem_.bandwidth;
        last_out = std::max(last_out, out > 0 ? out + b : 0);
    }
    const size_t at = index(from, end);
    forward_[at] = forward;
    back_[at] = std::max(b, last_out);
    late_[at] = std::max(f + b, last_out);
    base_[at] = held - counted_again(width_, from, end, &ChainShared::held_bytes) + a;
    parameters_[at] = parameters - counted_again(width_, from, end, &ChainShared::parameter_bytes);
    stash_[at] = problem_.recompute ? in_bytes : a;
    split_[at] = split;
}

/// The table of one width. Of the devices of a plan only the number of stages that are not split
/// has to be known: S stages, q of them unsplit, take t (S - q) + q.
class Table {
public:
    Table(const ChainProblem& problem, const ChainWidth& width)
        : problem_(problem), width_(width), runs_(problem, width), layers_(width.layers.size()) {
        stages_ = std::min(layers_, static_cast<size_t>(problem.devices));
        pipelines_ = pipelines(problem);
        for (const ChainLayer& layer : width.layers)
            if (width.t > 1 && !layer.tensor_parallel) ++unsplit_;
        if (layers_ * (stages_ + 1) * (unsplit_ + 1) > kMostStates)
            throw UserError(
                "{}: {} layers of which {} are not split at t = {}: too many for the dynamic "
                "program; join layers",
                problem.name, layers_, unsplit_, width.t);
        fill();
    }

    /// Takes the best plan of this width where it beats `best`; false: none fits.
    bool better(std::optional<ChainPlan>& best) const;
    /// The same where the sum of gradients counts of the stage with the most of them: for every
    /// cap on a stage's parameters the best plan, as if it had as many as the cap.
    bool better_of_all_stages(std::optional<ChainPlan>& best);
    /// No plan of this width takes less.
    double bound() const;
    /// Why none fits.
    std::string too_large() const;

private:
    double& at(size_t from, size_t s, size_t q) { return table_[index(from, s, q)]; }
    double at(size_t from, size_t s, size_t q) const { return table_[index(from, s, q)]; }
    size_t index(size_t from, size_t s, size_t q) const {
        return (from * (stages_ + 1) + s) * (unsplit_ + 1) + q;
    }
    size_t takes_unsplit(size_t from, size_t end) const {
        return width_.t > 1 && !runs_.split(from, end) ? 1 : 0;
    }
    size_t devices(size_t s, size_t q) const { return static_cast<size_t>(width_.t) * (s - q) + q; }
    bool better(std::optional<ChainPlan>& best, std::optional<double> gradients) const;
    struct Least {
        double load = kInfinite;
        std::vector<std::pair<size_t, double>> by_end;  // of the first stage; its plan's load
    };
    std::vector<Least> least_loads(size_t devices) const;
    /// By d: what the loads take at least.
    std::vector<std::pair<int, double>> least_times() const;
    double gradients_time(int d, double bytes) const {
        return problem_.gradient_factor * (d - 1) / d * bytes / problem_.bandwidth;
    }
    /// Stages that so many devices can take.
    size_t most_stages(int devices) const {
        return unsplit_ > 0 ? stages_ : std::min(stages_, static_cast<size_t>(devices / width_.t));
    }
    /// Devices on which the least loads depend: with equal stages the most they take, so that one
    /// table serves all.
    int table_devices(int devices) const {
        return unsplit_ > 0 ? std::min(devices, most_taken()) : most_taken();
    }
    int most_taken() const { return static_cast<int>(stages_) * width_.t; }
    void fill();
    /// The least load of layers end … with s stages on at most k devices, for every end, s.
    std::vector<double> within(size_t k) const;
    ChainPlan plan(size_t end, size_t s, int d) const;

    const ChainProblem& problem_;
    const ChainWidth& width_;
    Runs runs_;
    size_t layers_, stages_ = 0, unsplit_ = 0;
    std::vector<int> pipelines_;
    std::vector<double> table_;  // [first layer][stages][unsplit]
};

void Table::fill() {
    table_.assign((layers_ + 1) * (stages_ + 1) * (unsplit_ + 1), kInfinite);
    at(layers_, 0, 0) = 0;
    for (size_t from = layers_; from-- > 0;)
        for (size_t end = from + 1; end <= layers_; ++end) {
            const size_t q1 = takes_unsplit(from, end);
            for (size_t s = 1; s <= std::min(stages_, layers_ - end + 1); ++s) {
                if (!runs_.fits(from, end, s)) break;  // more is kept the farther from the end
                const double load = runs_.load(from, end, s);
                for (size_t q = 0; q + q1 <= std::min(unsplit_, s); ++q) {
                    if (q > s - 1) break;
                    double& best = at(from, s, q + q1);
                    best = std::min(best, std::max(at(end, s - 1, q), load));
                }
            }
        }
}

std::vector<double> Table::within(size_t k) const {
    std::vector<double> least((layers_ + 1) * (stages_ + 1), kInfinite);
    for (size_t from = 0; from <= layers_; ++from)
        for (size_t s = 0; s <= std::min(stages_, k); ++s)
            for (size_t q = 0; q <= std::min(unsplit_, s); ++q)
                if (devices(s, q) <= k) {
                    double& best = least[from * (stages_ + 1) + s];
                    best = std::min(best, at(from, s, q));
                }
    return least;
}

bool Table::better(std::optional<ChainPlan>& best) const {
    return better(best, std::nullopt);
}

bool Table::better_of_all_stages(std::optional<ChainPlan>& best) {
    if (!better(best, runs_.parameters())) return false;
    // What the loads of a plan with d pipelines take at least.
    const std::vector<std::pair<int, double>> loads = least_times();
    std::set<double> caps;
    for (size_t from = 0; from < layers_; ++from)
        for (size_t end = from + 1; end <= layers_; ++end) caps.insert(runs_.parameters(from, end));
    for (const double cap : caps) {
        // One pipeline sums nothing, and its best was found above.
        double least = kInfinite;
        for (const auto& [d, time] : loads)
            if (d > 1) least = std::min(least, time + gradients_time(d, cap));
        if (best && least >= best->time) break;
        runs_.set_cap(cap);
        fill();
        better(best, cap);
    }
    runs_.set_cap(kInfinite);
    return true;
}

std::vector<std::pair<int, double>> Table::least_times() const {
    std::vector<std::pair<int, double>> times;
    std::vector<Least> least;
    int least_of = 0;
    for (const int d : pipelines_) {
        const int now = table_devices(problem_.devices / d);
        if (now != least_of) {
            least_of = now;
            least = least_loads(static_cast<size_t>(least_of));
        }
        const double microbatches = std::ceil(static_cast<double>(problem_.microbatches) / d);
        double time = kInfinite;
        for (size_t s = 1; s <= most_stages(problem_.devices / d); ++s)
            time = std::min(time, least[s].load * (microbatches + static_cast<double>(s) - 1));
        times.emplace_back(d, time);
    }
    return times;
}

/// For each number of stages the least load on so many devices, and how a first stage gets it.
std::vector<Table::Least> Table::least_loads(size_t devices) const {
    std::vector<Least> least(stages_ + 1);
    std::map<size_t, std::vector<double>> tables;  // by devices left behind the first stage
    for (size_t end = 1; end <= layers_; ++end) {
        const size_t a = takes_unsplit(0, end) ? 1 : static_cast<size_t>(width_.t);
        if (a > devices) continue;
        if (unsplit_ > 0 && !tables.contains(devices - a))
            tables.emplace(devices - a, within(devices - a));
        for (size_t s = 1; s <= std::min(stages_, layers_ - end + 1); ++s) {
            // Where every stage takes as many devices, their number decides s alone.
            if (unsplit_ == 0 && this->devices(s, 0) > devices) break;
            const double rest = unsplit_ == 0 ? at(end, s - 1, 0)
                                              : tables.at(devices - a)[end * (stages_ + 1) + s - 1];
            if (rest == kInfinite || !runs_.fits(0, end, s)) continue;
            const double load = std::max(rest, runs_.load(0, end, s));
            least[s].by_end.push_back({end, load});
            least[s].load = std::min(least[s].load, load);
        }
    }
    return least;
}

bool Table::better(std::optional<ChainPlan>& best, std::optional<double> gradients) const {
    double time = best ? best->time : kInfinite;
    size_t best_end = 0, best_s = 0;
    int best_d = 0;
    bool fits = false;
    std::vector<Least> least;
    int least_of = 0;
    for (const int d : pipelines_) {
        // More devices than the stages can take make no difference.
        const int now = table_devices(problem_.devices / d);
        if (now != least_of) {
            least_of = now;
            least = least_loads(static_cast<size_t>(least_of));
        }
        const double microbatches = std::ceil(static_cast<double>(problem_.microbatches) / d);
        for (size_t s = 1; s <= most_stages(problem_.devices / d); ++s) {
            if (!(least[s].load < kInfinite)) continue;
            if (problem_.only_stages && static_cast<size_t>(*problem_.only_stages) != s) continue;
            fits = true;
            const double steps = microbatches + static_cast<double>(s) - 1;
            const double sums = gradients_time(d, gradients.value_or(runs_.parameters(0, 1)));
            if (!(least[s].load * steps + sums < time)) continue;
            for (const auto& [end, load] : least[s].by_end) {
                const double total =
                    load * steps + gradients_time(d, gradients.value_or(runs_.parameters(0, end)));
                if (total < time) time = total, best_end = end, best_s = s, best_d = d;
            }
        }
    }
    if (best_d > 0) {
        ChainPlan found = plan(best_end, best_s, best_d);
        // What was charged for gradients may be more than they are.
        if (!best || !gradients || found.time < best->time) best = std::move(found);
    }
    return fits;
}

double Table::bound() const {
    const std::vector<Least> least = least_loads(static_cast<size_t>(problem_.devices));
    double largest = 0, best = kInfinite;
    for (const ChainLayer& layer : width_.layers)
        largest = std::max(largest, layer.parameter_bytes);
    for (size_t s = 1; s <= stages_; ++s) {
        if (!(least[s].load < kInfinite)) continue;
        const auto stages = static_cast<double>(s);
        const double share = problem_.gradients_of_all_stages
                                 ? std::max(largest, runs_.parameters() / stages)
                                 : width_.layers[0].parameter_bytes;
        // The fewest devices: each stage unsplit where some are.
        const int each = static_cast<int>(s) * (unsplit_ > 0 ? 1 : width_.t);
        const int most = problem_.devices / std::max(1, each);
        for (const int d : pipelines_) {
            if (d > most) break;
            const double steps =
                std::ceil(static_cast<double>(problem_.microbatches) / d) + stages - 1;
            best = std::min(best, least[s].load * steps + gradients_time(d, share));
        }
    }
    return best;
}

ChainPlan Table::plan(size_t end, size_t s, int d) const {
    ChainPlan plan;
    plan.t = width_.t, plan.d = d;
    auto add = [&](size_t first, size_t last, size_t place) {
        plan.stages.push_back(stage_of(problem_, width_, static_cast<int>(first),
                                       static_cast<int>(last - first), static_cast<int>(place)));
        plan.largest_load = std::max(plan.largest_load, plan.stages.back().load);
    };
    add(0, end, s);
    auto left =
        static_cast<size_t>(problem_.devices / d) - static_cast<size_t>(plan.stages[0].devices);
    size_t from = end, q = 0;
    for (size_t i = 0; i <= std::min(unsplit_, s - 1); ++i)
        if (devices(s - 1, i) <= left &&
            (devices(s - 1, q) > left || at(from, s - 1, i) < at(from, s - 1, q)))
            q = i;
    for (size_t place = s - 1; place > 0; --place) {
        const double want = at(from, place, q);
        for (size_t next = from + 1; next <= layers_; ++next) {
            const size_t q1 = takes_unsplit(from, next);
            if (q1 > q || q - q1 > place - 1 || !runs_.fits(from, next, place)) continue;
            if (std::max(at(next, place - 1, q - q1), runs_.load(from, next, place)) > want)
                continue;
            add(from, next, place);
            from = next, q -= q1;
            break;
        }
    }
    plan.time = *time_of(problem_, width_, d, plan.stages);
    return plan;
}

std::string Table::too_large() const {
    for (size_t i = 0; i < layers_; ++i)
        if (!runs_.fits(i, i + 1, 1))
            return fmt::format("layer '{}' alone needs {:.6g} bytes of a device's {:.6g}",
                               width_.layers[i].name, runs_.memory(i, i + 1, 1),
                               problem_.memory_bytes);
    return fmt::format("no cut into at most {} stages fits {:.6g} bytes a device", stages_,
                       problem_.memory_bytes);
}

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

double lower_bound(const ChainProblem& problem) {
    double least = kInfinite;
    for (const ChainWidth& width : problem.widths)
        least = std::min(least, Table(problem, width).bound());
    return least * (1 - 1e-12);
}

ChainAnswer solve(const ChainProblem& problem) {
    verify(problem);
    ChainAnswer answer;
    for (const ChainWidth& width : problem.widths) {
        Table table(problem, width);
        const bool fits = problem.gradients_of_all_stages ? table.better_of_all_stages(answer.best)
                                                          : table.better(answer.best);
        if (!fits) answer.notes.push_back(fmt::format("t = {}: {}", width.t, table.too_large()));
    }
    if (problem.fixed) evaluate_fixed(problem, answer);
    return answer;
}

}  // namespace smeaton::place
