#include "run/background.h"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "base/error.h"

namespace smeaton::run {

namespace {

// Beside runs that keep all cores busy compilers get about a tenth of one: they come to an end, and
// the runs hardly notice.
constexpr int kNice = 10;
// Ctrl-C ends compilers of a process that may live on: the job is done once more, then left.
constexpr int kAttempts = 2;

struct Stopped {};

}  // namespace

struct BackgroundCompiler::Job {
    std::vector<std::string> sources;
    CompileOptions options;
    std::shared_ptr<Library> library;
    std::exception_ptr error;
    std::atomic<bool> ended{false};  // the two above stay as they are from then on
    std::mutex mutex;

    std::shared_ptr<Library> compile(std::function<void()> poll) const {
        CompileOptions polled = options;
        polled.poll = std::move(poll);
        return compile_cached(sources, polled);
    }
    void end(std::shared_ptr<Library> made, std::exception_ptr failure) {
        std::lock_guard lock(mutex);
        if (ended) return;  // two threads waited for it and did it
        library = std::move(made);
        error = failure;
        ended.store(true, std::memory_order_release);
    }
};

struct BackgroundCompiler::State {
    const pid_t owner = getpid();
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<JobPtr> waiting;
    JobPtr running;
    std::atomic<bool> stop{false};
    std::thread thread;

    // The thread and who held the mutex stay behind in the process that was forked.
    bool is_here() const { return getpid() == owner; }

    void work() {
        setpriority(PRIO_PROCESS, 0, kNice);  // of this thread, and of what it starts
        std::unique_lock lock(mutex);
        for (;;) {
            changed.wait(lock, [&] { return stop || !waiting.empty(); });
            if (stop) return;
            running = std::move(waiting.front());
            waiting.pop_front();
            if (running.use_count() > 1) {
                lock.unlock();
                attempt(*running);
                lock.lock();
            }
            running.reset();
            changed.notify_all();
        }
    }

    void attempt(Job& job) const {
        auto poll = [this] {
            if (stop) throw Stopped();
        };
        for (int left = kAttempts; !job.ended; --left) {
            try {
                job.end(job.compile(poll), nullptr);
            } catch (const UserError&) {
                if (left <= 1) job.end(nullptr, std::current_exception());
            } catch (...) {
                job.end(nullptr, std::current_exception());
            }
        }
    }

    void end() {
        if (!is_here()) return;
        {
            std::lock_guard lock(mutex);
            stop = true;
        }
        changed.notify_all();
        if (thread.joinable()) thread.join();
    }
};

namespace {

// All of this process, so that none compiles on when it exits.
struct All {
    std::mutex mutex;
    std::set<BackgroundCompiler::State*> states;
};

All& all() {
    static All* const made = [] {
        std::atexit([] {
            std::set<BackgroundCompiler::State*> states;
            {
                std::lock_guard lock(all().mutex);
                states = all().states;
            }
            for (BackgroundCompiler::State* s : states) s->end();
        });
        return new All();  // never taken down: sessions may outlive static objects
    }();
    return *made;
}

}  // namespace

BackgroundCompiler::BackgroundCompiler() : state_(new State()) {}

BackgroundCompiler::~BackgroundCompiler() {
    if (!state_->is_here()) return;  // the thread cannot be joined, nor its mutex be relied on
    {
        std::lock_guard lock(all().mutex);
        all().states.erase(state_);
    }
    state_->end();
    delete state_;
}

BackgroundCompiler::JobPtr BackgroundCompiler::add(std::vector<std::string> sources,
                                                   CompileOptions options) {
    auto job = std::make_shared<Job>();
    job->sources = std::move(sources);
    job->options = std::move(options);
    State& s = *state_;
    if (!s.is_here()) return job;
    {
        std::lock_guard lock(all().mutex);
        all().states.insert(state_);
    }
    std::lock_guard lock(s.mutex);
    s.waiting.push_back(job);
    try {
        if (!s.thread.joinable()) s.thread = std::thread([&s] { s.work(); });
    } catch (const std::system_error&) {
        // No room for a thread: what runs goes on as it is, and wait() compiles.
    }
    s.changed.notify_all();
    return job;
}

bool BackgroundCompiler::ended(const Job& job) {
    return job.ended.load(std::memory_order_acquire);
}

std::shared_ptr<Library> BackgroundCompiler::result(const Job& job) {
    SMEATON_CHECK(ended(job), "the job has not ended");
    if (job.error) std::rethrow_exception(job.error);
    return job.library;
}

std::shared_ptr<Library> BackgroundCompiler::wait(const JobPtr& job,
                                                  const std::function<void()>& poll) {
    State& s = *state_;
    if (s.is_here()) {
        std::unique_lock lock(s.mutex);
        std::erase(s.waiting, job);
        while (s.running == job) {
            s.changed.wait_for(lock, std::chrono::milliseconds(20));
            lock.unlock();
            if (poll) poll();
            lock.lock();
        }
    }
    if (!ended(*job)) job->end(job->compile(poll), nullptr);
    return result(*job);
}

}  // namespace smeaton::run
