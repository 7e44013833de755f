#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <list>

#include "base/error.h"
#include "compare/row_parts.h"

namespace smeaton::compare {

namespace {

using cost::Calibration;
using machine::Interval;

Serving serving_of(const RowInputs& c, const Split& split, const End& end,
                   const cost::Efficiency& efficiency) {
    Serving s;
    s.model = &c.workload.decoder;
    s.bits = end.bits;
    s.split = split;
    s.rates = end.rates;
    s.efficiency = efficiency;
    s.roofline = c.options.roofline || c.by_memory;
    s.imbalance = c.options.expert_imbalance;
    return s;
}

struct Loops {
    ClosedLoop value, slow, fast, bound;
};

Loops loops_of(const RowInputs& c, const Split& split, const cost::Efficiency& e, double batch) {
    auto of = [&](const End& end, const cost::Efficiency& with, bool roofline) {
        Serving s = serving_of(c, split, end, with);
        s.roofline = roofline;
        return closed_loop(s, batch, c.traffic.prompt.mean, c.traffic.output.mean);
    };
    const bool r = c.options.roofline || c.by_memory;
    return {of(c.ends.value, e, r), of(c.ends.slow, e, r), of(c.ends.fast, e, r),
            of(c.ends.fast, {}, true)};
}

/// What rows of an engine say of steps of a batch: its throughput, or its steps where that is all.
std::string step_quantity(const Calibration* found, bool alone) {
    if (alone || !found || found->spread.contains("throughput"))
        return alone ? "decode" : "throughput";
    return "decode";
}

EngineRow engine_at(const RowInputs& c, const std::string& engine, const Split& split,
                    double batch) {
    EngineRow row;
    row.engine = engine;
    bool exact = true;
    const bool roofline = c.options.roofline || c.by_memory;
    const Calibration* found = roofline ? nullptr
                                        : nearest_calibration(c.options.calibrations, engine,
                                                              c.format.bits.weights, exact);
    const cost::Efficiency e = found ? found->efficiency : cost::Efficiency{};
    const Loops l = loops_of(c, split, e, batch);
    const double context = c.traffic.prompt.mean + c.traffic.output.mean;
    const bool beyond = found && (batch > found->most_batch || context > found->most_context);
    auto quantity = [&](const char* name, double value, double slow, double fast, double bound,
                        const char* formula) {
        Quantity q;
        q.formula = formula;
        Interval factor = Interval::exact(1);
        if (!roofline)
            factor = correction(found, name, c.asked.device, q, exact, beyond);
        else
            q.flag("roofline");
        if (c.traffic.prompt.cv > 0 || c.traffic.output.cv > 0) q.flag("mean lengths");
        for (const std::string& flag : c.ends.flags) q.flag(flag);
        if (split.stages > 1) q.flag("stages are uncalibrated");
        if (split.sharing() > 1) q.flag("experts across replicas are uncalibrated");
        if (split.experts > 1 && c.options.expert_imbalance == 1)
            q.flag("experts are taken as evenly busy");
        return timed(c, value, slow, fast, bound, factor, q);
    };
    row.ttft_ms = scaled(
        quantity("prefill", l.value.first_token_s, l.slow.first_token_s, l.fast.first_token_s,
                 l.bound.first_token_s, "prefill of the prompt, and half a step where others run"),
        1e3);
    const std::string step = step_quantity(found, batch <= 1);
    row.tpot_ms =
        scaled(quantity(step.c_str(), l.value.iteration_s, l.slow.iteration_s, l.fast.iteration_s,
                        l.bound.iteration_s, "t_dec(B, T + O/2) + B t_pre(T) / O"),
               1e3);
    // One sequence alone: tokens between the first and the last, as engines print it.
    row.throughput = inverse(row.tpot_ms, batch * split.replicas * 1e3);
    row.throughput.formula = "replicas x B / t_iteration";
    if (found) {
        if (const auto left = found->left_out.find(step); left != found->left_out.end()) {
            row.left_out_error = left->second.mean;
            row.rows = left->second.rows;
        }
    }
    apply_cap(c, row);
    return row;
}

/// Experts of a token, more than it has, with which products of a step or of prompts fill the tiles
/// of matrix units.
std::vector<double> fuller(const RowInputs& c, const Split& split, double batch) {
    const AtOnce at_once =
        tokens_at_once(split, batch, c.traffic.prompt.mean, c.traffic.output.mean);
    std::vector<double> all;
    for (const Product& p : c.workload.decoder.products)
        for (const double tokens : {at_once.step, at_once.prompt, at_once.prompts})
            if (const auto active = experts_for_tiles(p, tokens * split.sharing());
                active && std::find(all.begin(), all.end(), *active) == all.end())
                all.push_back(*active);
    return all;
}

Workload with_active(Workload w, double active) {
    for (Product& p : w.decoder.products)
        if (p.experts > 1) p.active = std::clamp(active, p.active, p.experts);
    return w;
}

/// One way to do what is asked. Whatever measured rows of other widths and batches say, weights may
/// be unpacked to wider ones, tokens may go to more experts than count, and sequences may run one
/// at a time: what has fewer bits, fewer experts or more sequences can be done in all ways of what
/// has more of them, or fewer.
struct Way {
    RowInputs inputs;
    double batch = 1;
    std::vector<std::string> flags;  ///< how it differs from what is asked
};

/// All ways, the one asked for first. `more` owns the workloads of those with more experts.
std::vector<Way> ways_of(const RowInputs& c, const std::string& engine, const Split& split,
                         double batch, std::list<Workload>& more) {
    std::vector<Way> all;
    auto add = [&](const RowInputs& with, double sequences, std::vector<std::string> flags) {
        for (RowInputs& width : widths_of(with, engine)) {
            std::vector<std::string> own = flags;
            if (width.format.bits.weights > c.format.bits.weights)
                own.emplace_back("as with wider weights");
            all.push_back({std::move(width), sequences, std::move(own)});
        }
    };
    for (const double sequences : {batch, 1.0}) {
        std::vector<std::string> flags;
        if (sequences < batch) flags.emplace_back("as one at a time");
        add(c, sequences, flags);
        flags.emplace_back("as with more experts");
        for (const double active : fuller(c, split, sequences)) {
            more.push_back(with_active(c.workload, active));
            add({more.back(), c.traffic, c.asked, c.options, c.by_memory, c.format, {}}, sequences,
                flags);
        }
        if (batch <= 1) break;
    }
    return all;
}

/// The best of all ways, at each end. The roofline is that of all formats already, and no other way
/// is below it.
EngineRow decoder_engine(const RowInputs& c, const std::string& engine, const Split& split,
                         double batch) {
    if (c.options.roofline || c.by_memory) return engine_at(c, engine, split, batch);
    std::list<Workload> more;
    const std::vector<Way> ways = ways_of(c, engine, split, batch, more);
    EngineRow row = engine_at(ways[0].inputs, engine, split, batch);
    for (size_t i = 1; i < ways.size(); ++i) {
        const Way& way = ways[i];
        const EngineRow other = engine_at(way.inputs, engine, split, way.batch);
        at_most(row.tpot_ms, other.tpot_ms, batch / way.batch, way.flags);
        if (way.batch == batch) at_most(row.ttft_ms, other.ttft_ms, 1, way.flags);
    }
    const std::string formula = row.throughput.formula;
    row.throughput = inverse(row.tpot_ms, batch * split.replicas * 1e3);
    row.throughput.formula = formula;
    return row;
}

/// Experts of a layer; 0 where no layer has any.
double experts_of(const Decoder& m) {
    double most = 0;
    for (const Product& p : m.products)
        if (p.experts > 1) most = std::max(most, p.experts);
    return most;
}

/// Why experts cannot lie like this; "" where they can.
std::string experts_refused(const Decoder& m, const Split& s) {
    const double experts = experts_of(m);
    if (s.experts == 1) return "";
    if (experts == 0) return "the model has no experts";
    if (std::fmod(experts, s.experts) != 0)
        return fmt::format("{} experts do not divide by that", experts);
    const bool inside = s.tensor % s.experts == 0;
    const bool across = s.experts % s.tensor == 0 && s.replicas % (s.experts / s.tensor) == 0;
    if (!inside && !across)
        return fmt::format(
            "expected a divisor of t={}, or t times a divisor of d={}: experts lie on the devices "
            "of "
            "one replica or of whole replicas",
            s.tensor, s.replicas);
    return "";
}

bool suits(const Decoder& m, const Split& s) {
    return std::fmod(m.heads, s.tensor) == 0 && s.stages <= m.layers &&
           experts_refused(m, s).empty();
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
    if (const std::string why = experts_refused(m, s); !why.empty())
        throw UserError("--parallel e={}: {}", s.experts, why);
}

std::vector<Split> splits_of(const RowInputs& c) {
    if (c.options.split) {
        refuse_split(c.workload.decoder, *c.options.split, c.asked.count);
        return {*c.options.split};
    }
    std::vector<Split> all;
    for (int t = 1; t <= c.asked.count; ++t)
        for (int p = 1; t * p <= c.asked.count; ++p) {
            if (c.asked.count % (t * p) != 0) continue;
            const int d = c.asked.count / (t * p);
            for (int e : {1, t * d})
                if (const Split s{t, p, e, d};
                    suits(c.workload.decoder, s) && (e == 1 || s.sharing() > 1))
                    all.push_back(s);
        }
    return all;
}

/// Sequences that one replica runs at once: as asked, or as many as fit.
double batch_of(const RowInputs& c, const Split& split, double capacity,
                const EngineMemory& memory) {
    const double tokens = c.traffic.prompt.mean + c.traffic.output.mean;
    EngineMemory limited = memory;
    if (c.traffic.max_batch > 0) limited.most_batch = c.traffic.max_batch;
    const double most =
        most_sequences(c.workload, c.ends.value.bits, split, capacity, limited, tokens);
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

Tried try_split(const RowInputs& c, const std::string& engine, const Split& split,
                double capacity_bytes) {
    Tried t;
    t.split = split;
    const EngineMemory memory = memory_of_engine(engine);
    t.batch = std::max(1.0, batch_of(c, split, capacity_bytes, memory));
    t.capacity = capacity(c.workload, c.ends.value.bits, split, capacity_bytes, memory, t.batch,
                          c.traffic.prompt.mean + c.traffic.output.mean);
    if (t.capacity.fits) t.row = decoder_engine(c, engine, split, t.batch);
    return t;
}

/// How far from what was measured: no row has stages, and none replicas that share experts.
int strangeness(const Split& s) {
    return s.stages > 1 ? 2 : s.sharing() > 1 ? 1 : 0;
}

/// Is `a` the one to show: it fits, split as measured rows are where that can be, and is the
/// faster; where nothing fits, it is nearer to.
bool better(const Tried& a, const Tried& b) {
    if (a.capacity.fits != b.capacity.fits) return a.capacity.fits;
    if (!a.capacity.fits) return a.capacity.needed_bytes() < b.capacity.needed_bytes();
    if (const int mine = strangeness(a.split), other = strangeness(b.split); mine != other)
        return mine < other;
    return a.row.throughput.v.value > b.row.throughput.v.value * 1.0001;
}

Tried best_split(const RowInputs& c, const std::string& engine, double capacity_bytes) {
    std::optional<Tried> best;
    const bool linked = machine::find_number(c.asked.device, "link_gb_s") != nullptr;
    bool passed_over = false;
    for (const Split& split : splits_of(c)) {
        if ((split.tensor * split.stages > 1 || split.sharing() > 1) && !linked) {
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

void fill_bounds(const RowInputs& c, const Tried& t, DeviceRow& row) {
    Serving s = serving_of(c, t.split, c.ends.value, {});
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
    const ClosedLoop l = closed_loop(serving_of(c, t.split, c.ends.value, {}), t.batch,
                                     c.traffic.prompt.mean, c.traffic.output.mean);
    row.limit = l.limit;
}

}  // namespace

void decoder_row(const RowInputs& inputs, DeviceRow& row) {
    RowInputs c = inputs;
    const double capacity_bytes =
        machine::need(c.asked.device, "memory_gb", "this comparison").number.value * kGib;
    const Decoder& m = c.workload.decoder;
    const double tokens = c.traffic.prompt.mean + c.traffic.output.mean;
    if (m.max_positions > 0 && tokens > static_cast<double>(m.max_positions))
        throw UserError("{} tokens of prompt and output: the model knows {} positions at most",
                        tokens, m.max_positions);
    std::optional<Tried> shown;
    Ends first;
    for (const std::string& engine : engines_of(c)) {
        c.ends = ends_of(c, engine);
        Tried t = best_split(c, engine, capacity_bytes);
        if (t.capacity.fits) row.engines.push_back(t.row);
        if (!shown || (t.capacity.fits && !shown->capacity.fits)) {
            shown = std::move(t);
            first = c.ends;
        }
    }
    c.ends = first;
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

void bound_by_memory(const RowInputs& c, DeviceRow& row) {
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

}  // namespace smeaton::compare
