#include "driver/pricer.h"

#include <fmt/core.h>

#include <algorithm>

#include "cost/oracle.h"
#include "cost/target.h"
#include "driver/pipeline.h"
#include "driver/source.h"
#include "gir/common_cpu.h"
#include "gir/rewrite/for_target.h"
#include "machine/print.h"

namespace smeaton::driver {

namespace {

constexpr size_t kKept = 4;

/// What is kept under the key, else what `make` gives, in place of the one not used the
/// longest.
template <class Recent, class Make>
auto& recalled(Recent& recent, const std::string& key, Make make) {
    auto found = std::find_if(recent.begin(), recent.end(),
                              [&](const auto& kept) { return kept.first == key; });
    if (found != recent.end()) {
        recent.splice(recent.begin(), recent, found);
    } else {
        auto made = make();
        if (recent.size() == kKept) recent.pop_back();
        recent.emplace_front(key, std::move(made));
    }
    return recent.front().second;
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

Pricer::Shaped Pricer::shaped_for(const gir::Target& target,
                                  const gir::rewrite::Rules& rules) const {
    Shaped made;
    gir::rewrite::Rules noting = rules;
    noting.questions = &made.questions;
    made.program = gir::rewrite::shaped_for(lowered_, target, noting);
    return made;
}

const gir::Program& Pricer::shaped(const gir::Target& target, const gir::rewrite::Rules& rules) {
    bool fresh = false;
    Shaped& kept = recalled(shaped_, gir::rewrite::shape_key(target), [&] {
        fresh = true;
        return shaped_for(target, rules);
    });
    const bool same_answers =
        fresh || std::all_of(kept.questions.begin(), kept.questions.end(),
                             [&](const auto& q) { return gir::rewrite::pays(q, rules) == q.pays; });
    if (!same_answers) kept = shaped_for(target, rules);
    return kept.program;
}

SimulateResult Pricer::price(const machine::Machine& m, const SimulateOptions& options) {
    gir::Target target = cost::target_of(m);
    if (options.threads > 0) target.cores = options.threads;
    const std::string key = fmt::format("{} threads\n{}", options.threads, machine::print(m));
    const gir::Program& tiled = recalled(tiled_, key, [&] {
        gir::rewrite::Rules rules = rules_;
        rules.oracle = cost::oracle_on(target);
        rules = gir::rewrite::sized_for(target, std::move(rules));
        return gir::rewrite::tiled_for(shaped(target, rules), target, rules);
    });
    SimulateResult result = simulate_program(tiled, m, options);
    result.warnings = warnings_;
    return result;
}

}  // namespace smeaton::driver
