#include "driver/simulate/pricer.h"

#include <algorithm>
#include <unordered_set>

#include "cost/kernel_cost.h"
#include "cost/oracle.h"
#include "cost/target.h"
#include "driver/pipeline.h"
#include "driver/source.h"
#include "gir/common_cpu.h"
#include "gir/rewrite/for_target.h"

namespace smeaton::driver {

namespace {

constexpr size_t kFamilies = 2;  // each of hundreds of megabytes after hundreds of machines
constexpr size_t kOutcomes = 64;
constexpr size_t kShaped = kOutcomes + 24;
constexpr size_t kAnswers = 48;

/// The first element that is wanted, moved to the front; null: there is none.
template <class Element, class Wanted>
Element* recalled(std::list<Element>& recent, const Wanted& wanted) {
    auto found = std::find_if(recent.begin(), recent.end(), wanted);
    if (found == recent.end()) return nullptr;
    recent.splice(recent.begin(), recent, found);
    return &recent.front();
}

template <class Element>
Element& remembered(std::list<Element>& recent, Element element, size_t most) {
    if (recent.size() == most) recent.pop_back();
    recent.push_front(std::move(element));
    return recent.front();
}

/// All that may count of a machine besides how large its levels are.
machine::Machine all_but_capacities(machine::Machine m) {
    m.about.clear();
    m.sources.clear();
    for (machine::Level& level : m.levels)
        level.capacity_bytes = machine::Number(level.capacity_bytes.value >= 1 ? 1 : 0);
    return m;
}

/// The region that the numbers lie in; null: none of them.
const gir::KeptRegion* region_of(const std::vector<gir::KeptRegion>& regions,
                                 const std::vector<double>& numbers) {
    const auto at = std::find_if(regions.rbegin(), regions.rend(),
                                 [&](const gir::KeptRegion& r) { return r.contains(numbers); });
    return at == regions.rend() ? nullptr : &*at;
}

const gir::KeptRegion& remembered(std::vector<gir::KeptRegion>& regions,
                                  const gir::Region& region) {
    if (regions.size() == kAnswers) regions.erase(regions.begin());
    return regions.emplace_back(region);
}

bool same_program(const gir::Program& a, const gir::Program& b) {
    using namespace gir;
    auto same_buffer = [](const Buffer& x, const Buffer& y) {
        return x.name == y.name && same_port(x, y);
    };
    auto same_step = [](const Step& x, const Step& y) {
        auto *run = std::get_if<RunStep>(&x.node), *other = std::get_if<RunStep>(&y.node);
        return run && other && run->once == other->once &&
               run->kernel->name == other->kernel->name &&
               run->kernel->origins == other->kernel->origins &&
               same(run->kernel->body, other->kernel->body);
    };
    return std::equal(a.buffers.begin(), a.buffers.end(), b.buffers.begin(), b.buffers.end(),
                      same_buffer) &&
           std::equal(a.steps.begin(), a.steps.end(), b.steps.begin(), b.steps.end(), same_step);
}

}  // namespace

Pricer::Pricer(const model::Graph& graph, const std::map<std::string, Tensor>& feeds,
               const SessionOptions& session) {
    SessionOptions until_lower = session;
    until_lower.stop_after = "lower";
    // Up to here no stage asks the target; any will do.
    Tuned tuned = tune_on(graph, feeds, until_lower, gir::common_cpu()).tuned;
    lowered_ = std::move(tuned.lowered);
    classes_ = std::make_shared<const KernelClasses>(tuned.graph.graph);
    warnings_ = tuned.graph.graph.warnings;
    rules_.skip = {session.skip.begin(), session.skip.end()};
}

Pricer::Family& Pricer::family_of(const machine::Machine& m, const SimulateOptions& options,
                                  const Structure& structure) {
    machine::Machine like = all_but_capacities(m);
    Family* family = recalled(
        families_, [&](const Family& f) { return f.threads == options.threads && f.like == like; });
    if (!family) {
        Family made{std::move(like), options.threads, ++families_so_far_};
        if (!families_.empty()) made.kernels.expect(families_.front().kernels);
        family = &remembered(families_, std::move(made), kFamilies);
    }
    if (!family->prices || family->prices->forms != structure.forms)
        family->prices = std::make_shared<gir::rewrite::KeptPrices>(structure.forms);
    return *family;
}

bool Pricer::comes_out(Shaped& shaped, const std::vector<double>& numbers,
                       const gir::rewrite::Rules& rules) {
    const Outcome& outcome = *shaped.outcome;
    if (!outcome.region.contains(numbers)) return false;
    if (region_of(shaped.known, numbers)) return true;
    shaped.answered.resize(outcome.questions.size());
    gir::Region here(numbers.size());
    gir::meet(here, outcome.region);
    for (size_t i = 0; i < outcome.questions.size(); ++i) {
        std::vector<gir::KeptRegion>& known = shaped.answered[i];
        const gir::KeptRegion* region = region_of(known, numbers);
        if (!region) {
            gir::Region asked(numbers.size());
            if (gir::rewrite::pays(outcome.questions[i], rules, &asked) !=
                outcome.questions[i].pays)
                return false;
            region = &remembered(known, asked);
        }
        gir::meet(here, *region);
    }
    remembered(shaped.known, here);
    return true;
}

Pricer::Structure& Pricer::structure_of(const gir::Target& target) {
    const std::string like = gir::levels_of_any_size(target);
    Structure* known = recalled(structures_, [&](const Structure& s) { return s.like == like; });
    if (!known) known = &remembered(structures_, Structure{like}, kFamilies);
    return *known;
}

std::shared_ptr<const Pricer::Outcome> Pricer::shaped_on(Structure& structure,
                                                         const gir::Target& target,
                                                         const gir::rewrite::Rules& rules) const {
    auto made = std::make_shared<Outcome>();
    gir::rewrite::Rules noting = rules;
    noting.prices = nullptr;  // those would not note
    noting.questions = &made->questions;
    gir::Region asked;
    gir::Program program = gir::rewrite::shaped_for(lowered_, gir::noting(target, asked), noting);
    made->region = asked;
    for (const auto& other : structure.outcomes)
        if (same_program(other->shape->program, program)) made->shape = other->shape;
    if (!made->shape) made->shape = std::make_shared<Shape>(std::move(program));
    return remembered(structure.outcomes, std::shared_ptr<const Outcome>(std::move(made)),
                      kOutcomes);
}

Pricer::Costed& Pricer::costed_for(Structure& structure, Family& family, const gir::Target& target,
                                   const gir::rewrite::Rules& rules) {
    const std::vector<double> numbers = gir::numbers_of(target);
    if (family.shaped.empty())  // what came out for others may come out here
        for (const auto& outcome : structure.outcomes) family.shaped.push_back({outcome});
    Shaped* known =
        recalled(family.shaped, [&](Shaped& s) { return comes_out(s, numbers, rules); });
    if (!known)
        known = &remembered(family.shaped, Shaped{shaped_on(structure, target, rules)}, kShaped);
    for (const Shaped& s : family.shaped)
        if (!known->costed && s.costed && s.costed->shape == known->outcome->shape)
            known->costed = s.costed;
    if (!known->costed) known->costed = std::make_shared<Costed>(known->outcome->shape);
    known->costed->turn = turns_;
    return *known->costed;
}

double Pricer::kept_bytes() const {
    gir::KeptSize size;
    auto add_regions = [&](const std::vector<gir::KeptRegion>& regions) {
        size.add_all(regions);
        for (const gir::KeptRegion& region : regions) size.add(region);
    };
    for (const Structure& structure : structures_) {
        measure(size, *structure.forms);
        for (const auto& outcome : structure.outcomes) outcome->measure(size);
    }
    for (const Family& family : families_) {
        family.prices->measure(size);
        family.kernels.measure(size);
        for (const Shaped& shaped : family.shaped) {
            shaped.outcome->measure(size);
            for (const auto& answers : shaped.answered) add_regions(answers);
            add_regions(shaped.known);
            if (shaped.costed && size.is_new(shaped.costed.get()))
                shaped.costed->models.measure(size);
        }
    }
    return size.bytes();
}

void Pricer::Outcome::measure(gir::KeptSize& size) const {
    if (!size.is_new(this)) return;
    size.add(region);
    for (const gir::rewrite::Question& q : questions)
        for (const auto* forms : {&q.before, &q.after})
            for (const gir::rewrite::KeptFormPtr& form : *forms) gir::rewrite::measure(size, form);
    if (!size.is_new(shape.get())) return;
    size.add(shape->program);
    shape->kernels.measure(size);
}

void Pricer::turn() {
    std::unordered_set<const void*> turned;  // outcomes share shapes, and those what they take
    for (Family& family : families_) {
        family.shaped.remove_if(
            [&](const Shaped& s) { return !s.costed || s.costed->turn < turns_; });
        for (Shaped& shaped : family.shaped)
            if (turned.insert(shaped.costed.get()).second) shaped.costed->models.turn();
        family.kernels.turn();
        family.prices->turn();
    }
    for (Structure& structure : structures_) {
        // That nobody else has.
        structure.outcomes.remove_if([](const auto& outcome) { return outcome.use_count() == 1; });
        for (const auto& outcome : structure.outcomes)
            if (turned.insert(outcome->shape.get()).second) outcome->shape->kernels.turn();
        gir::rewrite::turn(*structure.forms);
    }
    ++turns_;
}

/// Looking takes time: it is done again when half of the room that is left may be full.
void Pricer::keep_bounded() {
    constexpr double kLeast = 32, kMost = 1024;  // machines
    if (since_turn_++ < next_look_) return;
    const double kept = kept_bytes(), machines = static_cast<double>(since_turn_);
    if (kept > most_bytes_) {
        turn();
        since_turn_ = 0;
    }
    const double room = (most_bytes_ - kept) / 2;
    next_look_ =
        since_turn_ + static_cast<int64_t>(std::clamp(machines * room / kept, kLeast, kMost));
}

Pricer::Prepared Pricer::prepared(const machine::Machine& m, const SimulateOptions& options) {
    keep_bounded();
    gir::Target target = cost::target_of(m);
    if (options.threads > 0) target.cores = options.threads;
    Structure& structure = structure_of(target);
    Family& family = family_of(m, options, structure);
    target.oracle = family.number;
    gir::rewrite::Rules rules = rules_;
    rules.oracle = cost::oracle_on(target);
    rules.kept_prices = family.prices;
    rules.workers = workers_.get();
    rules = gir::rewrite::sized_for(target, std::move(rules));
    Costed& costed = costed_for(structure, family, target, rules);
    rules.kept_kernels = &costed.shape->kernels;
    return {std::move(target), std::move(rules), structure, family, costed};
}

template <class Simulate>
auto Pricer::simulated(const machine::Machine& m, const SimulateOptions& options,
                       Simulate simulate) {
    const Prepared on = prepared(m, options);
    const gir::Program tiled =
        gir::rewrite::tiled_for(on.costed.shape->program, on.target, on.rules);
    return simulate(tiled, &on.costed.models);
}

double Pricer::least_us(const machine::Machine& m, double enough_us) {
    if (!cost::caches_of(m).empty()) return 0;
    const Prepared on = prepared(m, {});
    std::vector<double> of_levels;
    for (const machine::Level& level : m.levels) of_levels.push_back(level.capacity_bytes.value);
    std::vector<double> numbers = of_levels;
    const std::vector<double> of_target = gir::numbers_of(on.target);
    numbers.insert(numbers.end(), of_target.begin(),
                   of_target.begin() + static_cast<std::ptrdiff_t>(on.target.levels.size()));
    if (on.costed.groups.empty())
        on.costed.groups =
            on.family.kernels.groups_of(on.costed.shape->program, *on.structure.forms);
    return driver::least_us(on.costed.groups,
                            {m, on.target, on.rules, std::move(of_levels), std::move(numbers)},
                            enough_us);
}

SimulateResult Pricer::price(const machine::Machine& m, const SimulateOptions& options) {
    SimulateResult result =
        simulated(m, options, [&](const gir::Program& tiled, sim::KeptModels* kept) {
            return simulate_program(tiled, m, options, kept, workers_.get());
        });
    result.warnings = warnings_;
    return result;
}

sim::ProgramCost Pricer::cost(const machine::Machine& m, const SimulateOptions& options) {
    return simulated(m, options, [&](const gir::Program& tiled, sim::KeptModels* kept) {
        return sim::simulate(
            tiled, m,
            {options.threads, options.vector_bits, options.overlap, kept, workers_.get()});
    });
}

Pricer Pricer::another() const {
    Pricer other;
    other.lowered_ = lowered_;
    other.rules_ = rules_;
    other.classes_ = classes_;
    other.warnings_ = warnings_;
    other.most_bytes_ = most_bytes_;
    return other;
}

}  // namespace smeaton::driver
