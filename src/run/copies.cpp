#include "run/copies.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace smeaton::run {

namespace {

using Place = PlanBuffer::Place;

bool is_shared(const PlanBuffer& b) {
    return b.place == Place::Constant || b.place == Place::Persistent || b.place == Place::Packed;
}

/// What a further sample has of its own, beside what it shares with the first.
struct Sample {
    const Plan& plan;
    int number = 0;
    int64_t arena_at = 0;    // where its arena lies among all
    bool is_filled = false;  // a sample before it has the same arena
};

/// The numbers of its buffers, by their number in its plan.
std::vector<int> add_buffers(const Sample& sample, Plan& out) {
    std::vector<int> numbers;
    for (size_t i = 0; i < sample.plan.buffers.size(); ++i) {
        const PlanBuffer& b = sample.plan.buffers[i];
        if (is_shared(b)) {
            SMEATON_CHECK(b == out.buffers[i], "samples would share {}, which differs", b.name);
            numbers.push_back(static_cast<int>(i));
            continue;
        }
        PlanBuffer own = b;
        own.name += "." + std::to_string(sample.number);
        if (b.place == Place::Arena) own.at += sample.arena_at;
        if (b.place == Place::External) own.at += sample.number * sample.plan.externals;
        if (b.place == Place::State) own.at += sample.number * sample.plan.states;
        numbers.push_back(static_cast<int>(out.buffers.size()));
        out.buffers.push_back(std::move(own));
    }
    return numbers;
}

void add_sample(const Sample& sample, Plan& out) {
    const Plan& plan = sample.plan;
    const std::vector<int> numbers = add_buffers(sample, out);
    const auto number = [&](int& buffer) { buffer = numbers[static_cast<size_t>(buffer)]; };
    for (PlanFill fill : plan.fills) {
        const PlanBuffer& b = plan.buffers[static_cast<size_t>(fill.buffer)];
        if (is_shared(b) || (sample.is_filled && b.place == Place::Arena)) continue;
        number(fill.buffer);
        out.fills.push_back(fill);
    }
    for (PlanStep step : plan.steps) {
        for (int& b : step.buffers) number(b);
        for (int& b : step.writes) number(b);
        for (int& earlier : step.after)
            earlier += sample.number * static_cast<int>(plan.steps.size());
        out.steps.push_back(std::move(step));
    }
}

void refuse_shared_writes(const Plan& plan) {
    for (const PlanStep& step : plan.steps)
        for (int b : step.writes)
            SMEATON_CHECK(!is_shared(plan.buffers[static_cast<size_t>(b)]),
                          "{} writes {}, which copies share", step.name,
                          plan.buffers[static_cast<size_t>(b)].name);
}

}  // namespace

Plan joined(const std::vector<Plan>& samples, const std::vector<int>& arenas) {
    SMEATON_CHECK(!samples.empty() && samples.size() == arenas.size() && arenas[0] == 0,
                  "{} samples in {} arenas", samples.size(), arenas.size());
    const Plan& first = samples.front();
    int64_t arena_bytes = 0;
    for (const Plan& plan : samples) {
        SMEATON_CHECK(plan.steps.size() == first.steps.size() && plan.externals == first.externals,
                      "plans of {} and {} steps are not of one program", first.steps.size(),
                      plan.steps.size());
        arena_bytes = std::max(arena_bytes, (plan.arena_bytes + 63) / 64 * 64);
        if (samples.size() > 1) refuse_shared_writes(plan);
    }
    Plan out = first;
    out.order.clear();
    for (size_t s = 1; s < samples.size(); ++s) {
        const bool is_filled = std::find(arenas.begin(), arenas.begin() + static_cast<long>(s),
                                         arenas[s]) != arenas.begin() + static_cast<long>(s);
        out.scratch_bytes = std::max(out.scratch_bytes, samples[s].scratch_bytes);
        add_sample({samples[s], static_cast<int>(s), arenas[s] * arena_bytes, is_filled}, out);
    }
    const auto count = static_cast<int>(samples.size());
    out.arena_bytes = arena_bytes * (1 + *std::max_element(arenas.begin(), arenas.end()));
    out.externals = first.externals * count;
    out.states = first.states * count;
    return out;
}

Plan copies_of(const Plan& plan, int copies) {
    SMEATON_CHECK(copies >= 1, "{} copies of a plan", copies);
    std::vector<int> arenas(static_cast<size_t>(copies));
    std::iota(arenas.begin(), arenas.end(), 0);
    return joined(std::vector<Plan>(arenas.size(), plan), arenas);
}

Plan copies_in_turn(const Plan& plan, int copies, int width) {
    Plan out = copies_of(plan, copies);
    const int n = static_cast<int>(plan.steps.size());
    for (int i = 0; i < static_cast<int>(out.steps.size()); ++i) {
        PlanStep& step = out.steps[static_cast<size_t>(i)];
        step.team = {i / n * width, width};
        if (i % n > 0) step.after = {i - 1};
    }
    return out;
}

}  // namespace smeaton::run
