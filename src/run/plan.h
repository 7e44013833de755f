// What an executor runs: buffers, steps, functions. Plain data; whoever compiles a program fills
// it.
#pragma once

#include <cstdint>
#include <memory>
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
        Constant,    ///< `data`, which `keep` of the plan keeps alive
        State,       ///< the `at`th pointer given to the executor: outlives it, kept between runs
        External     ///< the `at`th pointer given to run()
    };
    std::string name;
    Place place = Place::Arena;
    int64_t at = 0;
    int64_t bytes = 0;
    const void* data = nullptr;
};

struct PlanPhase {
    KernelFunction function = nullptr;
    int64_t range = 1;
    bool parallel = false;
    double work_ns = 0;  ///< estimate for one thread; 0: unknown. Short phases wake nobody
};

/// Bytes set to a repeated element before a step runs (the border of a buffer in a reused place).
struct PlanFill {
    int buffer = 0;
    int64_t offset = 0, count = 0;  ///< bytes, elements
    int element_bytes = 4;
    uint64_t element = 0;
};

struct PlanStep {
    std::string name;
    std::vector<PlanFill> fills;
    std::vector<PlanPhase> phases;
    std::vector<int> buffers;  ///< indices into Plan::buffers, in the order the functions take them
    std::vector<std::string> messages;
};

struct Plan {
    std::vector<PlanBuffer> buffers;
    std::vector<PlanStep> once;  ///< run when the executor is made
    std::vector<PlanStep> steps;
    int64_t arena_bytes = 0, persistent_bytes = 0;
    int64_t scratch_bytes = 0;  ///< per thread
    int externals = 0;
    int states = 0;
    std::vector<std::shared_ptr<const void>> keep;  ///< loaded code, mapped weights
};

}  // namespace smeaton::run
