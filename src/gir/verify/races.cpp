#include <algorithm>
#include <cstdlib>
#include <set>

#include "gir/verify/number_rules.h"

namespace smeaton::gir::verifying {

namespace {

constexpr int64_t kPointLimit = 4096;

/// Two accesses of one target in two different iterations p, q of the loop at `position`, whose
/// outer axes agree; everything inside it is free on each side.
class Pair {
public:
    Pair(const SliceAccess& a, const SliceAccess& b, size_t position)
        : a_(a),
          b_(b),
          position_(position),
          axis_(a.space.variables[position].name),
          extent_(a.space.variables[position].extent) {}

    bool proven_disjoint() const {
        for (size_t d = 0; d < a_.at.size(); ++d)
            if (!a_.computed[d] && !b_.computed[d] && apart(a_.at[d], b_.at[d])) return true;
        return false;
    }

    /// Looks at a few pairs of iterations, element by element.
    bool proven_overlap() const {
        if (a_.any_computed() || b_.any_computed()) return false;
        for (auto [p, q] : {std::pair<int64_t, int64_t>{0, 1},
                            {1, 0},
                            {0, extent_ - 1},
                            {extent_ / 2, extent_ / 2 - 1}})
            for (bool middle : {false, true})
                if (p != q && q >= 0 && q < extent_ && p < extent_ && meet(p, q, middle))
                    return true;
        return false;
    }

private:
    /// A coordinate's form without the axis and the outer axes.
    Affine inner(const Affine& form) const {
        Affine out = form;
        for (size_t i = 0; i <= position_; ++i) {
            Name v = a_.space.variables[i].name;
            out -= Affine(v, form.coefficient(v));
        }
        return out;
    }

    /// Do the forms differ for all p != q? The difference is ka*p - kb*q + shared + rest; terms of
    /// rest that are multiples of some g larger than all the others together cannot make up for
    /// them.
    bool apart(const Affine& a, const Affine& b) const {
        int64_t ka = a.coefficient(axis_), kb = b.coefficient(axis_);
        Affine shared;
        for (size_t i = 0; i < position_; ++i) {
            Name v = a_.space.variables[i].name;
            shared += Affine(v, a.coefficient(v) - b.coefficient(v));
        }
        ValueRange outer = range(shared, a_.space);
        Affine rest_a = inner(a), rest_b = inner(b);
        std::set<int64_t> strides = {0};
        for (const Affine* rest : {&rest_a, &rest_b})
            for (const Term& t : rest->terms) strides.insert(std::abs(t.coefficient));
        return std::any_of(strides.begin(), strides.end(), [&](int64_t g) {
            return apart_modulo(g, ka, kb, outer, small_part(rest_a, g), small_part(rest_b, g));
        });
    }

    /// The terms that are no multiples of g, and the constant; g = 0: all.
    static Affine small_part(const Affine& form, int64_t g) {
        Affine out = form;
        for (const Term& t : form.terms)
            if (g != 0 && t.coefficient % g == 0) out -= Affine(t.var, t.coefficient);
        return out;
    }

    bool apart_modulo(int64_t g, int64_t ka, int64_t kb, ValueRange outer, const Affine& small_a,
                      const Affine& small_b) const {
        ValueRange ra = range(small_a, a_.space), rb = range(small_b, b_.space);
        ValueRange rest{outer.lo + ra.lo - rb.hi, outer.hi + ra.hi - rb.lo};
        int64_t last = extent_ - 1;
        ValueRange by_axis{std::min<int64_t>(ka * last, 0) - std::max<int64_t>(kb * last, 0),
                           std::max<int64_t>(ka * last, 0) - std::min<int64_t>(kb * last, 0)};
        ValueRange all{by_axis.lo + rest.lo, by_axis.hi + rest.hi};
        if (g != 0 && (all.lo <= -g || all.hi >= g))
            return false;  // the multiples of g may close the gap
        if (all.lo > 0 || all.hi < 0) return true;
        if (ka != kb || ka == 0) return false;
        // k*(p - q) + rest = 0 for some p != q?
        int64_t k = std::abs(ka);
        return std::max(std::abs(rest.lo), std::abs(rest.hi)) < k;
    }

    /// The elements that the access touches in iteration `p`, or nothing when there are too many.
    std::set<std::vector<int64_t>> elements(const SliceAccess& x, int64_t p, bool middle) const {
        Substitution fixed;
        for (size_t i = 0; i < position_; ++i)
            fixed.emplace(x.space.variables[i].name,
                          Affine(middle ? x.space.variables[i].extent / 2 : 0));
        fixed.emplace(axis_, Affine(p));
        Space space;
        space.variables.assign(x.space.variables.begin() + static_cast<ptrdiff_t>(position_) + 1,
                               x.space.variables.end());
        for (const Fact& f : x.space.facts)
            space.facts.push_back({substitute(f.expr, fixed), f.lo, f.hi});
        std::vector<Affine> at;
        for (const Affine& c : x.at) at.push_back(substitute(c, fixed));
        std::set<std::vector<int64_t>> out;
        if (!has_point(space)) return out;
        Space needed = restricted(space, at);
        for_each_point(needed, kPointLimit, [&](const std::vector<int64_t>& values) {
            std::vector<int64_t> element;
            for (const Affine& c : at) element.push_back(value_at(c, needed, values));
            out.insert(std::move(element));
            return true;
        });
        return out;
    }

    bool meet(int64_t p, int64_t q, bool middle) const {
        auto first = elements(a_, p, middle);
        auto second = elements(b_, q, middle);
        return std::any_of(first.begin(), first.end(),
                           [&](const auto& element) { return second.count(element) != 0; });
    }

    const SliceAccess& a_;
    const SliceAccess& b_;
    size_t position_;
    Name axis_;
    int64_t extent_;
};

/// The same elements under the same loops: what holds of one holds of the other.
bool alike(const SliceAccess& a, const SliceAccess& b) {
    auto same_variable = [](const Variable& x, const Variable& y) {
        return x.name == y.name && x.extent == y.extent;
    };
    auto same_loop = [](const LoopAxis& x, const LoopAxis& y) { return x.id == y.id; };
    auto same_fact = [](const Fact& x, const Fact& y) {
        return x.lo == y.lo && x.hi == y.hi && x.expr == y.expr;
    };
    return a.target == b.target && a.write == b.write && a.scatter == b.scatter && a.at == b.at &&
           a.computed == b.computed &&
           std::equal(a.loops.begin(), a.loops.end(), b.loops.begin(), b.loops.end(), same_loop) &&
           std::equal(a.space.variables.begin(), a.space.variables.end(), b.space.variables.begin(),
                      b.space.variables.end(), same_variable) &&
           std::equal(a.space.facts.begin(), a.space.facts.end(), b.space.facts.begin(),
                      b.space.facts.end(), same_fact);
}

/// Index of the loop among those around the access, if it is one of them.
std::optional<size_t> position_of(const SliceAccess& a, int loop) {
    for (size_t i = 0; i < a.loops.size(); ++i)
        if (a.loops[i].id == loop) return i;
    return std::nullopt;
}

void check_pair(const Accesses& accesses, const SliceAccess& write, const SliceAccess& other,
                size_t position, Faults& faults) {
    Pair pair(write, other, position);
    if (pair.proven_disjoint()) return;
    std::string axis = write.space.variables[position].name.str();
    const std::string& target = accesses.targets[write.target].name.str();
    if (write.scatter && other.write)
        faults.add(write.place, fmt::format("iterations of parallel {} may scatter to the same "
                                            "elements of {}",
                                            axis, target));
    else if (pair.proven_overlap())
        faults.add(
            write.place,
            fmt::format("iterations of parallel {} {} the same elements of {}", axis,
                        other.write ? "write" : "write and read", target) +
                (&other == &write || other.place == write.place ? "" : ", see " + other.place));
}

}  // namespace

void check_races(const Accesses& accesses, Faults& faults) {
    std::vector<std::vector<const SliceAccess*>> by_target(accesses.targets.size());
    for (const SliceAccess& a : accesses.list) {
        auto& list = by_target[a.target];
        if (!a.space.empty() && std::none_of(list.begin(), list.end(),
                                             [&](const SliceAccess* b) { return alike(a, *b); }))
            list.push_back(&a);
    }
    for (size_t t = 0; t < by_target.size(); ++t)
        for (const SliceAccess* write : by_target[t]) {
            if (!write->write) continue;
            for (size_t i = accesses.targets[t].depth; i < write->loops.size(); ++i) {
                if (!write->loops[i].parallel || write->space.variables[i].extent < 2) continue;
                for (const SliceAccess* other : by_target[t]) {
                    if (other->write && other < write) continue;  // each pair of writes once
                    if (position_of(*other, write->loops[i].id) == i)
                        check_pair(accesses, *write, *other, i, faults);
                }
            }
        }
}

}  // namespace smeaton::gir::verifying
