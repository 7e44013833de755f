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
    Convolution,  ///< oneDNN
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
    double call_us = 14;               ///< Python and dispatch
    double held_us = 10;               ///< of these, under Python's lock
    double lock_us = 14;               ///< until another thread has Python's lock
    double again_us = 30;              ///< until a call that ended beside others has it again
    double message_us = 40;            ///< put, the other thread awake, get
    double team_us = 280;              ///< an operator's threads are ended and started
    std::string of;                    ///< whose rates

    /// us of a call on so many cores, whose threads are there, and beside others on the rest.
    double us(const EagerWork&, size_t cores) const;
    /// us of a call on one core, the rest idle.
    double alone_us(const EagerWork&) const;

private:
    double fixed_us(const EagerWork&) const;
    double busy_us(const EagerWork&, size_t cores) const;
};

/// Of a machine's description; of a file that is not given: assumed. `processes`: clusters are
/// these, not threads of one.
EagerCosts eager_costs(const std::string& machine_file, int cores, bool processes = false);

}  // namespace smeaton::driver
