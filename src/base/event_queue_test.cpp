#include "base/event_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"

namespace smeaton {
namespace {

using ::testing::ElementsAre;

TEST(EventQueue, RunsByTimeThenInTheOrderOfScheduling) {
    EventQueue queue;
    std::vector<std::string> log;
    auto say = [&](const std::string& what) {
        return [&log, &queue, what] { log.push_back(what + "@" + std::to_string(queue.now_ps())); };
    };
    queue.at(20, say("c"));
    queue.at(10, say("a"));
    queue.at(20, say("d"));
    queue.at(10, [&] {
        say("b")();
        queue.at_end_of_now(say("last"));
        queue.after(0, say("again"));
        queue.after(10, say("e"));
    });
    EXPECT_EQ(queue.run(), 20);
    EXPECT_THAT(log, ElementsAre("a@10", "b@10", "again@10", "last@10", "c@20", "d@20", "e@20"));
    EXPECT_EQ(queue.events_run(), 7);
    EXPECT_FALSE(queue.step());
}

TEST(EventQueue, ACancelledEventDoesNotRunAndItsPlaceIsUsedAnew) {
    EventQueue queue;
    int ran = 0;
    const EventQueue::EventId first = queue.at(5, [&] { ran += 1; });
    queue.cancel(first);
    EXPECT_THROW(queue.cancel(first), InternalError);
    const EventQueue::EventId second = queue.at(7, [&] { ran += 10; });
    EXPECT_EQ(first, second);
    EXPECT_EQ(queue.run(), 7);
    EXPECT_EQ(ran, 10);
}

TEST(EventQueue, RefusesThePastAndEndlessRuns) {
    EventQueue queue;
    queue.at(10, [&] { EXPECT_THROW(queue.at(9, [] {}), InternalError); });
    queue.run();
    std::function<void()> forever = [&] { queue.after(0, forever); };
    forever();
    EXPECT_THROW(queue.run(1000), InternalError);
}

TEST(EventQueue, DurationsAreRoundedOnceToPicoseconds) {
    EXPECT_EQ(ps_from_ns(1.5), 1500);
    EXPECT_EQ(ps_from_ns(0.0004), 0);
    EXPECT_EQ(ps_from_ns(0.0006), 1);
    EXPECT_DOUBLE_EQ(ns_from_ps(2500), 2.5);
    EXPECT_THROW(ps_from_ns(-1), UserError);
    EXPECT_THROW(ps_from_ns(1e18), UserError);
}

TEST(EventQueue, RunsAHundredThousandEventsInASecond) {
    EventQueue queue;
    constexpr int64_t kEvents = 300'000;
    uint64_t random = 1;
    std::function<void()> next = [&] {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (queue.events_run() < kEvents) queue.after(static_cast<TimePs>(random >> 54), next);
    };
    for (int i = 0; i < 100; ++i) queue.at(i, next);
    const auto start = std::chrono::steady_clock::now();
    queue.run();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    EXPECT_GE(queue.events_run(), kEvents);
    RecordProperty("events_per_s", std::to_string(kEvents / seconds.count()));
    EXPECT_LT(seconds.count(), 3.0) << "a tenth of the speed that it should have";
}

// Two units; a: 1 for 10, b: 2 for 5, c: 1 for 1, all at 0. c would fit beside a, but b came first:
// a 0..10, b 10..15, c 15..16.
TEST(Resource, ServesInTheOrderOfAsking) {
    EventQueue queue;
    Resource port(queue, "port", 2);
    std::vector<TimePs> ends;
    auto note = [&] { ends.push_back(queue.now_ps()); };
    port.use(1, 10, note);
    port.use(2, 5, note);
    port.use(1, 1, note);
    queue.at(9, [&] {
        EXPECT_EQ(port.in_use(), 1);
        EXPECT_EQ(port.waiting(), 2u);
    });
    queue.run();
    EXPECT_THAT(ends, ElementsAre(10, 15, 16));
    EXPECT_DOUBLE_EQ(port.busy_unit_ps(), 1 * 10 + 2 * 5 + 1 * 1);
    EXPECT_EQ(port.in_use(), 0);
}

TEST(Resource, RefusesWhatItNeverHas) {
    EventQueue queue;
    Resource port(queue, "port", 2);
    EXPECT_THROW(port.acquire(3, [] {}), InternalError);
    EXPECT_THROW(port.release(1), InternalError);
    EXPECT_THROW(Resource(queue, "none", 0), InternalError);
}

// A machine with one server: 1,000 jobs of 3 ps asked for at 0 end at 3, 6, 9, ...
TEST(Resource, AQueueOfJobsDrainsAtTheRateOfService) {
    EventQueue queue;
    Resource server(queue, "server", 1);
    int64_t served = 0;
    for (int i = 0; i < 1000; ++i)
        server.use(1, 3, [&] { EXPECT_EQ(queue.now_ps(), 3 * ++served); });
    EXPECT_EQ(queue.run(), 3000);
    EXPECT_EQ(served, 1000);
}

}  // namespace
}  // namespace smeaton
