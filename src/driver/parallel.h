// Kernels side by side: schedules over the kernels of a program as they are compiled and timed
// here, each tried against one kernel after another on all threads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "driver/plan.h"
#include "driver/session.h"
#include "machine/machine.h"
#include "run/pool.h"
#include "schedule/schedule.h"

namespace smeaton::driver {

/// UserError listing the words unless it is "off", "auto" or an algorithm of schedule/solve.h.
void check_parallel(const std::string& wanted);

/// What an arrangement is made for.
struct ParallelSubject {
    const gir::Program& program;
    const emit::EmittedProgram& emitted;
    run::Symbols symbols;
    std::shared_ptr<run::Pool> pool;
    std::vector<void*> inputs = {};  ///< in the order of the plan's externals
    std::vector<void*> states = {};  ///< as they are now; they are only read
    std::string wanted = {};         ///< "auto" or an algorithm
    std::string cache_folder = {};   ///< empty: the user's
    std::function<void(const std::string& stage, double fraction)> progress = {};  ///< may be empty
    std::function<void()> poll = {};                                               ///< may be empty
};

/// One kernel after another, or the schedule that was asked for or chosen. `auto` tries the
/// schedules of `list` and of `linear` and takes one only where it is measurably faster. Timed once
/// for a program and machine; what came of it is kept in the cache folder. Every schedule has
/// passed schedule::check. Programs that no two kernels of may run side by side, and pools of one
/// thread, are left as they are, untimed. UserError where a check of the model fails on these
/// inputs, and where a solver is missing.
ParallelChoice choose_arrangement(const ParallelSubject&);

/// The arrangement of a choice; empty: one after another.
Arrangement arrangement_of(const ParallelChoice&);

/// The schedule with each task on neighbouring cores, as teams of threads are: those that it has
/// where they are neighbours, else those that let it start first. Cores of one kind.
schedule::Schedule on_neighbours(const schedule::TaskGraph&, const schedule::Cores&,
                                 const schedule::Schedule&);

}  // namespace smeaton::driver
