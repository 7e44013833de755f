#include "run/link.h"

#include <set>

#include "base/error.h"

namespace smeaton::run {

static std::vector<LinkedStep> linked(const std::vector<PlanStep>& steps, const Symbols& symbols) {
    std::vector<LinkedStep> all;
    for (const PlanStep& step : steps) {
        LinkedStep found;
        for (const PlanPhase& phase : step.phases) {
            KernelFunction f = symbols.function ? symbols.function(phase.function) : nullptr;
            if (!f) throw UserError("step {}: there is no function {}", step.name, phase.function);
            found.phases.push_back(f);
        }
        all.push_back(std::move(found));
    }
    return all;
}

// By buffer; null for buffers in other places, and for those not `wanted` that are not there.
static std::vector<const void*> constants_of(const Plan& plan, const Symbols& symbols,
                                             const std::set<int>* wanted) {
    std::vector<const void*> out;
    for (const PlanBuffer& b : plan.buffers) {
        const void* data = nullptr;
        if (b.place == PlanBuffer::Place::Constant) {
            data = symbols.constant ? symbols.constant(b.name) : nullptr;
            const bool needed = !wanted || wanted->count(static_cast<int>(out.size())) > 0;
            if (!data && b.bytes > 0 && needed) throw UserError("there is no constant {}", b.name);
        }
        out.push_back(data);
    }
    return out;
}

void relink(LinkedPlan& plan, const Symbols& symbols) {
    std::set<int> read;
    for (const PlanStep& s : plan.plan.steps) read.insert(s.buffers.begin(), s.buffers.end());
    std::vector<const void*> constants = constants_of(plan.plan, symbols, &read);
    for (int b : read)
        SMEATON_CHECK(constants[static_cast<size_t>(b)] == plan.constants[static_cast<size_t>(b)],
                      "constant {} lies elsewhere now",
                      plan.plan.buffers[static_cast<size_t>(b)].name);
    // In place: who runs the plan points at its steps.
    auto replace = [&](std::vector<LinkedStep>& old, const std::vector<PlanStep>& steps) {
        std::vector<LinkedStep> found = linked(steps, symbols);
        for (size_t i = 0; i < old.size(); ++i) old[i].phases = std::move(found[i].phases);
    };
    replace(plan.once, plan.plan.once);
    replace(plan.steps, plan.plan.steps);
    plan.constants = std::move(constants);
    plan.keep = symbols.keep;
}

LinkedPlan link(Plan plan, Symbols symbols) {
    LinkedPlan out;
    out.once = linked(plan.once, symbols);
    out.steps = linked(plan.steps, symbols);
    out.constants = constants_of(plan, symbols, nullptr);
    out.plan = std::move(plan);
    out.keep = std::move(symbols.keep);
    return out;
}

}  // namespace smeaton::run
