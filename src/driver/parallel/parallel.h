// Kernels side by side: schedules over the kernels of a program as they are compiled and timed
// here, each tried against one kernel after another on all threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "driver/session.h"
#include "emit/cpp/emit.h"
#include "gir/program.h"
#include "run/link.h"
#include "run/pool.h"

namespace smeaton::driver {

/// UserError listing the words unless `wanted` is "off", "auto" or an algorithm of
/// schedule/solve.h, `hyper` a form that it has or empty, and there is a sample.
void check_parallel(const std::string& wanted, int samples, const std::string& hyper);

/// What an arrangement is made for.
struct ParallelSubject {
    const gir::Program& program;
    const emit::EmittedProgram& emitted;
    run::Symbols symbols;
    std::shared_ptr<run::Pool> pool;
    std::vector<void*> inputs = {};  ///< in the order of the plan's externals
    std::vector<void*> states = {};  ///< as they are now; they are only read
    std::string wanted = {};         ///< "auto" or an algorithm
    int samples = 1;                 ///< that run in one call
    std::string hyper = {};          ///< as SessionOptions::hyper
    std::string cache_folder = {};   ///< empty: the user's
    std::function<void(const std::string& stage, double fraction)> progress = {};  ///< may be empty
    std::function<void()> poll = {};                                               ///< may be empty
};

/// One kernel after another, or the schedule that was asked for or chosen. `auto` tries all on one
/// thread (method "one_thread"), all threads on each kernel without waiting at its end
/// ("all_threads"), the schedules of `list` and of `linear` (of several samples: one on each core,
/// and the hyperclusters), the best parts of these ("mixed"), and takes what is faster by more than
/// it is uncertain by. Timed once for a program and machine, again where the machine was too busy
/// to tell; what came of it is kept in the cache folder. Every schedule has passed schedule::check.
/// Pools of one thread are left as they are, untimed; so are programs that no two kernels of may
/// run side by side, of one sample, where an algorithm is asked for. UserError where a check of the
/// model fails on these inputs, and where a solver is missing.
ParallelChoice choose_arrangement(const ParallelSubject&);

/// Whether a kept choice is taken as it is: an algorithm was asked for, it is certain enough, or it
/// was timed as often as any is.
bool is_final(const ParallelChoice&);

}  // namespace smeaton::driver
