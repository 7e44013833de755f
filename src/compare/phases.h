// Prefill and decode of a decoder on devices that share it, and the closed loop of both.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "compare/workload.h"
#include "cost/efficiency.h"

namespace smeaton::compare {

/// Bits of an element; of weights with what scales and zeros add.
struct Bits {
    double weights = 16, activations = 16, cache = 16;
    /// Of a weight of products with pruned weights (all but the head), zeros left out and the
    /// places of the others counted; 0: nothing is pruned.
    double pruned = 0;

    /// Of a weight that quantisation leaves alone.
    double wide() const { return std::max(weights, 16.0); }
};

/// Devices that share one model: t tensor parallel, p stages, d replicas. e: experts lie whole on e
/// devices. Up to t these are devices of one replica (a layer's experts in e parts, each cut over
/// t / e devices); beyond that e / t replicas have one set of experts together and send each other
/// tokens.
struct Split {
    int tensor = 1, stages = 1, experts = 1, replicas = 1;
    int devices() const { return tensor * stages * replicas; }
    /// Replicas that have one set of experts together.
    double sharing() const { return experts > tensor ? experts / tensor : 1; }
    /// Devices over which one layer's experts lie.
    double expert_devices() const { return std::max(experts, tensor); }
    friend bool operator==(const Split&, const Split&) = default;
};

struct Serving {
    const Decoder* model = nullptr;
    Bits bits;
    Split split;
    cost::DeviceRates rates;
    cost::Efficiency efficiency;
    bool roofline = false;  ///< max of totals, nothing else: --efficiency 1
    /// Tokens of the busiest device of experts over the mean; 1: all as busy.
    double imbalance = 1;
};

struct PhaseTime {
    double seconds = 0;
    double bound_s = 0;  ///< max(FLOPs / peak, bytes / rate) of its totals
    double flops = 0, bytes = 0;
    double compute_s = 0, memory_s = 0, link_s = 0, launch_s = 0;
    std::string limit;
};

/// `sequences` prompts of `prompt` tokens each, no cache before them, head on the last tokens.
PhaseTime prefill(const Serving&, double sequences, double prompt);
/// One token for each of `sequences`, whose caches hold `context` tokens.
PhaseTime decode(const Serving&, double sequences, double context);

/// B sequences that always run, each replaced when it ends: t = decode(B, T + O/2) + B/O
/// prefill(T).
struct ClosedLoop {
    double batch = 1;           ///< of one replica
    double iteration_s = 0;     ///< between two tokens of a sequence
    double first_token_s = 0;   ///< prefill and what it waits for: half of an iteration
    double tokens_per_s = 0;    ///< of all replicas
    PhaseTime prefill, decode;  ///< of one prompt, of one step
    std::string limit;
};
ClosedLoop closed_loop(const Serving&, double batch, double prompt, double output);

/// Tokens that go through the model at once there: of a step, of one prompt, of prompts that are
/// prefilled together.
struct AtOnce {
    double step = 1, prompt = 1, prompts = 1;
};
AtOnce tokens_at_once(const Split&, double batch, double prompt, double output);

/// Elements of weights that pruning leaves out or not: all products but the head.
double prunable(const Decoder&);
/// Elements of experts' weights.
double expert_elements(const Decoder&);

/// Distinct experts that `tokens` read under uniform routing: E (1 - (1 - k/E)^tokens).
double experts_read(double experts, double active, double tokens);

/// The fewest of a token's experts, more than it has, with which each that is read gets the rows of
/// a tile (cost::kThinRows); nothing where it gets them already, or with none.
std::optional<double> experts_for_tiles(const Product&, double tokens);

}  // namespace smeaton::compare
