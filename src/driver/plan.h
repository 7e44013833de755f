// From an emitted program to what the executor runs: every buffer gets a place, every kernel its
// functions, every border the bytes that keep it true.
#pragma once

#include <memory>

#include "emit/cpp/emit.h"
#include "gir/program.h"
#include "run/compile.h"
#include "run/plan.h"

namespace smeaton::driver {

struct Placed {
    run::Plan plan;
    int64_t arena_lower_bound_bytes = 0;  ///< most bytes alive at one step
};

/// Inputs and outputs are externals in buffer order, inputs first; states are numbered in buffer
/// order. Temps that `once` steps write are persistent.
Placed make_plan(const gir::Program&, const emit::EmittedProgram&, std::shared_ptr<run::Library>);

int64_t weight_bytes(const gir::Program&);

}  // namespace smeaton::driver
