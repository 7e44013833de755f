// From an emitted program to what the executor runs: every buffer gets a place, every kernel its
// functions; borders that no step sets have bytes that nobody else writes.
#pragma once

#include <memory>
#include <vector>

#include "emit/cpp/emit.h"
#include "gir/program.h"
#include "machine/machine.h"
#include "run/compile.h"
#include "run/link.h"
#include "run/plan.h"

namespace smeaton::driver {

/// In which order threads take up the steps of a run, and which threads share each; empty: one
/// after another, all threads on each. Steps are numbered without those that run once.
struct Arrangement {
    std::vector<int> order;
    std::vector<run::Team> teams;  ///< by step
    int threads = 1;               ///< of the pool that will run it
    /// When each step is planned to begin and to end, by step; empty: not known.
    std::vector<double> start_us = {}, finish_us = {};
    bool empty() const { return order.empty() && teams.empty(); }
};

struct PlanOptions {
    Arrangement arrangement;
    /// What each step takes on one thread, `once` steps included, in step order (step_work_ns);
    /// empty: reckoned from its points, well enough to tell what is too short to share.
    std::vector<double> work_ns;
};

struct Placed {
    run::Plan plan;
    int64_t arena_lower_bound_bytes = 0;  ///< most bytes alive at one step
};

/// Inputs and outputs are externals in buffer order, inputs first; states are numbered in buffer
/// order. Temps that `once` steps write are persistent. Temps share bytes of the arena where the
/// arrangement lets none be alive beside the other, or plans so: then the later step waits for the
/// earlier. InternalError when the arrangement is none that
/// the program's dependences allow.
Placed make_plan(const gir::Program&, const emit::EmittedProgram&, const PlanOptions& = {});

/// Functions from the library, constants from the program's buffers; keeps both.
run::Symbols symbols_of(const gir::Program&, std::shared_ptr<run::Library>);

/// What each step of the program takes on one thread of the machine, by `cost`; in step order.
std::vector<double> step_work_ns(const gir::Program&, const machine::Machine&);

int64_t weight_bytes(const gir::Program&);

}  // namespace smeaton::driver
