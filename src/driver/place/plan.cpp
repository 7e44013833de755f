#include "driver/place/plan.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "compare/operator_price.h"
#include "driver/model_file.h"
#include "driver/naming.h"
#include "driver/place/fixed.h"
#include "driver/place/memory_formula.h"
#include "machine/device.h"
#include "place/chain.h"

namespace smeaton::driver {

namespace {

using model::Graph;
using place::ChainProblem;

constexpr double kRounding = 1e-9;

/// Bytes of a parameter while it is trained: in the weight and its gradient, in the optimizer.
struct StateBytes {
    double element = 2, weight = 4, optimizer = 0;
};

StateBytes state_bytes(const PlaceRequest& r) {
    StateBytes s;
    const bool half = r.precision == "fp16" || r.precision == "bf16";
    if (!half && r.precision != "fp32")
        throw UserError("--precision '{}': expected fp16, bf16 or fp32", r.precision);
    s.element = half ? 2 : 4, s.weight = 2 * s.element;
    s.optimizer = half ? 4 : 0;  // a copy of the weights in fp32
    if (r.optimizer == "adam" || r.optimizer == "adamw")
        s.optimizer += 8;
    else if (r.optimizer == "momentum")
        s.optimizer += 4;
    else if (r.optimizer != "sgd")
        throw UserError("--optimizer '{}': expected sgd, momentum, adam or adamw", r.optimizer);
    return s;
}

/// A layer for one sample: what its times are made of.
struct PlacedWork {
    std::vector<cost::OperatorWork> forward, backward;  ///< bytes in the precision
    double kept_bytes = 0, boundary_bytes = 0, parameters = 0;
    bool splits = false;  ///< over tensor-parallel devices
};

/// What operators take at one end of what is known, by the prices of `compare` and `simulate`.
struct Rates {
    compare::End end;
    cost::Efficiency efficiency;
    double factor = 1;
    double element_bits = 16;

    /// The same where arithmetic and memory are so many times as fast.
    Rates times(double faster) const {
        Rates r = *this;
        cost::DeviceRates& d = r.end.rates;
        for (double* rate : {&d.matrix_flops, &d.attention_flops, &d.vector_flops, &d.memory_bytes})
            *rate *= faster;
        return r;
    }
};

/// An operator for so many samples; products go over t devices, each with its part of a weight.
cost::OperatorWork of_samples(cost::OperatorWork w, double samples, double t) {
    const double share = w.kind == cost::OperatorWork::Kind::Product ? t : 1;
    w.rows *= samples;
    w.flops *= samples / share;
    w.weight_bytes /= share;
    w.activation_bytes *= samples;
    return w;
}

/// Forward and backward.
std::pair<double, double> layer_ms(const PlacedWork& layer, const Rates& r, double samples,
                                   double t) {
    const double share = layer.splits ? t : 1;
    auto sum = [&](const std::vector<cost::OperatorWork>& half) {
        double ms = 0;
        for (const cost::OperatorWork& w : half)
            ms += 1e3 * compare::operator_seconds(of_samples(w, samples, share), r.element_bits,
                                                  r.end, r.efficiency, r.factor);
        return ms;
    };
    return {sum(layer.forward), sum(layer.backward)};
}

/// Both halves for one of many samples at the roofline: weights are read once for all of them.
double sample_bound_ms(const PlacedWork& layer, const Rates& r) {
    double ms = 0;
    for (const auto* half : {&layer.forward, &layer.backward})
        for (cost::OperatorWork w : *half) {
            w.weight_bytes = 0;
            ms += 1e3 * operator_time(w, r.end.rates, {}).bound_s;
        }
    return ms;
}

/// Attention and what feeds it: heads go over devices.
bool splits(const Graph& graph, const ModelLayer& layer) {
    int contractions = 0;
    bool softmax = false;
    for (const model::NodeId n : layer.nodes) {
        const model::OpFamily family = model::family(graph.at(n).op);
        contractions += family == model::OpFamily::MatMul || family == model::OpFamily::Conv;
        softmax |= graph.at(n).op == model::OpType::kSoftmax;
    }
    return softmax && contractions >= 4;
}

PlacedWork work_of(const LayeredModel& model, size_t i, double element_bytes) {
    const ModelLayer& layer = model.layers[i];
    PlacedWork work;
    work.kept_bytes = layer.kept.bytes(element_bytes);
    work.boundary_bytes = layer.boundary.bytes(element_bytes);
    work.parameters = layer.parameters;
    for (const OperatorWork& op : model.figures.of(i).operators) {
        cost::OperatorWork w;
        w.kind = op.kind;
        w.rows = op.rows;
        w.flops = static_cast<double>(op.work.flops());
        w.activation_bytes =
            op.work.read.bytes(element_bytes) + op.work.written.bytes(element_bytes);
        w.weight_bytes = op.work.weights.bytes(element_bytes);
        (op.forward ? work.forward : work.backward).push_back(std::move(w));
    }
    work.splits = splits(model.graph(), layer);
    return work;
}

/// A ring of t devices: 2 (t - 1) steps of a t-th each.
double all_reduce_ms(double bytes, int t, const machine::NetworkLevel& level) {
    if (t == 1) return 0;
    return 2.0 * (t - 1) * level.latency_ns * 1e-6 +
           2.0 * (t - 1) / t * bytes / (level.bandwidth_gb_s * 1e6);
}

class Planner {
public:
    explicit Planner(const PlaceRequest& request)
        : request_(request),
          states_(state_bytes(request)),
          fixed_(parse_fixed(request.fixed)),
          cluster_(machine::read_cluster(request.cluster_file)) {
        if (request.batch < 1)
            throw UserError("--batch {}: expected a whole number from 1 on", request.batch);
        read_device();
        read_layers();
    }
    PlaceResult run();

private:
    void read_device();
    void read_layers();
    std::vector<int> widths() const;
    ChainProblem problem(int microbatch, bool recompute, double faster, double links,
                         double memory) const;
    place::ChainWidth width(int t, int microbatch, double faster, double links) const;
    struct Best {
        place::ChainPlan plan;
        int microbatch = 1;
        bool recompute = false;
    };
    std::optional<Best> best(double faster, double links, double memory, std::string* why) const;
    void describe(const Best&, PlaceResult&) const;
    void note_copies(const place::ChainPlan&, PlaceResult&) const;
    std::vector<std::pair<int, bool>> choices() const;
    double plans_bound_ms(double step_ms) const;
    std::pair<double, double> step_range(const Best&) const;
    double lower_bound_ms() const;
    std::string binding(const PlaceResult&, double time) const;

    PlaceRequest request_;
    StateBytes states_;
    FixedWords fixed_;
    machine::Cluster cluster_;
    Rates rates_, slow_, fast_;
    compare::Quantity rests_on_;  // flags of the prices
    double memory_bytes_ = 0;
    std::optional<model::hf::Facts> facts_;
    std::vector<std::string> names_;
    std::vector<PlacedWork> layers_;
    std::vector<SharedWeights> shared_;
    std::vector<char> repeated_;
    std::string no_formula_;  // why there is none of memory
    std::string device_;
    int64_t sequence_ = 0;
    int heads_ = 0;
};

void Planner::read_device() {
    device_ = cluster_.groups[0].device;
    for (const machine::DeviceGroup& group : cluster_.groups)
        if (group.device != device_)
            throw UserError("{}: '{}' and '{}': plans are for devices of one kind", cluster_.file,
                            device_, group.device);
    const machine::Device device = machine::read_device(device_);
    const std::string what = "place";
    compare::OperatorPrices prices = compare::operator_prices(
        device, compare::format_named(request_.precision), compare::kOperatorEngine);
    const double bits = 8 * states_.element;
    rates_ = {prices.value, prices.efficiency, prices.factor.value, bits};
    slow_ = {prices.slow, prices.efficiency, prices.factor.high, bits};
    fast_ = {prices.fast, prices.efficiency, prices.factor.low, bits};
    rests_on_ = std::move(prices.rests_on);
    memory_bytes_ = machine::need(device, "memory_gb", what).number.value * 1024 * 1024 * 1024;
}

void Planner::read_layers() {
    const LayeredModel model = layered_model({request_.model, request_.dims, 1, request_.sequence});
    facts_ = naming(request_.model, [&] { return read_model_file(request_.model).facts; });
    for (size_t i = 0; i < model.layers.size(); ++i) {
        const ModelLayer& layer = model.layers[i];
        names_.push_back(layer.name);
        layers_.push_back(work_of(model, i, states_.element));
        const auto at = static_cast<int>(i);
        repeated_.push_back(at >= model.repeated_first &&
                            at < model.repeated_first + model.repeated_count);
        for (const model::NodeId n : layer.nodes) {
            const model::Node& node = model.graph().at(n);
            if (node.op_name != "Softmax" || heads_ > 0) continue;
            const std::vector<tensor::Dim>& shape = *model.graph().at(node.outputs[0]).shape;
            if (shape.size() == 4) heads_ = static_cast<int>(shape[1].value());
        }
    }
    shared_ = model.figures.shared;
    sequence_ = request_.sequence > 0 ? request_.sequence : facts_ ? facts_->max_positions : 0;
    if (facts_) heads_ = static_cast<int>(facts_->heads);
    no_formula_ = facts_ ? why_no_formula(*facts_, model.repeated_count)
                         : "an ONNX file does not say a transformer's widths";
}

/// Powers of two that divide the heads, within the innermost level.
std::vector<int> Planner::widths() const {
    if (fixed_.t) return {*fixed_.t};
    std::vector<int> all = {1};
    const int most = std::min(cluster_.devices(), cluster_.network[0].count);
    for (int t = 2; t <= most && heads_ > 0 && heads_ % t == 0; t *= 2) all.push_back(t);
    return all;
}

place::ChainWidth Planner::width(int t, int microbatch, double faster, double links) const {
    place::ChainWidth w;
    w.t = t;
    const Rates rates = rates_.times(faster);
    const machine::NetworkLevel& inner = cluster_.network[0];
    const machine::NetworkLevel& outer = cluster_.network[cluster_.level_of(cluster_.devices())];
    for (size_t i = 0; i < layers_.size(); ++i) {
        const PlacedWork& work = layers_[i];
        place::ChainLayer layer;
        layer.id = static_cast<int64_t>(i), layer.name = names_[i];
        layer.tensor_parallel = work.splits && t > 1;
        const double share = layer.tensor_parallel ? t : 1;
        std::tie(layer.forward_time, layer.backward_time) = layer_ms(work, rates, microbatch, t);
        if (layer.tensor_parallel) {
            // Two sums over the devices forward, two backward, of what a layer hands on.
            const double sum =
                2 * all_reduce_ms(work.boundary_bytes * microbatch, t, inner) / links;
            layer.forward_time += sum, layer.backward_time += sum;
        }
        layer.parameter_bytes = states_.element * work.parameters / share;
        layer.held_bytes = (states_.weight + states_.optimizer) * work.parameters / share;
        // What two norms read and give is whole on each device, the rest of what is kept is split.
        const double whole = std::min(work.kept_bytes, 4 * work.boundary_bytes);
        layer.activation_bytes = microbatch * (whole + (work.kept_bytes - whole) / share);
        w.layers.push_back(std::move(layer));
        // A latency as the bytes that go in its time.
        const double late = outer.latency_ns * 1e-6 * outer.bandwidth_gb_s * 1e6;
        if (i > 0)
            w.edges.push_back({static_cast<int>(i) - 1, static_cast<int>(i),
                               layers_[i - 1].boundary_bytes * microbatch + late,
                               layers_[i - 1].boundary_bytes * microbatch});
    }
    for (const SharedWeights& s : shared_) {
        // Where only some of them are split, what the split ones hold is taken for the shared part.
        const bool split = std::any_of(s.layers.begin(), s.layers.end(),
                                       [&](size_t i) { return w.layers[i].tensor_parallel; });
        const double parameters = static_cast<double>(s.parameters) / (split ? t : 1);
        w.shared.push_back({{s.layers.begin(), s.layers.end()},
                            states_.element * parameters,
                            (states_.weight + states_.optimizer) * parameters});
    }
    return w;
}

ChainProblem Planner::problem(int microbatch, bool recompute, double faster, double links,
                              double memory) const {
    ChainProblem p;
    p.name = request_.model;
    p.devices = cluster_.devices();
    p.memory_bytes = memory_bytes_ * memory;
    p.bandwidth =
        cluster_.network[cluster_.level_of(p.devices)].bandwidth_gb_s * 1e6 * links;  // a ms
    p.microbatches = request_.batch / microbatch;
    p.recompute = recompute;
    p.gradients_of_all_stages = true;
    p.gradient_factor = 2;  // a ring
    p.only_stages = fixed_.p, p.only_pipelines = fixed_.d;
    for (const int t : widths()) p.widths.push_back(width(t, microbatch, faster, links));
    return p;
}

/// Sizes of microbatches and ways to recompute that are looked at.
std::vector<std::pair<int, bool>> Planner::choices() const {
    std::vector<std::pair<int, bool>> all;
    auto add = [&](int microbatch) {
        for (const bool recompute : {false, true})
            if (fixed_.recompute.value_or(recompute) == recompute)
                all.emplace_back(microbatch, recompute);
    };
    if (!fixed_.microbatch) {
        for (int b = 1; b <= request_.batch && request_.batch % b == 0; b *= 2) add(b);
        return all;
    }
    if (request_.batch % *fixed_.microbatch != 0)
        throw UserError("--fixed microbatch={}: does not divide a batch of {}", *fixed_.microbatch,
                        request_.batch);
    add(*fixed_.microbatch);
    return all;
}

std::optional<Planner::Best> Planner::best(double faster, double links, double memory,
                                           std::string* why) const {
    std::optional<Best> best;
    for (const auto& [microbatch, recompute] : choices()) {
        const place::ChainAnswer a = solve(problem(microbatch, recompute, faster, links, memory));
        if (!a.best && why && why->empty() && !a.notes.empty()) *why = a.notes[0];
        if (a.best && (!best || a.best->time < best->plan.time))
            best = Best{*a.best, microbatch, recompute};
    }
    return best;
}

/// No plan of those that are looked at takes less, down to `step_ms`: for every cap on what a stage
/// has of gradients to sum the least largest load of the cuts within it, transfers in it.
double Planner::plans_bound_ms(double step_ms) const {
    double least = step_ms;
    for (const auto& [microbatch, recompute] : choices()) {
        place::ChainSolver solver(problem(microbatch, recompute, 1, 1, 1));
        if (solver.lower_bound() < least) least = std::min(least, solver.tight_lower_bound());
    }
    return step_ms <= least * (1 + kRounding) ? step_ms : least;
}

/// The work of all samples at the rooflines, shared by all devices; one sample through all layers.
double Planner::lower_bound_ms() const {
    const std::vector<int> all = widths();
    const double t = *std::max_element(all.begin(), all.end());
    double work = 0, way = 0;
    for (const PlacedWork& layer : layers_) {
        const double bound = sample_bound_ms(layer, rates_);
        work += bound * request_.batch / cluster_.devices();
        way += bound / (layer.splits ? t : 1);
    }
    return std::max(work, way);
}

/// What would help most if there were twice as much of it.
std::string Planner::binding(const PlaceResult& r, double time) const {
    auto gain = [&](double faster, double links, double memory) {
        const auto with = best(faster, links, memory, nullptr);
        return with ? time / with->plan.time - 1 : 0;
    };
    const std::pair<double, std::string> all[] = {{gain(2, 1, 1), "compute"},
                                                  {gain(1, 2, 1), "link"},
                                                  {gain(1, 1, 2), "memory"},
                                                  {r.bubble, "bubble"}};
    return std::max_element(std::begin(all), std::end(all))->second;
}

void Planner::describe(const Best& best, PlaceResult& r) const {
    const place::ChainPlan& plan = best.plan;
    r.t = plan.t, r.d = plan.d, r.microbatch = best.microbatch;
    r.microbatches = (request_.batch / best.microbatch + plan.d - 1) / plan.d;
    const place::ChainWidth w = width(plan.t, best.microbatch, 1, 1);
    const auto stages = static_cast<int>(plan.stages.size());
    const int all_microbatches = request_.batch / best.microbatch;  // it divides
    int device = 0;
    for (int k = 0; k < stages; ++k) {
        const place::ChainStage& from = plan.stages[static_cast<size_t>(k)];
        PlacedStage s;
        s.t = from.devices, s.d = plan.d, s.recompute = best.recompute && k + 1 < stages;
        s.time_ms = from.load;
        for (int i = 0; i < from.devices; ++i) s.devices.push_back(device++);
        const int kept = stages - k;  // microbatches in flight
        const double parameters = parameter_bytes(w, from.first, from.count);
        s.memory.weights = states_.weight / states_.element * parameters;
        s.memory.optimizer = states_.optimizer / states_.element * parameters;
        double uniform_parameters = 0;
        int uniform = 0;
        for (int i = from.first; i < from.first + from.count; ++i) {
            const auto at = static_cast<size_t>(i);
            const PlacedWork& work = layers_[at];
            const double share = w.layers[at].tensor_parallel ? plan.t : 1;
            s.layers.push_back(names_[at]);
            s.forward_ms += w.layers[at].forward_time, s.backward_ms += w.layers[at].backward_time;
            s.memory.activations += w.layers[at].activation_bytes * (s.recompute ? 1 : kept);
            if (repeated_[at]) uniform += 1, uniform_parameters += work.parameters / share;
            if (w.layers[at].tensor_parallel)
                r.tp_bytes += 4 * 2.0 * (plan.t - 1) * work.boundary_bytes * request_.batch;
        }
        const int end = from.first + from.count;
        if (from.first > 0 && s.recompute)
            s.memory.activations += (kept - 1) * w.edges[static_cast<size_t>(from.first) - 1].bytes;
        if (from.first > 0)
            s.memory.buffers += w.edges[static_cast<size_t>(from.first) - 1].buffer_bytes;
        if (k + 1 < stages) {
            s.memory.buffers += w.edges[static_cast<size_t>(end) - 1].buffer_bytes;
            s.send_bytes = layers_[static_cast<size_t>(end) - 1].boundary_bytes * best.microbatch;
            r.pp_bytes += 2 * s.send_bytes * all_microbatches;
        }
        r.dp_bytes += 2.0 * (plan.d - 1) * parameters * from.devices;
        if (no_formula_.empty()) {
            const FormulaSizes sizes{best.microbatch, sequence_, s.t, states_.element};
            s.memory_formula_bytes =
                (states_.weight + states_.optimizer) * uniform_parameters +
                uniform * activation_formula_bytes(*facts_, sizes) * (s.recompute ? 1 : kept);
            if (s.recompute && from.first > 0)
                *s.memory_formula_bytes += (kept - 1) * input_formula_bytes(*facts_, sizes);
        }
        r.stages.push_back(std::move(s));
    }
    r.bubble = static_cast<double>(stages - 1) / (r.microbatches + stages - 1);
}

/// Weights that layers of several stages share, where the sum of their gradients would be seen:
/// constants of a formula are no news.
void Planner::note_copies(const place::ChainPlan& plan, PlaceResult& r) const {
    constexpr double kSeen = 1e-4;  // of a step
    const machine::NetworkLevel& outer = cluster_.network[cluster_.level_of(cluster_.devices())];
    for (const SharedWeights& s : shared_) {
        const double bytes = states_.element * static_cast<double>(s.parameters);
        if (2 * bytes / (outer.bandwidth_gb_s * 1e6) < kSeen * r.step_ms) continue;
        std::set<size_t> holders;
        for (const size_t layer : s.layers) {
            size_t k = 0;
            while (k + 1 < plan.stages.size() &&
                   layer >= static_cast<size_t>(plan.stages[k + 1].first))
                ++k;
            holders.insert(k + 1);
        }
        if (holders.size() > 1)
            r.notes.push_back(fmt::format(
                "stages {} hold copies of weights that layer '{}' shares; the time of summing "
                "their gradients is left out",
                fmt::join(holders, ", "), names_[s.layers[0]]));
    }
}

/// The step's time with all operators at the fast and at the slow end.
std::pair<double, double> Planner::step_range(const Best& best) const {
    double low = 0, value = 0, high = 0;
    auto sum = [&](const PlacedWork& work, const Rates& r) {
        const auto [forward, backward] = layer_ms(work, r, best.microbatch, best.plan.t);
        return forward + backward;
    };
    for (const PlacedWork& work : layers_)
        low += sum(work, fast_), value += sum(work, rates_), high += sum(work, slow_);
    return {best.plan.time * low / value, best.plan.time * high / value};
}

PlaceResult Planner::run() {
    PlaceResult r;
    r.request = request_;
    r.request.sequence = sequence_;
    r.device = device_, r.devices = cluster_.devices(), r.memory_bytes = memory_bytes_;
    std::string why;
    const std::optional<Best> found = best(1, 1, 1, &why);
    if (!found)
        throw UserError("{}: no plan on {} x {} fits: {}", request_.model, r.devices, device_,
                        why.empty() ? "none has what --fixed asks for" : why);
    r.step_ms = found->plan.time;
    std::tie(r.step_low_ms, r.step_high_ms) = step_range(*found);
    r.lower_bound_ms = std::min(std::max(lower_bound_ms(), plans_bound_ms(r.step_ms)), r.step_ms);
    describe(*found, r);
    note_copies(found->plan, r);
    r.binding = binding(r, r.step_ms);
    r.notes.emplace_back("times are those of `simulate` on the device's data sheet");
    for (const std::string& flag : rests_on_.flags) r.notes.push_back("times: " + flag);
    if (!no_formula_.empty()) r.notes.push_back("no memory by the closed form: " + no_formula_);
    return r;
}

}  // namespace

PlaceResult place_model(const PlaceRequest& request) {
    return Planner(request).run();
}

}  // namespace smeaton::driver
