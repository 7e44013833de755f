#include "gir/ledger/loops.h"

#include <algorithm>

#include "base/error.h"

namespace smeaton::gir {

Loops::Loops(const Program& program) {
    for (const Param& p : program.params)
        if (p.bound) bindings_[p.name] = *p.bound;
}

bool Loops::is_axis(int v) const {
    return std::find(axis_stack_.begin(), axis_stack_.end(), v) != axis_stack_.end();
}

int Loops::axis(Name axis, Name what) const {
    auto found = axes_.find(axis);
    SMEATON_CHECK(found != axes_.end(), "ring({}) of {} names no enclosing loop", axis, what);
    return found->second;
}

int Loops::new_var(const Dim& extent) {
    extents_.push_back(bound(extent));
    return static_cast<int>(extents_.size()) - 1;
}

DimVars Loops::vars_of(const std::vector<NamedDim>& dims) {
    DimVars vars;
    for (const NamedDim& d : dims) vars[d.name] = new_var(d.extent);
    return vars;
}

Dim Loops::split(const Affine& a, const DimVars& vars, LinearTerms& terms) const {
    Dim rest(a.constant);
    for (const Term& t : a.terms) {
        if (auto d = vars.find(t.var); d != vars.end())
            terms.emplace_back(d->second, t.coefficient);
        else if (auto x = axes_.find(t.var); x != axes_.end())
            terms.emplace_back(x->second, t.coefficient);
        else
            rest += bound(Dim::symbol(t.var)) * Dim(t.coefficient);
    }
    return rest;
}

BoxBound Loops::box_bound(const Affine& expr, const std::optional<Dim>& lo,
                          const std::optional<Dim>& hi, const DimVars& vars) const {
    BoxBound b;
    Dim rest = split(expr, vars, b.terms);
    if (lo) b.lo = bound(*lo) - rest;
    if (hi) b.hi = bound(*hi) - rest;
    return b;
}

void Loops::add_bounds(const Slice& s, const DimVars& vars, std::vector<BoxBound>& into) const {
    if (!s.within) return;
    for (const Bound& b : s.within->bounds) into.push_back(box_bound(b.expr, b.lo, b.hi, vars));
}

std::vector<int> Loops::with_axes(const std::set<int>& dims) const {
    std::vector<int> all = axis_stack_;
    all.insert(all.end(), dims.begin(), dims.end());
    return all;
}

std::vector<BoxBound> Loops::with_loops(std::vector<BoxBound> bounds) const {
    bounds.insert(bounds.end(), loop_bounds_.begin(), loop_bounds_.end());
    return bounds;
}

// axis >= from, axis < to, as bounds on the difference.
void Loops::clip(const For& f, int var) {
    auto add = [&](const Affine& end, const std::optional<Dim>& lo, const std::optional<Dim>& hi) {
        BoxBound b = box_bound(end * -1, lo, hi, {});
        b.terms.emplace_back(var, 1);
        loop_bounds_.push_back(std::move(b));
    };
    for (const Affine& a : f.from) add(a, Dim(0), std::nullopt);
    for (const Affine& a : f.to) add(a, std::nullopt, Dim(0));
    if (!f.from.empty() || !f.to.empty()) clipped_.insert(var);
}

void note_dims(const Affine& a, const DimVars& vars, std::set<int>& used) {
    for (const Term& t : a.terms)
        if (auto d = vars.find(t.var); d != vars.end()) used.insert(d->second);
}

void note_dims(const Slice& s, const DimVars& vars, std::set<int>& used) {
    for (const Coord& c : s.at) {
        note_dims(c.affine, vars, used);
        if (c.index) note_dims(*c.index, vars, used);
    }
    if (s.within)
        for (const Bound& b : s.within->bounds) note_dims(b.expr, vars, used);
}

}  // namespace smeaton::gir
