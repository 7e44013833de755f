#include "sim/events/guards.h"

#include <algorithm>

namespace smeaton::sim::events {
namespace {

/// A bound over the op's dims, what the axes give taken off both ends.
struct Guard {
    std::vector<int64_t> coefficients;  ///< by dim
    std::optional<int64_t> lo, hi;
};

bool is_dim(const gir::Op& op, Name name) {
    return std::any_of(op.dims.begin(), op.dims.end(),
                       [&](const gir::NamedDim& d) { return d.name == name; });
}

std::vector<const gir::Bound*> bounds_of(const gir::Op& op) {
    std::vector<const gir::Bound*> bounds;
    auto add = [&](const gir::Slice& s) {
        if (!s.within) return;
        for (const gir::Bound& b : s.within->bounds) bounds.push_back(&b);
    };
    add(op.dst);
    for (const gir::Operand& source : op.srcs)
        if (auto* s = std::get_if<gir::Slice>(&source)) add(*s);
    return bounds;
}

/// Points of the dims from `dim` on that keep to all guards; `at` holds what those before give.
double count(const gir::Op& op, const std::vector<Guard>& guards, size_t dim,
             std::vector<int64_t>& at) {
    if (dim == op.dims.size()) {
        for (size_t g = 0; g < guards.size(); ++g)
            if ((guards[g].lo && at[g] < *guards[g].lo) || (guards[g].hi && at[g] >= *guards[g].hi))
                return 0;
        return 1;
    }
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
    const std::vector<const gir::Bound*> bounds = bounds_of(op);
    std::vector<int64_t> base;
    for (const gir::Bound* b : bounds) {
        base.push_back(b->expr.constant);
        for (const gir::Term& t : b->expr.terms)
            if (!is_dim(op, t.var)) base.back() += t.coefficient * axis_value(t.var);
    }
    auto [known, fresh] = known_.try_emplace({&op, base}, 0);
    if (!fresh) return known->second;
    std::vector<Guard> guards;
    for (const gir::Bound* b : bounds) {
        Guard guard;
        for (const gir::NamedDim& d : op.dims)
            guard.coefficients.push_back(b->expr.coefficient(d.name));
        if (b->lo) guard.lo = b->lo->value();
        if (b->hi) guard.hi = b->hi->value();
        guards.push_back(std::move(guard));
    }
    return known->second = count(op, guards, 0, base);
}

}  // namespace smeaton::sim::events
