#include "gir/bind.h"

#include <algorithm>

#include "gir/walk.h"

namespace smeaton::gir {

namespace {

// Puts the numbers into what `substitute` leaves out: extents and the ends of bounds.
struct Binder {
    const Bindings& bindings;

    void dims(std::vector<NamedDim>& list) const {
        for (NamedDim& d : list) d.extent = d.extent.bind(bindings);
    }
    void slice(Slice& s) const {
        for (Coord& c : s.at) {
            if (!c.index) continue;
            Slice inner = *c.index;
            slice(inner);
            c.index = std::make_shared<const Slice>(std::move(inner));
        }
        if (!s.within) return;
        for (Bound& b : s.within->bounds) {
            if (b.lo) b.lo = b.lo->bind(bindings);
            if (b.hi) b.hi = b.hi->bind(bindings);
        }
    }
    void operand(Operand& o) const {
        if (auto* s = std::get_if<Slice>(&o)) slice(*s);
    }

    StmtPtr operator()(Parallel p) const {
        p.extent = p.extent.bind(bindings);
        return stmt(std::move(p));
    }
    StmtPtr operator()(For f) const {
        f.extent = f.extent.bind(bindings);
        return stmt(std::move(f));
    }
    StmtPtr operator()(Let l) const {
        dims(l.tile.dims);
        if (l.source) slice(*l.source);
        return stmt(std::move(l));
    }
    StmtPtr operator()(Op o) const {
        dims(o.dims);
        slice(o.dst);
        for (Operand& s : o.srcs) operand(s);
        if (o.payload) slice(*o.payload);
        return stmt(std::move(o));
    }
    StmtPtr operator()(Check c) const {
        dims(c.dims);
        operand(c.condition);
        return stmt(std::move(c));
    }
    StmtPtr operator()(Prefetch p) const { return stmt(std::move(p)); }

    void steps(Steps& list) const {
        for (Step& s : list) {
            if (auto* branch = std::get_if<BranchStep>(&s.node)) {
                steps(branch->then_steps);
                steps(branch->else_steps);
            } else if (auto* repeat = std::get_if<RepeatStep>(&s.node)) {
                if (repeat->trips) repeat->trips = repeat->trips->bind(bindings);
                steps(repeat->body);
            }
        }
    }
};

}  // namespace

Program bind(Program program, const Bindings& bindings) {
    Bindings numbers;
    for (const Param& p : program.params) {
        auto found = bindings.find(p.name);
        if (found != bindings.end())
            numbers[p.name] = found->second;
        else if (p.bound)
            numbers[p.name] = *p.bound;
    }
    if (numbers.empty()) return program;
    Substitution forms;
    for (const auto& [name, value] : numbers) forms.emplace(name, Affine(value));
    const Binder binder{numbers};
    for (Buffer& b : program.buffers) binder.dims(b.dims);
    binder.steps(program.steps);
    program = map_kernels(std::move(program), [&](const KernelPtr& kernel) {
        Kernel next = *kernel;
        next.body = map_stmts(substitute(kernel->body, forms), [&](const StmtPtr& s) -> Block {
            return {std::visit(binder, s->node)};
        });
        return std::make_shared<const Kernel>(std::move(next));
    });
    std::erase_if(program.params, [&](const Param& p) { return numbers.count(p.name) > 0; });
    return program;
}

}  // namespace smeaton::gir
