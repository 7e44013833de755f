// `compare`: a model and a traffic on real devices.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compare/calibrate.h"
#include "compare/compare.h"
#include "compare/compression.h"
#include "compare/survey.h"
#include "driver/compare/workload.h"

namespace smeaton::driver {

struct CompareRequest {
    WorkloadRequest model;
    std::vector<std::string> devices;  ///< "A", "B*8", "FILE.yaml", "here"; several by commas too
    std::string traffic;               ///< a file; needed by models that give tokens
    std::string engine, format, bits, parallel, sparsity;
    std::string cost;
    std::vector<std::string> sets;
    std::string efficiency;          ///< "", "1", or a file of calibrations
    std::string calibrate;           ///< rows of one's own, fitted on top of what ships
    std::string models;              ///< folder of configurations that rows name
    std::vector<std::string> terms;  ///< what is fitted to those rows; none: by default
    std::optional<double> power_cap_w, throughput_tokens_s, max_accuracy_loss;
    std::optional<double> expert_imbalance;  ///< tokens of the busiest device over the mean
    bool unknown_accuracy = false;           ///< take formats whose loss nobody states
    bool compressions = false;               ///< every compression of a model of this shape too
    std::function<void(const std::string& stage, double fraction)> progress;
};

/// A compressed form of the model on one device.
struct CompressedOn {
    compare::DeviceRow row;
    std::string refused;  ///< why there are no numbers; "" where there are
};
/// What somebody published of a model of this shape, and what it would cost on each device.
struct Compressed {
    compare::CompressionRow row;
    compare::Format format;
    std::string not_taken;  ///< by --max-accuracy-loss; "" where it is taken
    std::vector<CompressedOn> devices;
};

struct CompareResult {
    std::string model, traffic, engine, format;
    compare::Workload workload;
    compare::Bits bits;
    compare::Traffic asked;
    compare::Comparison comparison;
    std::vector<cost::Calibration> calibrations;
    std::vector<std::string> warnings;
    compare::CostInputs costs;
    std::vector<compare::CompressionRow> accuracy;  ///< rows of this shape and format
    bool lossless = false;                          ///< 16 bits or more, nothing left out
    std::string sparsity;                           ///< zeros of weights, as asked for
    std::vector<Compressed> compressed;             ///< with `compressions`
};

/// UserError for what a user can cause; one refused device alone is one.
CompareResult compare_devices(const CompareRequest&);

struct CalibrateRequest {
    std::string rows;    ///< a table of measured rows
    std::string models;  ///< folder with NAME.json and names.txt; empty: machines/models
    std::vector<std::string> terms = {};  ///< "ENGINE/WIDTH=NAME,NAME": what is fitted
};

/// Efficiencies fitted to the rows of a file, with what each device's rows say when left out.
compare::CalibrationResult calibrate_rows(const CalibrateRequest&);

}  // namespace smeaton::driver
