// `place MODEL`: a training step of a model over the equal devices of a cluster.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/place/model.h"
#include "machine/cluster/cluster.h"
#include "search/phaze/evaluate.h"

namespace smeaton::driver {

struct PlaceRequest {
    std::string model, cluster_file;
    std::vector<std::string> dims;
    int batch = 0;
    int64_t sequence = 0;
    std::string precision;  ///< "fp16", "bf16", "fp32"
    std::string optimizer;  ///< "sgd", "momentum", "adam", "adamw"
    std::string fixed;      ///< "t=,p=,d=,microbatch=,recompute=…"
};

struct MemoryParts {
    double weights = 0, optimizer = 0, activations = 0, buffers = 0;  ///< weights: with gradients
    double sum() const { return weights + optimizer + activations + buffers; }
};

struct PlacedStage {
    std::vector<std::string> layers;
    std::vector<int> devices;  ///< of the first pipeline; the others follow, d times
    int t = 1, d = 1;
    bool recompute = false;
    MemoryParts memory;
    /// Of the closed form of a transformer's layers; nothing where the model says no widths.
    std::optional<double> memory_formula_bytes;
    double forward_ms = 0, backward_ms = 0, send_bytes = 0;  ///< backward: without recomputing
    double time_ms = 0;                                      ///< of a microbatch, transfers in it
};

/// Equal layers on a chip whose cores are scheduled.
struct ScheduledLayer {
    std::string name;
    int count = 1;
    struct Half {
        schedule::TaskGraph graph;  ///< in cycles, on the chip's cores
        search::phaze::LayerTime time;
    };
    Half forward, backward;
};

/// Of a plan under PHAZE's costs.
struct OnChips {
    search::phaze::Chip chip;
    std::string defects;  ///< restored
    std::vector<ScheduledLayer> layers;
    std::optional<double> expert_ms;  ///< a step by the plan that was given
    std::string expert_refused;       ///< why that is none; "": none was given, or it fits
};

struct PlaceResult {
    PlaceRequest request;
    std::string device;
    int devices = 0;
    double memory_bytes = 0;  ///< of a device
    std::vector<PlacedStage> stages;
    int t = 1, d = 1, microbatch = 1, microbatches = 1;  ///< microbatches: of one pipeline
    double step_ms = 0, lower_bound_ms = 0, bubble = 0;
    double step_low_ms = 0, step_high_ms = 0;         ///< by the intervals of the device's figures
    double tp_bytes = 0, dp_bytes = 0, pp_bytes = 0;  ///< sent by all devices in a step
    std::string binding;                              ///< "compute", "memory", "link", "bubble"
    std::vector<std::string> notes;
    std::optional<OnChips> on_chips = {};
    double gap() const { return step_ms / lower_bound_ms - 1; }
};

/// UserError: what the model, the cluster and the options say; mixed kinds of devices; a layer
/// larger than every device, named; no plan that fits.
PlaceResult place_model(const PlaceRequest&);

}  // namespace smeaton::driver
