// One workload on many devices: fit, times, power, energy, cost, and who comes first.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/adoption.h"
#include "compare/capacity.h"
#include "compare/energy.h"
#include "compare/formats.h"
#include "compare/ownership.h"
#include "compare/quantity.h"
#include "compare/traffic.h"
#include "cost/efficiency_file.h"
#include "machine/device.h"

namespace smeaton::compare {

struct DeviceCount {
    machine::Device device;
    int count = 1;
    std::string text;  ///< as asked for
};

struct Options {
    std::string engine;  ///< empty: onnxruntime, or all that run the device
    Format format;
    std::optional<Split> split;   ///< nothing: the fastest that fits
    bool roofline = false;        ///< --efficiency 1
    double expert_imbalance = 1;  ///< tokens of the busiest device of experts over the mean
    std::optional<double> power_cap_w;
    std::optional<double> throughput_tokens_s;  ///< given from elsewhere: cost and energy of that
    CostInputs costs;
    std::vector<cost::Calibration> calibrations;
};

/// Times of one engine on one row.
struct EngineRow {
    std::string engine;
    Quantity ttft_ms, tpot_ms, latency_ms, throughput;  ///< latency of models that give no tokens
    double left_out_error = 0;  ///< mean, of rows of other devices; 0: no rows
    int rows = 0;               ///< measured rows behind it
};

/// An operator of a model that gives no tokens, on the row's device; they sum to its latency where
/// that is above the roofline of the whole.
struct OperatorRow {
    cost::OperatorWork work;  ///< bytes in the row's format
    cost::OperatorTime time;
    machine::Interval seconds;
};

struct DeviceRow {
    std::string device, text, device_class, engine;
    int count = 1;
    bool fits = false;
    std::string why_not;  ///< fits: false
    std::string limit;
    Split split;
    double batch = 1;  ///< of one replica
    Capacity capacity;
    std::optional<Quantity> ttft_ms, tpot_ms, latency_ms, throughput;  ///< tokens (or items)/s
    std::optional<Quantity> bound_ms;  ///< roofline: of a decode step, or of the model
    std::optional<Quantity> prefill_bound_ms;
    std::optional<Quantity> power_w, idle_w, devices_w, site_w, energy_j_per_token;
    std::string energy_term;
    std::optional<Quantity> cost_usd_per_mtoken, carbon_kg_per_mtoken, cost_usd_per_hour;
    std::string cost_refused, energy_refused;
    std::vector<EngineRow> engines;
    std::vector<OperatorRow> operators;
    std::vector<EngineFit> runs_on;       ///< engines that run the device
    std::optional<double> porting_weeks;  ///< an input of the cost
    std::vector<std::string> notes;
    std::optional<double> left_out_error;
    std::optional<Quantity> measured;  ///< of this machine
};

struct Refused {
    std::string device, reason;
};

struct Comparison {
    std::vector<DeviceRow> rows;
    std::vector<std::string> ranking;  ///< texts of rows that fit, best first
    std::string ranked_by, why_first;
    std::vector<Flip> flips;
    std::vector<Crossing> crossings;
    std::vector<Refused> refused;
};

/// UserError where the only device is refused. Where no engine is named: all that calibrations
/// know. `measured`: rows that are there already.
Comparison compare(const Workload&, const Traffic&, const std::vector<DeviceCount>&, const Options&,
                   std::vector<DeviceRow> measured = {});

/// One row. UserError where a number that it needs is blank, or a split does not suit the model.
DeviceRow row_of(const Workload&, const Traffic&, const DeviceCount&, const Options&);

}  // namespace smeaton::compare
