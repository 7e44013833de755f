#include "gir/rewrite/fuse.h"

#include <algorithm>

#include "gir/rewrite/early.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/merge.h"
#include "gir/rewrite/scalars.h"
#include "gir/rewrite/state.h"
#include "gir/rewrite/take_over.h"
#include "gir/rewrite/views.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

void collect_live(const Program& program, const Steps& steps, std::set<Name>& live) {
    auto note = [&](Name n) { live.insert(root_of(program, n)); };
    for (const Step& s : steps) {
        if (auto* run = std::get_if<RunStep>(&s.node))
            for (Name n : run->kernel->reads) note(n);
        if (auto* branch = std::get_if<BranchStep>(&s.node)) {
            note(branch->condition);
            collect_live(program, branch->then_steps, live);
            collect_live(program, branch->else_steps, live);
        }
        if (auto* repeat = std::get_if<RepeatStep>(&s.node)) {
            if (!repeat->condition.empty()) note(repeat->condition);
            for (const auto& c : repeat->carried) note(c.from), note(c.to);
            collect_live(program, repeat->body, live);
        }
        if (auto* settle = std::get_if<SettleStep>(&s.node)) note(settle->from);
    }
}

Program without_dead(Program program) {
    for (bool again = true; again;) {
        again = false;
        std::set<Name> live;
        for (const Buffer& b : program.buffers)
            if (b.lifetime == Lifetime::Output || b.lifetime == Lifetime::State)
                live.insert(root_of(program, b.name));
        collect_live(program, program.steps, live);
        for (size_t i = program.steps.size(); i-- > 0;) {
            KernelPtr kernel = kernel_of(program.steps[i]);
            if (!kernel || kernel->writes.empty()) continue;
            bool used = std::any_of(kernel->writes.begin(), kernel->writes.end(),
                                    [&](Name n) { return live.count(root_of(program, n)) > 0; });
            if (used) continue;
            program.steps.erase(program.steps.begin() + static_cast<long>(i));
            again = true;
        }
    }
    std::set<Name> mentioned;
    collect_live(program, program.steps, mentioned);
    for (const KernelPtr& k : kernels(program))
        for (Name n : k->writes) mentioned.insert(root_of(program, n));
    std::set<Name> named;
    for (const KernelPtr& k : kernels(program)) {
        named.insert(k->reads.begin(), k->reads.end());
        named.insert(k->writes.begin(), k->writes.end());
    }
    auto useless = [&](const Buffer& b) {
        if (!b.alias_of.empty())
            return b.lifetime != Lifetime::Output && named.count(b.name) == 0 &&
                   !touched_by_control(program, b.name);
        if (b.lifetime != Lifetime::Temp && b.lifetime != Lifetime::Weight) return false;
        return mentioned.count(b.name) == 0;
    };
    // A chain of views keeps its middle links.
    std::set<Name> viewed;
    for (const Buffer& b : program.buffers)
        if (!b.alias_of.empty() && !useless(b)) viewed.insert(b.alias_of);
    program.buffers.erase(
        std::remove_if(program.buffers.begin(), program.buffers.end(),
                       [&](const Buffer& b) { return useless(b) && viewed.count(b.name) == 0; }),
        program.buffers.end());
    return program;
}

/// Rules leave what they do not change as it is, down to the pointer.
bool same_structure(const Program& a, const Program& b) {
    return kernels(a) == kernels(b) && a.buffers.size() == b.buffers.size();
}

}  // namespace

Program drop_dead(Program program, const Rules& rules) {
    return applied("drop-dead", std::move(program), rules, Prices::Kind::Tiled, without_dead);
}

Program fuse(Program program, const Rules& rules) {
    program = simplify_scalars(std::move(program), rules);
    for (Program before; !same_structure(before, program);) {
        before = program;
        program = through_views(std::move(program), rules);
        program = take_over_by_readers(std::move(program), rules);
        program = drop_dead(std::move(program), rules);
        program = take_over_by_writers(std::move(program), rules);
        program = merge_loops(std::move(program), rules);
        program = drop_dead(std::move(program), rules);
    }
    return states_early(state_in_place(std::move(program), rules), rules);
}

}  // namespace smeaton::gir::rewrite
