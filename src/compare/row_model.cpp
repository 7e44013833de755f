#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "compare/calibrate.h"
#include "compare/row_parts.h"

namespace smeaton::compare {

using cost::Calibration;
using machine::Interval;

void model_row(const RowInputs& inputs, DeviceRow& row) {
    RowInputs c = inputs;
    const std::string engine = engines_of(c)[0];
    c.ends = ends_of(c, engine);
    const double was = c.workload.format == "fp16" ? 16 : 32;
    /// An operator at this end: products with weights have pruned ones.
    auto at = [&](cost::OperatorWork w, const Bits& bits) {
        w.pruned =
            bits.pruned > 0 && w.kind == cost::OperatorWork::Kind::Product && w.weight_bytes > 0;
        w.weight_bytes *= (w.pruned ? bits.pruned : bits.weights) / was;
        w.activation_bytes *= bits.activations / was;
        return w;
    };
    EngineRow e;
    e.engine = engine;
    bool exact = true;
    const Calibration* found =
        c.options.roofline
            ? nullptr
            : nearest_calibration(c.options.calibrations, engine, c.format.bits.weights, exact);
    const cost::Efficiency with = found ? found->efficiency : cost::Efficiency{};
    auto sum = [&](const End& end) {
        double seconds = 0;
        for (const cost::OperatorWork& w : c.workload.operators)
            seconds += operator_time(at(w, end.bits), end.rates, with).seconds;
        return seconds;
    };
    auto totals = [&](const End& end) {
        double thinned = 0;
        for (const cost::OperatorWork& w : c.workload.operators)
            if (end.bits.pruned > 0 && at(w, end.bits).pruned) thinned += w.weight_bytes;
        const double weights = (c.workload.weight_bytes - thinned) * end.bits.weights / was +
                               thinned * end.bits.pruned / was;
        const double bytes =
            weights + (c.workload.bytes - c.workload.weight_bytes) * end.bits.activations / was;
        const double peak = std::max(end.rates.matrix_flops, end.rates.pruned_flops);
        return std::pair(c.workload.flops / peak, bytes / end.rates.memory_bytes);
    };
    auto bound = [&](const End& end) {
        const auto [compute_s, memory_s] = totals(end);
        return std::max(compute_s, memory_s);
    };
    Quantity q;
    for (const std::string& flag : c.ends.flags) q.flag(flag);
    q.formula = "sum over operators of max(FLOPs / (peak e_c), bytes / (bandwidth e_m)) + launch";
    Interval factor = Interval::exact(1);
    if (c.options.roofline) {
        q.flag("roofline");
        q.formula = "max(FLOPs / peak, bytes / bandwidth) of the model's totals";
        e.latency_ms = timed(c, bound(c.ends.value), bound(c.ends.slow), bound(c.ends.fast),
                             bound(c.ends.fast), factor, q);
    } else {
        factor = correction(found, "operator", c.asked.device, q, exact, false);
        for (const cost::OperatorWork& w : c.workload.operators) {
            const cost::OperatorWork work = at(w, c.ends.value.bits);
            const cost::OperatorTime t = operator_time(work, c.ends.value.rates, with);
            row.operators.push_back({work, t, factor * t.seconds});
        }
        e.latency_ms = timed(c, sum(c.ends.value), sum(c.ends.slow), sum(c.ends.fast),
                             bound(c.ends.fast), factor, q);
    }
    e.throughput = inverse(e.latency_ms, c.workload.batch * c.asked.count);
    e.throughput.formula = "devices x batch / latency";
    e.latency_ms = scaled(e.latency_ms, 1e3);
    apply_cap(c, e);
    const double memory =
        machine::need(c.asked.device, "memory_gb", "this comparison").number.value;
    row.capacity =
        capacity(c.workload, c.ends.value.bits, {}, memory * kGib, memory_of_engine(engine), 1, 1);
    row.fits = row.capacity.fits;
    row.why_not = row.capacity.why;
    row.batch = c.workload.batch;
    row.split.replicas = c.asked.count;
    Quantity b;
    b.v = Interval::exact(bound(c.ends.value) * 1e3);
    b.formula = "max(FLOPs / peak, bytes / bandwidth)";
    row.bound_ms = b;
    row.limit = !row.fits                                                  ? "capacity"
                : totals(c.ends.value).first > totals(c.ends.value).second ? "compute"
                                                                           : "memory bandwidth";
    if (!row.fits) return;
    row.latency_ms = e.latency_ms;
    row.throughput = e.throughput;
    row.engines = {e};
}

}  // namespace smeaton::compare
