#include "sim/events/runtime.h"

#include <algorithm>
#include <utility>

namespace smeaton::sim::events {

Runtime::Runtime(const Chip& chip, Finished finished)
    : finished_(std::move(finished)), engines_(chip.engines().size()) {
    for (const Link& link : chip.links())
        links_.push_back(bandwidth_.add_link(link.name, link.bytes_per_s));
}

TaskId Runtime::add(const TaskCost& cost, Name what, const std::vector<TaskId>& behind) {
    TaskId id;
    if (free_.empty()) {
        id = static_cast<TaskId>(tasks_.size());
        tasks_.emplace_back();
    } else {
        id = free_.back();
        free_.pop_back();
    }
    Task& task = at(id);
    task.cost = &cost;
    task.what = what;
    task.waiting = 0;
    task.live = true;
    task.left = false;
    for (TaskId other : behind) {
        Task& before = at(other);
        if (!before.live) continue;
        const bool same = before.cost->engine == cost.engine;
        if (same && before.left) {
            // It may follow as soon as the first results are through, whenever it was handed out.
            const TimePs chained = before.start_ps + before.cost->latency_ps;
            if (chained <= queue_.now_ps()) continue;
            queue_.at(chained, [this, id] { release(id); });
        } else {
            (same ? before.same_engine : before.others).push_back(id);
        }
        ++task.waiting;
    }
    ++outstanding_;
    engines_[static_cast<size_t>(cost.engine)].tasks.push_back(id);
    start_next(cost.engine);
    return id;
}

void Runtime::start_next(int engine) {
    EngineState& state = engines_[static_cast<size_t>(engine)];
    if (state.busy || state.tasks.empty() || at(state.tasks.front()).waiting > 0) return;
    const TaskId id = state.tasks.front();
    state.tasks.pop_front();
    state.busy = true;
    Task& task = at(id);
    task.start_ps = queue_.now_ps();
    task.unfinished = 1;
    if (!task.cost->in_turn) start_flows(id);
    queue_.after(task.cost->busy_ps, [this, id] {
        if (at(id).cost->in_turn) start_flows(id);
        part_done(id);
    });
}

void Runtime::start_flows(TaskId id) {
    Task& task = at(id);
    for (const Flow& flow : task.cost->flows) {
        if (flow.links.empty() || flow.bytes <= 0) continue;
        FlowPath path;
        for (int link : flow.links) path.links.push_back(links_[static_cast<size_t>(link)]);
        ++task.unfinished;
        bandwidth_.start(flow.bytes, std::move(path), [this, id] { part_done(id); });
    }
}

void Runtime::part_done(TaskId id) {
    if (--at(id).unfinished == 0) leave(id);
}

void Runtime::leave(TaskId id) {
    Task& task = at(id);
    const int engine = task.cost->engine;
    EngineState& state = engines_[static_cast<size_t>(engine)];
    const TimePs now = queue_.now_ps();
    state.busy = false;
    state.busy_ps += static_cast<double>(now - task.start_ps);
    if (slices_) slices_->push_back({engine, task.what, task.start_ps, now});
    task.left = true;
    // A chained op may follow as soon as the first results are through.
    const TimePs chained = std::max(now, task.start_ps + task.cost->latency_ps);
    for (TaskId waiter : std::exchange(task.same_engine, {})) {
        if (chained > now)
            queue_.at(chained, [this, waiter] { release(waiter); });
        else
            release(waiter);
    }
    if (at(id).cost->latency_ps > 0)
        queue_.after(at(id).cost->latency_ps, [this, id] { finish(id); });
    else
        finish(id);
    start_next(engine);
}

void Runtime::release(TaskId waiter) {
    Task& task = at(waiter);
    if (--task.waiting == 0) start_next(task.cost->engine);
}

void Runtime::finish(TaskId id) {
    at(id).live = false;
    --outstanding_;
    for (TaskId waiter : std::exchange(at(id).others, {})) release(waiter);
    finished_(id);
    free_.push_back(id);
}

}  // namespace smeaton::sim::events
