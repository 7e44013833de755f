// The state of the exact search: what is placed, and the places that differ.
#pragma once

#include <cstdint>
#include <vector>

#include "schedule/schedule.h"

namespace smeaton::schedule {

class State {
public:
    State(const TaskGraph&, const Links&, const Cores&);

    struct Undo {
        int task = 0;
        double last_start_us = 0, end_us = 0;
        std::vector<double> free_us;  ///< of its cores, before
    };
    Undo place(int task, const std::vector<int>& slots, double start_us);
    void take_back(const Undo&);

    uint64_t done() const { return done_; }
    bool done(int task) const { return (done_ >> task & 1) != 0; }
    int left() const;
    /// Not placed, but all that it waits for is.
    bool ready(int task) const;
    double finish_us(int task) const {
        return schedule_.tasks[static_cast<size_t>(task)].finish_us;
    }
    double last_start_us() const { return last_start_us_; }
    double end_us() const { return end_us_; }
    const Schedule& schedule() const { return schedule_; }

    /// True where messages cost nothing and tasks hold one kind: cores are then told apart by when
    /// they are free alone.
    bool cores_alike() const { return alike_; }
    /// When a core can begin a task; none begins before the one placed last did.
    double free_us(int core) const;
    /// Of all cores of the kind, ascending.
    void free_times(int kind, std::vector<double>& times) const;
    double earliest_us(int task, const std::vector<int>& slots) const;

    /// Sets of `count` places for the task, one of each that lead to the same but for names; at
    /// most `most` of them, for their number grows with 2^cores.
    std::vector<std::vector<int>> places(int task, int count, size_t most) const;

    /// What matters of the past: for each place when its cores are free and whose results lie
    /// there, places in an order of their own; then when the results are there that are still to be
    /// read. Of two states with equal `where`, one whose `when` is nowhere later has no worse an
    /// end.
    struct Summary {
        std::vector<uint64_t> where;
        std::vector<double> when;
    };
    Summary summary() const;

private:
    uint64_t results_at(int core) const;  ///< of tasks whose readers are to come, messages cost
    std::vector<double> place_key(int slot) const;
    void add_kinds(Summary&) const;
    void add_places(Summary&) const;

    const TaskGraph& graph_;
    const Links& links_;
    const Cores& cores_;
    bool alike_ = true;
    int slots_ = 0;                         // most places of any kind
    std::vector<uint64_t> before_, after_;  // tasks, by task
    std::vector<uint64_t> dear_after_;      // of these, behind a message that costs
    std::vector<uint64_t> on_core_;         // tasks placed, by core
    std::vector<double> free_us_;
    Schedule schedule_;
    uint64_t done_ = 0;
    double last_start_us_ = 0, end_us_ = 0;
};

}  // namespace smeaton::schedule
