// A schedule being made: what each core is still free for.
#pragma once

#include <vector>

#include "schedule/schedule.h"

namespace smeaton::schedule {

/// Where a task would go.
struct Spot {
    std::vector<int> slots;
    double start_us = 0, finish_us = 0;
};

class Timeline {
public:
    Timeline(const TaskGraph&, const Links&, const Cores&);

    /// The earliest finish of the task on `count` cores of each kind it holds, in a gap or behind.
    /// Its predecessors must be placed. Ties: the places that have waited least, then the lowest.
    Spot best_spot(int task, int count) const;
    void place(int task, const Spot&);
    const Schedule& schedule() const { return schedule_; }

private:
    struct Gap {
        double from, to;
    };
    bool has_messages(int task) const;  ///< that it waits for
    double ready_us(int task, int slot) const;
    double next_fit_us(const Task&, int slot, double from_us, double takes_us) const;
    double free_since_us(const Task&, int slot, double at_us) const;
    void spot_at(int task, int count, int anchor, double ready_us, Spot& best) const;
    void take(std::vector<Gap>&, double from_us, double to_us);

    const TaskGraph& graph_;
    const Links& links_;
    const Cores& cores_;
    std::vector<int> first_;              // number of each kind's first core
    std::vector<std::vector<Gap>> gaps_;  // by core, ascending
    Schedule schedule_;
};

}  // namespace smeaton::schedule
