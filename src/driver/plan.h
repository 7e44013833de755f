// From an emitted program to what the executor runs: every buffer gets a place, every kernel its
// functions, every border the bytes that keep it true.
#pragma once

#include <memory>

#include "driver/session.h"
#include "emit/cpp/emit.h"
#include "gir/program.h"
#include "run/compile.h"
#include "run/plan.h"

namespace smeaton::driver {

/// Inputs and outputs are externals in buffer order, inputs first. Temps that `once` steps write are
/// persistent. UserError for state buffers and steps other than kernels.
run::Plan make_plan(const gir::Program&, const emit::EmittedProgram&,
                    std::shared_ptr<run::Library>);

/// Arena, bounds and weights of a program (scratch is the executor's).
MemoryStats memory_of(const gir::Program&);

}  // namespace smeaton::driver
