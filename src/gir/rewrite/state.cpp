#include "gir/rewrite/state.h"

#include <algorithm>

#include "gir/rewrite/engine.h"
#include "gir/rewrite/nest.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// A statement of a kernel of a program.
struct Place {
    size_t step = 0, statement = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
};

// One access, and the loops around it from the outermost.
struct StateUse {
    Slice slice;
    bool written = false;
    bool plain = true;  // the op runs over loops alone
    std::vector<const Stmt*> loops;
};

void collect(const Block& block, std::vector<const Stmt*>& loops, std::vector<StateUse>& out) {
    for (const StmtPtr& s : block) {
        auto inside = [&](const Block& body) {
            loops.push_back(s.get());
            collect(body, loops, out);
            loops.pop_back();
        };
        auto add = [&](const Slice& slice, bool written, bool plain) {
            out.push_back({slice, written, plain, loops});
        };
        if (auto* p = std::get_if<Parallel>(&s->node)) inside(p->body);
        if (auto* f = std::get_if<For>(&s->node)) inside(f->body);
        if (auto* let = std::get_if<Let>(&s->node); let && let->source)
            add(*let->source, false, false);
        if (auto* check = std::get_if<Check>(&s->node))
            if (auto* c = std::get_if<Slice>(&check->condition))
                add(*c, false, check->dims.empty());
        auto* op = std::get_if<Op>(&s->node);
        if (!op) continue;
        const bool plain = op->dims.empty() && op->kind != OpKind::Sort;
        for (bool written : {false, true})  // an op reads before it writes
            for_each_slice(*op, [&](const Slice& slice, bool w) {
                if (w == written) add(slice, w, plain);
            });
    }
}

std::vector<StateUse> accesses(const StmtPtr& s) {
    std::vector<const Stmt*> loops;
    std::vector<StateUse> out;
    collect({s}, loops, out);
    return out;
}

std::pair<Name, Dim> axis_of(const Stmt* loop) {
    if (auto* p = std::get_if<Parallel>(&loop->node)) return {p->axis, p->extent};
    const auto& f = std::get<For>(loop->node);
    return {f.axis, f.extent};
}

// Each iteration of the loops around has an element of its own: every loop walks one dim.
bool own_element(const StateUse& a) {
    if (a.slice.within || !a.plain) return false;
    std::set<Name> walked;
    for (const Coord& c : a.slice.at) {
        if (c.index) return false;
        if (c.affine.is_const()) continue;
        std::optional<Name> axis = c.affine.single_var();
        if (!axis || !walked.insert(*axis).second) return false;
    }
    return std::all_of(a.loops.begin(), a.loops.end(), [&](const Stmt* loop) {
        auto [axis, extent] = axis_of(loop);
        return walked.count(axis) > 0 || extent.is(1);
    });
}

bool covers(const Program& program, const StateUse& a) {
    const Buffer& b = program.buffer(a.slice.target);
    for (size_t d = 0; d < b.dims.size(); ++d) {
        const Affine& at = a.slice.at[d].affine;
        if (at == Affine(0) && b.dims[d].extent.is(1)) continue;
        bool whole = std::any_of(a.loops.begin(), a.loops.end(), [&](const Stmt* loop) {
            auto* p = std::get_if<Parallel>(&loop->node);
            return p && at == Affine(p->axis) && p->extent == b.dims[d].extent;
        });
        if (!whole) return false;
    }
    return true;
}

bool same_shape(const Buffer& a, const Buffer& b) {
    if (a.dtype != b.dtype || a.dims.size() != b.dims.size()) return false;
    for (size_t d = 0; d < a.dims.size(); ++d)
        if (a.dims[d].extent != b.dims[d].extent) return false;
    return true;
}

// Copies all of one buffer into another of the same shape, element by element.
bool copies(const Program& program, const StmtPtr& s, Name from, Name to) {
    LoopNest nest = nest_of(s, true);
    if (nest.body.size() != 1) return false;
    auto* op = std::get_if<Op>(&nest.body[0]->node);
    if (!op || op->kind != OpKind::Move || op->dst.target != to) return false;
    auto* src = std::get_if<Slice>(&op->srcs[0]);
    if (!src || src->target != from || src->within || !(src->at == op->dst.at)) return false;
    if (!same_shape(program.buffer(from), program.buffer(to))) return false;
    std::vector<StateUse> all = accesses(s);
    return own_element(all.back()) && covers(program, all.back());
}

bool is_check(const Stmt& s) {
    return std::holds_alternative<Check>(s.node);
}

bool has_checks(const StmtPtr& s) {
    bool found = false;
    for_each_stmt({s}, [&](const Stmt& inner) { found = found || is_check(inner); });
    return found;
}

// A temp `next` whose last use is to be copied into `state` by the only statement of step `copy`.
struct InPlace {
    const Program& program;
    Name state, next;
    size_t copy;

    const Block& body(size_t step) const {
        return std::get<RunStep>(program.steps[step].node).kernel->body;
    }

    template <class Visit>
    void each_statement(Visit visit) const {
        for (size_t i = 0; i < program.steps.size(); ++i)
            if (kernel_of(program.steps[i]))
                for (size_t k = 0; k < body(i).size(); ++k) visit(Place{i, k}, body(i)[k]);
    }

    // The statement that first makes the temp differ from what the state holds.
    std::optional<Place> first_write() const {
        std::optional<Place> first;
        each_statement([&](Place at, const StmtPtr& s) {
            if (first || copies(program, s, state, next)) return;
            for (const StateUse& a : accesses(s))
                if (a.written && a.slice.target == next) first = at;
        });
        return first;
    }

    bool is_state(Name n) const {
        return program.find_buffer(n) && root_of(program, n) == root_of(program, state);
    }

    // Each element of the state is read, if at all, where the same element is written next.
    bool reads_what_it_writes(const StmtPtr& s) const {
        const std::vector<StateUse> all = accesses(s);
        auto reads_state = [&](const StateUse& a) {
            return !a.written && is_state(a.slice.target);
        };
        if (std::none_of(all.begin(), all.end(), reads_state)) return true;
        const StateUse* write = nullptr;
        for (const StateUse& a : all) {
            if (a.written && a.slice.target == next) {
                if (write || !own_element(a)) return false;
                write = &a;
            }
            if (write && reads_state(a)) return false;
        }
        return write && std::all_of(all.begin(), all.end(), [&](const StateUse& a) {
                   if (!reads_state(a)) return true;
                   return a.plain && a.slice.target == state && a.slice.at == write->slice.at &&
                          a.loops.size() >= write->loops.size() &&
                          std::equal(write->loops.begin(), write->loops.end(), a.loops.begin());
               });
    }

    // What its checks look at is there before it writes anything.
    bool checks_can_come_first(const StmtPtr& s) const {
        if (!has_checks(s)) return true;
        std::set<Name> written, read;
        for (const StateUse& a : accesses(s))
            if (program.find_buffer(a.slice.target))
                (a.written ? written : read).insert(root_of(program, a.slice.target));
        return std::none_of(read.begin(), read.end(), [&](Name n) { return written.count(n) > 0; });
    }

    bool safe(Place first) const {
        bool good = true;
        each_statement([&](Place at, const StmtPtr& s) {
            if (at < first) return;
            if (at == first) {
                good = good && reads_what_it_writes(s) && checks_can_come_first(s);
                return;
            }
            good = good && !has_checks(s);
            for (const StateUse& a : accesses(s))
                if (is_state(a.slice.target) && (!a.written || at.step != copy)) good = false;
        });
        return good;
    }
};

// The statement made of nothing but what its checks need, and the statement without them.
Block checks_first(const StmtPtr& s, const Program& program) {
    if (!has_checks(s)) return {s};
    Block checks = map_stmts({s}, [&](const StmtPtr& inner) -> Block {
        auto* op = std::get_if<Op>(&inner->node);
        return op && program.find_buffer(op->dst.target) ? Block{} : Block{inner};
    });
    Block rest = map_stmts({s}, [&](const StmtPtr& inner) -> Block {
        return is_check(*inner) ? Block{} : Block{inner};
    });
    checks.insert(checks.end(), rest.begin(), rest.end());
    return checks;
}

Program rewritten(const Program& program, const InPlace& found, Place first) {
    Program out = program;
    out.steps.clear();
    for (size_t i = 0; i < program.steps.size(); ++i) {
        if (i == found.copy) continue;
        RunStep step = std::get<RunStep>(program.steps[i].node);
        Kernel kernel = *step.kernel;
        kernel.body.clear();
        for (size_t k = 0; k < step.kernel->body.size(); ++k) {
            const StmtPtr& s = step.kernel->body[k];
            if (copies(program, s, found.state, found.next)) continue;
            Block more = Place{i, k} == first ? checks_first(s, program) : Block{s};
            kernel.body.insert(kernel.body.end(), more.begin(), more.end());
        }
        if (kernel.body.empty()) continue;
        kernel.body = rename_targets(kernel.body, {{found.next, found.state}});
        step.kernel = std::make_shared<const Kernel>(with_uses(kernel));
        out.steps.push_back({step});
    }
    std::erase_if(out.buffers, [&](const Buffer& b) { return b.name == found.next; });
    return out;
}

std::optional<InPlace> copy_into_state(const Program& program, size_t step) {
    KernelPtr kernel = kernel_of(program.steps[step]);
    if (!kernel || kernel->body.size() != 1 || kernel->reads.size() != 1 ||
        kernel->writes.size() != 1)
        return std::nullopt;
    const Buffer& state = program.buffer(kernel->writes[0]);
    const Buffer& next = program.buffer(kernel->reads[0]);
    if (state.lifetime != Lifetime::State || !state.alias_of.empty()) return std::nullopt;
    if (!is_free_temp(program, next) || touched_by_control(program, state.name))
        return std::nullopt;
    if (!copies(program, kernel->body[0], next.name, state.name)) return std::nullopt;
    return InPlace{program, state.name, next.name, step};
}

Program with_states_in_place(Program program) {
    for (size_t step = program.steps.size(); step-- > 0;) {
        std::optional<InPlace> found = copy_into_state(program, step);
        if (!found) continue;
        std::optional<Place> first = found->first_write();
        if (!first || first->step >= step || !found->safe(*first)) continue;
        program = rewritten(program, *found, *first);
        step = std::min(step, program.steps.size());
    }
    return program;
}

bool straight(const Program& program) {
    return std::all_of(program.steps.begin(), program.steps.end(),
                       [](const Step& s) { return kernel_of(s) != nullptr; });
}

}  // namespace

Program state_in_place(Program program, const Rules& rules) {
    if (!straight(program)) return program;
    return applied("state-in-place", std::move(program), rules, Prices::Kind::Tiled,
                   with_states_in_place);
}

}  // namespace smeaton::gir::rewrite
