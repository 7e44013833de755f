// One call runs a whole plan: arena, constants, threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "run/block.h"
#include "run/link.h"
#include "run/packed.h"
#include "run/pool.h"
#include "run/span.h"

namespace smeaton::run {

/// Owns the memory of a plan. run() may be called from several threads; calls that share a pool
/// take turns. Results depend neither on the number of threads nor on the plan's order and teams.
class Executor {
public:
    /// Runs the `once` steps whose results are not in `store` yet. UserError when one of their
    /// checks fails. `states`: Plan::states pointers to memory that outlives the executor; who
    /// shares it sees to it that one runs at a time. No store: one of its own.
    Executor(LinkedPlan, std::shared_ptr<Pool>, std::vector<void*> states = {},
             std::shared_ptr<PackedStore> store = nullptr);
    ~Executor();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    /// `externals`: Plan::externals pointers, inputs and outputs. UserError when a check fails.
    void run(std::span<void* const> externals);
    /// The same, and nanoseconds taken by each step, in the plan's list.
    void run_timed(std::span<void* const> externals, std::vector<int64_t>& step_ns);

    /// The same, and when each thread worked on which phase.
    void run_traced(std::span<void* const> externals, std::vector<Span>& spans);

    /// Other code for the same plan, from the next run on; a run under way ends first. Constants
    /// that `once` steps alone read may be missing: they are held no longer.
    void relink(const Symbols&);

    const Plan& plan() const;
    int64_t scratch_bytes() const;  ///< of all threads together
    /// Where a buffer of the arena, the persistent memory, the constants or the states lies; null
    /// for externals.
    void* address(int buffer) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace smeaton::run
