#include "search/phaze/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "base/error.h"
#include "search/phaze/layers.h"

namespace smeaton::search::phaze {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kCyclesPerMs = kClockGhz * 1e6;
constexpr double kRounding = 1e-12;

struct Halves {
    Half forward, backward;
    const Half& of(Direction d) const { return d == Direction::kForward ? forward : backward; }
};

/// Defect 1: bytes over bytes a second, taken for milliseconds.
double bytes_per_ms(const Setting& setting) {
    return setting.link_bytes_per_s / (setting.rules.has(1) ? 1 : 1e3);
}

double most_memory_gb(const Setting& setting) {
    return *std::max_element(setting.memory_gb.begin(), setting.memory_gb.end());
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
    const auto layers = static_cast<int>(work.layers.size());
    const auto unsplit =
        static_cast<int>(std::count_if(work.layers.begin(), work.layers.end(), [&](int k) {
            return !work.kinds[static_cast<size_t>(k)].tensor_parallel;
        }));
    // Stages that hold no split layer take one device.
    auto devices = [&](int s) {
        return work.t == 1 ? s : work.t * s - (work.t - 1) * std::min(s, unsplit);
    };
    const int most = std::min(layers, setting.devices);
    const int64_t whole_microbatches = work.batch / work.microbatch;
    const auto microbatches = static_cast<double>(whole_microbatches);
    double best = kInfinite;
    for (int s = least; s <= most; ++s) {
        const double sent = s > 1 ? 2 * (s - 1) * boundary / bandwidth : 0;
        const double load = std::max((sum + sent) / s, longest);
        const double of_stage =
            setting.rules.has(6) ? work.kinds[static_cast<size_t>(work.layers[0])].parameter_bytes
                                 : parameters / s;
        const int pipelines = setting.devices / devices(s);
        if (pipelines == 0) break;
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
    width.t = work.t;
    for (size_t i = 0; i < work.layers.size(); ++i) {
        const LayerKind& kind = work.kinds[static_cast<size_t>(work.layers[i])];
        const LayerMs& t = times[static_cast<size_t>(work.layers[i])];
        place::ChainLayer layer;
        layer.id = static_cast<int64_t>(i);
        layer.name = fmt::format("{} {}", i, kind.name);
        layer.parameter_bytes = kind.parameter_bytes;
        layer.activation_bytes = kind.activation_bytes;
        layer.forward_time = t.forward, layer.backward_time = t.backward;
        layer.tensor_parallel = kind.tensor_parallel;
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
    if (setting.expert && setting.expert->t == work.t) problem.fixed = setting.expert;
    problem.only_stages = setting.only_stages, problem.only_pipelines = setting.only_pipelines;
    return problem;
}

struct Evaluation::State {
    State(const std::vector<Model>& all, const Setting& s, std::shared_ptr<Layers::Shared> shared)
        : models(all),
          setting(s),
          layers(std::move(shared), s.rules, bytes_per_ms(s) / kCyclesPerMs) {
        for (const Model& model : models) {
            halves.emplace_back();
            solvers.emplace_back(model.works.size());
            for (const Work& work : model.works) {
                halves.back().emplace_back();
                for (const LayerKind& kind : work.kinds)
                    halves.back().back().push_back({layers.half(kind, Direction::kForward),
                                                    layers.half(kind, Direction::kBackward)});
            }
        }
    }

    double bound_ms(size_t model, const Chip& chip, bool priced) {
        std::vector<std::pair<double, size_t>> rough;
        for (size_t w = 0; w < models[model].works.size(); ++w)
            rough.emplace_back(roofline_ms(model, w, chip), w);
        std::sort(rough.begin(), rough.end());
        if (!priced) return rough[0].first;
        double best = kInfinite;
        for (const auto& [bound, w] : rough)
            if (bound < best) best = std::min(best, planned_ms(model, w, least(model, w, chip)));
        return best;
    }
    double roofline_ms(size_t model, size_t w, const Chip& chip) {
        std::vector<LayerMs> times;
        for (const Halves& kind : halves[model][w])
            times.push_back({layers.roofline(kind.forward, chip) / kCyclesPerMs,
                             layers.roofline(kind.backward, chip) / kCyclesPerMs});
        return least_ms(models[model].works[w], times, setting);
    }
    /// Of the kinds of layers, with no schedule known.
    std::vector<LayerMs> least(size_t model, size_t w, const Chip& chip) {
        std::vector<LayerMs> times;
        for (const Halves& kind : halves[model][w])
            times.push_back({layers.least(kind.forward, chip) / kCyclesPerMs,
                             layers.least(kind.backward, chip) / kCyclesPerMs});
        return times;
    }
    /// The problem of one way to recompute, with these times. Memory has no area: the most of it is
    /// never worse.
    place::ChainSolver& solver(size_t model, size_t w, bool recompute,
                               const std::vector<LayerMs>& times) {
        const Work& work = models[model].works[w];
        std::optional<place::ChainSolver>& solver = solvers[model][w][recompute ? 1 : 0];
        if (!solver)
            solver.emplace(chain_problem(work, std::vector<LayerMs>(work.kinds.size()), setting,
                                         most_memory_gb(setting), recompute));
        std::vector<place::ChainTimes> all;
        for (const int kind : work.layers) {
            const LayerMs& t = times[static_cast<size_t>(kind)];
            all.push_back({t.forward, t.backward});
        }
        solver->set_times(0, all);
        return *solver;
    }
    /// No plan with these times takes less; infinite where none fits.
    double planned_ms(size_t model, size_t w, const std::vector<LayerMs>& times) {
        double best = kInfinite;
        for (const bool recompute : recomputes(setting))
            best = std::min(best, solver(model, w, recompute, times).lower_bound());
        return best;
    }

    /// Times of the kinds of layers, and what they are at least.
    struct Times {
        std::vector<LayerMs> found, least;
    };

    Placed place(size_t model, const Chip& chip, double below_ms, Effort);
    void place(size_t model, size_t w, const Chip& chip, double below_ms, Effort, Placed& best);
    void take_notes(const Work&, bool recompute, const place::ChainAnswer&, Placed&) const;
    bool expert_fits(size_t model, size_t w, bool recompute);
    void explain(size_t model, size_t w, Placed&);
    void schedule(size_t model, size_t w, const Chip& chip, Effort effort, double below_ms,
                  Times& t);
    double best_ms(size_t model, size_t w, const std::vector<LayerMs>& times);

    const std::vector<Model>& models;
    Setting setting;
    Layers layers;
    std::vector<std::vector<std::vector<Halves>>> halves;  // by model, work, kind
    /// By model, work and whether it recomputes, made when asked for.
    std::vector<std::vector<std::array<std::optional<place::ChainSolver>, 2>>> solvers;
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
            if (found <= least * (1 + kRounding)) return;
            open.emplace_back(-count * (found < kInfinite ? found - least : least), k, d);
        };
        look(t.found[k].forward, t.least[k].forward, Direction::kForward);
        look(t.found[k].backward, t.least[k].backward, Direction::kBackward);
    }
    std::sort(open.begin(), open.end());
    for (const auto& [gain, k, direction] : open) {
        const LayerTime& time = layers.time(halves[model][w][k].of(direction), chip, effort);
        auto take = [&](double& found, double& least) {
            found = time.time / kCyclesPerMs;
            // What is known from other chips may be more than this chip's own bounds.
            least = std::min(found, std::max(least, time.lower_bound / kCyclesPerMs));
        };
        if (direction == Direction::kForward)
            take(t.found[k].forward, t.least[k].forward);
        else
            take(t.found[k].backward, t.least[k].backward);
        if (planned_ms(model, w, t.least) >= below_ms) return;
    }
}

/// Of the best plan; infinite where none fits.
double Evaluation::State::best_ms(size_t model, size_t w, const std::vector<LayerMs>& times) {
    double best = kInfinite;
    for (const bool recompute : recomputes(setting)) {
        const place::ChainAnswer answer = solver(model, w, recompute, times).solve();
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

/// Whether the plan that was given does at this size of microbatch; times make no difference.
bool Evaluation::State::expert_fits(size_t model, size_t w, bool recompute) {
    const std::vector<Work>& works = models[model].works;
    for (size_t i = 0; i < works.size(); ++i)
        if (works[i].microbatch == works[w].microbatch && works[i].t == setting.expert->t)
            return solver(model, i, recompute, std::vector<LayerMs>(works[i].kinds.size()))
                .solve()
                .fixed_time.has_value();
    return false;
}

/// Why no plan has the model.
void Evaluation::State::explain(size_t model, size_t w, Placed& best) {
    const Work& work = models[model].works[w];
    const std::vector<LayerMs> none(work.kinds.size());
    std::string why = "an operator has no mapping on the chip";
    for (const bool recompute : recomputes(setting)) {
        const place::ChainAnswer answer = solver(model, w, recompute, none).solve();
        take_notes(work, recompute, answer, best);
        if (!answer.best && !answer.notes.empty()) why = answer.notes[0];
    }
    if (!best.fits) best.why = why;
}

void Evaluation::State::place(size_t model, size_t w, const Chip& chip, double below_ms,
                              Effort effort, Placed& best) {
    const Work& work = models[model].works[w];
    Times t;
    t.least = least(model, w, chip);
    t.found.assign(t.least.size(), {kInfinite, kInfinite});
    const double bound = planned_ms(model, w, t.least);
    if (bound == kInfinite) explain(model, w, best);
    if (bound >= below_ms) return;
    double lower = 0;
    Effort last = Effort::kBounds;
    for (const Effort now : kEfforts) {
        if (now > effort) break;
        last = now;
        schedule(model, w, chip, now, below_ms, t);
        if (planned_ms(model, w, t.least) >= below_ms) return;
        if (t.found == t.least) break;
        if (now == Effort::kBounds) continue;
        // Layers that no best plan waits for need no proof.
        lower = best_ms(model, w, t.least);
        if (lower >= below_ms) return;
        if (best_ms(model, w, t.found) <= lower * (1 + kRounding)) break;
    }
    const std::vector<LayerMs>& times = t.found;
    if (t.found != t.least) best.lower_bound_ms = std::min(best.lower_bound_ms, lower);
    std::string why;
    for (const bool recompute : recomputes(setting)) {
        const place::ChainAnswer answer = solver(model, w, recompute, times).solve();
        take_notes(work, recompute, answer, best);
        if (answer.fixed_time)
            best.expert_ms = std::min(best.expert_ms.value_or(kInfinite), *answer.fixed_time);
        else if (setting.expert && setting.expert->t == work.t)
            best.expert_refused = answer.fixed_refused;
        if (!answer.best) {
            why = answer.notes.empty() ? "" : answer.notes[0];
            continue;
        }
        // Defect 5: a plan given beside that does not fit ends the program.
        if (setting.rules.has(5) && setting.expert && !expert_fits(model, w, recompute)) {
            why = "the expert plan does not fit";
            continue;
        }
        if (best.fits && answer.best->time >= best.time_ms) continue;
        best.fits = true;
        best.time_ms = answer.best->time;
        best.microbatch = work.microbatch, best.memory_gb = most_memory_gb(setting),
        best.recompute = recompute;
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
    : state_(std::make_unique<State>(models, setting, std::make_shared<Layers::Shared>())) {}
Evaluation::Evaluation(std::unique_ptr<State> state) : state_(std::move(state)) {}
Evaluation Evaluation::another() const {
    return Evaluation(
        std::make_unique<State>(state_->models, state_->setting, state_->layers.shared()));
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
    return state_->layers.scheduled(state_->halves[model][work][kind].of(d), chip, effort);
}
schedule::TaskGraph Evaluation::graph(size_t model, size_t work, size_t kind, Direction d,
                                      const Chip& chip) {
    return state_->layers.graph(state_->halves[model][work][kind].of(d), chip);
}
const std::vector<Task>& Evaluation::tasks(size_t model, size_t work, size_t kind,
                                           Direction d) const {
    return state_->halves[model][work][kind].of(d).tasks;
}

void Evaluation::share_bounds(std::vector<Evaluation>& all) {
    std::vector<LayerBounds::Known> known;
    for (Evaluation& e : all)
        for (LayerBounds::Known& k : e.state_->layers.news()) known.push_back(std::move(k));
    if (!known.empty()) all[0].state_->layers.shared()->bounds.add(std::move(known));
}

bool Evaluation::know(const Price& price) {
    return state_->layers.shared()->operators.know(price);
}

std::vector<Price> Evaluation::news() {
    return state_->layers.shared()->operators.news();
}

double Evaluation::pricing_seconds() const {
    return state_->layers.shared()->operators.seconds();
}

}  // namespace smeaton::search::phaze
