#include "compare/operator_price.h"

#include <algorithm>

namespace smeaton::compare {

using cost::OperatorWork;

OperatorPrices operator_prices(const RowInputs& c, const std::string& engine) {
    bool exact = true;
    const cost::Calibration* found =
        nearest_calibration(c.options.calibrations, engine, c.format.bits.weights, exact);
    OperatorPrices p{c.ends.slow, c.ends.value, c.ends.fast, {}, {}, {}};
    if (found) p.efficiency = found->efficiency;
    p.factor = correction(found, "operator", c.asked.device, p.rests_on, exact, false);
    for (const std::string& flag : c.ends.flags) p.rests_on.flag(flag);
    p.rests_on.formula =
        "sum over operators of max(FLOPs / (peak e_c), bytes / (bandwidth e_m)) + launch";
    return p;
}

OperatorPrices operator_prices(const machine::Device& device, const Format& format,
                               const std::string& engine) {
    const DeviceCount asked{device, 1, device.name};
    Options options;
    options.format = format;
    options.calibrations = cost::shipped_calibrations();
    const Workload none{};
    const Traffic no_traffic{};
    RowInputs c{none, no_traffic, asked, options, false, format, {}};
    c.ends = ends_of(c, engine);
    OperatorPrices p = operator_prices(c, engine);
    for (const UsedNumber& used : c.ends.numbers)
        rests_on(p.rests_on, device.name + " " + used.key, *used.number);
    return p;
}

OperatorWork with_bits(OperatorWork w, const Bits& bits, double counted_bits) {
    w.pruned = bits.pruned > 0 && w.kind == OperatorWork::Kind::Product && w.weight_bytes > 0;
    w.weight_bytes *= (w.pruned ? bits.pruned : bits.weights) / counted_bits;
    w.activation_bytes *= bits.activations / counted_bits;
    return w;
}

double operator_seconds(const OperatorWork& w, double counted_bits, const End& end,
                        const cost::Efficiency& efficiency, double factor) {
    const cost::OperatorTime t =
        operator_time(with_bits(w, end.bits, counted_bits), end.rates, efficiency);
    return std::max(t.bound_s, t.seconds * factor);
}

OperatorRow priced(const OperatorWork& w, double counted_bits, const OperatorPrices& p) {
    const OperatorWork work = with_bits(w, p.value.bits, counted_bits);
    auto at = [&](const End& end, double factor) {
        return operator_seconds(w, counted_bits, end, p.efficiency, factor);
    };
    return {work,
            operator_time(work, p.value.rates, p.efficiency),
            {at(p.fast, p.factor.low), at(p.value, p.factor.value), at(p.slow, p.factor.high)}};
}

}  // namespace smeaton::compare
