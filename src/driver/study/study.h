// `study`: all of it on one model. Compiled, run, checked and timed here; each kernel beside what
// this machine can do; predicted for other machines; compared with ONNX Runtime.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/inspect/inspect.h"
#include "driver/parallel/timeline.h"
#include "driver/simulate/simulate.h"
#include "driver/study/groups.h"
#include "driver/study/host.h"
#include "driver/study/measure.h"
#include "driver/study/onnx_runtime.h"
#include "driver/study/picture.h"
#include "driver/study/probe_here.h"
#include "driver/study/verdict.h"
#include "driver/study/what_if.h"

namespace smeaton::driver {

struct StudyRequest {
    MeasureRequest measure;             ///< kernels and trace_file are not looked at
    std::vector<std::string> machines;  ///< files or names; empty: those that ship
    bool peer = true;                   ///< compare with ONNX Runtime
    int turns = 15;
};

struct OtherMachine {
    std::string file;
    std::string failed;  ///< why there is no prediction
    SimulateResult predicted;
    double relative_time = 0;  ///< over the time predicted for this machine
};

struct LevelTraffic {
    std::string name;
    double claimed_bytes = 0;    ///< by the ledger: what the kernels ask of this level
    double predicted_bytes = 0;  ///< what its caches let through, by the closed-form model
    double times_least = 0;      ///< predicted_bytes over what one run must move
    bool per_core = false;       ///< each core has one
};

/// A kernel in its own words.
struct KernelText {
    std::string gir, ledger;
};

struct StudyResult {
    InspectResult summary;  ///< with the blocks of the simplified graph
    Host host;
    MeasureResult measured;  ///< with kernels
    SimulateResult here;     ///< prediction for this machine, kernels in the same order
    std::vector<ProbedLevel> levels;
    double peak_gflops = 0;  ///< f32, of the threads used
    double memory_gb_s = 0;
    double gflops = 0, peak_share = 0;         ///< reached, over the kernels' time; of the peak
    double measured_us = 0, predicted_us = 0;  ///< sums over the kernels
    double prediction_error = 0;               ///< predicted / measured - 1
    std::vector<double> kernel_errors;         ///< the same for each kernel
    std::vector<TimeGroup> operators, shapes;  ///< most time first
    std::vector<TimeGroup> layers;             ///< blocks, in the graph's order
    std::vector<KernelText> kernel_texts;      ///< of each kernel
    std::vector<int64_t> alive_bytes;          ///< of the arena while each kernel runs
    ParallelChoice parallel;  ///< kernels side by side, as `auto` chooses, and what it weighed
    std::optional<Timeline> parallel_run;  ///< a run by its schedule, where that was taken
    Picture picture;
    WhatIfs what_ifs;
    Verdict verdict;
    std::vector<LevelTraffic> traffic;   ///< innermost first
    double kernel_compulsory_bytes = 0;  ///< sum over kernels: operands and results once each
    double model_compulsory_bytes = 0;   ///< inputs, weights and outputs once
    std::vector<OtherMachine> machines;
    PeerComparison peer;
    std::vector<std::string> notes;  ///< what could not be done, and why
    std::string date;                ///< UTC, "2026-11-21 03:30"
};

StudyResult study(const StudyRequest&);

}  // namespace smeaton::driver
