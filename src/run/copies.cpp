#include "run/copies.h"

#include "base/error.h"

namespace smeaton::run {

namespace {

using Place = PlanBuffer::Place;

bool is_shared(const PlanBuffer& b) {
    return b.place == Place::Constant || b.place == Place::Persistent || b.place == Place::Packed;
}

/// The numbers of a further copy's buffers, by their number in the plan.
std::vector<int> add_buffers(const Plan& plan, int copy, int64_t arena_bytes, Plan& out) {
    std::vector<int> numbers;
    for (size_t i = 0; i < plan.buffers.size(); ++i) {
        const PlanBuffer& b = plan.buffers[i];
        if (is_shared(b)) {
            numbers.push_back(static_cast<int>(i));
            continue;
        }
        PlanBuffer own = b;
        own.name += "." + std::to_string(copy);
        if (b.place == Place::Arena) own.at += copy * arena_bytes;
        if (b.place == Place::External) own.at += copy * plan.externals;
        if (b.place == Place::State) own.at += copy * plan.states;
        numbers.push_back(static_cast<int>(out.buffers.size()));
        out.buffers.push_back(std::move(own));
    }
    return numbers;
}

void add_copy(const Plan& plan, int copy, int64_t arena_bytes, Plan& out) {
    const std::vector<int> numbers = add_buffers(plan, copy, arena_bytes, out);
    const auto number = [&](int& buffer) { buffer = numbers[static_cast<size_t>(buffer)]; };
    for (PlanFill fill : plan.fills) {
        if (is_shared(plan.buffers[static_cast<size_t>(fill.buffer)])) continue;
        number(fill.buffer);
        out.fills.push_back(fill);
    }
    for (PlanStep step : plan.steps) {
        for (int& b : step.buffers) number(b);
        for (int& b : step.writes) number(b);
        for (int& earlier : step.after) earlier += copy * static_cast<int>(plan.steps.size());
        out.steps.push_back(std::move(step));
    }
}

}  // namespace

Plan copies_of(const Plan& plan, int copies) {
    SMEATON_CHECK(copies >= 1, "{} copies of a plan", copies);
    if (copies > 1)
        for (const PlanStep& step : plan.steps)
            for (int b : step.writes)
                SMEATON_CHECK(!is_shared(plan.buffers[static_cast<size_t>(b)]),
                              "{} writes {}, which copies share", step.name,
                              plan.buffers[static_cast<size_t>(b)].name);
    const int64_t arena_bytes = (plan.arena_bytes + 63) / 64 * 64;
    Plan out = plan;  // the first
    out.order.clear();
    for (int copy = 1; copy < copies; ++copy) add_copy(plan, copy, arena_bytes, out);
    out.arena_bytes = arena_bytes * copies;
    out.externals = plan.externals * copies;
    out.states = plan.states * copies;
    return out;
}

}  // namespace smeaton::run
