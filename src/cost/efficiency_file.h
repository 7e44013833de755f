// Calibrated efficiencies as data: machines/compare/efficiency.yaml, or a user's own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cost/efficiency.h"

namespace smeaton::cost {

/// Measured over predicted time: the range that holds four rows of five left out of the fit.
struct Spread {
    double low = 1, high = 1;
    friend bool operator==(const Spread&, const Spread&) = default;
};

/// Mean |measured / predicted - 1| of rows, and their mean with its sign.
struct FitError {
    int rows = 0;
    double mean = 0, bias = 0;
    friend bool operator==(const FitError&, const FitError&) = default;
};

/// What one engine reaches with weights of one width, wherever it was measured.
struct Calibration {
    std::string engine;
    std::string width;  ///< "16", "8", "4": bits of a weight, rounded to these
    std::vector<std::string> families;
    Efficiency efficiency;
    std::map<std::string, Spread> spread;      ///< by quantity: "decode", "prefill", "throughput"
    std::map<std::string, FitError> fitted;    ///< the same
    std::map<std::string, FitError> left_out;  ///< each device predicted from the others
    std::map<std::string, double> left_out_by_device;  ///< mean error, all quantities
    /// Measured over predicted time of devices that have rows: "DEVICE/quantity".
    std::map<std::string, double> device_factor;
    double most_batch = 0, most_context = 0;  ///< of the rows; beyond is extrapolation
    std::vector<std::string> sources;
    friend bool operator==(const Calibration&, const Calibration&) = default;
};

/// UserError names file, line and key.
std::vector<Calibration> parse_calibrations(const std::string& yaml, const std::string& file);
std::string print_calibrations(const std::vector<Calibration>&);
/// Those that ship.
const std::vector<Calibration>& shipped_calibrations();

/// "16", "8" or "4" for bits of a weight.
std::string width_of(double weight_bits);
/// Of the engine and width; null where there are no rows.
const Calibration* find_calibration(const std::vector<Calibration>&, const std::string& engine,
                                    const std::string& width);

}  // namespace smeaton::cost
