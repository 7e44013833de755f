#include "gir/ledger/count.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <set>

#include "base/error.h"

namespace smeaton::gir {

namespace {

[[noreturn]] void not_closed(const std::string& what) {
    throw UserError("the number of elements within {} has no closed form here: bind its sizes",
                    what);
}

std::string text(const BoxBound& b) {
    return fmt::format("{}..{}", b.lo ? b.lo->str() : "", b.hi ? b.hi->str() : "");
}

// a >= b, where it can be told: numbers, equal symbolic parts, or a a multiple of `unit` rounded up
// from b.
std::optional<bool> at_least(const Dim& a, const Dim& b, int64_t unit) {
    Dim difference = a - b;
    if (difference.is_const()) return difference.value() >= 0;
    if (unit > 1 && a == ceil_div(b, unit) * Dim(unit)) return true;
    if (unit > 1 && b == ceil_div(a, unit) * Dim(unit)) return false;
    return std::nullopt;
}

// Sorted, merged, without zeros.
LinearTerms tidy(LinearTerms terms) {
    std::sort(terms.begin(), terms.end());
    LinearTerms out;
    for (const auto& [v, k] : terms) {
        if (!out.empty() && out.back().first == v)
            out.back().second += k;
        else
            out.emplace_back(v, k);
        if (out.back().second == 0) out.pop_back();
    }
    return out;
}

void negate(BoxBound& b) {
    for (auto& [v, k] : b.terms) k = -k;
    std::optional<Dim> lo = b.lo, hi = b.hi;
    b.lo = hi ? std::optional<Dim>(Dim(1) - *hi) : std::nullopt;
    b.hi = lo ? std::optional<Dim>(Dim(1) - *lo) : std::nullopt;
}

struct Range {
    int64_t lo, hi;  // inclusive
};

std::optional<Range> range_of(const LinearTerms& terms, const std::vector<Dim>& extents) {
    Range r{0, 0};
    for (const auto& [v, k] : terms) {
        const Dim& e = extents[static_cast<size_t>(v)];
        if (!e.is_const()) return std::nullopt;
        (k > 0 ? r.hi : r.lo) += k * (e.value() - 1);
    }
    return r;
}

enum class Truth { Always, Never, Depends };

Truth truth(const BoxBound& b, const std::vector<Dim>& extents) {
    std::optional<Range> r = range_of(b.terms, extents);
    if (!r) return Truth::Depends;
    bool above = !b.lo, below = !b.hi;
    if (b.lo && b.lo->is_const()) {
        if (r->hi < b.lo->value()) return Truth::Never;
        above = r->lo >= b.lo->value();
    }
    if (b.hi && b.hi->is_const()) {
        if (r->lo >= b.hi->value()) return Truth::Never;
        below = r->hi < b.hi->value();
    }
    return above && below ? Truth::Always : Truth::Depends;
}

// The larger of two lower ends (or the smaller of two upper ends).
std::optional<Dim> tighter(const std::optional<Dim>& a, const std::optional<Dim>& b, bool lower) {
    if (!a || !b) return a ? a : b;
    std::optional<bool> ge = at_least(*a, *b, 1);
    if (!ge) not_closed(fmt::format("{} and {}", a->str(), b->str()));
    return *ge == lower ? a : b;
}

// One bound per distinct form; bounds that always hold dropped. False: no point satisfies them.
bool simplify(std::vector<BoxBound>& bounds, const std::vector<Dim>& extents) {
    std::vector<BoxBound> out;
    for (BoxBound& b : bounds) {
        b.terms = tidy(std::move(b.terms));
        if (!b.terms.empty() && b.terms.front().second < 0) negate(b);
        switch (truth(b, extents)) {
            case Truth::Always:
                continue;
            case Truth::Never:
                return false;
            case Truth::Depends:
                break;
        }
        if (b.terms.empty()) not_closed(text(b));
        auto equal = std::find_if(out.begin(), out.end(),
                                  [&](const BoxBound& o) { return o.terms == b.terms; });
        if (equal == out.end()) {
            out.push_back(std::move(b));
        } else {
            equal->lo = tighter(equal->lo, b.lo, true);
            equal->hi = tighter(equal->hi, b.hi, false);
            if (truth(*equal, extents) == Truth::Never) return false;
        }
    }
    bounds = std::move(out);
    return true;
}

struct Part {
    int64_t coefficient;  // positive
    Dim extent;
};

// Points of the parts (descending coefficients, from `first`) with lo <= sum < hi, all numbers.
int64_t count_numbers(const std::vector<Part>& parts, const std::vector<int64_t>& rest_points,
                      const std::vector<int64_t>& rest_max, size_t first, int64_t lo, int64_t hi) {
    if (hi <= lo || hi <= 0 || lo > rest_max[first]) return 0;
    if (lo <= 0 && hi > rest_max[first]) return rest_points[first];
    if (first == parts.size()) return lo <= 0 && hi > 0;
    int64_t k = parts[first].coefficient, extent = parts[first].extent.value();
    int64_t below = rest_max[first + 1];
    // Only values with lo - below <= k*v < hi matter.
    int64_t from = std::max<int64_t>(0, (lo - below) / k);
    int64_t to = std::min(extent, (hi + k - 1) / k);
    int64_t sum = 0;
    for (int64_t v = from; v < to; ++v)
        sum += count_numbers(parts, rest_points, rest_max, first + 1, lo - k * v, hi - k * v);
    return sum;
}

// Points with lo <= sum over the parts < hi where the sum takes each value 0..total-1 once.
Dim count_radix(const Dim& total, const std::optional<Dim>& lo, const std::optional<Dim>& hi,
                int64_t unit) {
    Dim upper = total, lower(0);
    if (hi) {
        std::optional<bool> clips = at_least(total, *hi, unit);
        if (!clips) not_closed(fmt::format("{} of {}", hi->str(), total.str()));
        if (*clips) upper = *hi;
    }
    if (lo) {
        std::optional<bool> clips = at_least(*lo, Dim(0), 1);
        if (!clips) not_closed(lo->str());
        if (*clips) lower = *lo;
    }
    Dim count = upper - lower;
    return count.is_const() ? Dim(std::max<int64_t>(count.value(), 0)) : count;
}

// One bound over exactly its own variables.
Dim count_single(const BoxBound& b, const std::vector<Dim>& extents) {
    std::vector<Part> parts;
    std::optional<Dim> lo = b.lo, hi = b.hi;
    for (const auto& [v, k] : b.terms) {
        const Dim& extent = extents[static_cast<size_t>(v)];
        parts.push_back({std::abs(k), extent});
        if (k > 0) continue;
        // Counted from the other end: k*v = |k|*(extent-1-v) - |k|*(extent-1).
        Dim shift = Dim(-k) * (extent - Dim(1));
        if (lo) *lo += shift;
        if (hi) *hi += shift;
    }
    std::sort(parts.begin(), parts.end(),
              [](const Part& p, const Part& q) { return p.coefficient < q.coefficient; });
    Dim total(1);
    int64_t unit = 1;
    bool radix = true;
    for (const Part& p : parts) {
        radix = radix && total.is(p.coefficient);
        if (total.is_const()) unit = total.value();
        total *= p.extent;
    }
    if (radix) return count_radix(total, lo, hi, unit);
    std::reverse(parts.begin(), parts.end());
    bool numbers = (!lo || lo->is_const()) && (!hi || hi->is_const());
    for (const Part& p : parts) numbers = numbers && p.extent.is_const();
    if (!numbers) not_closed(text(b));
    std::vector<int64_t> points(parts.size() + 1, 1), most(parts.size() + 1, 0);
    for (size_t i = parts.size(); i-- > 0;) {
        points[i] = points[i + 1] * parts[i].extent.value();
        most[i] = most[i + 1] + parts[i].coefficient * (parts[i].extent.value() - 1);
    }
    int64_t from = lo ? lo->value() : 0, to = hi ? hi->value() : most[0] + 1;
    return Dim(count_numbers(parts, points, most, 0, from, to));
}

bool shares(const BoxBound& b, const std::set<int>& variables) {
    return std::any_of(b.terms.begin(), b.terms.end(),
                       [&](const auto& t) { return variables.count(t.first) > 0; });
}

// Bounds that hang together by their variables; they are taken out of `bounds`.
std::vector<BoxBound> take_component(std::vector<BoxBound>& bounds, std::set<int>& variables) {
    std::vector<BoxBound> component{bounds.back()};
    bounds.pop_back();
    for (const auto& [v, k] : component[0].terms) variables.insert(v);
    for (size_t i = 0; i < bounds.size();) {
        if (!shares(bounds[i], variables)) {
            ++i;
            continue;
        }
        for (const auto& [v, k] : bounds[i].terms) variables.insert(v);
        component.push_back(bounds[i]);
        bounds.erase(bounds.begin() + static_cast<std::ptrdiff_t>(i));
        i = 0;
    }
    return component;
}

Dim count_component(const std::vector<Dim>& extents, const std::set<int>& variables,
                    const std::vector<BoxBound>& component) {
    if (component.size() == 1) return count_single(component[0], extents);
    // Several forms over common variables: go through the values of the one that most share.
    int chosen = -1;
    std::ptrdiff_t most = 0;
    for (int v : variables) {
        std::ptrdiff_t uses = std::count_if(component.begin(), component.end(),
                                            [&](const BoxBound& b) { return shares(b, {v}); });
        bool number = extents[static_cast<size_t>(v)].is_const();
        if (!number || uses < most) continue;
        if (uses == most && chosen >= 0 &&
            extents[static_cast<size_t>(v)].value() >= extents[static_cast<size_t>(chosen)].value())
            continue;
        chosen = v;
        most = uses;
    }
    if (chosen < 0) not_closed(text(component[0]));
    std::vector<int> rest;
    for (int v : variables)
        if (v != chosen) rest.push_back(v);
    Dim sum(0);
    for (int64_t value = 0; value < extents[static_cast<size_t>(chosen)].value(); ++value) {
        std::vector<BoxBound> fixed;
        for (const BoxBound& b : component) fixed.push_back(with_value(b, chosen, value));
        sum += count_points(extents, rest, std::move(fixed));
    }
    return sum;
}

}  // namespace

BoxBound with_value(BoxBound b, int variable, int64_t value) {
    for (size_t i = 0; i < b.terms.size(); ++i) {
        if (b.terms[i].first != variable) continue;
        Dim moved(b.terms[i].second * value);
        if (b.lo) *b.lo -= moved;
        if (b.hi) *b.hi -= moved;
        b.terms.erase(b.terms.begin() + static_cast<std::ptrdiff_t>(i--));
    }
    return b;
}

Dim count_points(const std::vector<Dim>& extents, std::vector<int> variables,
                 std::vector<BoxBound> bounds) {
    for (int v : variables)
        if (extents[static_cast<size_t>(v)].is(0)) return Dim(0);
    if (!simplify(bounds, extents)) return Dim(0);
    Dim count(1);
    std::set<int> bounded;
    while (!bounds.empty()) {
        std::set<int> own;
        std::vector<BoxBound> component = take_component(bounds, own);
        count *= count_component(extents, own, component);
        bounded.insert(own.begin(), own.end());
    }
    for (int v : variables)
        if (bounded.count(v) == 0) count *= extents[static_cast<size_t>(v)];
    return count;
}

std::vector<Dim> count_points_by_class(
    const std::vector<Dim>& extents, std::vector<int> variables,
    const std::vector<BoxBound>& bounds, const std::vector<int>& enumerated, int classes,
    const std::function<int(const std::vector<int64_t>& values)>& classify) {
    std::vector<Dim> counts(static_cast<size_t>(classes), Dim(0));
    std::vector<int> rest;
    for (int v : variables)
        if (std::find(enumerated.begin(), enumerated.end(), v) == enumerated.end())
            rest.push_back(v);
    std::vector<int64_t> sizes, at(enumerated.size(), 0);
    for (int v : enumerated) {
        const Dim& e = extents[static_cast<size_t>(v)];
        if (!e.is_const()) not_closed(e.str());
        if (e.value() == 0) return counts;
        sizes.push_back(e.value());
    }
    while (true) {
        if (int c = classify(at); c >= 0) {
            std::vector<BoxBound> fixed = bounds;
            for (BoxBound& b : fixed)
                for (size_t i = 0; i < enumerated.size(); ++i)
                    b = with_value(std::move(b), enumerated[i], at[i]);
            counts[static_cast<size_t>(c)] += count_points(extents, rest, std::move(fixed));
        }
        size_t k = at.size();
        while (k > 0 && ++at[k - 1] == sizes[k - 1]) at[--k] = 0;
        if (k == 0) return counts;
    }
}

}  // namespace smeaton::gir
