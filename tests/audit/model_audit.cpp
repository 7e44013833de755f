// Each kernel of a compiled model: emitted code against the interpreter, claims against caches.
#include <fmt/format.h>

#include <string>

#include "base/error.h"
#include "claims.h"
#include "cost/target.h"
#include "driver/feeds.h"
#include "driver/pipeline.h"
#include "driver/session.h"
#include "machine/probe/cpu.h"

namespace smeaton::audit {
namespace {

using gir::Kernel;
using gir::interp::Memory;

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

/// Prints all boundaries; true when the outermost one and those into claimed levels agree.
bool agrees(const gir::Program& program, const Kernel& kernel, const gir::Target& target,
            Memory memory) {
    bool all = true;
    fmt::print("{}\n", kernel.name);
    for (const Boundary& b : boundaries(program, kernel, target, std::move(memory))) {
        const gir::interp::Agreement& a = b.bytes;
        all = all && b.holds();
        fmt::print("    {} -> {}: ledger {} + {}, caches {} + {}: {:.1f} %{}\n", a.outside,
                   a.inside, a.ledger_read_bytes, a.ledger_write_bytes, a.trace_read_bytes,
                   a.trace_write_bytes, 100 * a.error(),
                   !b.counts   ? " (not claimed)"
                   : b.holds() ? ""
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
        fmt::print("{} {}: {} elements, {} of {} iterations, worst {:.1e}, {} ill-conditioned\n",
                   j.holds() ? "ok  " : "FAIL", j.kernel, j.elements, j.iterations, j.of, j.worst,
                   j.ill_conditioned);
        wrong += j.holds() ? 0 : 1;
    }
    fmt::print("{}: {} kernels, {} differ\n", a.model, found.size(), wrong);
    if (a.caches) fmt::print("{} of {} agree with caches\n", agreeing, looked_at);
    return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace smeaton::audit

int main(int count, char** values) {
    try {
        return smeaton::audit::audit(smeaton::audit::parse(count, values));
    } catch (const std::exception& e) {
        fmt::print(stderr, "model_audit: {}\n", e.what());
        return 2;
    }
}
