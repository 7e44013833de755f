#include "driver/simulate/kernel_prices.h"

#include <algorithm>

#include "base/error.h"
#include "cost/kernel_cost.h"
#include "gir/names.h"
#include "gir/rewrite/claim/claim.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/rewrite/tile.h"

namespace smeaton::driver {

namespace {

using namespace gir;

/// Below what rounding may add to a sum in another order.
constexpr double kClearOfRounding = 1e-11;

bool reads_any(const Kernel& kernel, const Program& program, const std::set<Name>& roots) {
    return std::any_of(kernel.reads.begin(), kernel.reads.end(),
                       [&](Name n) { return roots.count(root_of(program, n)) > 0; });
}

/// The kernel as it will stand, without what is packed for it.
double priced(KernelPrices::Entry& entry, const PricedOn& on, Region& of_levels,
              Region& of_target) {
    const Target target = noting(on.target, of_target);
    rewrite::KeptForm& form = *entry.form;
    rewrite::Rules quiet;
    quiet.skip = on.rules.skip;
    quiet.oracle = on.rules.oracle;
    quiet.kept_kernels = &form.kept;
    quiet.asked = &of_target;
    const Name name = std::get<RunStep>(form.alone.steps.at(0).node).kernel->name;
    Program program = rewrite::tile(form.alone, target, quiet);
    std::erase_if(program.steps,
                  [&](const Step& s) { return std::get<RunStep>(s.node).kernel->name != name; });
    program = rewrite::claim_residents(std::move(program), target, quiet);
    program = rewrite::spell(std::move(program), target, &form.kept, &of_target);
    const KernelPtr& kernel = std::get<RunStep>(program.steps.at(0).node).kernel;
    return entry.charged.get(kernel, {on.of_levels, &of_levels}, [&](Region& asked) {
        cost::CostOptions options;
        options.asked = &asked;
        options.time_alone = true;
        const cost::KernelModel model =
            cost::model_without_caches(program, *kernel, on.machine, options);
        return cost::cost_of(model, on.machine, options).time_us.value;
    });
}

}  // namespace

std::vector<KernelPrices::Group> KernelPrices::groups_of(const Program& shaped,
                                                         rewrite::KeptForms& forms) {
    std::vector<Group> groups;
    std::set<Name> changed;
    for (const Step& step : shaped.steps) {
        const auto* run = std::get_if<RunStep>(&step.node);
        if (!run) continue;
        const Kernel& kernel = *run->kernel;
        for (Name n : kernel.writes)
            if (shaped.buffer(n).lifetime == Lifetime::State) changed.insert(root_of(shaped, n));
        if (run->once || reads_any(kernel, shaped, changed)) continue;
        const rewrite::KeptFormPtr form =
            rewrite::kept_form(forms, rewrite::alone(shaped, run->kernel));
        std::shared_ptr<Entry>& entry = entries_[form];
        if (!entry) {
            entry = std::make_shared<Entry>(form);
            if (auto at = expected_us_.find(form->hash); at != expected_us_.end())
                entry->last_us = at->second;
        }
        auto group = std::find_if(groups.begin(), groups.end(),
                                  [&](const Group& g) { return g.entry == entry; });
        if (group == groups.end()) group = groups.insert(group, {entry, 0});
        ++group->count;
    }
    return groups;
}

void KernelPrices::turn() {
    // Those that stand in no program that is kept.
    std::erase_if(entries_, [](const auto& of) { return of.second.use_count() == 1; });
    for (auto& [form, entry] : entries_) {
        entry->prices.turn();
        entry->charged.turn();
    }
    expected_us_.clear();
}

void KernelPrices::measure(KeptSize& size) const {
    size.add_all(entries_);
    size.add_all(expected_us_);
    for (const auto& [form, entry] : entries_) {
        rewrite::measure(size, form);
        size.add(sizeof(Entry) + KeptSize::kNode);
        entry->prices.measure(size, [](double) {});
        entry->charged.measure(size, [](double) {});
    }
}

void KernelPrices::expect(const KernelPrices& other) {
    expected_us_ = other.expected_us_;
    for (const auto& [form, entry] : other.entries_)
        if (entry->last_us > 0) expected_us_[form->hash] = entry->last_us;
}

double KernelPrices::us(Entry& entry, const PricedOn& on) {
    entry.last_us = entry.prices.get({on.numbers}, [&](Region& asked) {
        Region of_levels(on.of_levels.size()), of_target(numbers_of(on.target).size());
        double us = 0;
        try {
            us = priced(entry, on, of_levels, of_target);
        } catch (const UserError&) {
            us = 0;  // no rate for what it does; whoever evaluates the machine will say so
        }
        // All else that the target has is the family's.
        std::copy_n(of_target.begin(), on.target.levels.size(),
                    std::copy(of_levels.begin(), of_levels.end(), asked.begin()));
        return us;
    });
    return entry.last_us;
}

double least_us(std::vector<KernelPrices::Group>& groups, const PricedOn& on, double enough_us) {
    std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
        return a.count * a.entry->last_us > b.count * b.entry->last_us;
    });
    double us = 0;
    for (const KernelPrices::Group& group : groups) {
        us += group.count * KernelPrices::us(*group.entry, on);
        if (us * (1 - kClearOfRounding) >= enough_us) break;
    }
    return us * (1 - kClearOfRounding);
}

}  // namespace smeaton::driver
