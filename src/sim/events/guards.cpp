#include "sim/events/guards.h"

#include <algorithm>

namespace smeaton::sim::events {
namespace {

/// What a bound speaks of: the result, or the first or second operand.
enum class Of { Result, First, Second };

/// A bound over the op's dims, what the axes give taken off both ends.
struct Guard {
    Of of;
    std::vector<int64_t> coefficients;  ///< by dim
    std::optional<int64_t> lo, hi;

    bool holds(int64_t at) const { return (!lo || at >= *lo) && (!hi || at < *hi); }
};

bool is_dim(const gir::Op& op, Name name) {
    return std::any_of(op.dims.begin(), op.dims.end(),
                       [&](const gir::NamedDim& d) { return d.name == name; });
}

/// Those that leave points out: an operand's only where the other may be outside as well.
std::vector<std::pair<Of, const gir::Bound*>> bounds_of(const gir::Op& op) {
    std::vector<std::pair<Of, const gir::Bound*>> bounds;
    auto add = [&](Of of, const gir::Slice& s) {
        if (!s.within) return;
        for (const gir::Bound& b : s.within->bounds) bounds.emplace_back(of, &b);
    };
    add(Of::Result, op.dst);
    auto *first = std::get_if<gir::Slice>(&op.srcs.at(0)),
         *second = std::get_if<gir::Slice>(&op.srcs.at(1));
    if (!first || !second || !first->within || !second->within) return bounds;
    add(Of::First, *first);
    add(Of::Second, *second);
    return bounds;
}

bool counts(const std::vector<Guard>& guards, const std::vector<int64_t>& at) {
    bool outside[3] = {false, false, false};
    for (size_t g = 0; g < guards.size(); ++g)
        if (!guards[g].holds(at[g])) outside[static_cast<size_t>(guards[g].of)] = true;
    return !outside[0] && !(outside[1] && outside[2]);
}

/// Points of the dims from `dim` on that count; `at` holds what those before give.
double count(const gir::Op& op, const std::vector<Guard>& guards, size_t dim,
             std::vector<int64_t>& at) {
    if (dim == op.dims.size()) return counts(guards, at) ? 1 : 0;
    const int64_t extent = op.dims[dim].extent.value();
    const bool guarded = std::any_of(guards.begin(), guards.end(),
                                     [&](const Guard& g) { return g.coefficients[dim] != 0; });
    if (!guarded) return static_cast<double>(extent) * count(op, guards, dim + 1, at);
    double points = 0;
    const std::vector<int64_t> start = at;
    for (int64_t i = 0; i < extent; ++i) {
        for (size_t g = 0; g < guards.size(); ++g)
            at[g] = start[g] + i * guards[g].coefficients[dim];
        points += count(op, guards, dim + 1, at);
    }
    at = start;
    return points;
}

}  // namespace

double GuardedPoints::of(const gir::Op& op, const std::function<int64_t(Name)>& axis_value) {
    const auto bounds = bounds_of(op);
    std::vector<int64_t> base;
    for (const auto& [of, b] : bounds) {
        base.push_back(b->expr.constant);
        for (const gir::Term& t : b->expr.terms)
            if (!is_dim(op, t.var)) base.back() += t.coefficient * axis_value(t.var);
    }
    auto [known, fresh] = known_.try_emplace({&op, base}, 0);
    if (!fresh) return known->second;
    std::vector<Guard> guards;
    for (const auto& [of, b] : bounds) {
        Guard guard{of, {}, {}, {}};
        for (const gir::NamedDim& d : op.dims)
            guard.coefficients.push_back(b->expr.coefficient(d.name));
        if (b->lo) guard.lo = b->lo->value();
        if (b->hi) guard.hi = b->hi->value();
        guards.push_back(std::move(guard));
    }
    return known->second = count(op, guards, 0, base);
}

}  // namespace smeaton::sim::events
