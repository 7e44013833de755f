// Threads that share the iterations of a phase: the caller and its workers.
//
// Workers are pinned to cores of their own (a registry that all processes of the user see keeps two
// pools off one core), spin for a bounded time between phases and then sleep. One region at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "run/plan.h"

namespace smeaton::run {

class Pool {
public:
    /// More threads than this are refused.
    static constexpr int kMostThreads = 1024;
    /// `threads` counts the caller; 0: usable_cores(). Where the system lets fewer start, the pool
    /// has those, and `warning()` says so. UserError below 0 and above kMostThreads.
    explicit Pool(int threads);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    int threads() const;
    /// Fewer threads than asked for, or more than there are cores; empty where all is well.
    const std::string& warning() const;
    /// Cores that workers are pinned to; -1 for a worker that runs where the system puts it.
    std::vector<int> pinned_cores() const;
    /// How long a thread spins for what others work on: longer where each worker has a core.
    int64_t spin_for_work_ns() const;

    /// Holds the pool for the calling thread; other threads wait. While it is held, a caller who
    /// sits on a worker's core is moved off it.
    class Lease {
    public:
        explicit Lease(Pool&);
        ~Lease();
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;

    private:
        Pool& pool_;
        bool moved_ = false;
    };

    /// Splits 0..range into equal parts, one per thread, runs them, returns when all are done: 0,
    /// or what the first part with a failed check returned. The caller must hold a lease. `scratch`
    /// has an entry per thread.
    int run(KernelFunction, void* const* buffers, char* const* scratch, int64_t range);

    /// Whether there is nobody but the caller: one thread, or a forked child, where the workers do
    /// not exist.
    bool alone() const;
    /// Calls each(argument, thread) on all threads, the caller's (0) too, and returns when all have
    /// returned. Not on a pool that is alone. The caller must hold a lease.
    using EachThread = void (*)(void* argument, int thread);
    void run_each(EachThread, void* argument);

    struct State;

private:
    std::unique_ptr<State> state_;
};

}  // namespace smeaton::run
