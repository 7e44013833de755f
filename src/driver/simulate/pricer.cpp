#include "driver/simulate/pricer.h"

#include <fmt/core.h>

#include <algorithm>

#include "cost/kernel_cost.h"
#include "cost/oracle.h"
#include "cost/target.h"
#include "driver/pipeline.h"
#include "driver/source.h"
#include "gir/common_cpu.h"
#include "gir/rewrite/for_target.h"
#include "machine/print.h"

namespace smeaton::driver {

namespace {

constexpr size_t kFamilies = 2;  // each of hundreds of megabytes after hundreds of machines
constexpr size_t kOutcomes = 64;
constexpr size_t kShaped = kOutcomes + 24;
constexpr size_t kAnswers = 48;
constexpr size_t kPrices = 4096;

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
std::string all_but_capacities(machine::Machine m, int threads) {
    std::string bounded;
    for (machine::Level& level : m.levels) {
        bounded += level.capacity_bytes.value >= 1 ? '+' : '0';
        level.capacity_bytes = machine::Number(0);
    }
    return fmt::format("{} threads {}\n{}", threads, bounded, machine::print(m));
}

/// All of a target that fusing and laying out may read, capacities apart.
std::string levels_of_any_size(const gir::Target& target) {
    std::string all = fmt::format("{} cores", target.cores);
    for (const gir::TargetScope& s : target.scopes) all += fmt::format(", {} {}", s.count, s.name);
    for (const gir::TargetLevel& l : target.levels) {
        all += fmt::format("\n{} {} {} {} {} {} {}", l.name, l.next, l.scope, l.parts, l.line_bytes,
                           l.ways, l.software_managed);
        all += l.capacity.bounded() ? '+' : '0';
        for (gir::OperandRole role : l.roles) all += std::to_string(static_cast<int>(role));
    }
    return all;
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
    warnings_ = tuned.graph.graph.warnings;
    rules_.skip = {session.skip.begin(), session.skip.end()};
}

Pricer::Family& Pricer::family_of(const machine::Machine& m, const SimulateOptions& options) {
    const std::string like = all_but_capacities(m, options.threads);
    if (Family* known = recalled(families_, [&](const Family& f) { return f.like == like; }))
        return *known;
    Family made{like};
    if (!families_.empty()) made.kernels.expect(families_.front().kernels);
    return remembered(families_, std::move(made), kFamilies);
}

bool Pricer::comes_out(Shaped& shaped, const std::vector<double>& capacities,
                       const gir::rewrite::Rules& rules) {
    const Outcome& outcome = *shaped.outcome;
    if (!gir::contains(outcome.region, capacities)) return false;
    shaped.answered.resize(outcome.questions.size());
    for (size_t i = 0; i < outcome.questions.size(); ++i) {
        std::vector<gir::Region>& known = shaped.answered[i];
        if (std::any_of(known.begin(), known.end(),
                        [&](const gir::Region& r) { return gir::contains(r, capacities); }))
            continue;
        gir::Region asked(capacities.size());
        if (gir::rewrite::pays(outcome.questions[i], rules, &asked) != outcome.questions[i].pays)
            return false;
        if (known.size() == kAnswers) known.erase(known.begin());
        known.push_back(std::move(asked));
    }
    return true;
}

Pricer::Structure& Pricer::structure_of(const gir::Target& target) {
    const std::string like = levels_of_any_size(target);
    if (Structure* known =
            recalled(structures_, [&](const Structure& s) { return s.like == like; }))
        return *known;
    return remembered(structures_, Structure{like}, kFamilies);
}

std::shared_ptr<const Pricer::Outcome> Pricer::shaped_on(Structure& structure,
                                                         const gir::Target& target,
                                                         const gir::rewrite::Rules& rules) const {
    auto made = std::make_shared<Outcome>();
    gir::rewrite::Rules noting = rules;
    noting.prices = nullptr;  // those would not note
    noting.questions = &made->questions;
    gir::Program program =
        gir::rewrite::shaped_for(lowered_, gir::noting(target, made->region), noting);
    for (const auto& other : structure.outcomes)
        if (same_program(*other->program, program)) made->program = other->program;
    if (!made->program) made->program = std::make_shared<const gir::Program>(std::move(program));
    return remembered(structure.outcomes, std::shared_ptr<const Outcome>(std::move(made)),
                      kOutcomes);
}

Pricer::Shape& Pricer::shape_for(Family& family, const gir::Target& target,
                                 const gir::rewrite::Rules& rules) {
    const std::vector<double> capacities = gir::capacities_by_level(target);
    Structure& structure = structure_of(target);
    if (family.shaped.empty())  // what came out for others may come out here
        for (const auto& outcome : structure.outcomes) family.shaped.push_back({outcome});
    Shaped* known =
        recalled(family.shaped, [&](Shaped& s) { return comes_out(s, capacities, rules); });
    if (!known)
        known = &remembered(family.shaped, Shaped{shaped_on(structure, target, rules)}, kShaped);
    for (const Shaped& s : family.shaped)
        if (!known->shape && s.shape && s.outcome->program == known->outcome->program)
            known->shape = s.shape;
    if (!known->shape) known->shape = std::make_shared<Shape>(*known->outcome->program);
    return *known->shape;
}

Pricer::Prepared Pricer::prepared(const machine::Machine& m, const SimulateOptions& options) {
    gir::Target target = cost::target_of(m);
    if (options.threads > 0) target.cores = options.threads;
    Family& family = family_of(m, options);
    if (family.prices->tiled.size() > kPrices)
        family.prices = std::make_shared<gir::rewrite::KeptPrices>();
    gir::rewrite::Rules rules = rules_;
    rules.oracle = cost::oracle_on(target);
    rules.kept_prices = family.prices;
    rules = gir::rewrite::sized_for(target, std::move(rules));
    Shape& shape = shape_for(family, target, rules);
    rules.kept_kernels = &shape.kernels;
    return {std::move(target), std::move(rules), family, shape};
}

template <class Simulate>
auto Pricer::simulated(const machine::Machine& m, const SimulateOptions& options,
                       Simulate simulate) {
    const Prepared on = prepared(m, options);
    return simulate(gir::rewrite::tiled_for(on.shape.program, on.target, on.rules),
                    &on.shape.models);
}

double Pricer::least_us(const machine::Machine& m, double enough_us) {
    if (!cost::caches_of(m).empty()) return 0;
    const Prepared on = prepared(m, {});
    std::vector<double> of_levels;
    for (const machine::Level& level : m.levels) of_levels.push_back(level.capacity_bytes.value);
    if (on.shape.groups.empty()) on.shape.groups = on.family.kernels.groups_of(on.shape.program);
    return driver::least_us(
        on.shape.groups,
        {m, on.target, on.rules, std::move(of_levels), gir::capacities_by_level(on.target)},
        enough_us);
}

SimulateResult Pricer::price(const machine::Machine& m, const SimulateOptions& options) {
    SimulateResult result =
        simulated(m, options, [&](const gir::Program& tiled, sim::KeptModels* kept) {
            return simulate_program(tiled, m, options, kept);
        });
    result.warnings = warnings_;
    return result;
}

sim::ProgramCost Pricer::cost(const machine::Machine& m, const SimulateOptions& options) {
    return simulated(m, options, [&](const gir::Program& tiled, sim::KeptModels* kept) {
        return sim::simulate(tiled, m,
                             {options.threads, options.vector_bits, options.overlap, kept});
    });
}

Pricer Pricer::another() const {
    Pricer other;
    other.lowered_ = lowered_;
    other.rules_ = rules_;
    other.warnings_ = warnings_;
    return other;
}

}  // namespace smeaton::driver
