#include "run/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/error.h"
#include "run/cores.h"
#include "run/cpu.h"
#include "run/wait.h"

namespace smeaton::run {

namespace {

/// Grows in a forked child, where the workers do not exist.
std::atomic<int> forks{0};
void count_forks() {
    static std::once_flag once;
    std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { ++forks; }); });
}

}  // namespace

struct Pool::State {
    int threads = 1;
    int born_after_forks = 0;
    std::mutex lease;
    std::vector<std::thread> workers;
    std::vector<int> cores;
    std::string warning;
    cpu_set_t before_move;

    // The phase at hand; written by the caller before `generation` moves.
    KernelFunction function = nullptr;
    void* const* buffers = nullptr;
    char* const* scratch = nullptr;
    int64_t range = 0;
    bool stop = false;
    std::vector<int> results;
    EachThread each = nullptr;  // what the threads do instead of parts of a phase
    void* argument = nullptr;

    alignas(64) Word generation{0};
    alignas(64) Sleepers sleepers{0};
    alignas(64) Word left{0};  ///< workers that have not finished the phase
    Sleepers caller_sleeps{0};

    void part(int thread) {
        int64_t begin = range * thread / threads, end = range * (thread + 1) / threads;
        results[static_cast<size_t>(thread)] =
            begin < end ? function(buffers, scratch[thread], begin, end) : 0;
    }

    void take_part(int thread) {
        if (each)
            each(argument, thread);
        else
            part(thread);
    }

    void work(int thread) {
        uint32_t seen = 0;
        for (;;) {
            if (!spin_while(generation, seen, kSpinNs)) sleep_while(generation, seen, sleepers);
            seen = generation.load(std::memory_order_acquire);
            if (stop) return;
            take_part(thread);
            if (left.fetch_sub(1) == 1) wake_all(left, caller_sleeps);
        }
    }

    int64_t spin_for_work_ns() const {
        const bool crowded = std::find(cores.begin(), cores.end(), -1) != cores.end();
        return crowded ? kSpinNs : kSpinForWorkNs;
    }

    void publish() {
        generation.fetch_add(1);
        wake_all(generation, sleepers);
    }

    void wait_for_workers() {
        for (;;) {
            uint32_t n = left.load(std::memory_order_acquire);
            if (n == 0) return;
            if (spin_while(left, n, spin_for_work_ns())) continue;
            sleep_while(left, n, caller_sleeps);
        }
    }
};

static void pin(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (core >= CPU_SETSIZE) return;
    CPU_SET(static_cast<size_t>(core), &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static int checked_threads(int wanted) {
    if (wanted < 0 || wanted > Pool::kMostThreads)
        throw UserError("threads {}: expected 0 (all cores) to {}", wanted, Pool::kMostThreads);
    return wanted > 0 ? wanted : usable_cores();
}

Pool::Pool(int threads) : state_(std::make_unique<State>()) {
    count_forks();
    State& s = *state_;
    const int wanted = checked_threads(threads);
    s.threads = wanted;
    s.born_after_forks = forks.load();
    s.results.assign(static_cast<size_t>(wanted), 0);
    // Signals are the caller's business.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int t = 1; t < wanted; ++t) {
        int core = reserve_core();
        try {
            s.workers.emplace_back([&s, t, core] {
                if (core >= 0) pin(core);
                s.work(t);
            });
        } catch (const std::system_error& refused) {
            // Workers read the number only once they are given work, after this.
            if (core >= 0) release_core(core);
            s.threads = t;
            s.warning = fmt::format("only {} of {} threads could be started: {}", t, wanted,
                                    refused.what());
            break;
        }
        s.cores.push_back(core);
    }
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    const int cores = usable_cores();
    if (s.warning.empty() && s.threads > cores)
        s.warning = fmt::format("{} threads share {} core{}: they will be slower than {}",
                                s.threads, cores, cores == 1 ? "" : "s", cores);
}

Pool::~Pool() {
    State& s = *state_;
    if (forks.load() != s.born_after_forks) {
        // A forked child: the threads are not here to be joined.
        for (std::thread& w : s.workers) w.detach();
        return;
    }
    s.stop = true;
    s.publish();
    for (std::thread& w : s.workers) w.join();
    for (int core : s.cores)
        if (core >= 0) release_core(core);
}

int Pool::threads() const {
    return state_->threads;
}
const std::string& Pool::warning() const {
    return state_->warning;
}
std::vector<int> Pool::pinned_cores() const {
    return state_->cores;
}
int64_t Pool::spin_for_work_ns() const {
    return state_->spin_for_work_ns();
}

Pool::Lease::Lease(Pool& pool) : pool_(pool) {
    State& s = *pool_.state_;
    s.lease.lock();
    if (s.cores.empty()) return;
    int here = sched_getcpu();
    bool collides = false;
    for (int core : s.cores) collides = collides || core == here;
    if (!collides || sched_getaffinity(0, sizeof s.before_move, &s.before_move) != 0) return;
    cpu_set_t elsewhere = s.before_move;
    for (int core : s.cores)
        if (core >= 0 && core < CPU_SETSIZE) CPU_CLR(static_cast<size_t>(core), &elsewhere);
    moved_ = CPU_COUNT(&elsewhere) > 0 && sched_setaffinity(0, sizeof elsewhere, &elsewhere) == 0;
}

Pool::Lease::~Lease() {
    State& s = *pool_.state_;
    if (moved_) sched_setaffinity(0, sizeof s.before_move, &s.before_move);
    s.lease.unlock();
}

bool Pool::alone() const {
    return state_->threads == 1 ||
           forks.load(std::memory_order_relaxed) != state_->born_after_forks;
}

void Pool::run_each(EachThread each, void* argument) {
    State& s = *state_;
    SMEATON_CHECK(!alone(), "a pool of one thread has no threads to run each");
    s.each = each;
    s.argument = argument;
    s.left.store(static_cast<uint32_t>(s.threads - 1));
    s.publish();
    each(argument, 0);
    s.wait_for_workers();
    s.each = nullptr;
}

int Pool::run(KernelFunction function, void* const* buffers, char* const* scratch, int64_t range) {
    State& s = *state_;
    if (range < 2 || alone()) return function(buffers, scratch[0], 0, range);
    s.function = function;
    s.buffers = buffers;
    s.scratch = scratch;
    s.range = range;
    s.left.store(static_cast<uint32_t>(s.threads - 1));
    s.publish();
    s.part(0);
    s.wait_for_workers();
    for (int result : s.results)
        if (result != 0) return result;
    return 0;
}

}  // namespace smeaton::run
