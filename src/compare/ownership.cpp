#include "compare/ownership.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"

namespace smeaton::compare {

namespace {

using machine::Interval;

constexpr double kHoursPerYear = 8760;

CostInput of_device(const machine::DeviceNumber& n, double times) {
    return {n.number.interval() * times, n.number.source, n.date, n.confidence};
}

/// The inputs of one case, and what they were taken from.
struct Taken {
    const CostInputs& inputs;
    const CostCase& of;
    Quantity& q;

    std::optional<Interval> maybe(const std::string& key) const {
        CostInput room;
        const CostInput* found = find_cost(inputs, *of.device, key, room);
        if (!found) return std::nullopt;
        q.source(fmt::format("{}: {}{}{}", key, found->source, found->date.empty() ? "" : ", ",
                             found->date));
        q.flag_confidence(found->confidence);
        return found->v;
    }
    Interval need(const std::string& key) const {
        if (const auto v = maybe(key)) return *v;
        throw UserError(
            "device {}: no {}, which its cost needs; give it in --cost FILE or by "
            "--set {}.\"{}\"=V",
            of.device->name, key, key, of.device->name);
    }
};

/// USD an hour of energy at the site.
std::optional<Interval> energy_usd(const Taken& t) {
    std::optional<Interval> kw = t.maybe("power_kw");
    if (!kw && t.of.wall_w) kw = *t.of.wall_w * 1e-3;
    if (!kw) return std::nullopt;
    return *kw * t.need("pue") * t.need("electricity_usd_per_kwh");
}

/// What is paid once, a device's share of the design's cost in it, as USD an hour.
Interval owned_usd(const Taken& t) {
    Interval capex = t.need("capex_usd");
    if (const auto nre = t.maybe("nre_usd")) capex = capex + *nre / t.need("volume") * t.of.count;
    const Interval life = t.need("life_years"), r = t.need("interest");
    const Interval crf{capital_recovery(r.low, life.high), capital_recovery(r.value, life.value),
                       capital_recovery(r.high, life.low)};
    return capex * crf * (1 / kHoursPerYear);
}

Interval tokens_an_hour(const Taken& t) {
    const Interval rate{t.of.tokens_per_s_low, t.of.tokens_per_s, t.of.tokens_per_s_high};
    const Interval useful =
        t.need("utilisation") * t.maybe("availability").value_or(Interval::exact(1));
    return rate * useful * 3600;
}

void carbon(const Taken& t, Interval tokens, CostResult& out) {
    std::optional<Interval> kw = t.maybe("power_kw");
    if (!kw && t.of.wall_w) kw = *t.of.wall_w * 1e-3;
    const auto grid = t.maybe("grid_kg_per_kwh");
    if (!kw || !grid) return;
    Quantity q;
    q.v = *kw * t.need("pue") * *grid * 1e6 / tokens;
    q.formula = "P PUE grid / tokens; embodied carbon is not in it: no sourced figure";
    q.flag("embodied carbon unknown");
    out.carbon_kg_per_mtoken = q;
}

double usd_per_mtoken(const CostInputs& inputs, const CostCase& of) {
    const CostResult r = cost_of(inputs, of);
    return r.usd_per_mtoken ? r.usd_per_mtoken->v.value : 1e300;
}

/// Index of the cheapest; the first of equals.
size_t cheapest(const CostInputs& inputs, const std::vector<CostCase>& cases) {
    size_t best = 0;
    double least = 1e301;
    for (size_t i = 0; i < cases.size(); ++i)
        if (const double now = usd_per_mtoken(inputs, cases[i]); now < least) {
            least = now;
            best = i;
        }
    return best;
}

/// Inputs of one key, at one end of its range; of one device alone where money is of devices.
CostInputs with(const CostInputs& inputs, const CostCase& of, const CostKey& key, double value) {
    CostInputs out = inputs;
    CostInput room;
    const CostInput* found = find_cost(inputs, *of.device, key.key, room);
    CostInput changed = found ? *found : CostInput{};
    changed.v = Interval::exact(value);
    if (key.money && std::string(key.key) != "electricity_usd_per_kwh") {
        out.by_device[of.device->name][key.key] = changed;
    } else {
        out.values[key.key] = changed;
        for (auto& [device, values] : out.by_device) values.erase(key.key);
    }
    return out;
}

/// Where between two values of an input the first place changes.
void find_flip(const CostInputs& inputs, const std::vector<CostCase>& cases, size_t first,
               const CostCase& of, const CostKey& key, double from, double to,
               std::vector<Flip>& out) {
    auto winner = [&](double value) { return cheapest(with(inputs, of, key, value), cases); };
    const size_t other = winner(to);
    if (other == first) return;
    double near = from, far = to;
    for (int i = 0; i < 60; ++i) {
        const double middle = (near + far) / 2;
        (winner(middle) == first ? near : far) = middle;
    }
    std::string name = key.key;
    if (key.money && name != "electricity_usd_per_kwh") name += "." + of.device->name;
    const std::string& to_name = cases[winner(far)].device->name;
    for (const Flip& known : out)
        if (known.input == name && known.to == to_name && known.value == far) return;
    if (to_name == cases[first].device->name) return;  // another number of the same devices
    out.push_back({name, cases[first].device->name, to_name, far});
}

/// A small generator of its own: the same numbers everywhere.
class Samples {
public:
    double next() {
        state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
        return static_cast<double>(state_ >> 11) / 9007199254740992.0;
    }
    /// Triangular between low and high with its top at the value.
    double of(Interval v) {
        if (v.high <= v.low) return v.value;
        const double u = next(), top = (v.value - v.low) / (v.high - v.low);
        return u < top ? v.low + std::sqrt(u * top) * (v.high - v.low)
                       : v.high - std::sqrt((1 - u) * (1 - top)) * (v.high - v.low);
    }

private:
    uint64_t state_ = 0x5eed;
};

void sampled_flips(const CostInputs& inputs, const std::vector<CostCase>& cases, size_t first,
                   std::vector<Flip>& out) {
    constexpr int kSamples = 500;
    Samples samples;
    std::vector<int> wins(cases.size(), 0);
    for (int i = 0; i < kSamples; ++i) {
        CostInputs one = inputs;
        for (const CostKey& key : cost_keys())
            for (const CostCase& c : cases) {
                CostInput room;
                const CostInput* found = find_cost(inputs, *c.device, key.key, room);
                if (!found) continue;
                CostInput drawn = *found;
                drawn.v = Interval::exact(samples.of(found->v));
                if (key.money || inputs.by_device.contains(c.device->name))
                    one.by_device[c.device->name][key.key] = drawn;
                else
                    one.values[key.key] = drawn;
            }
        std::vector<CostCase> drawn = cases;
        for (CostCase& c : drawn)
            c.tokens_per_s = samples.of({c.tokens_per_s_low, c.tokens_per_s, c.tokens_per_s_high});
        ++wins[cheapest(one, drawn)];
    }
    for (size_t i = 0; i < cases.size(); ++i)
        if (i != first && wins[i] > 0) {
            Flip flip{"all inputs, sampled", cases[first].device->name, cases[i].device->name};
            flip.sampled = true;
            flip.share = static_cast<double>(wins[i]) / kSamples;
            out.push_back(flip);
        }
}

}  // namespace

double capital_recovery(double interest, double life_years) {
    if (interest == 0) return 1 / life_years;
    return interest / (1 - std::pow(1 + interest, -life_years));
}

std::optional<double> break_even(double nre_usd, double saving_per_device_usd) {
    if (saving_per_device_usd <= 0) return std::nullopt;
    return nre_usd / saving_per_device_usd;
}

const CostInput* find_cost(const CostInputs& inputs, const machine::Device& device,
                           const std::string& key, CostInput& room) {
    if (const auto own = inputs.by_device.find(device.name); own != inputs.by_device.end())
        if (const auto found = own->second.find(key); found != own->second.end())
            return &found->second;
    if (const auto found = inputs.values.find(key); found != inputs.values.end())
        return &found->second;
    if (key == "rent_usd_per_device_hour")
        if (const auto* n = machine::find_number(device, "rent_usd_per_hour")) {
            room = of_device(*n, 1);
            return &room;
        }
    if (key == "nre_usd")
        if (const auto* n = machine::find_number(device, "nre_usd")) {
            room = of_device(*n, 1);
            return &room;
        }
    return nullptr;
}

CostResult cost_of(const CostInputs& inputs, const CostCase& of) {
    CostResult out;
    Quantity q;
    try {
        const Taken t{inputs, of, q};
        const Interval tokens = tokens_an_hour(t);
        carbon(t, tokens, out);
        Interval hour;
        const std::optional<Interval> energy = energy_usd(t);
        if (inputs.mode == "rent") {
            hour = t.need("rent_usd_per_device_hour") * of.count;
            q.formula = "rent n / (3600 tokens/s utilisation availability)";
        } else {
            CostInputs with_price = inputs;
            CostInput room;
            if (!find_cost(inputs, *of.device, "capex_usd", room))
                if (const auto* price = machine::find_number(*of.device, "price_usd")) {
                    with_price.by_device[of.device->name]["capex_usd"] =
                        of_device(*price, of.count);
                    q.flag("price of the devices alone");
                }
            const Taken own{with_price, of, q};
            if (!energy)
                throw UserError(
                    "device {}: no power_w and no power_kw, which the cost of an owned "
                    "machine needs",
                    of.device->name);
            hour = owned_usd(own) + *energy;
            if (const auto opex = own.maybe("opex_usd_per_hour")) hour = hour + *opex;
            q.formula =
                "(capex CRF / 8760 + P PUE price + opex) / (3600 tokens/s utilisation "
                "availability)";
        }
        q.v = hour;
        out.usd_per_hour = q;
        q.v = hour * 1e6 / tokens;
        out.usd_per_mtoken = q;
        if (energy) {
            q.v = *energy;
            q.formula = "P PUE price";
            out.energy_usd_per_hour = q;
        }
    } catch (const UserError& error) {
        out.refused = error.what();
    }
    return out;
}

std::vector<Crossing> crossings(const CostInputs& inputs, const std::vector<CostCase>& cases) {
    std::vector<Crossing> out;
    for (const CostCase& of : cases) {
        CostInput room;
        const CostInput* nre = find_cost(inputs, *of.device, "nre_usd", room);
        if (!nre || nre->v.value <= 0 || inputs.mode != "own") continue;
        const double paid_once = nre->v.value;
        CostInputs without = inputs;
        without.by_device[of.device->name]["nre_usd"] = {Interval::exact(0), "none", "today"};
        const CostResult bare = cost_of(without, of);
        const CostCase* best = nullptr;
        double least = 1e300;
        for (const CostCase& other : cases)
            if (const double usd = usd_per_mtoken(inputs, other);
                other.device != of.device && usd < least) {
                least = usd;
                best = &other;
            }
        if (!best || !bare.usd_per_mtoken) continue;
        // What a device saves over its life, in money of its first day.
        Quantity q;
        const Taken t{inputs, of, q};
        const double crf = capital_recovery(t.need("interest").value, t.need("life_years").value);
        const double mtokens = tokens_an_hour(t).value * 1e-6 / of.count;
        const double saving =
            (least - bare.usd_per_mtoken->v.value) * mtokens * kHoursPerYear / crf;
        if (const auto volume = break_even(paid_once, saving))
            out.push_back({of.device->name, best->device->name, *volume, paid_once});
    }
    return out;
}

std::vector<Flip> flips(const CostInputs& inputs, const std::vector<CostCase>& cases) {
    std::vector<Flip> out;
    if (cases.size() < 2) return out;
    const size_t first = cheapest(inputs, cases);
    for (const CostKey& key : cost_keys()) {
        const bool own = key.money && std::string(key.key) != "electricity_usd_per_kwh";
        for (size_t i = 0; i < (own ? cases.size() : 1); ++i) {
            const CostCase& of = own ? cases[i] : cases[first];
            CostInput room;
            const CostInput* found = find_cost(inputs, *of.device, key.key, room);
            if (!found) continue;
            const Interval v = found->v;
            if (v.low < v.value) find_flip(inputs, cases, first, of, key, v.value, v.low, out);
            if (v.high > v.value) find_flip(inputs, cases, first, of, key, v.value, v.high, out);
        }
    }
    sampled_flips(inputs, cases, first, out);
    return out;
}

}  // namespace smeaton::compare
