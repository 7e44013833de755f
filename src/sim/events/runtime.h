// The chip in time: tasks in the queues of their engines, what they wait for, what they carry.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/event_queue.h"
#include "base/shared_bandwidth.h"
#include "sim/events/task_cost.h"

namespace smeaton::sim::events {

using TaskId = int32_t;
constexpr TaskId kNoTask = -1;

/// What happened on an engine, for a timeline.
struct Slice {
    int engine = 0;
    Name what;
    TimePs start_ps = 0, end_ps = 0;
};

class Runtime {
public:
    using Finished = std::function<void(TaskId)>;
    /// `finished` is called when others may see a task's result; ids are used anew behind it.
    Runtime(const Chip&, Finished finished);
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    /// Puts a task behind all others of its engine; it starts when those have left the engine and
    /// the tasks in `behind` are done. A task of the same engine counts as done when it has left it
    /// and its first results are through the pipeline. The cost must stay where it is.
    TaskId add(const TaskCost&, Name what, const std::vector<TaskId>& behind);
    /// Not yet finished?
    bool pending(TaskId id) const { return at(id).live; }
    int64_t outstanding() const { return outstanding_; }

    EventQueue& queue() { return queue_; }
    double busy_ps(int engine) const { return engines_[static_cast<size_t>(engine)].busy_ps; }
    double carried_bytes(int link) const {
        return bandwidth_.carried_bytes(links_.at(static_cast<size_t>(link)));
    }
    /// Each task is appended when it leaves its engine.
    void keep_slices(std::vector<Slice>* into) { slices_ = into; }

private:
    struct Task {
        const TaskCost* cost = nullptr;
        Name what;
        int waiting = 0;     ///< tasks in `behind` that are not done
        int unfinished = 0;  ///< parts of the work at hand
        TimePs start_ps = 0;
        bool live = false, left = false;
        std::vector<TaskId> same_engine, others;  ///< who waits for it
    };
    struct EngineState {
        std::deque<TaskId> tasks;
        bool busy = false;
        double busy_ps = 0;
    };
    Task& at(TaskId id) { return tasks_[static_cast<size_t>(id)]; }
    const Task& at(TaskId id) const { return tasks_[static_cast<size_t>(id)]; }
    void start_next(int engine);
    void start_flows(TaskId);
    void part_done(TaskId);
    void leave(TaskId);
    void finish(TaskId);
    void release(TaskId waiter);

    Finished finished_;
    EventQueue queue_;
    SharedBandwidth bandwidth_{queue_};
    std::vector<LinkId> links_;
    std::vector<Task> tasks_;
    std::vector<TaskId> free_;
    std::vector<EngineState> engines_;
    std::vector<Slice>* slices_ = nullptr;
    int64_t outstanding_ = 0;
};

}  // namespace smeaton::sim::events
