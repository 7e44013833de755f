#include "run/link.h"

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

void relink(LinkedPlan& plan, const Symbols& symbols) {
    // In place: who runs the plan points at its steps.
    auto replace = [&](std::vector<LinkedStep>& old, const std::vector<PlanStep>& steps) {
        std::vector<LinkedStep> found = linked(steps, symbols);
        for (size_t i = 0; i < old.size(); ++i) old[i].phases = std::move(found[i].phases);
    };
    replace(plan.once, plan.plan.once);
    replace(plan.steps, plan.plan.steps);
    plan.keep = symbols.keep;
}

LinkedPlan link(Plan plan, Symbols symbols) {
    LinkedPlan out;
    out.once = linked(plan.once, symbols);
    out.steps = linked(plan.steps, symbols);
    for (const PlanBuffer& b : plan.buffers) {
        const void* data = nullptr;
        if (b.place == PlanBuffer::Place::Constant) {
            data = symbols.constant ? symbols.constant(b.name) : nullptr;
            if (!data && b.bytes > 0) throw UserError("there is no constant {}", b.name);
        }
        out.constants.push_back(data);
    }
    out.plan = std::move(plan);
    out.keep = std::move(symbols.keep);
    return out;
}

}  // namespace smeaton::run
