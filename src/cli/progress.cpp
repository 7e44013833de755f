#include "cli/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace smeaton::cli {

namespace {

constexpr std::chrono::milliseconds kQuiet{2000};
constexpr std::chrono::milliseconds kRefresh{250};

}  // namespace

struct Progress::State {
    std::mutex mutex;
    std::condition_variable changed;
    std::string stage;
    double fraction = 0;
    bool ended = false;
    bool terminal = isatty(2) == 1;
    bool shown = false;
    std::string last_stage;
    std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
    std::thread thread;

    // On a terminal one line that changes; elsewhere one line per stage.
    void show() {
        if (stage.empty() || (!terminal && stage == last_stage)) return;
        last_stage = stage;
        std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        if (terminal)
            fmt::print(stderr, "\r\033[Ksmeaton: {} {:.0f} % ({:.0f} s)", stage, 100 * fraction,
                       took.count());
        else
            fmt::print(stderr, "smeaton: {} ({:.0f} s)\n", stage, took.count());
        std::fflush(stderr);
        shown = true;
    }

    void loop() {
        std::unique_lock lock(mutex);
        changed.wait_until(lock, begin + kQuiet, [&] { return ended; });
        while (!ended) {
            show();
            changed.wait_for(lock, kRefresh, [&] { return ended; });
        }
        if (terminal && shown) fmt::print(stderr, "\r\033[K");
    }
};

Progress::Progress() : state_(std::make_unique<State>()) {
    state_->thread = std::thread([s = state_.get()] { s->loop(); });
}

Progress::~Progress() {
    {
        std::lock_guard lock(state_->mutex);
        state_->ended = true;
    }
    state_->changed.notify_all();
    state_->thread.join();
}

std::function<void(const std::string&, double)> Progress::callback() {
    return [s = state_.get()](const std::string& stage, double fraction) {
        std::lock_guard lock(s->mutex);
        s->stage = stage;
        s->fraction = fraction;
    };
}

}  // namespace smeaton::cli
