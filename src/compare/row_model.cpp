#include <algorithm>

#include "compare/operator_price.h"

namespace smeaton::compare {

using machine::Interval;

namespace {

/// Bits of the elements that a workload's bytes are counted in.
double bits_counted(const Workload& w) {
    return w.format == "fp16" ? 16 : 32;
}

/// max(FLOPs / peak, bytes / bandwidth) of the whole.
struct Totals {
    double compute_s = 0, memory_s = 0;
    double bound_s() const { return std::max(compute_s, memory_s); }
};
Totals totals_of(const Workload& w, const End& end) {
    const double was = bits_counted(w);
    double thinned = 0;
    for (const cost::OperatorWork& op : w.operators)
        if (with_bits(op, end.bits, was).pruned) thinned += op.weight_bytes;
    const double weights =
        (w.weight_bytes - thinned) * end.bits.weights / was + thinned * end.bits.pruned / was;
    const double bytes = weights + (w.bytes - w.weight_bytes) * end.bits.activations / was;
    const double peak = std::max(end.rates.matrix_flops, end.rates.pruned_flops);
    return {w.flops / peak, bytes / end.rates.memory_bytes};
}

/// Seconds of one run with the inputs' format, and its operators.
struct ModelTime {
    Quantity seconds;
    std::vector<OperatorRow> operators;
};
ModelTime roofline_of(const RowInputs& c) {
    ModelTime t;
    for (const std::string& flag : c.ends.flags) t.seconds.flag(flag);
    t.seconds.flag("roofline");
    t.seconds.formula = "max(FLOPs / peak, bytes / bandwidth) of the model's totals";
    auto bound = [&](const End& end) { return totals_of(c.workload, end).bound_s(); };
    t.seconds = timed(c, bound(c.ends.value), bound(c.ends.slow), bound(c.ends.fast),
                      bound(c.ends.fast), Interval::exact(1), t.seconds);
    return t;
}
ModelTime time_of(const RowInputs& c, const std::string& engine) {
    if (c.options.roofline) return roofline_of(c);
    const OperatorPrices prices = operator_prices(c, engine);
    ModelTime t;
    Interval sum{0, 0, 0};
    for (const cost::OperatorWork& w : c.workload.operators) {
        t.operators.push_back(priced(w, bits_counted(c.workload), prices));
        sum = sum + t.operators.back().seconds;
    }
    // The sum is of what each took with its factor.
    t.seconds = timed(c, sum.value, sum.high, sum.low, totals_of(c.workload, c.ends.fast).bound_s(),
                      Interval::exact(1), prices.rests_on);
    return t;
}

/// The best over the widths that operands may have, at each end.
ModelTime best_time(const RowInputs& c, const std::string& engine) {
    const std::vector<RowInputs> widths = widths_of(c, engine);
    ModelTime best = time_of(widths[0], engine);
    if (c.options.roofline) return best;
    for (size_t i = 1; i < widths.size(); ++i) {
        ModelTime other = time_of(widths[i], engine);
        if (other.seconds.v.value < best.seconds.v.value) best.operators = other.operators;
        at_most(best.seconds, other.seconds, 1, {"as with wider weights"});
    }
    return best;
}

}  // namespace

void model_row(const RowInputs& inputs, DeviceRow& row) {
    RowInputs c = inputs;
    EngineRow e;
    e.engine = engines_of(c)[0];
    c.ends = ends_of(c, e.engine);
    const double memory =
        machine::need(c.asked.device, "memory_gb", "this comparison").number.value;
    ModelTime time = best_time(c, e.engine);
    row.operators = std::move(time.operators);
    e.latency_ms = time.seconds;
    e.throughput = inverse(e.latency_ms, c.workload.batch * c.asked.count);
    e.throughput.formula = "devices x batch / latency";
    e.latency_ms = scaled(e.latency_ms, 1e3);
    apply_cap(c, e);
    row.capacity = capacity(c.workload, c.ends.value.bits, {}, memory * kGib,
                            memory_of_engine(e.engine), 1, 1);
    row.fits = row.capacity.fits;
    row.why_not = row.capacity.why;
    row.batch = c.workload.batch;
    row.split.replicas = c.asked.count;
    const Totals totals = totals_of(c.workload, c.ends.value);
    Quantity b;
    b.v = Interval::exact(totals.bound_s() * 1e3);
    b.formula = "max(FLOPs / peak, bytes / bandwidth)";
    row.bound_ms = b;
    row.limit = !row.fits                            ? "capacity"
                : totals.compute_s > totals.memory_s ? "compute"
                                                     : "memory bandwidth";
    if (!row.fits) return;
    row.latency_ms = e.latency_ms;
    row.throughput = e.throughput;
    row.engines = {e};
}

}  // namespace smeaton::compare
