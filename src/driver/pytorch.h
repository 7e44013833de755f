// `emit --as pytorch`: a model as a folder of PyTorch source.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/feeds.h"
#include "driver/session.h"

namespace smeaton::driver {

struct PytorchRequest {
    std::string model;
    std::string folder;  ///< made where there is none; what was there of the same names is replaced
    FeedRequest feeds;   ///< --dim binds sizes; values of inputs are taken where they decide shapes
    SessionOptions session;
    int cores = 2;
    std::string algorithm = "list";
    std::optional<double> time_limit_s;
    std::string machine_file;  ///< what operators take; empty: figures that the clusters tell
    std::string workers = "threads";  ///< of forward_parallel; or "processes"
    bool train = false;               ///< train.py besides
    std::string loss, optimizer;      ///< of it, as TrainingChoice
};

struct PytorchResult {
    std::vector<std::string> paths;
    std::vector<std::string> notes;
};

/// Writes model.py, clusters.py, weights.safetensors, ...: all of them or none. UserError naming
/// the model's file, and every node that cannot be emitted.
PytorchResult emit_pytorch(const PytorchRequest&);

}  // namespace smeaton::driver
