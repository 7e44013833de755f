// A plan with memory of its own to run in: what ways to run kernels are timed by.
#pragma once

#include <memory>
#include <vector>

#include "driver/parallel/parallel.h"
#include "run/block.h"
#include "run/executor.h"
#include "run/plan.h"

namespace smeaton::driver {

class Trial {
public:
    /// `copies`: how many samples the plan has, each on what the subject has of inputs and states,
    /// copied. `repeats`: so many runs of the plan are one.
    Trial(const ParallelSubject&, run::Plan, int copies, int repeats = 1);

    double run_us();
    /// One run of the plan, and the time of each of its steps.
    void run_timed(std::vector<int64_t>& step_ns);
    /// One run of the plan: when each of so many steps ended, since it began.
    std::vector<double> ends_us(size_t steps);

private:
    void* room(int64_t bytes);

    int repeats_;
    std::vector<run::Block> memory_;
    std::vector<void*> externals_;
    std::unique_ptr<run::Executor> executor_;
};

}  // namespace smeaton::driver
