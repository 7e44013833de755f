#include "driver/place/chip.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "base/error.h"
#include "driver/model_file.h"
#include "driver/naming.h"
#include "driver/place/fixed.h"
#include "driver/place/memory_formula.h"
#include "machine/device.h"

namespace smeaton::driver {

namespace {

using search::phaze::Chip;
using search::phaze::Direction;
using search::phaze::LayerKind;
using search::phaze::LayerMs;
using search::phaze::Setting;
using search::phaze::Work;

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kCyclesPerMs = search::phaze::kClockGhz * 1e6;

/// "KEY=N,KEY=N": each key once, whole numbers from 1 on.
std::vector<std::pair<std::string, int>> numbers_of(const char* option, const std::string& text) {
    std::vector<std::pair<std::string, int>> all;
    for (size_t at = 0; at < text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        const std::string item = text.substr(at, comma - at);
        at = comma + 1;
        const size_t equals = std::min(item.find('='), item.size());
        const std::string key = item.substr(0, equals);
        const std::string value = equals < item.size() ? item.substr(equals + 1) : "";
        if (value.empty() || value.size() > 7 ||
            value.find_first_not_of("0123456789") != std::string::npos || std::stoi(value) < 1)
            throw UserError("{} '{}': expected KEY=N, a whole number from 1 on", option, item);
        for (const auto& [other, n] : all)
            if (other == key) throw UserError("{}: '{}' is there twice", option, key);
        all.emplace_back(key, std::stoi(value));
    }
    return all;
}

place::FixedPlan parse_expert(const std::string& text, int repeated_layers) {
    place::FixedPlan plan;
    plan.repeated_layers = repeated_layers;
    for (const auto& [key, value] : numbers_of("--expert", text)) {
        if (key == "p")
            plan.p = value;
        else if (key == "t")
            plan.t = value;
        else if (key == "d")
            plan.d = value;
        else
            throw UserError("--expert {}=: expected p=, t=, d=", key);
    }
    return plan;
}

class ChipPlanner {
public:
    explicit ChipPlanner(const ChipPlaceRequest& request)
        : request_(request), fixed_(parse_fixed(request.place.fixed)) {
        const PlaceRequest& p = request.place;
        if (p.batch < 1) throw UserError("--batch {}: expected a whole number from 1 on", p.batch);
        if (p.optimizer != "sgd" && p.optimizer != "adam")
            throw UserError("--optimizer '{}': PHAZE knows sgd and adam", p.optimizer);
        for (const int d : request.defects) {
            search::phaze::require_defect(d);
            setting_.rules.restore(d);
        }
        setting_.adam = p.optimizer == "adam";
        setting_.only_stages = fixed_.p, setting_.only_pipelines = fixed_.d;
        setting_.only_recompute = fixed_.recompute;
        read_devices();
        read_works();
    }
    PlaceResult run();

private:
    void read_devices();
    void read_works();
    void schedule_layers(search::phaze::Evaluation&, size_t work, search::phaze::Effort,
                         OnChips&) const;
    std::vector<int> widths() const;
    void describe(const search::phaze::Placed&, const Work&, const std::vector<LayerMs>&,
                  PlaceResult&) const;
    double time(double faster, double links, double memory) const;
    std::string binding(const PlaceResult&) const;

    ChipPlaceRequest request_;
    FixedWords fixed_;
    Setting setting_;
    std::optional<model::hf::Facts> facts_;
    std::string no_formula_;
    std::vector<search::phaze::Model> models_;  // one
    std::vector<std::string> names_;            // of layers
    std::vector<char> repeated_;
    std::vector<std::vector<LayerMs>> times_;  // by work and kind; none of other widths
    std::vector<std::string> notes_;
    int64_t sequence_ = 0;
};

void ChipPlanner::read_devices() {
    setting_.devices = request_.devices;
    if (request_.memory_bytes) setting_.memory_gb = {*request_.memory_bytes / 1e9};
    if (!request_.place.cluster_file.empty()) {
        const machine::Cluster cluster = machine::read_cluster(request_.place.cluster_file);
        setting_.devices = cluster.devices();
        setting_.link_bytes_per_s =
            cluster.network[cluster.level_of(cluster.devices())].bandwidth_gb_s * 1e9;
        double memory = kInfinite;
        for (const machine::DeviceGroup& group : cluster.groups) {
            const machine::Device device = machine::read_device(group.device);
            memory = std::min(memory, machine::need(device, "memory_gb", "place").number.value);
        }
        setting_.memory_gb = {memory * 1024 * 1024 * 1024 / 1e9};
    }
    if (setting_.devices < 1)
        throw UserError("--devices {}: expected a whole number from 1 on", setting_.devices);
    for (const double gb : setting_.memory_gb)
        if (!(gb > 0)) throw UserError("--memory {}: expected bytes above 0", gb * 1e9);
}

void ChipPlanner::read_works() {
    const PlaceRequest& p = request_.place;
    facts_ = naming(p.model, [&] { return read_model_file(p.model).facts; });
    models_.push_back({p.model, {}});
    std::vector<int> microbatches = request_.microbatches;
    if (fixed_.microbatch) microbatches = {*fixed_.microbatch};
    for (const int microbatch : microbatches) {
        if (p.batch % microbatch != 0) {
            if (fixed_.microbatch)
                throw UserError("--fixed microbatch={}: does not divide a batch of {}", microbatch,
                                p.batch);
            continue;
        }
        const LayeredModel model = layered_model({p.model, p.dims, microbatch, p.sequence});
        for (Work& work :
             phaze_works(p.model, model, microbatch, {p.batch, setting_.adam, setting_.rules},
                         widths(), fixed_.t || !request_.widths.empty(), notes_))
            models_[0].works.push_back(std::move(work));
        if (names_.empty()) {
            for (const ModelLayer& layer : model.layers) names_.push_back(layer.name);
            names_.resize(models_[0].works[0].layers.size());  // defect 4: without those behind
            repeated_.assign(names_.size(), 0);
            for (int i = 0; i < model.repeated_count; ++i)
                repeated_[static_cast<size_t>(model.repeated_first + i)] = 1;
            if (!request_.expert.empty())
                setting_.expert = parse_expert(request_.expert, static_cast<int>(names_.size()));
            no_formula_ = facts_ ? why_no_formula(*facts_, model.repeated_count)
                                 : "an ONNX file does not say a transformer's widths";
        }
    }
    sequence_ = p.sequence > 0 ? p.sequence : facts_ ? facts_->max_positions : 0;
    const auto& works = models_[0].works;
    if (setting_.expert && std::none_of(works.begin(), works.end(), [&](const Work& work) {
            return work.t == setting_.expert->t;
        }))
        throw UserError("--expert t={}: no such width is looked at (--widths, --fixed)",
                        setting_.expert->t);
}

std::vector<int> ChipPlanner::widths() const {
    if (fixed_.t) return {*fixed_.t};
    return request_.widths.empty() ? phaze_widths(setting_.devices) : request_.widths;
}

/// Bytes that a device sends to add up what its layer's devices have in parts, of a microbatch.
double sums_bytes(const LayerKind& kind, bool again) {
    double sent = 0;
    for (const search::phaze::Operator& op : kind.operators)
        sent += op.forward_sent_bytes * (again ? 2 : 1) + op.backward_sent_bytes;
    return sent;
}

void ChipPlanner::schedule_layers(search::phaze::Evaluation& e, size_t work,
                                  search::phaze::Effort effort, OnChips& out) const {
    const Work& w = models_[0].works[work];
    for (size_t k = 0; k < w.kinds.size(); ++k) {
        ScheduledLayer layer;
        layer.name = w.kinds[k].name;
        layer.count =
            static_cast<int>(std::count(w.layers.begin(), w.layers.end(), static_cast<int>(k)));
        for (const Direction d : {Direction::kForward, Direction::kBackward})
            (d == Direction::kForward ? layer.forward : layer.backward) = {
                e.graph(0, work, k, d, out.chip), e.layer(0, work, k, d, out.chip, effort)};
        out.layers.push_back(std::move(layer));
    }
}

void ChipPlanner::describe(const search::phaze::Placed& placed, const Work& work,
                           const std::vector<LayerMs>& times, PlaceResult& r) const {
    const place::ChainPlan& plan = placed.plan;
    const place::ChainProblem problem =
        chain_problem(work, times, setting_, placed.memory_gb, placed.recompute);
    const place::ChainWidth& width = problem.widths[0];
    r.t = plan.t, r.d = plan.d, r.microbatch = placed.microbatch;
    r.microbatches = (problem.microbatches + plan.d - 1) / plan.d;
    const auto stages = static_cast<int>(plan.stages.size());
    int device = 0;
    for (int k = 0; k < stages; ++k) {
        const place::ChainStage& from = plan.stages[static_cast<size_t>(k)];
        const int kept = stages - k, end = from.first + from.count;
        PlacedStage s;
        s.t = from.devices, s.d = plan.d, s.recompute = placed.recompute && k + 1 < stages;
        s.time_ms = from.load;
        for (int i = 0; i < from.devices; ++i) s.devices.push_back(device++);
        double activations = 0, uniform_parameters = 0;
        int uniform = 0;
        for (int i = from.first; i < end; ++i) {
            const auto at = static_cast<size_t>(i);
            const place::ChainLayer& layer = width.layers[at];
            s.layers.push_back(names_[at]);
            s.forward_ms += layer.forward_time, s.backward_ms += layer.backward_time;
            activations += layer.activation_bytes * (s.recompute ? 1 : kept);
            const LayerKind& kind = work.kinds[static_cast<size_t>(work.layers[at])];
            r.tp_bytes += sums_bytes(kind, s.recompute) * from.devices * problem.microbatches;
            if (!repeated_[at]) continue;
            uniform += 1;
            uniform_parameters += kind.parameters;
        }
        const double entering = from.first > 0 ? work.boundary_bytes[size_t(from.first) - 1] : 0;
        if (s.recompute) activations += (kept - 1) * entering;
        // A weight and its gradient of two bytes each; what is held besides is the optimizer's.
        const double parameters = parameter_bytes(width, from.first, from.count);
        s.memory.activations = activations;
        s.memory.weights = 2 * parameters;
        s.memory.optimizer = from.memory_bytes - activations - s.memory.weights;
        if (k + 1 < stages) {
            s.send_bytes = work.boundary_bytes[static_cast<size_t>(end) - 1];
            r.pp_bytes += 2 * s.send_bytes * problem.microbatches;
        }
        r.dp_bytes += 2.0 * (plan.d - 1) * parameters * from.devices;
        if (no_formula_.empty()) {
            const FormulaSizes sizes{placed.microbatch, sequence_, s.t, 2};
            s.memory_formula_bytes =
                (setting_.adam ? 16 : 8) * uniform_parameters +
                uniform * activation_formula_bytes(*facts_, sizes) * (s.recompute ? 1 : kept);
            if (s.recompute && from.first > 0)
                *s.memory_formula_bytes += (kept - 1) * input_formula_bytes(*facts_, sizes);
        }
        r.stages.push_back(std::move(s));
    }
    r.bubble = static_cast<double>(stages - 1) / (r.microbatches + stages - 1);
}

/// A step with cores, links and memory so many times as good.
double ChipPlanner::time(double faster, double links, double memory) const {
    Setting setting = setting_;
    setting.link_bytes_per_s *= links;
    setting.expert.reset();
    double best = kInfinite;
    const double gb = *std::max_element(setting.memory_gb.begin(), setting.memory_gb.end());
    for (size_t w = 0; w < times_.size(); ++w) {
        if (times_[w].empty()) continue;
        std::vector<LayerMs> times = times_[w];
        for (LayerMs& t : times) t.forward /= faster, t.backward /= faster;
        for (const bool recompute : recomputes(setting)) {
            const place::ChainAnswer answer =
                solve(chain_problem(models_[0].works[w], times, setting, memory * gb, recompute));
            if (answer.best) best = std::min(best, answer.best->time);
        }
    }
    return best;
}

std::string ChipPlanner::binding(const PlaceResult& r) const {
    const std::pair<double, std::string> all[] = {{r.step_ms / time(2, 1, 1) - 1, "compute"},
                                                  {r.step_ms / time(1, 2, 1) - 1, "link"},
                                                  {r.step_ms / time(1, 1, 2) - 1, "memory"},
                                                  {r.bubble, "bubble"}};
    return std::max_element(std::begin(all), std::end(all))->second;
}

PlaceResult ChipPlanner::run() {
    PlaceResult r;
    r.request = request_.place;
    r.request.sequence = sequence_;
    r.device = name_of(request_.chip), r.devices = setting_.devices;
    search::phaze::Evaluation evaluation(models_, setting_);
    const search::phaze::Placed placed = evaluation.place(0, request_.chip, kInfinite);
    if (!placed.fits)
        throw UserError("{}: no plan on {} chips of {}: {}", request_.place.model, r.devices,
                        r.device, placed.why);
    OnChips on{request_.chip, setting_.rules.text(), {}, placed.expert_ms, placed.expert_refused};
    const std::vector<Work>& works = models_[0].works;
    size_t chosen = 0;
    for (size_t w = 0; w < works.size(); ++w) {
        times_.emplace_back();
        if (works[w].t != placed.plan.t) continue;
        // What binds is told by lists where another microbatch would be taken.
        const bool taken = works[w].microbatch == placed.microbatch;
        const auto effort = taken ? placed.effort : search::phaze::Effort::kList;
        auto ms = [&](size_t kind, Direction d) {
            return evaluation.layer(0, w, kind, d, on.chip, effort).time / kCyclesPerMs;
        };
        for (size_t k = 0; k < works[w].kinds.size(); ++k)
            times_.back().push_back({ms(k, Direction::kForward), ms(k, Direction::kBackward)});
        if (taken) chosen = w;
    }
    schedule_layers(evaluation, chosen, placed.effort, on);
    r.on_chips = std::move(on);
    r.memory_bytes = placed.memory_gb * 1e9;
    r.step_ms = r.step_low_ms = r.step_high_ms = placed.time_ms;
    r.lower_bound_ms = placed.lower_bound_ms;
    describe(placed, works[chosen], times_[chosen], r);
    r.binding = binding(r);
    if (!setting_.rules.has(14)) {
        r.notes = notes_;
        for (const std::string& note : placed.notes) r.notes.push_back(note);
    }
    r.notes.emplace_back("times are PHAZE's costs; the bound is of plans under these costs");
    if (!no_formula_.empty()) r.notes.push_back("no memory by the closed form: " + no_formula_);
    return r;
}

}  // namespace

search::phaze::Chip parse_chip(const std::string& text) {
    Chip chip{0, 0, 0, 0, 0};
    const auto given = numbers_of("--chip", text);
    const std::tuple<const char*, int*, int, int> keys[] = {{"n_tc", &chip.n_tc, 1, 4096},
                                                            {"n_vc", &chip.n_vc, 1, 4096},
                                                            {"width", &chip.width, 2, 256},
                                                            {"depth", &chip.depth, 2, 256},
                                                            {"buffer_mb", &chip.buffer_mb, 2, 128}};
    for (const auto& [key, value] : given) {
        const auto found = std::find_if(std::begin(keys), std::end(keys),
                                        [&](const auto& k) { return std::get<0>(k) == key; });
        if (found == std::end(keys))
            throw UserError("--chip {}=: expected n_tc=, n_vc=, width=, depth=, buffer_mb=", key);
        const auto [name, into, low, high] = *found;
        if (value < low || value > high || !std::has_single_bit(static_cast<unsigned>(value)))
            throw UserError("--chip {}={}: expected a power of two from {} to {}", key, value, low,
                            high);
        *into = value;
    }
    for (const auto& [key, into, low, high] : keys)
        if (*into == 0) throw UserError("--chip '{}': {}= is missing", text, key);
    return chip;
}

PlaceResult place_on_chips(const ChipPlaceRequest& request) {
    return ChipPlanner(request).run();
}

}  // namespace smeaton::driver
