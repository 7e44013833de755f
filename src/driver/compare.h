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
#include "driver/compare_workload.h"

namespace smeaton::driver {

struct CompareRequest {
    WorkloadRequest model;
    std::vector<std::string> devices;  ///< "A", "B*8", "FILE.yaml", "here"; several by commas too
    std::string traffic;               ///< a file; needed by models that give tokens
    std::string engine, format, bits, parallel;
    std::string cost;
    std::vector<std::string> sets;
    std::string efficiency;  ///< "", "1", or a file of calibrations
    std::string calibrate;   ///< rows of one's own, fitted on top of what ships
    std::string models;      ///< folder of configurations that rows name
    std::optional<double> power_cap_w, throughput_tokens_s, max_accuracy_loss;
    bool unknown_accuracy = false;  ///< take formats whose loss nobody states
    std::function<void(const std::string& stage, double fraction)> progress;
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
    bool lossless = false;                          ///< a format of 16 bits or more
};

/// UserError for what a user can cause; one refused device alone is one.
CompareResult compare_devices(const CompareRequest&);

struct CalibrateRequest {
    std::string rows;    ///< a table of measured rows
    std::string models;  ///< folder with NAME.json and names.txt; empty: machines/models
};

/// Efficiencies fitted to the rows of a file, with what each device's rows say when left out.
compare::CalibrationResult calibrate_rows(const CalibrateRequest&);

}  // namespace smeaton::driver
