#include "machine/probe/crew.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <ctime>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace smeaton::machine {

static int64_t read_clock(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

int64_t now_ns() {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t busy_ns() {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

struct Crew::Shared {
    struct Worker {
        std::thread thread;
        int64_t start_ns = 0, end_ns = 0, busy_ns = 0;
        std::exception_ptr error;
    };

    std::mutex mutex;
    std::condition_variable wake, done;
    const std::function<void(int)>* body = nullptr;
    int count = 0;  ///< workers that take part in the current round
    int unfinished = 0;
    uint64_t round = 0;
    bool stop = false;
    std::atomic<int> ready{0};
    std::vector<Worker> workers;

    void loop(int index);
    void take_part(int index);
};

void Crew::Shared::take_part(int index) {
    Worker& me = workers[index];
    // All wait awake for the last to arrive; the yield lets it run where two share a CPU.
    ready.fetch_add(1);
    for (int spins = 0; ready.load(std::memory_order_acquire) < count; ++spins)
        if (spins > 20000) sched_yield();
    me.start_ns = now_ns();
    int64_t busy_before = busy_ns();
    try {
        (*body)(index);
    } catch (...) {
        me.error = std::current_exception();
    }
    me.busy_ns = busy_ns() - busy_before;
    me.end_ns = now_ns();
}

void Crew::Shared::loop(int index) {
    uint64_t seen = 0;
    while (true) {
        {
            std::unique_lock lock(mutex);
            wake.wait(lock, [&] { return stop || round != seen; });
            if (stop) return;
            seen = round;
            if (index >= count) continue;
        }
        take_part(index);
        std::lock_guard lock(mutex);
        if (--unfinished == 0) done.notify_one();
    }
}

Crew::Crew(const std::vector<int>& cpus) : shared_(std::make_unique<Shared>()) {
    SMEATON_CHECK(!cpus.empty(), "a crew needs at least one CPU");
    shared_->workers.resize(cpus.size());
    for (size_t i = 0; i < cpus.size(); ++i) {
        Shared* shared = shared_.get();
        std::thread& thread = shared->workers[i].thread;
        thread = std::thread([shared, i] { shared->loop(static_cast<int>(i)); });
        std::vector<char> bits(CPU_ALLOC_SIZE(cpus[i] + 1));
        auto* set = reinterpret_cast<cpu_set_t*>(bits.data());
        CPU_SET_S(cpus[i], bits.size(), set);
        pthread_setaffinity_np(thread.native_handle(), bits.size(), set);
    }
}

Crew::~Crew() {
    {
        std::lock_guard lock(shared_->mutex);
        shared_->stop = true;
    }
    shared_->wake.notify_all();
    for (Shared::Worker& worker : shared_->workers) worker.thread.join();
}

int Crew::size() const {
    return static_cast<int>(shared_->workers.size());
}

Elapsed Crew::run(int count, const std::function<void(int)>& body) {
    Shared& s = *shared_;
    SMEATON_CHECK(count >= 1 && count <= size(), "a crew of {} cannot run {}", size(), count);
    std::unique_lock lock(s.mutex);
    s.body = &body;
    s.count = s.unfinished = count;
    s.ready = 0;
    ++s.round;
    s.wake.notify_all();
    s.done.wait(lock, [&] { return s.unfinished == 0; });
    int64_t start = s.workers[0].start_ns, end = s.workers[0].end_ns;
    Elapsed elapsed;
    for (int i = 0; i < count; ++i) {
        Shared::Worker& worker = s.workers[i];
        start = std::min(start, worker.start_ns);
        end = std::max(end, worker.end_ns);
        elapsed.busy_ns = std::max(elapsed.busy_ns, worker.busy_ns);
        if (worker.error) std::rethrow_exception(std::exchange(worker.error, nullptr));
    }
    elapsed.wall_ns = std::max<int64_t>(end - start, 1);
    return elapsed;
}

}  // namespace smeaton::machine
