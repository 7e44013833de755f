// From a choice of how kernels run to the plan that runs them.
#pragma once

#include <vector>

#include "driver/plan.h"
#include "driver/session.h"
#include "emit/cpp/emit.h"
#include "gir/program.h"
#include "run/plan.h"
#include "schedule/schedule.h"

namespace smeaton::driver {

/// What one sample of a choice's schedule does; empty: one kernel after another.
Arrangement arrangement_of(const ParallelChoice&, int sample = 0);

/// The plan of all samples of a choice that has a schedule: step k of sample s is step
/// s * steps + k, external e of sample s is s * externals + e. Samples that have one core for
/// themselves, one after the other, share an arena.
run::Plan plan_of(const gir::Program&, const emit::EmittedProgram&, const ParallelChoice&);

/// A choice of this schedule, untimed. UserError where it is of other kernels, or has tasks on
/// cores that are not neighbours or not there.
ParallelChoice given_choice(const gir::Program&, const schedule::Schedule&, int threads);

/// The schedule with each task on neighbouring cores, as teams of threads are: those that it has
/// where they are neighbours, else those that let it start first. Cores of one kind.
schedule::Schedule on_neighbours(const schedule::TaskGraph&, const schedule::Cores&,
                                 const schedule::Schedule&);

/// Tasks by their starts, predecessors first.
std::vector<int> by_start(const schedule::Links&, const schedule::Schedule&);

/// Every task on all cores, in the graph's own order, which has predecessors first; or those of
/// the longest way to the end first, so that what follows seldom waits for what was just begun.
schedule::Schedule on_all_cores(const schedule::TaskGraph&, const schedule::Cores&,
                                bool urgent_first = false);

/// Every task on the first core.
schedule::Schedule on_one_core(const schedule::TaskGraph&, const schedule::Cores&);

/// Each sample of samples_of(…) on a core of its own, the cores taken in turn. Samples that are
/// left when no round is full share the cores out among them, as far as every task has a finite
/// duration on so many.
schedule::Schedule sample_per_core(const schedule::TaskGraph&, const schedule::Cores&, int samples);

}  // namespace smeaton::driver
