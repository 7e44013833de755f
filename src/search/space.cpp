#include "search/space.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <queue>

#include "base/error.h"

namespace smeaton::search {

namespace {

/// Sums of settings are met up to the rounding of doubles.
double slack(double bound) {
    return 1e-12 * std::abs(bound);
}

/// The least and the largest that a term of a sum takes in a range.
std::pair<double, double> term(const Axis& axis, double weight, const Range& range) {
    const double a = weight * axis.values[range.low], b = weight * axis.values[range.high];
    return {std::min(a, b), std::max(a, b)};
}

std::pair<double, double> sum_of(const Space& space, const SumCap& cap, const Box& box) {
    double low = cap.constant, high = cap.constant;
    for (size_t i = 0; i < box.size(); ++i) {
        if (cap.weights[i] == 0) continue;
        const auto [a, b] = term(space.axes[i], cap.weights[i], box[i]);
        low += a, high += b;
    }
    return {low, high};
}

/// Leaves of one axis the values with which the rest can still meet the cap.
bool narrow_axis(const Axis& axis, double weight, const SumCap& cap, double rest_low,
                 double rest_high, Range& range, bool& changed) {
    auto possible = [&](uint32_t index) {
        const double t = weight * axis.values[index];
        return rest_low + t <= cap.max + slack(cap.max) &&
               rest_high + t >= cap.min - slack(cap.min);
    };
    while (range.low < range.high && !possible(range.low)) ++range.low, changed = true;
    while (range.high > range.low && !possible(range.high)) --range.high, changed = true;
    return possible(range.low);
}

bool narrow_by(const Space& space, const SumCap& cap, Box& box, bool& changed) {
    const auto [low, high] = sum_of(space, cap, box);
    if (low > cap.max + slack(cap.max) || high < cap.min - slack(cap.min)) return false;
    for (size_t i = 0; i < box.size(); ++i) {
        if (cap.weights[i] == 0) continue;
        const auto [a, b] = term(space.axes[i], cap.weights[i], box[i]);
        // From infinite sums nothing can be taken away; settings are finite.
        if (!narrow_axis(space.axes[i], cap.weights[i], cap, low - a, high - b, box[i], changed))
            return false;
        if (changed) return true;  // the sums are others now
    }
    return true;
}

}  // namespace

Box whole(const Space& space) {
    Box box;
    for (const Axis& axis : space.axes)
        box.push_back({0, static_cast<uint32_t>(axis.values.size() - 1)});
    return box;
}

bool single(const Box& box) {
    return std::all_of(box.begin(), box.end(), [](const Range& r) { return r.single(); });
}

Point point_of(const Box& box) {
    Point point;
    for (const Range& r : box) point.push_back(r.low);
    return point;
}

double value(const Space& space, const Point& point, size_t axis) {
    return space.axes[axis].values[point[axis]];
}

std::string text_of(double number) {
    if (std::abs(number) < 1e15 && number == std::floor(number))
        return fmt::format("{:.0f}", number);
    return fmt::format("{}", number);
}

std::string name_of(const Space& space, const Point& point) {
    std::string name;
    for (size_t i = 0; i < point.size(); ++i)
        name += fmt::format("{}{}={}", i == 0 ? "" : " ", space.axes[i].key,
                            text_of(value(space, point, i)));
    return name;
}

double grid_points(const Space& space) {
    double points = 1;
    for (const Axis& axis : space.axes) points *= static_cast<double>(axis.values.size());
    return points;
}

namespace {

/// Counts points axis by axis; points that have come to the same sums go on together.
class Counter {
public:
    explicit Counter(const Space& space) : space_(space), rest_(space.axes.size() + 1) {
        for (size_t i = space.axes.size(); i-- > 0;) {
            rest_[i] = rest_[i + 1];
            rest_[i].resize(space.sums.size(), {0, 0});
            for (size_t k = 0; k < space.sums.size(); ++k) {
                const Range all{0, static_cast<uint32_t>(space.axes[i].values.size() - 1)};
                const auto [a, b] = term(space.axes[i], space.sums[k].weights[i], all);
                rest_[i][k].first += a, rest_[i][k].second += b;
            }
        }
        rest_.back().resize(space.sums.size(), {0, 0});
    }

    double count() {
        std::map<std::vector<double>, double> now;
        std::vector<double> start;
        for (const SumCap& cap : space_.sums) start.push_back(cap.constant);
        now[start] = 1;
        double met = 0;
        for (size_t i = 0; i <= space_.axes.size(); ++i) {
            std::map<std::vector<double>, double> next;
            for (const auto& [sums, count] : now) {
                const int answer = decided(sums, i);
                if (answer > 0) met += count * points_from(i);
                if (answer != 0) continue;
                for (double v : space_.axes[i].values) {
                    std::vector<double> more = sums;
                    for (size_t k = 0; k < more.size(); ++k)
                        more[k] += space_.sums[k].weights[i] * v;
                    next[more] += count;
                }
            }
            now = std::move(next);
        }
        return met;
    }

private:
    /// 1: whatever follows, the sums are met; -1: never; 0: it depends.
    int decided(const std::vector<double>& sums, size_t axis) const {
        bool sure = true;
        for (size_t k = 0; k < sums.size(); ++k) {
            const SumCap& cap = space_.sums[k];
            const double low = sums[k] + rest_[axis][k].first;
            const double high = sums[k] + rest_[axis][k].second;
            const double most = cap.max + slack(cap.max), least = cap.min - slack(cap.min);
            if (low > most || high < least) return -1;
            sure &= high <= most && low >= least;
        }
        return sure ? 1 : 0;
    }
    double points_from(size_t axis) const {
        double points = 1;
        for (size_t i = axis; i < space_.axes.size(); ++i)
            points *= static_cast<double>(space_.axes[i].values.size());
        return points;
    }

    const Space& space_;
    std::vector<std::vector<std::pair<double, double>>> rest_;  ///< by axis, then by sum
};

}  // namespace

double points_within(const Space& space) {
    return Counter(space).count();
}

bool meets_sums(const Space& space, const Point& point) {
    for (const SumCap& cap : space.sums) {
        double sum = cap.constant;
        for (size_t i = 0; i < point.size(); ++i) sum += cap.weights[i] * value(space, point, i);
        if (sum > cap.max + slack(cap.max) || sum < cap.min - slack(cap.min)) return false;
    }
    return true;
}

bool narrow(const Space& space, Box& box) {
    for (bool changed = true; changed;) {
        changed = false;
        for (const SumCap& cap : space.sums)
            if (!narrow_by(space, cap, box, changed)) return false;
    }
    return true;
}

namespace {

bool visit(const Space& space, Box box, size_t axis,
           const std::function<bool(const Point&)>& each) {
    if (!narrow(space, box)) return true;
    while (axis < box.size() && box[axis].single()) ++axis;
    if (axis == box.size()) return each(point_of(box));
    const Range range = box[axis];
    for (uint32_t i = range.low; i <= range.high; ++i) {
        Box part = box;
        part[axis] = {i, i};
        if (!visit(space, std::move(part), axis + 1, each)) return false;
    }
    return true;
}

}  // namespace

void for_each_point(const Space& space, const std::function<bool(const Point&)>& each) {
    for_each_point(space, whole(space), each);
}

void for_each_point(const Space& space, const Box& part,
                    const std::function<bool(const Point&)>& each) {
    visit(space, part, 0, each);
}

namespace {

/// By how much of itself a cap is missed by the best point of a box.
double missed(const Space& space, const SumCap& cap, const Box& box) {
    const auto [low, high] = sum_of(space, cap, box);
    const double over = std::max(low - cap.max, cap.min - high);
    const double bound = low > cap.max ? cap.max : cap.min;
    return over <= slack(bound) ? 0 : over / std::max(std::abs(bound), 1e-300);
}

double missed(const Space& space, const Box& box) {
    double most = 0;
    for (const SumCap& cap : space.sums) most = std::max(most, missed(space, cap, box));
    return most;
}

/// The point whose worst cap is missed by the least, found best-first.
Point nearest_point(const Space& space) {
    using Entry = std::pair<double, Box>;
    auto later = [](const Entry& a, const Entry& b) { return a.first > b.first; };
    std::priority_queue<Entry, std::vector<Entry>, decltype(later)> open(later);
    open.push({missed(space, whole(space)), whole(space)});
    constexpr int kMostSteps = 200000;  // beyond them a point near the nearest will do
    for (int step = 0;; ++step) {
        const Box box = open.top().second;
        open.pop();
        size_t widest = 0;
        for (size_t i = 1; i < box.size(); ++i)
            if (box[i].high - box[i].low > box[widest].high - box[widest].low) widest = i;
        if (box[widest].single() || step > kMostSteps) return point_of(box);
        const uint32_t middle = (box[widest].low + box[widest].high) / 2;
        for (const Range half : {Range{box[widest].low, middle}, {middle + 1, box[widest].high}}) {
            Box part = box;
            part[widest] = half;
            const double far = missed(space, part);
            open.push({far, std::move(part)});
        }
    }
}

}  // namespace

void refuse_empty(const Space& space) {
    bool any = false;
    for_each_point(space, [&](const Point&) {
        any = true;
        return false;
    });
    if (any) return;
    const Point point = nearest_point(space);
    Box box;
    for (uint32_t i : point) box.push_back({i, i});
    const SumCap* worst = &space.sums.front();
    for (const SumCap& cap : space.sums)
        if (missed(space, cap, box) > missed(space, *worst, box)) worst = &cap;
    const double sum = sum_of(space, *worst, box).first;
    const bool over = sum > worst->max;
    throw UserError(
        "{}: caps: '{}' leaves no point of the space: the nearest, {}, has {}, and {} "
        "is the {}",
        space.file, worst->name, name_of(space, point), text_of(sum),
        text_of(over ? worst->max : worst->min), over ? "most" : "least");
}

}  // namespace smeaton::search
