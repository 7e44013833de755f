// What operators take in eager PyTorch on a CPU, by rates a core and what a call costs.
#pragma once

#include <string>
#include <vector>

#include "model/summary/summary.h"
#include "tensor/dim.h"

namespace smeaton::driver {

/// How PyTorch computes an operator.
enum class EagerKind {
    Loop,         ///< at the speed of its bytes
    Matrix,       ///< MKL
    Convolution,  ///< oneDNN, whose layouts are made and unmade around it
    MaxPool,      ///< element by element of each window
    AveragePool
};

/// What the nodes of one statement do together.
struct EagerWork {
    EagerKind kind = EagerKind::Loop;
    double flops = 0, read = 0, written = 0;

    /// One module for all of them: what lies between two is neither written nor read.
    void add(const EagerWork& next);
};

EagerWork eager_work(const model::OperatorSummary&, const tensor::Bindings&);

struct EagerCosts {
    std::vector<double> gflops, gb_s;  ///< [k - 1]: of k cores
    double call_us = 10;               ///< Python, under its lock, and dispatch
    double lock_us = 25;               ///< until another thread has Python's lock
    double message_us = 60;            ///< put, the other thread awake, get
    double team_us =
        250;         ///< threads of an operator are started and ended, where clusters alternate
    std::string of;  ///< whose rates

    /// us of a call on so many cores, whose threads are there.
    double us(const EagerWork&, size_t cores) const;
};

/// Of a machine's description; of a file that is not given: assumed.
EagerCosts eager_costs(const std::string& machine_file, int cores);

}  // namespace smeaton::driver
