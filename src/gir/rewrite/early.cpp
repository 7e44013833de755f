#include "gir/rewrite/early.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "gir/names.h"
#include "gir/rewrite/engine.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

/// A step, by what it touches.
struct Touched {
    std::set<Name> reads, writes;  // roots
    bool checks = false, writes_state = false;
};

std::vector<Touched> touched_by(const Program& program) {
    std::vector<Touched> all;
    for (const Step& step : program.steps) {
        const Kernel& kernel = *kernel_of(step);
        Touched t;
        for (Name name : kernel.reads) t.reads.insert(root_of(program, name));
        for (Name name : kernel.writes) {
            const Name root = root_of(program, name);
            t.writes.insert(root);
            t.writes_state = t.writes_state || program.buffer(root).lifetime == Lifetime::State;
        }
        for_each_stmt(kernel.body, [&](const Stmt& s) {
            t.checks = t.checks || std::holds_alternative<Check>(s.node);
        });
        all.push_back(std::move(t));
    }
    return all;
}

bool is_number(const Buffer& b) {
    return std::all_of(b.dims.begin(), b.dims.end(),
                       [](const NamedDim& d) { return d.extent.is(1); });
}

/// By step: does it write nothing but states, outputs, and single numbers for such steps?
std::vector<bool> of_results(const Program& program, const std::vector<Touched>& steps) {
    std::vector<bool> found(steps.size());
    std::set<Name> read_by_others;
    for (size_t n = steps.size(); n-- > 0;) {
        const Touched& t = steps[n];
        const bool once = std::get<RunStep>(program.steps[n].node).once;
        found[n] =
            !once && !t.checks && std::all_of(t.writes.begin(), t.writes.end(), [&](Name root) {
                const Buffer& b = program.buffer(root);
                return b.lifetime != Lifetime::Temp ||
                       (is_number(b) && read_by_others.count(root) == 0);
            });
        if (!found[n]) read_by_others.insert(t.reads.begin(), t.reads.end());
    }
    return found;
}

bool straight(const Program& program) {
    return std::all_of(program.steps.begin(), program.steps.end(),
                       [](const Step& s) { return kernel_of(s) != nullptr; });
}

}  // namespace

static Program moved_early(Program program) {
    if (!straight(program)) return program;
    const std::vector<Touched> steps = touched_by(program);
    const std::vector<bool> movable = of_results(program, steps);
    size_t checked = 0;
    for (size_t n = 0; n < steps.size(); ++n)
        if (steps[n].checks) checked = n;
    // Where a step stands: behind the step of this number that does not move.
    std::vector<size_t> behind(steps.size());
    std::map<Name, size_t> written, touched;  // latest, by root
    for (size_t n = 0; n < steps.size(); ++n) {
        const Touched& t = steps[n];
        behind[n] = n;
        if (movable[n]) {
            size_t first = t.writes_state ? checked : 0;
            for (Name root : t.reads)
                if (written.count(root) > 0) first = std::max(first, written[root]);
            for (Name root : t.writes)
                if (touched.count(root) > 0) first = std::max(first, touched[root]);
            behind[n] = std::min(first, n);
        }
        for (Name root : t.reads) touched[root] = std::max(touched[root], behind[n]);
        for (Name root : t.writes)
            touched[root] = written[root] = std::max(touched[root], behind[n]);
    }
    std::vector<std::tuple<size_t, bool, size_t>> order;
    for (size_t n = 0; n < steps.size(); ++n) order.emplace_back(behind[n], behind[n] != n, n);
    std::sort(order.begin(), order.end());
    Steps moved;
    for (const auto& [place, moves, n] : order) moved.push_back(program.steps[n]);
    program.steps = std::move(moved);
    return program;
}

Program states_early(Program program, const Rules& rules) {
    return applied("states-early", std::move(program), rules, Prices::Kind::Tiled, moved_early);
}

}  // namespace smeaton::gir::rewrite
