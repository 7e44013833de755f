#include "gir/walk.h"

#include <algorithm>

#include "base/error.h"
#include "gir/rename.h"

namespace smeaton::gir {

const Block* body_of(const Stmt& s) {
    if (auto* p = std::get_if<Parallel>(&s.node)) return &p->body;
    if (auto* f = std::get_if<For>(&s.node)) return &f->body;
    return nullptr;
}

StmtPtr with_body(const Stmt& s, Block body) {
    if (auto* p = std::get_if<Parallel>(&s.node)) {
        Parallel copy{p->axis, p->extent, p->scope, std::move(body)};
        return stmt(std::move(copy));
    }
    For copy = std::get<For>(s.node);
    copy.body = std::move(body);
    return stmt(std::move(copy));
}

void for_each_stmt(const Block& block, const std::function<void(const Stmt&)>& visit) {
    for (const StmtPtr& s : block) {
        visit(*s);
        if (const Block* body = body_of(*s)) for_each_stmt(*body, visit);
    }
}

void for_each_op(const Block& block, const std::function<void(const Op&)>& visit) {
    for_each_stmt(block, [&](const Stmt& s) {
        if (auto* op = std::get_if<Op>(&s.node)) visit(*op);
    });
}

void visit_with_indices(const Slice& s, bool written,
                        const std::function<void(const Slice&, bool)>& visit) {
    visit(s, written);
    for (const Coord& c : s.at)
        if (c.index) visit_with_indices(*c.index, false, visit);
}

void for_each_slice(const Op& op, const std::function<void(const Slice&, bool written)>& visit) {
    for (const Operand& o : op.srcs)
        if (auto* s = std::get_if<Slice>(&o)) visit_with_indices(*s, false, visit);
    visit_with_indices(op.dst, true, visit);
    if (op.payload) visit_with_indices(*op.payload, true, visit);
}

void for_each_operand(const Op& op, const std::function<void(const Slice&)>& visit) {
    for (const Operand& o : op.srcs)
        if (auto* s = std::get_if<Slice>(&o)) visit(*s);
    if (op.accumulate || op.kind == OpKind::Scatter) visit(op.dst);
}

double most_at_once(const Block& block, const std::function<double(const Let&)>& bytes) {
    double own = 0, most = 0;
    for (const StmtPtr& s : block) {
        if (auto* let = std::get_if<Let>(&s->node)) own += bytes(*let);
        const Block* body = body_of(*s);
        most = std::max(most, own + (body ? most_at_once(*body, bytes) : 0));
    }
    return most;
}

Op filling_of(const Let& copy) {
    Op op;
    op.dims = copy.tile.dims;
    op.dst.target = copy.tile.name;
    for (const NamedDim& d : copy.tile.dims) op.dst.at.emplace_back(d.name);
    op.srcs.emplace_back(*copy.source);
    return op;
}

Block map_stmts(const Block& block, const std::function<Block(const StmtPtr&)>& rewrite) {
    Block out;
    bool changed = false;
    for (const StmtPtr& s : block) {
        StmtPtr current = s;
        if (const Block* body = body_of(*s)) {
            Block inner = map_stmts(*body, rewrite);
            if (inner != *body) current = with_body(*s, std::move(inner));
        }
        Block replaced = rewrite(current);
        changed = changed || replaced.size() != 1 || replaced[0] != s;
        out.insert(out.end(), replaced.begin(), replaced.end());
    }
    return changed ? out : block;
}

Block map_ops(const Block& block, const std::function<Op(const Op&)>& rewrite) {
    return map_stmts(block, [&](const StmtPtr& s) -> Block {
        auto* op = std::get_if<Op>(&s->node);
        if (!op) return {s};
        Op next = rewrite(*op);
        if (next == *op) return {s};
        return {stmt(std::move(next))};
    });
}

Slice substitute(const Slice& slice, const Substitution& map) {
    Slice out = slice;
    for (Coord& c : out.at) {
        c.affine = substitute(c.affine, map);
        if (c.index) c.index = std::make_shared<const Slice>(substitute(*c.index, map));
    }
    if (out.within)
        for (Bound& b : out.within->bounds) b.expr = substitute(b.expr, map);
    return out;
}

static Operand substitute(const Operand& operand, const Substitution& map) {
    if (auto* s = std::get_if<Slice>(&operand)) return substitute(*s, map);
    return operand;
}

Op substitute(const Op& op, const Substitution& map) {
    Op out = op;
    out.dst = substitute(op.dst, map);
    for (Operand& o : out.srcs) o = substitute(o, map);
    if (out.payload) out.payload = substitute(*op.payload, map);
    out.value = substitute(op.value, map);
    return out;
}

static void substitute_all(std::vector<Affine>& forms, const Substitution& map) {
    for (Affine& a : forms) a = substitute(a, map);
}

Block substitute(const Block& block, const Substitution& map) {
    if (map.empty()) return block;
    return map_stmts(block, [&](const StmtPtr& s) -> Block {
        if (auto* op = std::get_if<Op>(&s->node)) {
            Op next = substitute(*op, map);
            return {next == *op ? s : stmt(std::move(next))};
        }
        if (auto* let = std::get_if<Let>(&s->node); let && let->source) {
            Let next = *let;
            next.source = substitute(*let->source, map);
            return {stmt(std::move(next))};
        }
        if (auto* loop = std::get_if<For>(&s->node);
            loop && !(loop->from.empty() && loop->to.empty())) {
            For next = *loop;
            substitute_all(next.from, map);
            substitute_all(next.to, map);
            return {stmt(std::move(next))};
        }
        if (auto* check = std::get_if<Check>(&s->node)) {
            Check next = *check;
            next.condition = substitute(check->condition, map);
            return {stmt(std::move(next))};
        }
        if (auto* prefetch = std::get_if<Prefetch>(&s->node)) {
            Prefetch next = *prefetch;
            next.element = substitute(prefetch->element, map);
            return {stmt(std::move(next))};
        }
        return {s};
    });
}

namespace {

// Renames every name of a slice by one function for targets and one for variables.
struct Renamer {
    const OtherNames* targets = nullptr;
    const OtherNames* vars = nullptr;
    const FlatMap<std::string, std::string>* origins = nullptr;

    template <class Key>
    static void apply(Key& n, const FlatMap<Key, Key>* map) {
        if (!map) return;
        if (auto found = map->find(n); found != map->end()) n = found->second;
    }
    Affine affine(const Affine& a) const {
        if (!vars || a.terms.empty()) return a;
        Affine out(a.constant);
        for (Term t : a.terms) {
            apply(t.var, vars);
            out += Affine(t.var, t.coefficient);
        }
        return out;
    }
    Block block(const Block& b) const {
        Block out;
        out.reserve(b.size());
        for (const StmtPtr& s : b) out.push_back(std::visit(*this, s->node));
        return out;
    }
    void dims(std::vector<NamedDim>& list) const {
        for (NamedDim& d : list) apply(d.name, vars);
    }
    void slice(Slice& s) const {
        apply(s.target, targets);
        for (Coord& c : s.at) {
            c.affine = affine(c.affine);
            if (c.index) {
                Slice inner = *c.index;
                slice(inner);
                c.index = std::make_shared<const Slice>(std::move(inner));
            }
        }
        if (s.within)
            for (Bound& b : s.within->bounds) b.expr = affine(b.expr);
    }
    void operand(Operand& o) const {
        if (auto* s = std::get_if<Slice>(&o)) slice(*s);
    }

    StmtPtr operator()(const Parallel& p) const {
        Parallel n{p.axis, p.extent, p.scope, block(p.body)};
        apply(n.axis, vars);
        return stmt(std::move(n));
    }
    StmtPtr operator()(const For& f) const {
        For n{f.axis, f.extent, f.from, f.to, f.unroll, block(f.body)};
        apply(n.axis, vars);
        for (Affine& a : n.from) a = affine(a);
        for (Affine& a : n.to) a = affine(a);
        return stmt(std::move(n));
    }
    StmtPtr operator()(const Let& l) const {
        Let n = l;
        apply(n.tile.name, targets);
        apply(n.ring, vars);
        dims(n.tile.dims);
        if (n.source) slice(*n.source);
        return stmt(std::move(n));
    }
    StmtPtr operator()(const Op& o) const {
        Op n = o;
        dims(n.dims);
        slice(n.dst);
        for (Operand& s : n.srcs) operand(s);
        if (n.payload) slice(*n.payload);
        n.value = affine(n.value);
        apply(n.along, vars);
        if (n.spelling) spelling(*n.spelling);
        for (std::string& origin : n.origins) apply(origin, origins);
        return stmt(std::move(n));
    }
    void spelling(Spelling& s) const {
        apply(s.lanes, vars);
        apply(s.across, vars);
        for (Name& n : s.unrolled) apply(n, vars);
        for (Name& n : s.loops) apply(n, vars);
        for (Name& n : s.scratch) apply(n, targets);
        for (Gathered& g : s.gathered) apply(g.operand, targets);
        for (Strided& t : s.strided) apply(t.operand, targets);
    }
    StmtPtr operator()(const Prefetch& p) const {
        Prefetch n = p;
        apply(n.buffer, targets);
        n.element = affine(n.element);
        return stmt(std::move(n));
    }
    StmtPtr operator()(const Check& c) const {
        Check n = c;
        dims(n.dims);
        operand(n.condition);
        return stmt(std::move(n));
    }
};

}  // namespace

Block rename(const Block& block, const Renaming& names) {
    auto some = [](const auto& map) { return map.empty() ? nullptr : &map; };
    const Renamer renamer{some(names.targets), some(names.vars), some(names.origins)};
    const bool none = !renamer.targets && !renamer.vars && !renamer.origins;
    return none ? block : renamer.block(block);
}

Block rename_targets(const Block& block, const OtherNames& map) {
    return map.empty() ? block : Renamer{&map}.block(block);
}

Block rename_vars(const Block& block, const OtherNames& map) {
    return map.empty() ? block : Renamer{nullptr, &map}.block(block);
}

static Block with_unique_tiles(const Block& block, OtherNames names, std::set<Name>& taken,
                               std::set<Name>& declared) {
    Block out;
    for (const StmtPtr& s : block) {
        StmtPtr renamed = rename_targets({s}, names).front();
        if (auto* let = std::get_if<Let>(&renamed->node)) {
            Name name = let->tile.name;
            if (!declared.insert(name).second) {
                Name own = fresh(name, taken);
                declared.insert(own);
                names[name] = own;
                renamed = rename_targets({renamed}, {{name, own}}).front();
            }
        } else if (auto* p = std::get_if<Parallel>(&renamed->node)) {
            Block body = with_unique_tiles(p->body, names, taken, declared);
            if (!(body == p->body)) renamed = stmt(Parallel{p->axis, p->extent, p->scope, body});
        } else if (auto* f = std::get_if<For>(&renamed->node)) {
            For next = *f;
            next.body = with_unique_tiles(f->body, names, taken, declared);
            if (!(next.body == f->body)) renamed = stmt(std::move(next));
        }
        out.push_back(renamed);
    }
    return out;
}

static bool has_unique_tiles(const Block& block) {
    std::set<Name> tiles;
    bool unique = true;
    for_each_stmt(block, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node))
            unique = tiles.insert(let->tile.name).second && unique;
    });
    return unique;
}

Block with_unique_tiles(const Block& block) {
    if (has_unique_tiles(block)) return block;
    std::set<Name> taken = declared_names(block), declared;
    const Kernel used = with_uses({Name(), {}, {}, block, {}});  // a tile must not hide a buffer
    taken.insert(used.reads.begin(), used.reads.end());
    taken.insert(used.writes.begin(), used.writes.end());
    return with_unique_tiles(block, {}, taken, declared);
}

std::set<Name> declared_names(const Block& block) {
    std::set<Name> names;
    for_each_stmt(block, [&](const Stmt& s) {
        if (auto* p = std::get_if<Parallel>(&s.node)) names.insert(p->axis);
        if (auto* f = std::get_if<For>(&s.node)) names.insert(f->axis);
        if (auto* l = std::get_if<Let>(&s.node)) {
            names.insert(l->tile.name);
            for (const NamedDim& d : l->tile.dims) names.insert(d.name);
        }
        if (auto* o = std::get_if<Op>(&s.node))
            for (const NamedDim& d : o->dims) names.insert(d.name);
    });
    return names;
}

Name fresh(Name base, std::set<Name>& taken) {
    Name candidate = base;
    for (int k = 2; taken.count(candidate) > 0; ++k) candidate = fmt::format("{}_{}", base, k);
    taken.insert(candidate);
    return candidate;
}

std::set<Name> tiles_declared(const Block& block) {
    std::set<Name> tiles;
    for_each_stmt(block, [&](const Stmt& s) {
        if (auto* l = std::get_if<Let>(&s.node)) tiles.insert(l->tile.name);
    });
    return tiles;
}

Kernel with_uses(Kernel kernel) {
    kernel.reads.clear();
    kernel.writes.clear();
    std::set<Name> tiles = tiles_declared(kernel.body);
    auto note = [&](const Slice& s, bool written) {
        if (tiles.count(s.target) > 0) return;
        std::vector<Name>& list = written ? kernel.writes : kernel.reads;
        if (std::find(list.begin(), list.end(), s.target) == list.end()) list.push_back(s.target);
    };
    for_each_stmt(kernel.body, [&](const Stmt& s) {
        if (auto* op = std::get_if<Op>(&s.node)) for_each_slice(*op, note);
        if (auto* let = std::get_if<Let>(&s.node); let && let->source)
            visit_with_indices(*let->source, false, note);
        if (auto* check = std::get_if<Check>(&s.node))
            if (auto* c = std::get_if<Slice>(&check->condition))
                visit_with_indices(*c, false, note);
    });
    return kernel;
}

bool has_several_phases(const Block& kernel_body) {
    int64_t parallels = 0;
    bool others = false;
    for (const StmtPtr& s : kernel_body) {
        auto* let = std::get_if<Let>(&s->node);
        if (std::holds_alternative<Parallel>(s->node))
            ++parallels;
        else
            others = others || !let || !(let->source || let->constant);
    }
    return parallels > 1 || (parallels == 1 && others);
}

const Parallel* only_parallel(const Block& block) {
    const Parallel* found = nullptr;
    for (const StmtPtr& s : block) {
        auto* let = std::get_if<Let>(&s->node);
        if (let && let->kind == TileKind::Claim) continue;
        auto* parallel = std::get_if<Parallel>(&s->node);
        if (!parallel || found) return nullptr;
        found = parallel;
    }
    return found;
}

double points(const Block& block) {
    double sum = 0;
    for (const StmtPtr& s : block) {
        if (auto* p = std::get_if<Parallel>(&s->node))
            sum += static_cast<double>(p->extent.value()) * points(p->body);
        if (auto* f = std::get_if<For>(&s->node))
            sum += static_cast<double>(f->extent.value()) * points(f->body);
        if (auto* op = std::get_if<Op>(&s->node)) {
            double box = 1;
            for (const NamedDim& d : op->dims) box *= static_cast<double>(d.extent.value());
            sum += box;
        }
    }
    return sum;
}

static void collect(const Steps& steps, std::vector<KernelPtr>& out) {
    for (const Step& s : steps) {
        if (auto* run = std::get_if<RunStep>(&s.node)) out.push_back(run->kernel);
        if (auto* branch = std::get_if<BranchStep>(&s.node)) {
            collect(branch->then_steps, out);
            collect(branch->else_steps, out);
        }
        if (auto* repeat = std::get_if<RepeatStep>(&s.node)) collect(repeat->body, out);
    }
}

std::vector<KernelPtr> kernels(const Program& program) {
    std::vector<KernelPtr> out;
    collect(program.steps, out);
    return out;
}

static void map_steps(Steps& steps, const std::function<KernelPtr(const KernelPtr&)>& rewrite) {
    for (Step& s : steps) {
        if (auto* run = std::get_if<RunStep>(&s.node)) run->kernel = rewrite(run->kernel);
        if (auto* branch = std::get_if<BranchStep>(&s.node)) {
            map_steps(branch->then_steps, rewrite);
            map_steps(branch->else_steps, rewrite);
        }
        if (auto* repeat = std::get_if<RepeatStep>(&s.node)) map_steps(repeat->body, rewrite);
    }
}

Program map_kernels(Program program, const std::function<KernelPtr(const KernelPtr&)>& rewrite) {
    map_steps(program.steps, rewrite);
    return program;
}

}  // namespace smeaton::gir
