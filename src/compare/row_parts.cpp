#include "compare/row_parts.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "compare/operator_price.h"
#include "compare/rates.h"

namespace smeaton::compare {

namespace {

using cost::Calibration;
using machine::Interval;

/// Time over the roofline of engines and devices without any row: an interval, no point.
constexpr Interval kUncalibrated{1, 2, 5};
constexpr double kOtherFamily = 1.3, kExtrapolated = 1.2;

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
    if (!machine::sparse_peak(d, format.peak, s.text())) {
        ends.flags.push_back("no unit for " + s.text() + " zeros is stated: bytes at best");
        return;
    }
    ends.slow.bits.pruned = ends.value.bits.pruned = bits;
    const Interval rate = machine::sparse_rate(d, format.peak, s.text())->tera * 1e12;
    // Zeros may be multiplied too, where that is faster.
    auto best = [](End& end, double sparse) {
        end.rates.pruned_flops = std::max(sparse, end.rates.matrix_flops);
    };
    best(ends.slow, rate.low), best(ends.value, rate.value), best(ends.fast, rate.high);
    ends.flags.push_back("pruned products are uncalibrated");
}

/// Is one model on several devices that talk?
bool linked(const RowInputs& c) {
    const std::optional<Split>& split = c.options.split;
    const bool alone = split && split->tensor * split->stages == 1 && split->sharing() == 1;
    return c.workload.is_decoder && c.asked.count > 1 && !alone &&
           machine::find_number(c.asked.device, "link_gb_s");
}

std::vector<UsedNumber> numbers_of(const RowInputs& c, const std::string& engine) {
    const machine::Device& d = c.asked.device;
    std::vector<UsedNumber> all;
    auto add = [&](const char* key) {
        if (const auto* number = machine::find_number(d, key)) all.push_back({key, number});
    };
    if (c.by_memory)
        add("bandwidth_gb_s");
    else
        all = numbers_behind(d, c.format.peak, c.format.attention, linked(c), engine);
    if (const auto& s = c.format.sparsity; s.of > 0)
        if (const auto rate = machine::sparse_rate(d, c.format.peak, s.text()))
            all.push_back({"peak." + rate->format + " " + s.text(), rate->number});
    if (c.workload.is_decoder && !c.traffic.concurrency) add("memory_gb");
    return all;
}

}  // namespace

Ends ends_of(const RowInputs& c, const std::string& engine) {
    const machine::Device& d = c.asked.device;
    const Format& format = c.format;
    Ends ends;
    ends.numbers = numbers_of(c, engine);
    auto end = [&](NumberEnd which) {
        if (c.by_memory) return End{memory_alone(d), format.bits};
        return End{rates_of(d, format.peak, format.attention, linked(c), format.name + " work",
                            engine, which),
                   format.bits};
    };
    ends.slow = end(NumberEnd::Low);
    ends.value = end(NumberEnd::Value);
    ends.fast = end(NumberEnd::High);
    if (c.by_memory) return ends;
    if (const std::string wider = faster_format(d, format.peak, engine); !wider.empty())
        ends.flags.push_back("computed in " + wider + ", which is faster here");
    prune(d, format, ends);
    return ends;
}

namespace {

/// The narrowest formats of at least so many bits that the device computes in and that hold this
/// one; wider ones that hold one of these are no better.
std::vector<std::string> operands_of(const machine::Device& d, const std::string& format,
                                     int least_bits) {
    std::vector<std::string> kept;
    for (const std::string& holder : machine::formats_that_hold(format)) {
        if (machine::format_bits(holder) < least_bits || !machine::dense_peak(d, holder, "fp32"))
            continue;
        const bool held = std::any_of(kept.begin(), kept.end(), [&](const std::string& narrower) {
            const auto& wider = machine::formats_that_hold(narrower);
            return std::find(wider.begin(), wider.end(), holder) != wider.end();
        });
        if (!held) kept.push_back(holder);
    }
    return kept;
}

}  // namespace

std::vector<RowInputs> widths_of(const RowInputs& c, const std::string& engine) {
    std::vector<RowInputs> all = {c};
    all[0].ends = ends_of(c, engine);
    for (const double bits : {7.0, 12.0}) {  // where the classes of width_of() begin
        if (c.format.bits.weights >= bits) continue;
        const int least = bits > 8 ? 16 : 8;
        for (const std::string& operand : operands_of(c.asked.device, c.format.peak, least)) {
            RowInputs wide = c;
            wide.format.bits.weights = bits;
            if (operand != c.format.peak)
                wide.format.bits.activations =
                    std::max<double>(wide.format.bits.activations, machine::format_bits(operand));
            wide.format.peak = operand;
            wide.ends = ends_of(wide, engine);
            all.push_back(std::move(wide));
        }
    }
    return all;
}

/// Whichever of them those of `q` exceed: a smaller model, whose value may not, has no higher low
/// end then.
void at_most(Quantity& q, const Quantity& other, double times,
             const std::vector<std::string>& flags) {
    const Interval least = min(q.v, other.v * times);
    if (least == q.v) return;
    if (least.value < q.v.value) {
        const std::string formula = q.formula;
        q = other;
        q.formula = formula;
    } else {
        for (const std::string& source : other.sources) q.source(source);
    }
    q.v = least;
    for (const std::string& flag : flags) q.flag(flag);
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
    for (const UsedNumber& used : c.ends.numbers)
        rests_on(q, c.asked.device.name + " " + used.key, *used.number);
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
    if (!c.workload.is_decoder) return {kOperatorEngine};
    std::vector<std::string> all;
    for (const std::string& e : c.asked.device.engines)
        for (const Calibration& k : c.options.calibrations)
            if (k.engine == e && std::find(all.begin(), all.end(), e) == all.end())
                all.push_back(e);
    if (all.empty()) all.push_back("any");
    return all;
}

}  // namespace smeaton::compare
