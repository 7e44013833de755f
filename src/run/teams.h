// Steps of a plan on teams of threads, several at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "run/link.h"
#include "run/pool.h"
#include "run/span.h"

namespace smeaton::run {

/// Below this much work (ns) in a step another thread costs more than it gives.
inline constexpr double kWorthWaking = 4000;

/// Whether a phase runs on one thread: it cannot be shared, or the step is too short.
inline bool runs_alone(const PlanStep& step, const PlanPhase& phase) {
    return !phase.parallel || (step.work_ns > 0 && step.work_ns < kWorthWaking);
}

/// Runs the steps of a plan in its order: each thread takes up the steps that it has part in one
/// after another, and begins one when all that it comes after have ended; at the end of a step it
/// waits for no other member of its team. Members share the range of a phase as they come
/// (share.h): a step waits for none of them to begin, and what one that is held up would do the
/// others do. A thread that must wait takes pieces of its next shared steps that may run already.
/// Results are those of list order, bit by bit.
class TeamRun {
public:
    /// The plan, which check_order has seen, and the pool outlive it. `scratch`: by thread.
    TeamRun(const LinkedPlan&, Pool&, std::vector<char*> scratch);
    ~TeamRun();
    TeamRun(const TeamRun&) = delete;
    TeamRun& operator=(const TeamRun&) = delete;

    struct Failure {
        int step = -1;    ///< -1: none
        int message = 0;  ///< index
    };
    /// `operands`: what its functions take, by step. The caller holds a lease on the pool. Where
    /// checks fail, steps that come after do not run, and the first that failed in list order is
    /// given. `step_ns`: of each step from its beginning to its end; `spans`: what each thread did.
    /// Both may be null.
    Failure run(const std::vector<void* const*>& operands, std::vector<int64_t>* step_ns,
                std::vector<Span>* spans = nullptr);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace smeaton::run
