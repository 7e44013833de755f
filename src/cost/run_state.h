// Where a kernel on a machine of scratchpads stands at a moment. All times in ns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "cost/streams.h"

namespace smeaton::cost {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// From the first start to the last end of what works on a station.
struct Use {
    double first_ns = -1, end_ns = 0, busy_ns = 0;
    void note(double start, double end) {
        if (first_ns < 0 || start < first_ns) first_ns = start;
        end_ns = std::max(end_ns, end);
    }
};

/// A task that has left its engine, until others see its result; or a user, until it has left.
struct Result {
    double seen_ns = 0;
    int task = -1;
    int user = -1;
};

/// An engine: its place in its stream, and the task at hand.
struct EngineState {
    size_t at = 0;                           ///< the item that comes next
    std::vector<int64_t> value, begin, end;  ///< by axis; 0 outside
    std::vector<int64_t> before;             ///< by task: executions that stand before `at`
    int task = -1;                           ///< -1: none
    bool working = false;                    ///< on it, transfers apart
    double start_ns = 0, worked_ns = 0;      ///< of it: its start, the end of the work
    int transfers = 0;                       ///< of it, that go on
    bool later = false;                      ///< it is beyond its ring's first value
    std::vector<int> leaves;                 ///< users that leave with it
    double wake_ns = kNever;                 ///< nothing else is waited for
    std::deque<Result> results;              ///< soonest first
    int64_t started = 0;                     ///< tasks
    Use use;

    bool beyond_first(int axis) const {
        return value[static_cast<size_t>(axis)] > begin[static_cast<size_t>(axis)];
    }
};

struct Transfer {
    int engine = 0;  ///< of the states
    int id = 0;      ///< of the flow
    double left_bytes = 0, bytes_per_ns = 0, start_ns = 0;
};

/// How much sooner than needed what a task waits for was there.
struct Slack {
    int64_t executions = 0;
    int64_t looked_at = -1, missed_at = -1;  ///< moments: last asked for, last found wanting
};

struct RunState {
    double now_ns = 0;
    int64_t moment = 0;  ///< number of the present one
    std::vector<EngineState> engines;
    std::vector<Transfer> transfers;
    std::vector<int64_t> done;  ///< by task: executions whose results are seen
    std::vector<int64_t> runs,
        later_runs;                  ///< by task, started: all, those beyond a ring's first value
    std::vector<double> chained_ns;  ///< by task: when its own engine may use the last result
    std::vector<double> seen_ns;     ///< by task: when others may
    std::vector<int64_t> opened;     ///< by tile
    std::vector<int64_t> left;       ///< by user: parts that it has done with
    std::vector<bool> left_early;    ///< by user: before the end of the loop in which it does
    std::vector<std::vector<Slack>> slacks;  ///< by task: of its waits, then of its rooms' users
    std::vector<Use> lines;
};

/// Values that the loop takes where the engine stands.
std::pair<int64_t, int64_t> range_of(const Step& loop, const std::vector<int64_t>& values);

/// The first value behind `at` at which loops inside take other numbers of turns, or `end`. The
/// values are changed meanwhile.
int64_t end_of_like_turns(const Step& loop, int64_t at, int64_t end, std::vector<int64_t> values);

}  // namespace smeaton::cost
