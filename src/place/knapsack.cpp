// Variants for the nodes of a stage: the least cost within a weight.
#include <algorithm>
#include <limits>
#include <numeric>

#include "place/split_plan.h"

namespace smeaton::place {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

double sum_of(const std::vector<std::vector<Item>>& items, const std::vector<int>& taken,
              double Item::*what) {
    double sum = 0;
    for (size_t i = 0; i < items.size(); ++i) sum += items[i][static_cast<size_t>(taken[i])].*what;
    return sum;
}

/// A step along the lower left hull of a place's items: so much cost for so much less weight.
struct HullStep {
    size_t place = 0;
    double cost = 0, saved = 0;
};

/// Exact, by sets of states that none beats in both, place by place. A state is dropped where even
/// with fractions of steps (the linear relaxation) it ends no cheaper than what is known.
class Exact {
public:
    Exact(const std::vector<std::vector<Item>>& items, double weight)
        : items_(items), weight_(weight) {
        order();
        known_ = kInfinite;
    }
    std::vector<int> run();

private:
    struct State {
        double cost = 0, weight = 0;
        int before = -1, item = 0;
    };
    void order();
    double rest(size_t place, double cost, double weight) const;

    const std::vector<std::vector<Item>>& items_;
    double weight_;
    std::vector<std::vector<int>> sorted_;  // of each place: those that none beats, cheapest first
    std::vector<HullStep> steps_;           // by cost over weight
    std::vector<double> cheapest_, heaviest_, lightest_;  // sums over the places from each on
    double known_;
};

void Exact::order() {
    for (const std::vector<Item>& choice : items_) {
        std::vector<int> by_cost(choice.size());
        std::iota(by_cost.begin(), by_cost.end(), 0);
        auto item = [&](int i) { return choice[static_cast<size_t>(i)]; };
        std::stable_sort(by_cost.begin(), by_cost.end(), [&](int a, int b) {
            return std::pair(item(a).cost, item(a).weight) <
                   std::pair(item(b).cost, item(b).weight);
        });
        std::vector<int> kept;
        for (const int i : by_cost)
            if (kept.empty() || item(i).weight < item(kept.back()).weight) kept.push_back(i);
        std::vector<int> hull;
        for (const int i : kept) {
            auto slope = [&](int a, int b) {
                return (item(b).cost - item(a).cost) / (item(a).weight - item(b).weight);
            };
            while (hull.size() > 1 &&
                   slope(hull[hull.size() - 2], hull.back()) >= slope(hull.back(), i))
                hull.pop_back();
            hull.push_back(i);
        }
        for (size_t i = 1; i < hull.size(); ++i)
            steps_.push_back({sorted_.size(), item(hull[i]).cost - item(hull[i - 1]).cost,
                              item(hull[i - 1]).weight - item(hull[i]).weight});
        sorted_.push_back(std::move(kept));
    }
    std::stable_sort(steps_.begin(), steps_.end(), [](const HullStep& a, const HullStep& b) {
        return a.cost * b.saved < b.cost * a.saved;
    });
    cheapest_.assign(items_.size() + 1, 0), heaviest_ = lightest_ = cheapest_;
    for (size_t i = items_.size(); i-- > 0;) {
        const Item first = items_[i][static_cast<size_t>(sorted_[i].front())];
        const Item last = items_[i][static_cast<size_t>(sorted_[i].back())];
        cheapest_[i] = cheapest_[i + 1] + first.cost;
        heaviest_[i] = heaviest_[i + 1] + first.weight;
        lightest_[i] = lightest_[i + 1] + last.weight;
    }
}

/// No way to go on from here, `place` being the next, ends cheaper.
double Exact::rest(size_t place, double cost, double weight) const {
    if (weight + lightest_[place] > weight_) return kInfinite;
    double total = cost + cheapest_[place], over = weight + heaviest_[place] - weight_;
    for (const HullStep& step : steps_) {
        if (over <= 0) break;
        if (step.place < place) continue;
        total += step.cost * std::min(1.0, over / step.saved);
        over -= step.saved;
    }
    return total;
}

std::vector<int> Exact::run() {
    if (lightest_[0] > weight_) return {};
    const std::vector<int> ratio = by_ratio(items_, weight_);
    if (!ratio.empty()) known_ = sum_of(items_, ratio, &Item::cost);
    std::vector<std::vector<State>> all = {{State{}}};
    for (size_t place = 0; place < items_.size(); ++place) {
        std::vector<State> grown;
        for (size_t s = 0; s < all.back().size(); ++s)
            for (const int i : sorted_[place]) {
                const Item& item = items_[place][static_cast<size_t>(i)];
                const State& from = all.back()[s];
                const State next{from.cost + item.cost, from.weight + item.weight,
                                 static_cast<int>(s), i};
                if (rest(place + 1, next.cost, next.weight) < known_) grown.push_back(next);
            }
        std::stable_sort(grown.begin(), grown.end(), [](const State& a, const State& b) {
            return std::pair(a.cost, a.weight) < std::pair(b.cost, b.weight);
        });
        std::vector<State> kept;
        for (const State& s : grown)
            if (kept.empty() || s.weight < kept.back().weight) kept.push_back(s);
        if (kept.empty()) return ratio;
        all.push_back(std::move(kept));
    }
    std::vector<int> taken(items_.size());
    int at = 0;  // the cheapest
    for (size_t place = items_.size(); place-- > 0;) {
        const State& s = all[place + 1][static_cast<size_t>(at)];
        taken[place] = s.item;
        at = s.before;
    }
    return taken;
}

}  // namespace

std::vector<int> least_cost(const std::vector<std::vector<Item>>& items, double weight) {
    // Mostly the cheapest of each place fit.
    std::vector<int> cheapest;
    double sum = 0;
    for (const std::vector<Item>& choice : items) {
        size_t best = 0;
        for (size_t i = 1; i < choice.size(); ++i)
            if (std::pair(choice[i].cost, choice[i].weight) <
                std::pair(choice[best].cost, choice[best].weight))
                best = i;
        cheapest.push_back(static_cast<int>(best));
        sum += choice[best].weight;
    }
    if (sum <= weight) return cheapest;
    return Exact(items, weight).run();
}

std::vector<int> by_ratio(const std::vector<std::vector<Item>>& items, double weight) {
    struct Saving {
        size_t place;
        int item;
        double ratio, saved;
    };
    std::vector<Saving> savings;
    std::vector<int> taken(items.size(), 0);
    double sum = 0;
    for (size_t place = 0; place < items.size(); ++place) {
        const Item& first = items[place][0];
        sum += first.weight;
        for (size_t i = 1; i < items[place].size(); ++i) {
            const double saved = first.weight - items[place][i].weight;
            if (saved > 0)
                savings.push_back({place, static_cast<int>(i),
                                   (items[place][i].cost - first.cost) / saved, saved});
        }
    }
    std::stable_sort(savings.begin(), savings.end(),
                     [](const Saving& a, const Saving& b) { return a.ratio < b.ratio; });
    for (const Saving& s : savings) {
        if (sum <= weight) break;
        if (taken[s.place] != 0) continue;  // each place changes once
        taken[s.place] = s.item;
        sum -= s.saved;
    }
    // Summed anew: the running sum has rounded.
    return sum_of(items, taken, &Item::weight) <= weight ? taken : std::vector<int>{};
}

}  // namespace smeaton::place
