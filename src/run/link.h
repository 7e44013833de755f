// From the names in a plan to addresses.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "run/plan.h"

namespace smeaton::run {

/// What the names of a plan mean. Both may throw; null: there is none.
struct Symbols {
    std::function<KernelFunction(const std::string& name)> function;
    std::function<const void*(const std::string& name)> constant;
    std::vector<std::shared_ptr<const void>> keep;  ///< loaded code, mapped weights
};

struct LinkedStep {
    std::vector<KernelFunction> phases;
};

/// A plan, and the addresses of what it names: by phase of each step, by buffer.
struct LinkedPlan {
    Plan plan;
    std::vector<LinkedStep> once, steps;
    std::vector<const void*> constants;  ///< null for buffers in other places
    std::vector<std::shared_ptr<const void>> keep;
};

/// UserError naming a function or constant that is not there.
LinkedPlan link(Plan, Symbols);
/// Other code for the same plan, and the constants where they were; those that `once` steps alone
/// read may be missing. UserError as above.
void relink(LinkedPlan&, const Symbols&);

}  // namespace smeaton::run
