// Efficiencies fitted to measured rows, and what each device's rows say when it was left out.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compare/capacity.h"
#include "compare/rows.h"
#include "cost/efficiency_file.h"
#include "machine/device.h"

namespace smeaton::compare {

/// A row that this model can predict: all but the efficiency is known.
struct RowCase {
    Row row;
    std::string device, family, engine, width;
    std::string quantity;  ///< "decode", "prefill", "throughput", "operator"
    double seconds = 0;    ///< measured: of a token, a prompt, an iteration, an operator
    /// The same of the model; the rates and sizes of the row are inside.
    std::function<double(const cost::Efficiency&)> predict;
    double bound_s = 0;  ///< at efficiency 1
    double batch = 1, context = 0;
    std::vector<std::string> notes;
};

struct LeftRow {
    int line = 0;
    std::string model, hardware, metric, why;
};

/// What a row measured and the least that physics allows for it: max(FLOPs / peak, bytes / rate).
struct RowBound {
    int line = 0;
    std::string model, hardware, metric;
    double measured_s = 0, bound_s = 0;
    std::string basis;  ///< what the bound is of, where it is looser than the row's own setting
};

struct RowCases {
    std::vector<RowCase> cases;
    std::vector<LeftRow> left;  ///< what no prediction is made for, and why
    std::vector<RowBound> bounds;
    std::vector<LeftRow> unbounded;  ///< what has no bound either, and why
};

/// `workload` gives the model of a row; null where nobody knows it.
RowCases cases_of(const std::vector<Row>&,
                  const std::function<const Workload*(const std::string& model)>& workload);

/// A row, measured and predicted.
struct RowResult {
    int line = 0;
    std::string model, device, engine, width, quantity, metric;
    double measured_s = 0, fitted_s = 0, left_out_s = 0, bound_s = 0;
    double low_s = 0, high_s = 0;  ///< by rows of other devices alone
};

struct CalibrationResult {
    std::vector<cost::Calibration> calibrations;
    std::vector<RowResult> rows;
    std::vector<LeftRow> left;
    std::vector<RowBound> bounds;
    std::vector<LeftRow> unbounded;
};

/// Coefficients that are fitted, by "ENGINE/WIDTH", in the place of those that are by default.
using FittedTerms = std::map<std::string, std::vector<std::string>>;
/// "llama.cpp/16=memory,lanes". UserError for coefficients that are not there.
void add_terms(const std::string& text, FittedTerms&);

/// One calibration for each engine and width that has rows. Deterministic.
CalibrationResult calibrate(const RowCases&, const FittedTerms& = {});

}  // namespace smeaton::compare
