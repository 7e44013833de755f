#include "search/phaze/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <tuple>
#include <unordered_map>

#include "base/error.h"

namespace smeaton::search::phaze {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kCyclesPerMs = kClockGhz * 1e6;
constexpr double kRounding = 1e-12;

/// Tasks of one direction, with the place of each tensor problem in the list of mappers.
struct Prepared {
    std::vector<Task> tasks;
    std::vector<int> mapper;  ///< -1: none
};

struct PreparedKind {
    Prepared forward, backward;
    const Prepared& of(Direction d) const { return d == Direction::kForward ? forward : backward; }
};

/// Defect 1: bytes over bytes a second, taken for milliseconds.
double bytes_per_ms(const Setting& setting) {
    return setting.link_bytes_per_s / (setting.rules.has(1) ? 1 : 1e3);
}

double most_memory_gb(const Setting& setting) {
    return *std::max_element(setting.memory_gb.begin(), setting.memory_gb.end());
}

/// Least time of the tasks: the longest way, and the work of each type of core.
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

/// No pipeline over the devices is faster. For S stages the largest holds a share of the work and
/// of the transfers, each microbatch goes through it, and some stage has a share of the parameters
/// (defect 6: the first has those of the first layer). In the number d of pipelines time is a
/// constant and a part over d: one end is best.
double least_ms(const Work& work, const std::vector<LayerMs>& times, const Setting& setting) {
    double sum = 0, longest = 0, held = 0, parameters = 0, boundary = kInfinite;
    for (const int k : work.layers) {
        const LayerKind& kind = work.kinds[static_cast<size_t>(k)];
        const LayerMs& t = times[static_cast<size_t>(k)];
        sum += t.forward + t.backward, longest = std::max(longest, t.forward + t.backward);
        held += setting.rules.has(13) ? 2 * kind.parameter_bytes : kind.held_bytes;
        parameters += kind.parameter_bytes;
    }
    for (const place::ChainShared& s : work.shared) {
        const auto again = static_cast<double>(s.layers.size() - 1);
        held -= again * (setting.rules.has(13) ? 2 * s.parameter_bytes : s.held_bytes);
        parameters -= again * s.parameter_bytes;
    }
    for (const double bytes : work.boundary_bytes) boundary = std::min(boundary, bytes);
    const double bandwidth = bytes_per_ms(setting);
    const double memory = 1e9 * most_memory_gb(setting);
    const int least = std::max(1, static_cast<int>(std::ceil(held / memory - 1e-9)));
    const int most = std::min(static_cast<int>(work.layers.size()), setting.devices);
    const int64_t whole_microbatches = work.batch / work.microbatch;
    const auto microbatches = static_cast<double>(whole_microbatches);
    double best = kInfinite;
    for (int s = least; s <= most; ++s) {
        const double sent = s > 1 ? 2 * (s - 1) * boundary / bandwidth : 0;
        const double load = std::max((sum + sent) / s, longest);
        const double of_stage =
            setting.rules.has(6) ? work.kinds[static_cast<size_t>(work.layers[0])].parameter_bytes
                                 : parameters / s;
        const int pipelines = setting.devices / s;
        for (const double d : {1.0, std::min<double>(pipelines, microbatches)})
            best = std::min(best, load * (std::max(1.0, microbatches / d) + s - 1) +
                                      4 * (d - 1) / d * of_stage / bandwidth);
    }
    return best * (1 - kRounding);
}

}  // namespace

std::vector<bool> recomputes(const Setting& setting) {
    if (setting.only_recompute) return {*setting.only_recompute};
    return {false, true};
}

place::ChainProblem chain_problem(const Work& work, const std::vector<LayerMs>& times,
                                  const Setting& setting, double memory_gb, bool recompute) {
    place::ChainProblem problem;
    problem.name = work.model;
    problem.memory_bytes = memory_gb * 1e9;
    problem.devices = setting.devices;
    problem.bandwidth = bytes_per_ms(setting);
    problem.microbatches = static_cast<int>(work.batch / work.microbatch);
    problem.recompute = recompute;
    problem.adam = setting.adam;
    problem.gradients_of_all_stages = !setting.rules.has(6);
    place::ChainWidth width;
    for (size_t i = 0; i < work.layers.size(); ++i) {
        const LayerKind& kind = work.kinds[static_cast<size_t>(work.layers[i])];
        const LayerMs& t = times[static_cast<size_t>(work.layers[i])];
        place::ChainLayer layer;
        layer.id = static_cast<int64_t>(i);
        layer.name = fmt::format("{} {}", i, kind.name);
        layer.parameter_bytes = kind.parameter_bytes;
        layer.activation_bytes = kind.activation_bytes;
        layer.forward_time = t.forward, layer.backward_time = t.backward;
        // Defect 13: twice or three times the two bytes of a parameter.
        if (!setting.rules.has(13)) layer.held_bytes = kind.held_bytes;
        width.layers.push_back(std::move(layer));
        if (i > 0)
            width.edges.push_back(
                {static_cast<int>(i) - 1, static_cast<int>(i), work.boundary_bytes[i - 1]});
    }
    width.shared = work.shared;
    if (setting.rules.has(13))
        for (place::ChainShared& s : width.shared)
            s.held_bytes = (setting.adam ? 3 : 2) * s.parameter_bytes;
    problem.widths.push_back(std::move(width));
    problem.fixed = setting.expert;
    problem.only_stages = setting.only_stages, problem.only_pipelines = setting.only_pipelines;
    return problem;
}

/// Operators that occur, each once.
struct Mappers {
    std::map<TensorOperator, int> place;
    std::vector<Mapper> all;
};

struct Evaluation::State {
    State(const std::vector<Model>& all, const Setting& s, std::shared_ptr<Mappers> shared)
        : models(all), setting(s), mappers(std::move(shared)) {
        for (const Model& model : models) {
            prepared.emplace_back();
            for (const Work& work : model.works) {
                prepared.back().emplace_back();
                for (const LayerKind& kind : work.kinds)
                    prepared.back().back().push_back(
                        {prepare(kind, Direction::kForward), prepare(kind, Direction::kBackward)});
            }
        }
    }

    Prepared prepare(const LayerKind& kind, Direction direction) {
        Prepared p{tasks_of(kind.operators, direction, setting.rules), {}};
        for (const Task& task : p.tasks) {
            if (task.engine == Engine::kVector) {
                p.mapper.push_back(-1);
                continue;
            }
            const auto [found, made] =
                mappers->place.emplace(task.tensor, static_cast<int>(mappers->all.size()));
            if (made) mappers->all.emplace_back(task.tensor);
            p.mapper.push_back(found->second);
        }
        return p;
    }

    enum class Price { kRoofline, kMapped };
    double tensor_cycles(int mapper, const Chip& chip, int cores, Price how) {
        const Cores on{chip.width, chip.depth, mesh_of(cores)};
        const Memories memories = memories_of(chip, setting.rules.has(8));
        Mapper& m = mappers->all[static_cast<size_t>(mapper)];
        return how == Price::kRoofline ? m.bound(on, memories) : m.cycles(on, memories);
    }

    std::vector<Latency> latencies(const Prepared& p, const Chip& chip, Price how) {
        std::vector<Latency> out;
        const int pairs = std::min(chip.n_tc, chip.n_vc);
        for (size_t i = 0; i < p.tasks.size(); ++i) {
            const Task& t = p.tasks[i];
            Latency l;
            const int all = t.engine == Engine::kTensor   ? chip.n_tc
                            : t.engine == Engine::kVector ? chip.n_vc
                                                          : pairs;
            if (p.mapper[i] >= 0) {
                // Defect 12: a fused operator priced on cores that it does not hold.
                const bool wrong = t.engine == Engine::kFused && setting.rules.has(12);
                l.one = tensor_cycles(p.mapper[i], chip, 1, how);
                l.all = tensor_cycles(p.mapper[i], chip, wrong ? chip.n_tc : all, how);
                // With its plain sum of cycles, as published.
                if (t.engine == Engine::kFused) l.one += t.cycles_each, l.all += t.cycles_each;
            } else {
                l.one = vector_cycles(t.elements, chip.width, 1, t.cycles_each);
                l.all = vector_cycles(t.elements, chip.width, all, t.cycles_each);
            }
            out.push_back(l);
        }
        return out;
    }

    double bound_ms(size_t model, const Chip& chip, bool priced) {
        std::vector<std::pair<double, size_t>> rough;
        for (size_t w = 0; w < models[model].works.size(); ++w)
            rough.emplace_back(roofline_ms(model, w, chip), w);
        std::sort(rough.begin(), rough.end());
        if (!priced) return rough[0].first;
        double best = kInfinite;
        for (const auto& [bound, w] : rough)
            if (bound < best)
                best = std::min(best, planned_ms(models[model].works[w],
                                                 least(model, w, chip, Price::kMapped)));
        return best;
    }
    double roofline_ms(size_t model, size_t w, const Chip& chip) {
        return least_ms(models[model].works[w], least(model, w, chip, Price::kRoofline), setting);
    }
    /// Of the kinds of layers: no schedule is known, what their operators cost bounds them.
    std::vector<LayerMs> least(size_t model, size_t w, const Chip& chip, Price how) {
        std::vector<LayerMs> times;
        auto ms = [&](const Prepared& p) {
            return least_cycles(p.tasks, latencies(p, chip, how), chip) / kCyclesPerMs;
        };
        for (const PreparedKind& kind : prepared[model][w])
            times.push_back({ms(kind.forward), ms(kind.backward)});
        return times;
    }
    /// No plan with these times takes less; infinite where none fits.
    double planned_ms(const Work& work, const std::vector<LayerMs>& times) const {
        double best = kInfinite;
        for (const bool recompute : recomputes(setting))
            best = std::min(best, lower_bound(chain_problem(work, times, setting,
                                                            most_memory_gb(setting), recompute)));
        return best;
    }

    /// Remembered by what the schedule depends on; a list's schedule itself is not.
    const LayerTime& layer(const Prepared& p, const Chip& chip, Effort effort) {
        const std::vector<Latency> l = latencies(p, chip, Price::kMapped);
        const schedule::TaskGraph graph = task_graph(p.tasks, l, chip);
        std::string key = fmt::format("{} {}", static_cast<const void*>(&p), int(effort));
        for (const schedule::CoreKind& kind : graph.cores->kinds)
            key += fmt::format(" {}", kind.count);
        for (const Latency& one : l) key += fmt::format(" {} {}", one.one, one.all);
        const auto [found, made] = scheduled.try_emplace(key);
        LayerTime& t = found->second;
        if (made) {
            t = layer_time(graph, effort);
            t.lower_bound =
                t.proven() ? t.time : std::max(least_cycles(p.tasks, l, chip), t.lower_bound);
            if (effort == Effort::kList) t.schedule = {};
        }
        return t;
    }

    /// Times of the kinds of layers, and what they are at least.
    struct Times {
        std::vector<LayerMs> found, least;
    };

    Placed place(size_t model, const Chip& chip, double below_ms, Effort);
    void place(size_t model, size_t w, const Chip& chip, double below_ms, Effort, Placed& best);
    void take_notes(const Work&, bool recompute, const place::ChainAnswer&, Placed&) const;
    void explain(const Work&, Placed&) const;
    void schedule(size_t model, size_t w, const Chip& chip, Effort effort, double below_ms,
                  Times& t);
    double best_ms(const Work&, const std::vector<LayerMs>& times) const;

    const std::vector<Model>& models;
    Setting setting;
    std::vector<std::vector<std::vector<PreparedKind>>> prepared;
    std::shared_ptr<Mappers> mappers;
    std::unordered_map<std::string, LayerTime> scheduled;
};

/// Schedules the layers that are not settled, those that open most first, until no plan can take
/// less than `below_ms`.
void Evaluation::State::schedule(size_t model, size_t w, const Chip& chip, Effort effort,
                                 double below_ms, Times& t) {
    const Work& work = models[model].works[w];
    std::vector<std::tuple<double, size_t, Direction>> open;
    for (size_t k = 0; k < work.kinds.size(); ++k) {
        const auto count = static_cast<double>(
            std::count(work.layers.begin(), work.layers.end(), static_cast<int>(k)));
        auto look = [&](double found, double least, Direction d) {
            if (found == least) return;
            open.emplace_back(-count * (found < kInfinite ? found - least : least), k, d);
        };
        look(t.found[k].forward, t.least[k].forward, Direction::kForward);
        look(t.found[k].backward, t.least[k].backward, Direction::kBackward);
    }
    std::sort(open.begin(), open.end());
    for (const auto& [gain, k, direction] : open) {
        const LayerTime& time = layer(prepared[model][w][k].of(direction), chip, effort);
        const double found = time.time / kCyclesPerMs, least = time.lower_bound / kCyclesPerMs;
        if (direction == Direction::kForward)
            t.found[k].forward = found, t.least[k].forward = least;
        else
            t.found[k].backward = found, t.least[k].backward = least;
        if (planned_ms(work, t.least) >= below_ms) return;
    }
}

/// Of the best plan; infinite where none fits.
double Evaluation::State::best_ms(const Work& work, const std::vector<LayerMs>& times) const {
    double best = kInfinite;
    for (const bool recompute : recomputes(setting)) {
        const place::ChainAnswer answer =
            solve(chain_problem(work, times, setting, most_memory_gb(setting), recompute));
        if (answer.best) best = std::min(best, answer.best->time);
    }
    return best;
}

/// Defect 14: widths at which nothing fits are dropped in silence.
void Evaluation::State::take_notes(const Work& work, bool recompute,
                                   const place::ChainAnswer& answer, Placed& best) const {
    if (setting.rules.has(14)) return;
    for (const std::string& note : answer.notes)
        best.notes.push_back(fmt::format("microbatches of {}{}: {}", work.microbatch,
                                         recompute ? ", recomputing" : "", note));
}

/// Why no plan has the model.
void Evaluation::State::explain(const Work& work, Placed& best) const {
    const std::vector<LayerMs> none(work.kinds.size());
    std::string why = "an operator has no mapping on the chip";
    for (const bool recompute : recomputes(setting)) {
        const place::ChainAnswer answer =
            solve(chain_problem(work, none, setting, most_memory_gb(setting), recompute));
        take_notes(work, recompute, answer, best);
        if (!answer.best && !answer.notes.empty()) why = answer.notes[0];
    }
    if (!best.fits) best.why = why;
}

void Evaluation::State::place(size_t model, size_t w, const Chip& chip, double below_ms,
                              Effort effort, Placed& best) {
    const Work& work = models[model].works[w];
    Times t;
    t.least = least(model, w, chip, Price::kMapped);
    t.found.assign(t.least.size(), {kInfinite, kInfinite});
    const double bound = planned_ms(work, t.least);
    if (bound == kInfinite) explain(work, best);
    if (bound >= below_ms) return;
    double lower = 0;
    Effort last = Effort::kList;
    for (const Effort now : {Effort::kList, Effort::kTree, Effort::kExact}) {
        if (now > effort) break;
        last = now;
        schedule(model, w, chip, now, below_ms, t);
        if (planned_ms(work, t.least) >= below_ms) return;
        if (t.found == t.least) break;
        // Layers that no best plan waits for need no proof.
        lower = best_ms(work, t.least);
        if (lower >= below_ms) return;
        if (best_ms(work, t.found) <= lower * (1 + kRounding)) break;
    }
    const std::vector<LayerMs>& times = t.found;
    if (t.found != t.least) best.lower_bound_ms = std::min(best.lower_bound_ms, lower);
    std::string why;
    // Memory has no area: the most of it is never worse.
    const double memory = most_memory_gb(setting);
    for (const bool recompute : recomputes(setting)) {
        const place::ChainAnswer answer =
            solve(chain_problem(work, times, setting, memory, recompute));
        take_notes(work, recompute, answer, best);
        if (answer.fixed_time)
            best.expert_ms = std::min(best.expert_ms.value_or(kInfinite), *answer.fixed_time);
        else if (setting.expert)
            best.expert_refused = answer.fixed_refused;
        if (!answer.best) {
            why = answer.notes.empty() ? "" : answer.notes[0];
            continue;
        }
        // Defect 5: a plan given beside that does not fit ends the program.
        if (setting.rules.has(5) && setting.expert && !answer.fixed_time) {
            why = "the expert plan does not fit: " + answer.fixed_refused;
            continue;
        }
        if (best.fits && answer.best->time >= best.time_ms) continue;
        best.fits = true;
        best.time_ms = answer.best->time;
        best.microbatch = work.microbatch, best.memory_gb = memory, best.recompute = recompute;
        best.plan = *answer.best, best.effort = last;
    }
    if (!best.fits) best.why = why;
}

Placed Evaluation::State::place(size_t model, const Chip& chip, double below_ms, Effort effort) {
    Placed best;
    best.lower_bound_ms = kInfinite;
    std::vector<std::pair<double, size_t>> order;
    for (size_t w = 0; w < models[model].works.size(); ++w)
        order.emplace_back(roofline_ms(model, w, chip), w);
    std::sort(order.begin(), order.end());
    for (const auto& [bound, w] : order) {
        // A plan that was given is valued at every size of microbatch.
        const double below =
            best.fits && !setting.expert ? std::min(below_ms, best.time_ms) : below_ms;
        if (bound >= below && below < kInfinite) continue;
        place(model, w, chip, below, effort, best);
    }
    best.lower_bound_ms = std::min(best.lower_bound_ms, best.fits ? best.time_ms : kInfinite);
    if (best.expert_ms) best.expert_refused.clear();
    if (!best.fits && best.why.empty()) best.why = "no plan takes less than what is known";
    return best;
}

Evaluation::Evaluation(const std::vector<Model>& models, const Setting& setting)
    : state_(std::make_unique<State>(models, setting, std::make_shared<Mappers>())) {}
Evaluation::Evaluation(std::unique_ptr<State> state) : state_(std::move(state)) {}
Evaluation Evaluation::another() const {
    return Evaluation(std::make_unique<State>(state_->models, state_->setting, state_->mappers));
}
Evaluation::~Evaluation() = default;
Evaluation::Evaluation(Evaluation&&) noexcept = default;

double Evaluation::bound_ms(size_t model, const Chip& chip, bool priced) {
    return state_->bound_ms(model, chip, priced);
}
Placed Evaluation::place(size_t model, const Chip& chip, double below_ms, Effort effort) {
    return state_->place(model, chip, below_ms, effort);
}
LayerTime Evaluation::layer(size_t model, size_t work, size_t kind, Direction d, const Chip& chip,
                            Effort effort) {
    const Prepared& p = state_->prepared[model][work][kind].of(d);
    if (effort != Effort::kList) return state_->layer(p, chip, effort);
    return layer_time(graph(model, work, kind, d, chip), effort);
}
schedule::TaskGraph Evaluation::graph(size_t model, size_t work, size_t kind, Direction d,
                                      const Chip& chip) {
    const Prepared& p = state_->prepared[model][work][kind].of(d);
    return task_graph(p.tasks, state_->latencies(p, chip, State::Price::kMapped), chip);
}
const std::vector<Task>& Evaluation::tasks(size_t model, size_t work, size_t kind,
                                           Direction d) const {
    return state_->prepared[model][work][kind].of(d).tasks;
}

bool Evaluation::know(const Price& price) {
    TensorOperator op;
    const char* at = price.part.c_str();
    for (int64_t& size : op.sizes) {
        char* end = nullptr;
        size = std::strtoll(at, &end, 10);
        if (end == at) return false;
        at = end;
    }
    const auto found = state_->mappers->place.find(op);
    return found != state_->mappers->place.end() &&
           state_->mappers->all[static_cast<size_t>(found->second)].know({price.on, price.cycles});
}

std::vector<Price> Evaluation::news() {
    std::vector<Price> all;
    for (const auto& [op, at] : state_->mappers->place)
        for (Priced& p : state_->mappers->all[static_cast<size_t>(at)].news())
            all.push_back({fmt::format("{}", fmt::join(op.sizes, " ")), std::move(p.on), p.cycles});
    return all;
}

double Evaluation::pricing_seconds() const {
    double sum = 0;
    for (const Mapper& m : state_->mappers->all) sum += m.seconds();
    return sum;
}

}  // namespace smeaton::search::phaze
