// What an executor runs: buffers, steps, functions. Plain data: functions and weights are named by
// symbol, so that a plan can be written down (plan_text.h); link.h finds what the names mean.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace smeaton::run {

/// Runs iterations begin to end of a phase; 0, or 1 + the index of the message of a check that
/// failed. `scratch` belongs to the calling thread.
using KernelFunction = int (*)(void* const* buffers, char* scratch, int64_t begin, int64_t end);

struct PlanBuffer {
    enum class Place {
        Arena,       ///< `at` bytes into the executor's arena
        Persistent,  ///< `at` bytes into memory that keeps what `once` steps wrote
        Packed,      ///< what `once` steps wrote, held once for all who have it under its `key`
        Constant,    ///< the constant of this name
        State,       ///< the `at`th pointer given to the executor: outlives it, kept between runs
        External     ///< the `at`th pointer given to run()
    };
    std::string name;
    Place place = Place::Arena;
    int64_t at = 0;
    int64_t bytes = 0;
    std::string key = {};  ///< Packed alone: equal keys, equal bytes
    friend bool operator==(const PlanBuffer&, const PlanBuffer&) = default;
};

struct PlanPhase {
    std::string function;  ///< symbol
    int64_t range = 1;
    bool parallel = false;  ///< the range may be split among threads, in any way
    friend bool operator==(const PlanPhase&, const PlanPhase&) = default;
};

/// Bytes of the arena or the persistent memory set to a repeated element when the executor is made:
/// borders.
struct PlanFill {
    int buffer = 0;
    int64_t offset = 0, count = 0;  ///< bytes, elements
    int element_bytes = 4;
    uint64_t element = 0;
    friend bool operator==(const PlanFill&, const PlanFill&) = default;
};

/// Neighbouring threads of the pool, from `first` on. count 0: all there are.
struct Team {
    int first = 0, count = 0;
    friend bool operator==(const Team&, const Team&) = default;
};

struct PlanStep {
    std::string name;
    std::vector<PlanPhase> phases;
    std::vector<int> buffers;  ///< indices into Plan::buffers, in the order the functions take them
    std::vector<int> writes;  ///< those of `buffers` that the functions write; others are only read
    std::vector<std::string> messages;  ///< of checks, which may fail
    std::vector<int> after;  ///< earlier steps that must have ended (dependence.h fills them)
    Team team;
    double work_ns = 0;  ///< estimate for one thread; 0: unknown. Short steps wake nobody
    friend bool operator==(const PlanStep&, const PlanStep&) = default;
};

struct Plan {
    std::vector<PlanBuffer> buffers;
    std::vector<PlanFill> fills;
    std::vector<PlanStep> once;   ///< run when the executor is made, in their order, by all threads
    std::vector<PlanStep> steps;  ///< in an order that gives the right result
    /// The order in which each thread takes up the steps that it has part in; empty: that of
    /// `steps`. Steps that `after` leaves apart may run side by side.
    std::vector<int> order;
    int64_t arena_bytes = 0, persistent_bytes = 0;
    int64_t scratch_bytes = 0;  ///< per thread
    int externals = 0;
    int states = 0;
    friend bool operator==(const Plan&, const Plan&) = default;
};

}  // namespace smeaton::run
