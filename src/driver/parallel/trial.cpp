#include "driver/parallel/trial.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "run/link.h"

namespace smeaton::driver {

Trial::Trial(const ParallelSubject& subject, run::Plan plan, int copies, int repeats)
    : repeats_(repeats) {
    const auto inputs = static_cast<int64_t>(subject.inputs.size());
    const int64_t externals = plan.externals / copies, states = plan.states / copies;
    externals_.resize(static_cast<size_t>(plan.externals));
    std::vector<void*> own_states(static_cast<size_t>(plan.states));
    const auto copied = [&](const void* from, int64_t bytes) {
        void* own = room(bytes);
        if (bytes > 0) std::memcpy(own, from, static_cast<size_t>(bytes));
        return own;
    };
    for (const run::PlanBuffer& b : plan.buffers) {
        if (b.place == run::PlanBuffer::Place::External) {
            const int64_t e = b.at % externals;
            void*& external = externals_[static_cast<size_t>(b.at)];
            if (e >= inputs)
                external = room(b.bytes);
            else if (b.at == e)
                external = subject.inputs[static_cast<size_t>(e)];
            else
                external = copied(subject.inputs[static_cast<size_t>(e)], b.bytes);
        } else if (b.place == run::PlanBuffer::Place::State) {
            own_states[static_cast<size_t>(b.at)] =
                copied(subject.states[static_cast<size_t>(b.at % states)], b.bytes);
        }
    }
    executor_ = std::make_unique<run::Executor>(run::link(std::move(plan), subject.symbols),
                                                subject.pool, std::move(own_states));
}

double Trial::run_us() {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < repeats_; ++i) executor_->run(externals_);
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

void Trial::run_timed(std::vector<int64_t>& step_ns) {
    executor_->run_timed(externals_, step_ns);
}

std::vector<double> Trial::ends_us(size_t steps) {
    std::vector<run::Span> spans;
    executor_->run_traced(externals_, spans);
    std::vector<double> ends(steps, 0);
    for (const run::Span& s : spans) {
        double& end = ends[static_cast<size_t>(s.step)];
        end = std::max(end, static_cast<double>(s.end_ns) * 1e-3);
    }
    return ends;
}

void* Trial::room(int64_t bytes) {
    memory_.emplace_back(std::max<int64_t>(bytes, 1));
    return memory_.back().data();
}

}  // namespace smeaton::driver
