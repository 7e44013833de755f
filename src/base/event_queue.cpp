#include "base/event_queue.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace smeaton {

namespace {

constexpr uint64_t kEndOfNow = uint64_t{1} << 63;

}  // namespace

TimePs ps_from_ns(double ns) {
    constexpr double kMost = 9.2e15;
    if (!(ns >= 0 && ns <= kMost))
        throw UserError("a duration of {} ns: expected a number from 0 to {} (106 days)", ns,
                        kMost);
    return std::llround(ns * 1000.0);
}

EventQueue::EventId EventQueue::at(TimePs time_ps, Action action) {
    return push(time_ps, false, std::move(action));
}

EventQueue::EventId EventQueue::after(TimePs delay_ps, Action action) {
    SMEATON_CHECK(delay_ps <= INT64_MAX - now_, "a delay of {} ps leaves the range of time",
                  delay_ps);
    return push(now_ + delay_ps, false, std::move(action));
}

EventQueue::EventId EventQueue::at_end_of_now(Action action) {
    return push(now_, true, std::move(action));
}

EventQueue::EventId EventQueue::push(TimePs time, bool last, Action action) {
    SMEATON_CHECK(time >= now_, "an event for {} ps, when it is {} ps already", time, now_);
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<int32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const int32_t slot = free_slots_.back();
    free_slots_.pop_back();
    const uint64_t order = next_order_++ | (last ? kEndOfNow : 0);
    slots_[static_cast<size_t>(slot)] = {std::move(action), order};
    heap_.push_back({time, order, slot});
    std::push_heap(heap_.begin(), heap_.end(), later);
    return EventId{slot};
}

void EventQueue::free(int32_t slot) {
    slots_[static_cast<size_t>(slot)] = {nullptr, 0};
    free_slots_.push_back(slot);
}

void EventQueue::cancel(EventId id) {
    SMEATON_CHECK(id.valid() && static_cast<size_t>(id.v) < slots_.size() &&
                      slots_[static_cast<size_t>(id.v)].order != 0,
                  "no event of that id is waiting");
    free(id.v);
}

bool EventQueue::step() {
    while (!heap_.empty()) {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        const Entry entry = heap_.back();
        heap_.pop_back();
        Slot& slot = slots_[static_cast<size_t>(entry.slot)];
        if (slot.order != entry.order) continue;  // cancelled
        now_ = entry.time;
        const Action action = std::move(slot.action);
        free(entry.slot);
        ++events_run_;
        action();
        return true;
    }
    return false;
}

TimePs EventQueue::run(int64_t limit) {
    for (int64_t n = 0; step(); ++n)
        SMEATON_CHECK(n < limit, "{} events have run and more are waiting at {} ps", n, now_);
    return now_;
}

Resource::Resource(EventQueue& queue, std::string name, int64_t capacity)
    : queue_(&queue), name_(std::move(name)), capacity_(capacity) {
    SMEATON_CHECK(capacity > 0, "resource {} has {} units", name_, capacity);
    accounted_ = queue.now_ps();
}

void Resource::acquire(int64_t units, EventQueue::Action granted) {
    SMEATON_CHECK(units > 0 && units <= capacity_, "{} units wanted of resource {}, which has {}",
                  units, name_, capacity_);
    waiting_.push_back({units, std::move(granted)});
    serve();
}

void Resource::release(int64_t units) {
    SMEATON_CHECK(units > 0 && units <= in_use_, "{} units given back to resource {}, {} in use",
                  units, name_, in_use_);
    account();
    in_use_ -= units;
    serve();
}

void Resource::use(int64_t units, TimePs duration_ps, EventQueue::Action done) {
    acquire(units, [this, units, duration_ps, done = std::move(done)] {
        queue_->after(duration_ps, [this, units, done] {
            release(units);
            if (done) done();
        });
    });
}

void Resource::serve() {
    while (first_ < waiting_.size() && waiting_[first_].units <= capacity_ - in_use_) {
        account();
        Request& request = waiting_[first_++];
        in_use_ += request.units;
        queue_->after(0, std::move(request.granted));
    }
    if (2 * first_ > waiting_.size()) {
        waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

void Resource::account() {
    busy_unit_ps_ +=
        static_cast<double>(in_use_) * static_cast<double>(queue_->now_ps() - accounted_);
    accounted_ = queue_->now_ps();
}

double Resource::busy_unit_ps() const {
    return busy_unit_ps_ +
           static_cast<double>(in_use_) * static_cast<double>(queue_->now_ps() - accounted_);
}

}  // namespace smeaton
