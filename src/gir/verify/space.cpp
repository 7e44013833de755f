#include "gir/verify/space.h"

#include <algorithm>

#include "base/error.h"

namespace smeaton::gir::verifying {

namespace {

constexpr int64_t kSearchLimit = 20000;

ValueRange plus(ValueRange a, ValueRange b) {
    return {a.lo + b.lo, a.hi + b.hi};
}

ValueRange scaled(ValueRange a, int64_t k) {
    return k >= 0 ? ValueRange{a.lo * k, a.hi * k} : ValueRange{a.hi * k, a.lo * k};
}

ValueRange box_range(const Affine& a, const Space& space) {
    ValueRange out{a.constant, a.constant};
    for (const Term& t : a.terms) {
        const Variable* v = space.find(t.var);
        SMEATON_CHECK(v != nullptr, "variable {} is not in scope", t.var);
        out = plus(out, scaled({0, std::max<int64_t>(v->extent - 1, 0)}, t.coefficient));
    }
    return out;
}

/// a = k*fact + rest, with k chosen to remove the first variable of the fact; nothing if it does
/// not.
std::optional<int64_t> multiple(const Affine& a, const Affine& fact) {
    if (fact.terms.empty()) return std::nullopt;
    int64_t c = a.coefficient(fact.terms[0].var);
    int64_t f = fact.terms[0].coefficient;
    if (c == 0 || c % f != 0) return std::nullopt;
    return c / f;
}

bool uses_any(const Affine& a, const std::vector<Variable>& variables) {
    return std::any_of(a.terms.begin(), a.terms.end(), [&](const Term& t) {
        return std::any_of(variables.begin(), variables.end(),
                           [&](const Variable& v) { return v.name == t.var; });
    });
}

bool holds(const Fact& f, const Space& space, const std::vector<int64_t>& values) {
    int64_t v = value_at(f.expr, space, values);
    return f.lo <= v && v <= f.hi;
}

int64_t box_points(const Space& space, int64_t limit) {
    int64_t points = 1;
    for (const Variable& v : space.variables) {
        if (v.extent == 0) return 0;
        if (points > limit / v.extent) return limit + 1;
        points *= v.extent;
    }
    return points;
}

}  // namespace

const Variable* Space::find(Name name) const {
    // The innermost declaration comes last.
    auto found = std::find_if(variables.rbegin(), variables.rend(),
                              [&](const Variable& v) { return v.name == name; });
    return found == variables.rend() ? nullptr : &*found;
}

bool Space::empty() const {
    return std::any_of(variables.begin(), variables.end(),
                       [](const Variable& v) { return v.extent <= 0; });
}

ValueRange range(const Affine& a, const Space& space) {
    ValueRange out = box_range(a, space);
    for (const Fact& f : space.facts) {
        auto k = multiple(a, f.expr);
        if (!k) continue;
        ValueRange rest = box_range(a - f.expr * *k, space);
        ValueRange by_fact =
            f.lo <= -kUnbounded ? ValueRange{-kUnbounded, f.hi} : ValueRange{f.lo, f.hi};
        // An open end stays open whatever it is multiplied by.
        ValueRange times = scaled(by_fact, *k);
        bool open_low = *k > 0 ? f.lo <= -kUnbounded : f.hi >= kUnbounded;
        bool open_high = *k > 0 ? f.hi >= kUnbounded : f.lo <= -kUnbounded;
        if (!open_low) out.lo = std::max(out.lo, times.lo + rest.lo);
        if (!open_high) out.hi = std::min(out.hi, times.hi + rest.hi);
    }
    return out;
}

Space restricted(const Space& space, const std::vector<Affine>& forms) {
    Space out;
    std::vector<bool> taken(space.variables.size(), false);
    std::vector<bool> used(space.facts.size(), false);
    auto take = [&](const Affine& a) {
        for (const Term& t : a.terms)
            for (size_t i = 0; i < taken.size(); ++i)
                if (!taken[i] && space.variables[i].name == t.var) {
                    taken[i] = true;
                    out.variables.push_back(space.variables[i]);
                }
    };
    for (const Affine& a : forms) take(a);
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < used.size(); ++i) {
            if (used[i] || !uses_any(space.facts[i].expr, out.variables)) continue;
            used[i] = changed = true;
            take(space.facts[i].expr);
            out.facts.push_back(space.facts[i]);
        }
    }
    return out;
}

int64_t value_at(const Affine& a, const Space& space, const std::vector<int64_t>& values) {
    int64_t out = a.constant;
    for (const Term& t : a.terms) {
        const Variable* v = space.find(t.var);
        SMEATON_CHECK(v != nullptr, "variable {} is not in scope", t.var);
        out += t.coefficient * values[static_cast<size_t>(v - space.variables.data())];
    }
    return out;
}

bool for_each_point(const Space& space, int64_t limit,
                    const std::function<bool(const std::vector<int64_t>&)>& visit) {
    int64_t points = box_points(space, limit);
    std::vector<int64_t> values(space.variables.size(), 0);
    for (int64_t n = 0; n < std::min(points, limit); ++n) {
        bool inside = std::all_of(space.facts.begin(), space.facts.end(),
                                  [&](const Fact& f) { return holds(f, space, values); });
        if (inside && !visit(values)) return false;
        for (size_t i = values.size(); i-- > 0;) {
            if (++values[i] < space.variables[i].extent) break;
            values[i] = 0;
        }
    }
    return points <= limit;
}

bool has_point(const Space& whole) {
    if (whole.empty()) return false;
    std::vector<Affine> forms;
    for (const Fact& f : whole.facts) {
        forms.push_back(f.expr);
        if (f.expr.is_const() && !holds(f, whole, {})) return false;
    }
    bool found = false;
    for_each_point(restricted(whole, forms), kSearchLimit, [&](const std::vector<int64_t>&) {
        found = true;
        return false;
    });
    return found;
}

/// The facts that `part`, a restriction of `whole`, leaves out.
static Space left_out(const Space& whole, const Space& part) {
    Space out;
    for (const Variable& v : whole.variables)
        if (part.find(v.name) == nullptr) out.variables.push_back(v);
    for (const Fact& f : whole.facts)
        if (!uses_any(f.expr, part.variables)) out.facts.push_back(f);
    return out;
}

Verdict stays_within(const Affine& a, int64_t lo, int64_t hi, const Space& whole) {
    if (whole.empty()) return Verdict::Proven;
    ValueRange r = range(a, whole);
    if (lo <= r.lo && r.hi <= hi) return Verdict::Proven;
    Space space = restricted(whole, {a});
    auto outside = [&](const std::vector<int64_t>& values) {
        int64_t v = value_at(a, space, values);
        return v < lo || v > hi;
    };
    bool found = false;
    bool complete = for_each_point(space, kSearchLimit, [&](const std::vector<int64_t>& values) {
        found = outside(values);
        return !found;
    });
    // Too many points to see all: then the corners that push the form furthest.
    for (bool high : {false, true}) {
        if (found || complete) break;
        std::vector<int64_t> corner;
        for (const Variable& v : space.variables)
            corner.push_back((a.coefficient(v.name) > 0) == high ? v.extent - 1 : 0);
        bool allowed = std::all_of(space.facts.begin(), space.facts.end(),
                                   [&](const Fact& f) { return holds(f, space, corner); });
        found = allowed && outside(corner);
    }
    if (found) return has_point(left_out(whole, space)) ? Verdict::Refuted : Verdict::Unknown;
    return complete ? Verdict::Proven : Verdict::Unknown;
}

}  // namespace smeaton::gir::verifying
