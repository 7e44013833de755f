#include "gir/rewrite/rules.h"

#include <algorithm>

#include "gir/rewrite/engine.h"

namespace smeaton::gir::rewrite {

const std::vector<std::string>& rule_names() {
    static const std::vector<std::string> names = {
        "simplify-scalars", "through-views", "take-over-reader", "drop-dead",
        "take-over-writer", "merge-loops",   "state-in-place",   "states-early",
        "channels-last",    "border",        "tile-contraction", "vectorize",
        "weigh-tiles",      "claim-resident"};
    return names;
}

Rules sized_for(const Target& target, Rules rules) {
    rules.rows_in = target.first_level(OperandRole::Vector).capacity;
    rules.wide = target.all_cores() * kIterationsPerCore;
    rules.levels = levels_while_rewriting(target);
    if (rules.oracle && !rules.prices)
        rules.prices =
            std::make_shared<Prices>(target, rules.oracle, rules.skip, rules.kept_prices);
    return rules;
}

KernelPtr kernel_of(const Step& s) {
    auto* run = std::get_if<RunStep>(&s.node);
    return run ? run->kernel : nullptr;
}

std::map<Name, Uses> uses_of(const Program& program) {
    std::map<Name, Uses> uses;
    for (size_t i = 0; i < program.steps.size(); ++i) {
        KernelPtr kernel = kernel_of(program.steps[i]);
        if (!kernel) continue;
        for (Name n : kernel->reads) uses[n].readers.push_back(i);
        for (Name n : kernel->writes) uses[n].writers.push_back(i);
    }
    return uses;
}

void replace_kernel(Program& program, size_t step, KernelPtr kernel, std::map<Name, Uses>& uses) {
    KernelPtr& place = std::get<RunStep>(program.steps[step].node).kernel;
    for (Name n : place->reads) std::erase(uses[n].readers, step);
    for (Name n : place->writes) std::erase(uses[n].writers, step);
    place = std::move(kernel);
    if (!place) return;
    const auto add = [&](std::vector<size_t>& list) {
        list.insert(std::lower_bound(list.begin(), list.end(), step), step);
    };
    for (Name n : place->reads) add(uses[n].readers);
    for (Name n : place->writes) add(uses[n].writers);
}

namespace {

bool mentions(const Step& step, Name name) {
    auto among = [&](const std::vector<Name>& names) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    auto any = [&](const Steps& steps) {
        return std::any_of(steps.begin(), steps.end(),
                           [&](const Step& s) { return mentions(s, name); });
    };
    if (auto* run = std::get_if<RunStep>(&step.node))
        return among(run->kernel->reads) || among(run->kernel->writes);
    if (auto* branch = std::get_if<BranchStep>(&step.node))
        return branch->condition == name || any(branch->then_steps) || any(branch->else_steps);
    if (auto* repeat = std::get_if<RepeatStep>(&step.node)) {
        bool carries = std::any_of(repeat->carried.begin(), repeat->carried.end(),
                                   [&](const auto& c) { return c.from == name || c.to == name; });
        return carries || repeat->counter == name || repeat->condition == name || any(repeat->body);
    }
    return std::get<SettleStep>(step.node).from == name;
}

}  // namespace

bool touched_by_control(const Program& program, Name name) {
    return std::any_of(program.steps.begin(), program.steps.end(), [&](const Step& s) {
        return !std::holds_alternative<RunStep>(s.node) && mentions(s, name);
    });
}

bool is_free_temp(const Program& program, const Buffer& buffer) {
    if (buffer.lifetime != Lifetime::Temp || !buffer.alias_of.empty()) return false;
    if (buffer.layout.border) return false;
    if (touched_by_control(program, buffer.name)) return false;
    return std::none_of(program.buffers.begin(), program.buffers.end(),
                        [&](const Buffer& other) { return other.alias_of == buffer.name; });
}

}  // namespace smeaton::gir::rewrite
