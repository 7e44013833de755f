#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "compare/calibrate.h"
#include "compare/compare.h"

namespace smeaton::compare {

namespace {

using cost::Calibration;
using machine::Interval;

constexpr double kGib = 1024.0 * 1024 * 1024;
/// Time over the roofline of engines and devices without any row: an interval, no point.
constexpr Interval kUncalibrated{1, 2, 5};
constexpr double kOtherFamily = 1.3, kExtrapolated = 1.2;

/// Everything that one row is computed from.
struct Case {
    const Workload& workload;
    const Traffic& traffic;
    const DeviceCount& asked;
    const Options& options;
    cost::DeviceRates low, value, high;  ///< of the device's numbers
};

/// Rates at one end of the device's ranges.
cost::DeviceRates at_end(cost::DeviceRates rates, const machine::Device& d, const Format& format,
                         int end) {
    auto scale = [&](double& rate, const std::string& key) {
        if (const auto* n = machine::find_number(d, key); n && rate > 0)
            rate *= (end < 0 ? n->number.low : n->number.high) / n->number.value;
    };
    scale(rates.matrix_flops, "peak." + format.peak);
    scale(rates.memory_bytes, "bandwidth_gb_s");
    scale(rates.link_bytes, "link_gb_s");
    return rates;
}

/// Where an engine has no rows of this width: those of its nearest width, marked so.
const Calibration* nearest_calibration(const std::vector<Calibration>& all,
                                       const std::string& engine, double bits, bool& exact) {
    const std::string width = cost::width_of(bits);
    exact = true;
    if (const Calibration* c = cost::find_calibration(all, engine, width)) return c;
    exact = false;
    for (const char* other : {"8", "16", "4"})
        if (const Calibration* c = cost::find_calibration(all, engine, other)) return c;
    // Both call the vendor's libraries operator by operator.
    return engine == "onnxruntime" ? cost::find_calibration(all, "pytorch", "16") : nullptr;
}

/// Measured over predicted: what rows of this device said, and the range of rows left out.
Interval correction(const Calibration* c, const std::string& quantity, const machine::Device& d,
                    Quantity& q, bool exact, bool beyond) {
    if (!c) {
        q.flag("uncalibrated");
        return kUncalibrated;
    }
    Interval out{1, 1, 1};
    const auto spread = c->spread.find(quantity);
    if (spread == c->spread.end()) {
        q.flag("uncalibrated");
        out = {0.6, 1, 2};
    } else {
        out = {spread->second.low, 1, spread->second.high};
    }
    if (const auto own = c->device_factor.find(d.name + "/" + quantity);
        own != c->device_factor.end() && exact) {
        out.value = own->second;
    } else {
        const bool family =
            std::find(c->families.begin(), c->families.end(), d.family) != c->families.end();
        q.flag(family ? "no row of this device" : "uncalibrated");
        if (!family || !exact) out = {out.low / kOtherFamily, out.value, out.high * kOtherFamily};
    }
    if (beyond) {
        q.flag("extrapolated");
        out = {out.low / kExtrapolated, out.value, out.high * kExtrapolated};
    }
    out.low = std::min(out.low, out.value);
    out.high = std::max(out.high, out.value);
    for (const std::string& source : c->sources) q.source("measured rows: " + source);
    return out;
}

/// Seconds with their interval: never below the roofline of the best numbers.
Quantity timed(const Case& c, double value, double slow, double fast, double bound_fast,
               const Interval& factor, Quantity q) {
    q.v = {std::max(bound_fast, fast * factor.low), std::max(bound_fast, value * factor.value),
           std::max(bound_fast, slow * factor.high)};
    q.v.value = std::clamp(q.v.value, q.v.low, q.v.high);
    const machine::Device& d = c.asked.device;
    for (const std::string& key : {"peak." + c.options.format.peak, std::string("bandwidth_gb_s")})
        if (const auto* n = machine::find_number(d, key)) {
            q.source(fmt::format("{} {}: {}", d.name, key, n->number.source));
            if (n->confidence == machine::Confidence::Inferred) q.flag("inferred");
            if (n->confidence == machine::Confidence::Recalled) q.flag("recalled");
        }
    return q;
}

Quantity inverse(const Quantity& time, double work) {
    Quantity q = time;
    q.v = {work / time.v.high, work / time.v.value, work / time.v.low};
    return q;
}

Quantity scaled(Quantity q, double k) {
    q.v = q.v * k;
    return q;
}

void apply_cap(const Case& c, EngineRow& row) {
    if (!c.options.power_cap_w) return;
    const Interval kept = kept_under_cap(c.asked.device, *c.options.power_cap_w);
    if (kept.high == 1 && kept.low == 1) return;
    for (Quantity* q : {&row.ttft_ms, &row.tpot_ms, &row.latency_ms}) {
        q->v = q->v / kept;
        q->flag("power cap without frequency data");
    }
    row.throughput.v = row.throughput.v * kept;
    row.throughput.flag("power cap without frequency data");
}

// ---- decoders

Serving serving_of(const Case& c, const Split& split, const cost::DeviceRates& rates,
                   const cost::Efficiency& efficiency) {
    Serving s;
    s.model = &c.workload.decoder;
    s.bits = c.options.format.bits;
    s.split = split;
    s.rates = rates;
    s.efficiency = efficiency;
    s.roofline = c.options.roofline;
    return s;
}

struct Loops {
    ClosedLoop value, slow, fast, bound;
};

Loops loops_of(const Case& c, const Split& split, const cost::Efficiency& e, double batch) {
    auto of = [&](const cost::DeviceRates& rates, const cost::Efficiency& with, bool roofline) {
        Serving s = serving_of(c, split, rates, with);
        s.roofline = roofline;
        return closed_loop(s, batch, c.traffic.prompt.mean, c.traffic.output.mean);
    };
    const bool r = c.options.roofline;
    return {of(c.value, e, r), of(c.low, e, r), of(c.high, e, r), of(c.high, {}, true)};
}

/// What rows of an engine say of steps of a batch: its throughput, or its steps where that is all.
std::string step_quantity(const Calibration* found, bool alone) {
    if (alone || !found || found->spread.contains("throughput"))
        return alone ? "decode" : "throughput";
    return "decode";
}

EngineRow decoder_engine(const Case& c, const std::string& engine, const Split& split,
                         double batch) {
    EngineRow row;
    row.engine = engine;
    bool exact = true;
    const Calibration* found = c.options.roofline
                                   ? nullptr
                                   : nearest_calibration(c.options.calibrations, engine,
                                                         c.options.format.bits.weights, exact);
    const cost::Efficiency e = found ? found->efficiency : cost::Efficiency{};
    const Loops l = loops_of(c, split, e, batch);
    const double context = c.traffic.prompt.mean + c.traffic.output.mean;
    const bool beyond = found && (batch > found->most_batch || context > found->most_context);
    auto quantity = [&](const char* name, double value, double slow, double fast, double bound,
                        const char* formula) {
        Quantity q;
        q.formula = formula;
        Interval factor = Interval::exact(1);
        if (!c.options.roofline)
            factor = correction(found, name, c.asked.device, q, exact, beyond);
        else
            q.flag("roofline");
        if (c.traffic.prompt.cv > 0 || c.traffic.output.cv > 0) q.flag("mean lengths");
        return timed(c, value, slow, fast, bound, factor, q);
    };
    row.ttft_ms = scaled(quantity("prefill", l.value.first_token_s, l.slow.first_token_s,
                                  l.fast.first_token_s, l.bound.prefill.bound_s,
                                  "prefill of the prompt, and half a step where others run"),
                         1e3);
    const std::string step = step_quantity(found, batch <= 1);
    row.tpot_ms =
        scaled(quantity(step.c_str(), l.value.iteration_s, l.slow.iteration_s, l.fast.iteration_s,
                        l.bound.iteration_s, "t_dec(B, T + O/2) + B t_pre(T) / O"),
               1e3);
    // One sequence alone: tokens between the first and the last, as engines print it.
    row.throughput = inverse(row.tpot_ms, batch * split.replicas * 1e3);
    row.throughput.formula = "replicas x B / t_iteration";
    if (split.stages > 1)
        for (Quantity* q : {&row.tpot_ms, &row.throughput}) q->flag("stages are uncalibrated");
    if (found) {
        if (const auto left = found->left_out.find(step); left != found->left_out.end()) {
            row.left_out_error = left->second.mean;
            row.rows = left->second.rows;
        }
    }
    apply_cap(c, row);
    return row;
}

bool suits(const Decoder& m, const Split& s) {
    return std::fmod(m.heads, s.tensor) == 0 && s.stages <= m.layers;
}

void refuse_split(const Decoder& m, const Split& s, int count) {
    if (s.devices() != count)
        throw UserError("--parallel t={},p={},d={} takes {} devices, and there are {}", s.tensor,
                        s.stages, s.replicas, s.devices(), count);
    if (std::fmod(m.heads, s.tensor) != 0)
        throw UserError("--parallel t={}: the model has {} heads, which do not divide by that",
                        s.tensor, m.heads);
    if (s.stages > m.layers)
        throw UserError("--parallel p={}: the model has {} layers", s.stages, m.layers);
}

std::vector<Split> splits_of(const Case& c) {
    if (c.options.split) {
        refuse_split(c.workload.decoder, *c.options.split, c.asked.count);
        return {*c.options.split};
    }
    std::vector<Split> all;
    for (int t = 1; t <= c.asked.count; ++t)
        for (int p = 1; t * p <= c.asked.count; ++p) {
            if (c.asked.count % (t * p) != 0) continue;
            const Split s{t, p, 1, c.asked.count / (t * p)};
            if (suits(c.workload.decoder, s)) all.push_back(s);
        }
    return all;
}

std::vector<std::string> engines_of(const Case& c) {
    if (!c.options.engine.empty()) return {c.options.engine};
    if (!c.workload.is_decoder) return {"onnxruntime"};
    std::vector<std::string> all;
    for (const std::string& e : c.asked.device.engines)
        for (const Calibration& k : c.options.calibrations)
            if (k.engine == e && std::find(all.begin(), all.end(), e) == all.end())
                all.push_back(e);
    if (all.empty()) all.push_back("any");
    return all;
}

/// Sequences that one replica runs at once: as asked, or as many as fit.
double batch_of(const Case& c, const Split& split, double capacity, const EngineMemory& memory) {
    const double tokens = c.traffic.prompt.mean + c.traffic.output.mean;
    EngineMemory limited = memory;
    if (c.traffic.max_batch > 0) limited.most_batch = c.traffic.max_batch;
    const double most =
        most_sequences(c.workload, c.options.format.bits, split, capacity, limited, tokens);
    if (!c.traffic.concurrency) return most;
    const double each = std::ceil(*c.traffic.concurrency / split.replicas);
    return limited.most_batch > 0 ? std::min<double>(each, limited.most_batch) : each;
}

struct Tried {
    Split split;
    double batch = 0;
    Capacity capacity;
    EngineRow row;
};

Tried try_split(const Case& c, const std::string& engine, const Split& split,
                double capacity_bytes) {
    Tried t;
    t.split = split;
    const EngineMemory memory = memory_of_engine(engine);
    t.batch = std::max(1.0, batch_of(c, split, capacity_bytes, memory));
    t.capacity = capacity(c.workload, c.options.format.bits, split, capacity_bytes, memory, t.batch,
                          c.traffic.prompt.mean + c.traffic.output.mean);
    if (t.capacity.fits) t.row = decoder_engine(c, engine, split, t.batch);
    return t;
}

/// Is `a` the one to show: it fits, without stages where that can be (no measured row has any), and
/// is the faster; where nothing fits, it is nearer to.
bool better(const Tried& a, const Tried& b) {
    if (a.capacity.fits != b.capacity.fits) return a.capacity.fits;
    if (!a.capacity.fits) return a.capacity.needed_bytes() < b.capacity.needed_bytes();
    if ((a.split.stages == 1) != (b.split.stages == 1)) return a.split.stages == 1;
    return a.row.throughput.v.value > b.row.throughput.v.value * 1.0001;
}

Tried best_split(const Case& c, const std::string& engine, double capacity_bytes) {
    std::optional<Tried> best;
    const bool linked = machine::find_number(c.asked.device, "link_gb_s") != nullptr;
    bool passed_over = false;
    for (const Split& split : splits_of(c)) {
        if (split.tensor * split.stages > 1 && !linked) {
            passed_over = true;
            continue;
        }
        Tried t = try_split(c, engine, split, capacity_bytes);
        if (!best || better(t, *best)) best = std::move(t);
    }
    if (passed_over && (!best || !best->capacity.fits))
        machine::need(c.asked.device, "link_gb_s", "a model that several devices share");
    if (!best)
        throw UserError("{} devices: no split suits the model's {} heads and {} layers",
                        c.asked.count, c.workload.decoder.heads, c.workload.decoder.layers);
    return *best;
}

Quantity over_engines(const std::vector<EngineRow>& rows, Quantity EngineRow::*at) {
    Quantity q = rows[0].*at;
    if (rows.size() == 1) return q;
    std::vector<double> values;
    for (const EngineRow& row : rows) {
        const Quantity& one = row.*at;
        q.v.low = std::min(q.v.low, one.v.low);
        q.v.high = std::max(q.v.high, one.v.high);
        values.push_back(one.v.value);
        for (const std::string& flag : one.flags) q.flag(flag);
        for (const std::string& source : one.sources) q.source(source);
    }
    std::sort(values.begin(), values.end());
    q.v.value = values[(values.size() - 1) / 2];
    q.flag("engine not named");
    return q;
}

void fill_bounds(const Case& c, const Tried& t, DeviceRow& row) {
    Serving s = serving_of(c, t.split, c.value, {});
    s.roofline = true;
    const double context = c.traffic.prompt.mean + c.traffic.output.mean / 2;
    auto bound = [](double seconds, const char* formula) {
        Quantity q;
        q.v = Interval::exact(seconds * 1e3);
        q.formula = formula;
        return q;
    };
    row.bound_ms =
        bound(decode(s, t.batch, context).bound_s, "max(FLOPs / peak, bytes / bandwidth)");
    row.prefill_bound_ms =
        bound(prefill(s, 1, c.traffic.prompt.mean).bound_s, "max(FLOPs / peak, bytes / bandwidth)");
    const ClosedLoop l = closed_loop(serving_of(c, t.split, c.value, {}), t.batch,
                                     c.traffic.prompt.mean, c.traffic.output.mean);
    row.limit = l.limit;
}

void decoder_row(const Case& c, DeviceRow& row) {
    const double capacity_bytes =
        machine::need(c.asked.device, "memory_gb", "this comparison").number.value * kGib;
    const Decoder& m = c.workload.decoder;
    const double tokens = c.traffic.prompt.mean + c.traffic.output.mean;
    if (m.max_positions > 0 && tokens > static_cast<double>(m.max_positions))
        throw UserError("{} tokens of prompt and output: the model knows {} positions at most",
                        tokens, m.max_positions);
    std::optional<Tried> shown;
    for (const std::string& engine : engines_of(c)) {
        Tried t = best_split(c, engine, capacity_bytes);
        if (t.capacity.fits) row.engines.push_back(t.row);
        if (!shown || (t.capacity.fits && !shown->capacity.fits)) shown = std::move(t);
    }
    row.split = shown->split;
    row.batch = shown->batch;
    row.capacity = shown->capacity;
    row.fits = shown->capacity.fits;
    if (!row.fits) {
        row.why_not = shown->capacity.why;
        row.limit = "capacity";
        return;
    }
    row.ttft_ms = over_engines(row.engines, &EngineRow::ttft_ms);
    row.tpot_ms = over_engines(row.engines, &EngineRow::tpot_ms);
    row.throughput = over_engines(row.engines, &EngineRow::throughput);
    fill_bounds(c, *shown, row);
}

// ---- models that give no tokens

void model_row(const Case& c, DeviceRow& row) {
    const double share = c.options.format.bits.weights / (c.workload.format == "fp16" ? 16 : 32);
    const double acts = c.options.format.bits.activations / (c.workload.format == "fp16" ? 16 : 32);
    const std::string engine = engines_of(c)[0];
    EngineRow e;
    e.engine = engine;
    bool exact = true;
    const Calibration* found = c.options.roofline
                                   ? nullptr
                                   : nearest_calibration(c.options.calibrations, engine,
                                                         c.options.format.bits.weights, exact);
    const cost::Efficiency with = found ? found->efficiency : cost::Efficiency{};
    auto sum = [&](const cost::DeviceRates& rates) {
        double seconds = 0;
        for (cost::OperatorWork w : c.workload.operators) {
            w.weight_bytes *= share;
            w.activation_bytes *= acts;
            seconds += operator_time(w, rates, with).seconds;
        }
        return seconds;
    };
    const double bytes =
        c.workload.weight_bytes * share + (c.workload.bytes - c.workload.weight_bytes) * acts;
    auto bound = [&](const cost::DeviceRates& rates) {
        return std::max(c.workload.flops / rates.matrix_flops, bytes / rates.memory_bytes);
    };
    Quantity q;
    q.formula = "sum over operators of max(FLOPs / (peak e_c), bytes / (bandwidth e_m)) + launch";
    Interval factor = Interval::exact(1);
    if (c.options.roofline) {
        q.flag("roofline");
        q.formula = "max(FLOPs / peak, bytes / bandwidth) of the model's totals";
        e.latency_ms =
            timed(c, bound(c.value), bound(c.low), bound(c.high), bound(c.high), factor, q);
    } else {
        factor = correction(found, "operator", c.asked.device, q, exact, false);
        for (cost::OperatorWork w : c.workload.operators) {
            w.weight_bytes *= share;
            w.activation_bytes *= acts;
            const cost::OperatorTime t = operator_time(w, c.value, with);
            row.operators.push_back({w, t, factor * t.seconds});
        }
        e.latency_ms = timed(c, sum(c.value), sum(c.low), sum(c.high), bound(c.high), factor, q);
    }
    e.throughput = inverse(e.latency_ms, c.workload.batch * c.asked.count);
    e.throughput.formula = "devices x batch / latency";
    e.latency_ms = scaled(e.latency_ms, 1e3);
    apply_cap(c, e);
    const double memory =
        machine::need(c.asked.device, "memory_gb", "this comparison").number.value;
    row.capacity = capacity(c.workload, c.options.format.bits, {}, memory * kGib,
                            memory_of_engine(engine), 1, 1);
    row.fits = row.capacity.fits;
    row.why_not = row.capacity.why;
    row.batch = c.workload.batch;
    row.split.replicas = c.asked.count;
    Quantity b;
    b.v = Interval::exact(bound(c.value) * 1e3);
    b.formula = "max(FLOPs / peak, bytes / bandwidth)";
    row.bound_ms = b;
    row.limit = !row.fits ? "capacity"
                : c.workload.flops / c.value.matrix_flops > bytes / c.value.memory_bytes
                    ? "compute"
                    : "memory bandwidth";
    if (!row.fits) return;
    row.latency_ms = e.latency_ms;
    row.throughput = e.throughput;
    row.engines = {e};
}

// ---- what the times cost

void fill_power_and_cost(const Case& c, DeviceRow& row) {
    if (c.options.throughput_tokens_s) {
        Quantity q;
        q.v = Interval::exact(*c.options.throughput_tokens_s);
        q.basis = "measured";
        q.formula = "given by --throughput-tokens-s";
        row.throughput = q;
    }
    const Power p = power(c.asked.device, row.count, 1, c.options.power_cap_w);
    row.power_w = p.wall_w;
    row.idle_w = p.idle_w;
    row.devices_w = p.devices_w;
    row.energy_term = p.main_term;
    row.energy_refused = p.refused;
    if (row.power_w && row.throughput) {
        Quantity q = *row.power_w;
        q.v = row.power_w->v / row.throughput->v;
        q.formula = "wall power / tokens/s";
        for (const std::string& flag : row.throughput->flags) q.flag(flag);
        row.energy_j_per_token = q;
        if (const auto pue = c.options.costs.values.find("pue");
            pue != c.options.costs.values.end()) {
            Quantity site = *row.power_w;
            site.v = site.v * pue->second.v;
            site.formula = "wall power x PUE";
            row.site_w = site;
        }
    }
    if (!row.throughput) return;
    CostCase of{&c.asked.device, static_cast<double>(row.count), row.throughput->v.low,
                row.throughput->v.value, row.throughput->v.high};
    if (row.power_w) of.wall_w = row.power_w->v;
    const CostResult cost = cost_of(c.options.costs, of);
    row.cost_usd_per_mtoken = cost.usd_per_mtoken;
    row.carbon_kg_per_mtoken = cost.carbon_kg_per_mtoken;
    row.cost_usd_per_hour = cost.usd_per_hour;
    row.cost_refused = cost.refused;
}

}  // namespace

/// Rates of an FPGA whose overlay nobody states: its memory's, and no limit of arithmetic.
static cost::DeviceRates memory_alone(const machine::Device& d) {
    constexpr double kNoLimit = 1e30;
    cost::DeviceRates rates;
    rates.matrix_flops = rates.attention_flops = kNoLimit;
    rates.memory_bytes =
        machine::need(d, "bandwidth_gb_s", "the bound of decode by memory").number.value * 1e9;
    return rates;
}

/// Decode at most as fast as memory gives the bytes; what arithmetic bounds is refused.
static void bound_by_memory(const Case& c, DeviceRow& row) {
    decoder_row(c, row);
    row.notes.push_back(
        "no peak is stated: it is that of an overlay, so prefill is refused and "
        "decode is the most that memory allows");
    row.ttft_ms.reset();
    row.prefill_bound_ms.reset();
    if (!row.fits) return;
    row.limit = "memory bandwidth";
    row.tpot_ms = row.bound_ms;
    row.throughput = inverse(*row.bound_ms, row.batch * row.split.replicas * 1e3);
    for (auto* q : {&row.tpot_ms, &row.throughput}) (*q)->flag("bound by memory alone: no overlay");
    row.throughput->formula = "at most: bandwidth / bytes of a step";
    row.engines.clear();
}

DeviceRow row_of(const Workload& workload, const Traffic& traffic, const DeviceCount& asked,
                 const Options& options) {
    const machine::Device& d = asked.device;
    const bool shared = workload.is_decoder && asked.count > 1 &&
                        !(options.split && options.split->tensor * options.split->stages == 1);
    Case c{workload, traffic, asked, options, {}, {}, {}};
    const bool has_link = machine::find_number(d, "link_gb_s") != nullptr;
    const bool no_overlay = d.device_class == "FPGA" && workload.is_decoder &&
                            !machine::find_number(d, "peak." + options.format.peak);
    c.value = no_overlay ? memory_alone(d)
                         : rates_of(d, options.format.peak, options.format.attention,
                                    shared && has_link, options.format.name + " work");
    Options bounds = options;
    bounds.roofline = true;
    const Case by_memory{workload, traffic, asked, bounds, c.value, c.value, c.value};
    c.low = at_end(c.value, d, options.format, -1);
    c.high = at_end(c.value, d, options.format, 1);
    DeviceRow row;
    row.device = d.name;
    row.text = asked.text;
    row.device_class = d.device_class;
    row.count = asked.count;
    row.engine = options.engine;
    row.runs_on = d.engines;
    row.notes = d.notes;
    CostInput room;
    if (const CostInput* weeks = find_cost(options.costs, d, "porting_weeks", room))
        row.porting_weeks = weeks->v.value;
    if (!options.engine.empty() && !d.engines.empty() &&
        std::find(d.engines.begin(), d.engines.end(), options.engine) == d.engines.end())
        row.notes.push_back("no record that engine " + options.engine + " runs this device");
    if (no_overlay)
        bound_by_memory(by_memory, row);
    else
        workload.is_decoder ? decoder_row(c, row) : model_row(c, row);
    if (row.engine.empty()) row.engine = row.engines.size() == 1 ? row.engines[0].engine : "any";
    if (row.engines.size() == 1 && row.engines[0].rows > 0)
        row.left_out_error = row.engines[0].left_out_error;
    if (row.fits) fill_power_and_cost(c, row);
    return row;
}

}  // namespace smeaton::compare
