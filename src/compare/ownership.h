// What it costs to run: rent or own, energy, carbon, what is paid once; and where two change
// places.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/quantity.h"
#include "machine/device.h"

namespace smeaton::compare {

/// An input with its range, who says it and when.
struct CostInput {
    machine::Interval v;
    std::string source, date;
    machine::Confidence confidence = machine::Confidence::Unstated;  ///< of a data sheet's number
};

/// mode "rent" or "own"; every other key is one of cost_keys().
struct CostInputs {
    std::string mode = "rent";
    std::map<std::string, CostInput> values;
    std::map<std::string, std::map<std::string, CostInput>> by_device;  ///< device -> key -> value
};

struct CostKey {
    const char* key;
    const char* unit;
    bool money = false;  ///< needs a date
    double least = 0, most = 1e15;
};
const std::vector<CostKey>& cost_keys();

/// UserError names file, line and key; for money without a date too. On top of `base`.
CostInputs parse_costs(const std::string& yaml, const std::string& file, CostInputs base = {});
/// What ships: life, interest, PUE and the like with their sources; no rent and no price.
CostInputs shipped_cost_inputs();
/// A number or LOW:VALUE:HIGH, of an assignment that messages name.
machine::Interval interval_set(const std::string& text, const std::string& assignment);
/// "KEY=V" or "KEY.DEVICE=V" over the inputs; V may be LOW:VALUE:HIGH. UserError for others.
void set_cost(CostInputs&, const std::string& assignment);

/// What a device's own description and the inputs say of a key; null where nobody does.
const CostInput* find_cost(const CostInputs&, const machine::Device&, const std::string& key,
                           CostInput& room);

/// What a row of the comparison brings along.
struct CostCase {
    const machine::Device* device = nullptr;
    double count = 1;
    double tokens_per_s_low = 0, tokens_per_s = 0, tokens_per_s_high = 0;
    std::optional<machine::Interval> wall_w = {};
};

struct CostResult {
    std::optional<Quantity> usd_per_mtoken, carbon_kg_per_mtoken, usd_per_hour;
    std::optional<Quantity> energy_usd_per_hour;
    std::string refused;  ///< why there is no price
};

/// C_h = [capex n] CRF(r, life) / 8760 + P PUE price + opex, or rent n; tokens of an hour =
/// 3600 rate utilisation availability; NRE over volume is added to the capex of each device.
CostResult cost_of(const CostInputs&, const CostCase&);

/// r / (1 - (1 + r)^-life); 1 / life at r = 0.
double capital_recovery(double interest, double life_years);

/// Devices at which what is paid once is earned back: NRE / saving of a device over its life.
/// Nothing where there is no saving.
std::optional<double> break_even(double nre_usd, double saving_per_device_usd);

/// Where what is paid once for one device is earned back against the best other one.
struct Crossing {
    std::string device, against;
    double volume = 0, nre_usd = 0;  ///< devices; USD
};
/// Of cases with an NRE: the volume at which their $/Mtok equals that of the cheapest other one.
std::vector<Crossing> crossings(const CostInputs&, const std::vector<CostCase>&);

/// The input whose range makes another one first, and where.
struct Flip {
    std::string input, from, to;
    double value = 0;  ///< of the input, where the two are equal
    bool sampled = false;
    double share = 0;  ///< of samples in which `to` is first, where sampled
};

/// $/Mtok of each case over each input's range, one at a time, then all of them sampled with a
/// seed.
std::vector<Flip> flips(const CostInputs&, const std::vector<CostCase>&);

}  // namespace smeaton::compare
