#include "place/chain_table.h"

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

}  // namespace

Table::Table(const ChainProblem& problem, const ChainWidth& width)
    : problem_(problem), width_(width), runs_(problem, width), layers_(width.layers.size()) {
    stages_ = std::min(layers_, static_cast<size_t>(problem.devices));
    for (const int d : pipelines(problem))
        pipelines_.push_back({d, std::ceil(static_cast<double>(problem.microbatches) / d),
                              problem.gradient_factor * (d - 1) / d});
    for (const ChainLayer& layer : width.layers)
        if (width.t > 1 && !layer.tensor_parallel) ++unsplit_;
    if (layers_ * (stages_ + 1) * (unsplit_ + 1) > kMostStates)
        throw UserError(
            "{}: {} layers of which {} are not split at t = {}: too many for the dynamic "
            "program; join layers",
            problem.name, layers_, unsplit_, width.t);
    fill();
    find_least_parameters();
}

void Table::price() {
    runs_.price();
    fill();
}

/// Rows of (s, q) are shifted by one stage, and by one where it is not split: entries that no
/// stages can have are infinite and stay so.
void Table::fill() {
    table_.assign((layers_ + 1) * (stages_ + 1) * (unsplit_ + 1), kInfinite);
    at(layers_, 0, 0) = 0;
    const size_t each = unsplit_ + 1;
    for (size_t from = layers_; from-- > 0;)
        for (size_t end = from + 1; end <= layers_; ++end) {
            const size_t most =
                std::min({stages_, layers_ - end + 1, runs_.most_stages(from, end)});
            if (most == 0) continue;
            const size_t q1 = takes_unsplit(from, end);
            auto take = [&](size_t s, size_t last, double load) {
                const double* behind = &at(end, s - 1, 0);
                double* best = &at(from, s, q1);
                const size_t count = (last - s + 1) * each - q1;
                for (size_t i = 0; i < count; ++i)
                    best[i] = std::min(best[i], std::max(behind[i], load));
            };
            take(1, 1, runs_.load(from, end, 1));
            if (most > 1) take(2, most, runs_.load(from, end, 2));
        }
}

/// The same dynamic program with parameters for loads, whatever the stages' devices.
void Table::find_least_parameters() {
    const size_t row = stages_ + 1;
    std::vector<double> least((layers_ + 1) * row, kInfinite);
    least[layers_ * row] = 0;
    for (size_t from = layers_; from-- > 0;)
        for (size_t end = from + 1; end <= layers_; ++end) {
            const size_t most =
                std::min({stages_, layers_ - end + 1, runs_.most_stages(from, end)});
            const double parameters = runs_.parameters(from, end);
            for (size_t s = 1; s <= most; ++s) {
                double& best = least[from * row + s];
                best = std::min(best, std::max(least[end * row + s - 1], parameters));
            }
        }
    least_parameters_.assign(least.begin(), least.begin() + static_cast<long>(row));
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

std::vector<double> Table::caps() const {
    std::set<double> caps;
    for (size_t from = 0; from < layers_; ++from)
        for (size_t end = from + 1; end <= layers_; ++end) caps.insert(runs_.parameters(from, end));
    return {caps.begin(), caps.end()};
}

double Table::tight_bound() {
    if (!problem_.gradients_of_all_stages) return bound();
    const std::vector<double> loads = least_times();  // whatever the parameters
    auto least = [&](const std::vector<double>& times, double cap) {
        double time = kInfinite;
        for (size_t i = 0; i < times.size(); ++i)
            time = std::min(time, times[i] + gradients_time(pipelines_[i], cap));
        return time;
    };
    double best = kInfinite;
    for (const double cap : caps()) {
        if (least(loads, cap) >= best) break;
        runs_.set_cap(cap);
        fill();
        best = std::min(best, least(least_times(), cap));
    }
    runs_.set_cap(kInfinite);
    fill();
    return best;
}

bool Table::better_of_all_stages(std::optional<ChainPlan>& best) {
    if (!better(best, runs_.parameters())) return false;
    // What the loads of a plan with d pipelines take at least.
    const std::vector<double> loads = least_times();
    for (const double cap : caps()) {
        // One pipeline sums nothing, and its best was found above.
        double least = kInfinite;
        for (size_t i = 0; i < loads.size(); ++i)
            if (pipelines_[i].d > 1)
                least = std::min(least, loads[i] + gradients_time(pipelines_[i], cap));
        if (best && least >= best->time) break;
        runs_.set_cap(cap);
        fill();
        better(best, cap);
    }
    runs_.set_cap(kInfinite);
    fill();
    return true;
}

std::vector<double> Table::least_times() const {
    std::vector<double> times;
    Least least;
    int least_of = 0;
    for (const Pipelines& p : pipelines_) {
        const int now = table_devices(problem_.devices / p.d);
        if (now != least_of) {
            least_of = now;
            least = least_loads(static_cast<size_t>(least_of));
        }
        double time = kInfinite;
        for (size_t s = 1; s <= most_stages(problem_.devices / p.d); ++s)
            if (asked_for(s))
                time =
                    std::min(time, least.load[s] * (p.microbatches + static_cast<double>(s) - 1));
        times.push_back(time);
    }
    return times;
}

Table::Least Table::least_loads(size_t devices) const {
    Least least;
    least.load.assign(stages_ + 1, kInfinite);
    least.of_end.assign((stages_ + 1) * (layers_ + 1), kInfinite);
    std::map<size_t, std::vector<double>> tables;  // by devices left behind the first stage
    for (size_t end = 1; end <= layers_; ++end) {
        const size_t a = takes_unsplit(0, end) ? 1 : static_cast<size_t>(width_.t);
        if (a > devices) continue;
        const double* behind = &table_[index(end, 0, 0)];
        if (unsplit_ > 0) {
            const auto [found, made] = tables.try_emplace(devices - a);
            if (made) found->second = within(devices - a);
            behind = &found->second[end * (stages_ + 1)];
        }
        const size_t most = std::min({stages_, layers_ - end + 1, runs_.most_stages(0, end)});
        for (size_t s = 1; s <= most; ++s) {
            // Where every stage takes as many devices, their number decides s alone.
            if (unsplit_ == 0 && this->devices(s, 0) > devices) break;
            if (behind[s - 1] == kInfinite) continue;
            const double load = std::max(behind[s - 1], runs_.load(0, end, s));
            least.of_end[s * (layers_ + 1) + end] = load;
            least.load[s] = std::min(least.load[s], load);
        }
    }
    return least;
}

bool Table::better(std::optional<ChainPlan>& best, std::optional<double> gradients) const {
    double time = best ? best->time : kInfinite;
    size_t best_end = 0, best_s = 0;
    int best_d = 0;
    bool fits = false;
    Least least;
    int least_of = 0;
    for (const Pipelines& p : pipelines_) {
        // More devices than the stages can take make no difference.
        const int now = table_devices(problem_.devices / p.d);
        if (now != least_of) {
            least_of = now;
            least = least_loads(static_cast<size_t>(least_of));
        }
        for (size_t s = 1; s <= most_stages(problem_.devices / p.d); ++s) {
            if (!(least.load[s] < kInfinite) || !asked_for(s)) continue;
            fits = true;
            const double steps = p.microbatches + static_cast<double>(s) - 1;
            const double sums = gradients_time(p, gradients.value_or(runs_.parameters(0, 1)));
            if (!(least.load[s] * steps + sums < time)) continue;
            for (size_t end = 1; end <= layers_; ++end) {
                const double total =
                    least.of_end[s * (layers_ + 1) + end] * steps +
                    gradients_time(p, gradients.value_or(runs_.parameters(0, end)));
                if (total < time) time = total, best_end = end, best_s = s, best_d = p.d;
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
    const Least least = least_loads(static_cast<size_t>(problem_.devices));
    double best = kInfinite;
    for (size_t s = 1; s <= stages_; ++s) {
        if (!(least.load[s] < kInfinite) || !asked_for(s)) continue;
        const auto stages = static_cast<double>(s);
        const double share = problem_.gradients_of_all_stages ? least_parameters_[s]
                                                              : width_.layers[0].parameter_bytes;
        // The fewest devices: each stage unsplit where some are.
        const int each = static_cast<int>(s) * (unsplit_ > 0 ? 1 : width_.t);
        const int most = problem_.devices / std::max(1, each);
        for (const Pipelines& p : pipelines_) {
            if (p.d > most) break;
            const double steps = p.microbatches + stages - 1;
            best = std::min(best, least.load[s] * steps + gradients_time(p, share));
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

}  // namespace smeaton::place
