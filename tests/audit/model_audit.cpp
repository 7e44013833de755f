// Each kernel of a compiled model: emitted code against the interpreter, claims against caches.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/error.h"
#include "cost/target.h"
#include "driver/feeds.h"
#include "driver/pipeline.h"
#include "driver/session.h"
#include "gir/interp/agreement.h"
#include "gir/walk.h"
#include "machine/probe/cpu.h"

namespace smeaton {
namespace {

using gir::Kernel;
using gir::interp::Memory;

constexpr double kAgreement = 0.15;  // |caches - ledger| over the ledger's bytes

struct Arguments {
    std::string model, isa;
    int threads = 1;
    bool caches = false;
    driver::FeedRequest feeds;
};

Arguments parse(int count, char** values) {
    Arguments a;
    for (int i = 1; i < count; ++i) {
        std::string word = values[i];
        auto next = [&]() -> std::string {
            if (++i == count) throw UserError("{} needs a value", word);
            return values[i];
        };
        if (word == "--isa") {
            a.isa = next();
        } else if (word == "--threads") {
            a.threads = std::stoi(next());
        } else if (word == "--caches") {
            a.caches = true;
        } else if (word == "--dim") {
            a.feeds.dims.push_back(next());
        } else if (word == "--input") {
            a.feeds.inputs.push_back(next());
        } else if (a.model.empty() && word[0] != '-') {
            a.model = word;
        } else {
            throw UserError("unknown argument {}", word);
        }
    }
    if (a.model.empty()) throw UserError("which model?");
    return a;
}

/// The target's chain with the levels of what was left as lowered: memory around all, local tiles
/// between the innermost cache and the registers.
gir::Levels whole_chain(const gir::Target& target) {
    gir::Levels levels = gir::levels_of(target);
    levels.list.insert(levels.list.begin(), {"memory", -1, false});
    levels.list.insert(levels.list.end() - 1, {"local", 0, false});
    for (size_t i = 0; i < levels.list.size(); ++i) levels.list[i].parent = static_cast<int>(i) - 1;
    return levels;
}

/// Levels at which the kernel claims something.
std::set<Name> claimed_levels(const Kernel& kernel) {
    std::set<Name> levels;
    gir::for_each_stmt(kernel.body, [&](const gir::Stmt& s) {
        if (auto* let = std::get_if<gir::Let>(&s.node); let && let->resident)
            levels.insert(let->tile.level);
    });
    return levels;
}

/// Prints all boundaries; true when the outermost one and those into claimed levels agree.
bool agrees(const gir::Program& program, const Kernel& kernel, const gir::Target& target,
            Memory memory) {
    gir::interp::AgreementOptions o;
    o.levels = whole_chain(target);
    for (const gir::TargetLevel& l : target.levels)
        if (&l != &target.registers() && &l != &target.outermost())
            o.caches.push_back({l.name, l.capacity_bytes, l.line_bytes});
    o.registers = target.registers().name;
    int64_t iterations = gir::interp::sampled_iterations(kernel);
    o.warm = std::max<int64_t>(iterations / 4, 1);
    o.count = std::max<int64_t>(iterations / 8, 1);
    std::set<Name> claimed = claimed_levels(kernel);
    bool all = true;
    fmt::print("{}\n", kernel.name);
    for (const gir::interp::Agreement& a :
         gir::interp::claims_against_caches(kernel, program, memory, o)) {
        bool counts = claimed.count(a.inside) > 0 || a.outside == target.outermost().name;
        bool holds = a.error() <= kAgreement;
        all = all && (holds || !counts);
        fmt::print("    {} -> {}: ledger {} + {}, caches {} + {}: {:.1f} %{}\n", a.outside,
                   a.inside, a.ledger_read_bytes, a.ledger_write_bytes, a.trace_read_bytes,
                   a.trace_write_bytes, 100 * a.error(),
                   !counts ? " (not claimed)"
                   : holds ? ""
                           : " APART");
    }
    std::fflush(stdout);
    return all;
}

int audit(const Arguments& a) {
    driver::SessionOptions options;
    options.threads = a.threads;
    options.isa = a.isa;
    options.dims = driver::parse_dims(a.feeds.dims);
    driver::Session session(a.model, options);
    auto feeds = driver::gather_feeds(a.model, session.inputs(), a.feeds);
    std::shared_ptr<const driver::Tuned> tuned = session.tuned(feeds);
    gir::Target target = cost::target_of(machine::cpu_features(), a.isa);
    target.cores = a.threads;
    driver::JudgeOptions judge;
    // The trace writes what the kernel would: emitted code writes the same bytes again afterwards.
    int looked_at = 0, agreeing = 0;
    judge.before = [&](const gir::RunStep& step, const Memory& memory) {
        if (!a.caches || step.once) return;
        ++looked_at;
        agreeing += agrees(tuned->program, *step.kernel, target, memory) ? 1 : 0;
    };
    int wrong = 0;
    std::vector<driver::Judgement> found = session.judge(feeds, judge);
    for (const driver::Judgement& j : found) {
        fmt::print("{} {}: {} elements, {} of {} iterations, worst {:.1e}\n",
                   j.holds() ? "ok  " : "FAIL", j.kernel, j.elements, j.iterations, j.of, j.worst);
        wrong += j.holds() ? 0 : 1;
    }
    fmt::print("{}: {} kernels, {} differ\n", a.model, found.size(), wrong);
    if (a.caches) fmt::print("{} of {} agree with caches\n", agreeing, looked_at);
    return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace smeaton

int main(int count, char** values) {
    try {
        return smeaton::audit(smeaton::parse(count, values));
    } catch (const std::exception& e) {
        fmt::print(stderr, "model_audit: {}\n", e.what());
        return 2;
    }
}
