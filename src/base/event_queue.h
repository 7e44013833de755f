// The one event engine: time, events, resources with queues. Bandwidth shared by flows stands
// beside it in shared_bandwidth.h.
//
// Time is an integer count of picoseconds. Sums of integers are exact and do not depend on how far
// a run has come, so two events that are due at the same time by different ways of adding are at
// the same time, on every machine, and order among them is ours to define: first scheduled, first
// run. A picosecond is a thousandth of the finest time that we know of parts, and 2^63 of them are
// 106 days. Durations are rounded once, where they enter (ps_from_ns), not per cycle.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong_id.h"

namespace smeaton {

/// Picoseconds, since the start of a simulation or of a duration.
using TimePs = int64_t;

/// The nearest picosecond; UserError when `ns` is no number, negative, or beyond 106 days.
TimePs ps_from_ns(double ns);
inline double ns_from_ps(TimePs ps) {
    return static_cast<double>(ps) / 1000.0;
}

class EventQueue {
public:
    using Action = std::function<void()>;
    using EventId = StrongId<struct EventTag>;

    TimePs now_ps() const { return now_; }
    /// Runs `action` at `time_ps`, after all that was scheduled for then before. InternalError when
    /// that is past. The id holds until the event has run or is cancelled, then may be used anew.
    EventId at(TimePs time_ps, Action action);
    EventId after(TimePs delay_ps, Action action);
    /// Runs `action` at the present time, behind everything that is due now and all that this will
    /// schedule for now: for work that answers a whole moment at once.
    EventId at_end_of_now(Action action);
    /// An event that has not run yet will not.
    void cancel(EventId);

    /// Runs the next event; false when there is none.
    bool step();
    /// Runs until nothing is left, or `limit` events have run; gives the time of the last.
    /// InternalError at the limit: it means that something schedules itself without end.
    TimePs run(int64_t limit = INT64_MAX);
    int64_t events_run() const { return events_run_; }

private:
    struct Entry {
        TimePs time;
        uint64_t order;  // phase in the top bit, then the sequence number
        int32_t slot;
    };
    struct Slot {
        Action action;
        uint64_t order = 0;  // of the entry that it belongs to; another one is cancelled
    };
    static bool later(const Entry& a, const Entry& b) {
        return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
    EventId push(TimePs time, bool last, Action action);
    void free(int32_t slot);

    TimePs now_ = 0;
    uint64_t next_order_ = 1;
    int64_t events_run_ = 0;
    std::vector<Entry> heap_;
    std::vector<Slot> slots_;
    std::vector<int32_t> free_slots_;
};

/// Something of which only so many units can be in use: a unit, a port, a buffer's lines. Who asks
/// waits in one line; a request for many units is not overtaken by one for few behind it.
class Resource {
public:
    /// The queue must outlive the resource. InternalError unless capacity > 0.
    Resource(EventQueue& queue, std::string name, int64_t capacity);

    /// Calls `granted`, as an event, when `units` are free and all who came before are served.
    /// InternalError when the resource never has as many.
    void acquire(int64_t units, EventQueue::Action granted);
    /// InternalError when more are given back than are in use.
    void release(int64_t units);
    /// Acquires, holds for `duration_ps`, releases, then calls `done`, which may be empty.
    void use(int64_t units, TimePs duration_ps, EventQueue::Action done);

    const std::string& name() const { return name_; }
    int64_t capacity() const { return capacity_; }
    int64_t in_use() const { return in_use_; }
    size_t waiting() const { return waiting_.size() - first_; }
    /// Integral of the units in use over time, up to now.
    double busy_unit_ps() const;

private:
    struct Request {
        int64_t units;
        EventQueue::Action granted;
    };
    void serve();
    void account();

    EventQueue* queue_;
    std::string name_;
    int64_t capacity_;
    int64_t in_use_ = 0;
    std::vector<Request> waiting_;  // from first_ on
    size_t first_ = 0;
    TimePs accounted_ = 0;
    double busy_unit_ps_ = 0;
};

}  // namespace smeaton
