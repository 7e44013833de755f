// `study`: all of it on one model. Compiled, run, checked and timed here; each kernel beside what
// this machine can do; predicted for other machines; compared with ONNX Runtime.
#pragma once

#include <string>
#include <vector>

#include "driver/inspect.h"
#include "driver/simulate.h"
#include "driver/study/measure.h"
#include "driver/study/onnx_runtime.h"
#include "driver/study/probe_here.h"

namespace smeaton::driver {

struct StudyRequest {
    MeasureRequest measure;             ///< kernels and trace_file are not looked at
    std::vector<std::string> machines;  ///< files or names; empty: those that ship
    bool peer = true;                   ///< compare with ONNX Runtime
    int turns = 15;
};

/// One model operator's part of the measured time: a kernel's time is shared among its operators in
/// proportion to their operations (equally where none has any).
struct OperatorTime {
    std::string op;  ///< "Conv"
    int nodes = 0;   ///< that kernels compute; those folded away are not counted
    double time_us = 0;
    double flops = 0;
    double bytes = 0;  ///< operands and results, each node by itself
};

struct OtherMachine {
    std::string file;
    std::string failed;  ///< why there is no prediction
    SimulateResult predicted;
};

struct LevelTraffic {
    std::string name;
    double claimed_bytes = 0;    ///< by the ledger: what the kernels ask of this level
    double predicted_bytes = 0;  ///< what its caches let through, by the closed-form model
};

struct StudyResult {
    InspectResult summary;
    MeasureResult measured;  ///< with kernels
    SimulateResult here;     ///< prediction for this machine, kernels in the same order
    std::vector<ProbedLevel> levels;
    double peak_gflops = 0;  ///< f32, of the threads used
    double memory_gb_s = 0;
    double measured_us = 0, predicted_us = 0;  ///< sums over the kernels
    double prediction_error = 0;               ///< predicted / measured - 1
    std::vector<double> kernel_errors;         ///< the same for each kernel
    std::vector<OperatorTime> operators;       ///< most time first
    std::vector<LevelTraffic> traffic;         ///< innermost first
    double kernel_compulsory_bytes = 0;        ///< sum over kernels: operands and results once each
    double model_compulsory_bytes = 0;         ///< inputs, weights and outputs once
    std::vector<OtherMachine> machines;
    PeerComparison peer;
    std::vector<std::string> notes;  ///< what could not be done, and why
    std::string date;                ///< UTC, "2026-11-21 03:30"
};

StudyResult study(const StudyRequest&);

}  // namespace smeaton::driver
