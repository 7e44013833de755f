#include "compare/row_parts.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "compare/calibrate.h"

namespace smeaton::compare {

namespace {

using cost::Calibration;
using machine::Interval;

/// Time over the roofline of engines and devices without any row: an interval, no point.
constexpr Interval kUncalibrated{1, 2, 5};
constexpr double kOtherFamily = 1.3, kExtrapolated = 1.2;

/// Rates at one end of the device's ranges.
cost::DeviceRates at_end(cost::DeviceRates rates, const machine::Device& d, const Format& format,
                         int end) {
    auto scale = [&](double& rate, const std::string& key) {
        if (const auto* n = machine::find_number(d, key); n && rate > 0)
            rate *= (end < 0 ? n->number.low : n->number.high) / n->number.value;
    };
    scale(rates.matrix_flops, "peak." + format.peak);
    scale(rates.pruned_flops, "peak." + format.peak);
    scale(rates.memory_bytes, "bandwidth_gb_s");
    scale(rates.link_bytes, "link_gb_s");
    return rates;
}

/// Rates of an FPGA whose overlay nobody states: its memory's, and no limit of arithmetic.
cost::DeviceRates memory_alone(const machine::Device& d) {
    constexpr double kNoLimit = 1e30;
    cost::DeviceRates rates;
    rates.matrix_flops = rates.attention_flops = kNoLimit;
    rates.memory_bytes =
        machine::need(d, "bandwidth_gb_s", "the bound of decode by memory").number.value * 1e9;
    return rates;
}

/// Zeros of weights: bytes and rates where the device has units for them; bytes at most where it
/// has none; nothing where they stand anywhere.
void prune(const machine::Device& d, const Format& format, Ends& ends) {
    const Sparsity& s = format.sparsity;
    if (!s.any()) return;
    if (s.of == 0) {
        ends.flags.push_back("zeros anywhere: no unit skips them, no byte is saved");
        return;
    }
    const double bits = std::min(format.bits.weights, pruned_bits(s, format.bits.weights));
    ends.fast.bits.pruned = bits;
    const auto* peak = machine::sparse_peak(d, format.peak, s.text());
    if (!peak) {
        ends.flags.push_back("no unit for " + s.text() + " zeros is stated: bytes at best");
        return;
    }
    ends.slow.bits.pruned = ends.value.bits.pruned = bits;
    for (End* end : {&ends.slow, &ends.value, &ends.fast})
        end->rates.pruned_flops = peak->number.value * 1e12;
    ends.flags.push_back("pruned products are uncalibrated");
}

}  // namespace

Ends ends_of(const RowInputs& c, const std::string& engine) {
    const machine::Device& d = c.asked.device;
    const Format& format = c.format;
    const std::optional<Split>& split = c.options.split;
    const bool shared = c.workload.is_decoder && c.asked.count > 1 &&
                        !(split && split->tensor * split->stages == 1 && split->sharing() == 1);
    const bool linked = machine::find_number(d, "link_gb_s") != nullptr;
    Ends ends;
    ends.value = {c.by_memory ? memory_alone(d)
                              : rates_of(d, format.peak, format.attention, shared && linked,
                                         format.name + " work", engine),
                  format.bits};
    ends.slow = ends.fast = ends.value;
    if (!c.by_memory) prune(d, format, ends);
    if (c.by_memory) return ends;
    ends.slow.rates = at_end(ends.slow.rates, d, format, -1);
    ends.fast.rates = at_end(ends.fast.rates, d, format, 1);
    return ends;
}

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

Quantity timed(const RowInputs& c, double value, double slow, double fast, double bound_fast,
               const Interval& factor, Quantity q) {
    q.v = {std::max(bound_fast, fast * factor.low), std::max(bound_fast, value * factor.value),
           std::max(bound_fast, slow * factor.high)};
    q.v.value = std::clamp(q.v.value, q.v.low, q.v.high);
    const machine::Device& d = c.asked.device;
    for (const std::string& key : {"peak." + c.format.peak, std::string("bandwidth_gb_s")})
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

void apply_cap(const RowInputs& c, EngineRow& row) {
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

std::vector<std::string> engines_of(const RowInputs& c) {
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

}  // namespace smeaton::compare
