#include "schedule/ilp/formulation.h"

#include <algorithm>
#include <cmath>

namespace smeaton::schedule {

namespace {

constexpr double kHorizon = 1000;  // all times are scaled so that H is this

size_t at(int i) {
    return static_cast<size_t>(i);
}

}  // namespace

Formulation::Formulation(const TaskGraph& graph, const Links& links, const Cores& cores,
                         const Schedule& start, bool whole)
    : graph_(graph), cores_(cores), start_(start), whole_(whole) {
    const double us = makespan_us(start);
    scale_ = us > 0 ? kHorizon / us : 1;
    horizon_ = us * scale_;
    bound_ = scale_ * lower_bounds(graph, links, cores, us).best_us();
    ends_ = heads_and_tails(graph, links, cores);
    for (std::vector<double>* list : {&ends_.head_us, &ends_.tail_us, &ends_.fastest_us})
        for (double& v : *list) v *= scale_;
    const size_t n = graph.tasks.size();
    behind_.assign(n, std::vector<bool>(n, false));
    for (auto t = links.order().rbegin(); t != links.order().rend(); ++t)
        for (int e : links.out(*t)) {
            int to = graph.edges[at(e)].to.v;
            behind_[at(*t)][at(to)] = true;
            for (size_t k = 0; k < n; ++k)
                if (behind_[at(to)][k]) behind_[at(*t)][k] = true;
        }
    for (const Edge& e : graph.edges) place_all_ |= e.cost_us > 0 && common_kind(e.from.v, e.to.v);
    for (const Task& task : graph.tasks) place_all_ |= task.holds.size() > 1;
    build();
}

bool Formulation::common_kind(int i, int j) const {
    return common_cores(i, j) > 0;
}

// Of the scarcest kind that both hold; 0 where there is none.
int Formulation::common_cores(int i, int j) const {
    int least = 0;
    for (int kind : graph_.tasks[at(i)].holds) {
        const std::vector<int>& other = graph_.tasks[at(j)].holds;
        if (std::find(other.begin(), other.end(), kind) == other.end()) continue;
        int count = cores_.kinds[at(kind)].count;
        least = least == 0 ? count : std::min(least, count);
    }
    return least;
}

bool Formulation::placed(int task) const {
    if (place_all_) return true;
    const std::vector<int>& holds = graph_.tasks[at(task)].holds;
    return std::any_of(holds.begin(), holds.end(),
                       [&](int kind) { return placed_kinds_.count(kind) > 0; });
}

bool Formulation::assign_places(const std::set<int>& kinds) {
    size_t before = placed_kinds_.size();
    placed_kinds_.insert(kinds.begin(), kinds.end());
    if (place_all_ || placed_kinds_.size() == before) return false;
    build();
    return true;
}

int Formulation::whole_variables() const {
    return static_cast<int>(std::count_if(problem_.variables.begin(), problem_.variables.end(),
                                          [](const solver::Variable& v) { return v.whole; }));
}

void Formulation::build() {
    problem_ = {};
    shared_.clear();
    add_variables();
    add_orders();
    add_edges();
    add_pairs();
    add_places();
}

void Formulation::add_variables() {
    const auto n = static_cast<int>(graph_.tasks.size());
    auto flag = [&] { return problem_.add({0, 1, true, 0}); };
    end_ = problem_.add({bound_, horizon_, false, 1});
    t_.assign(at(n), 0);
    y_.assign(at(n), {});
    x_.assign(at(n), std::vector<int>(at(n), -1));
    z_.assign(at(n), {});
    int counts_before = 0;
    for (int i = 0; i < n; ++i) {
        const Task& task = graph_.tasks[at(i)];
        t_[at(i)] =
            problem_.add({ends_.head_us[at(i)], latest_end(i) - ends_.fastest_us[at(i)], false, 0});
        const int most = most_cores(task, cores_);
        Sum one;
        for (int k = 1; k <= most; ++k) {
            bool possible = std::isfinite(task.durations_us[at(k - 1)]);
            y_[at(i)].push_back(possible ? flag() : -1);
            if (possible) one.terms.push_back({y_[at(i)].back(), 1});
        }
        problem_.rows.push_back({1, 1, one.terms});
        for (int j = 0; j < n; ++j) {
            if (i == j) continue;
            bool decided = behind_[at(i)][at(j)] || behind_[at(j)][at(i)];
            if (!decided) x_[at(i)][at(j)] = flag();
            if (!decided || !whole_) continue;
            double fixed = behind_[at(i)][at(j)] ? 1 : 0;
            x_[at(i)][at(j)] = problem_.add({fixed, fixed, true, 0});
        }
        if (!placed(i)) continue;
        counts_before += most;
        for (int c = 0; c < places_for(task, cores_); ++c) {
            z_[at(i)].push_back(flag());
            // Cores of the one kind have no names: the first tasks take the first places.
            if (cores_.kinds.size() == 1 && c >= counts_before)
                problem_.variables[at(z_[at(i)].back())].high = 0;
        }
    }
}

void Formulation::add_row(double low, const Sum& sum) {
    if (!whole_) {
        double least = sum.constant;
        for (const solver::Term& t : sum.terms) {
            const solver::Variable& v = problem_.variables[at(t.variable)];
            least += t.factor * (t.factor > 0 ? v.low : v.high);
        }
        if (least >= low) return;
    }
    problem_.rows.push_back({low - sum.constant, solver::kUnbounded, sum.terms});
}

void Formulation::add_order(Sum& sum, int i, int j, double factor) const {
    if (x_[at(i)][at(j)] >= 0)
        sum.terms.push_back({x_[at(i)][at(j)], factor});
    else
        sum.constant += behind_[at(i)][at(j)] ? factor : 0;
}

// p_i
void Formulation::add_time(Sum& sum, int i, double factor) const {
    for (size_t k = 0; k < y_[at(i)].size(); ++k)
        if (y_[at(i)][k] >= 0)
            sum.terms.push_back(
                {y_[at(i)][k], factor * scale_ * graph_.tasks[at(i)].durations_us[k]});
}

// 1 where the task runs on at least so many cores.
void Formulation::add_count_from(Sum& sum, int i, int least, double factor) const {
    for (size_t k = 0; k < y_[at(i)].size(); ++k)
        if (y_[at(i)][k] >= 0 && static_cast<int>(k) + 1 >= least)
            sum.terms.push_back({y_[at(i)][k], factor});
}

// 1 and 2.
void Formulation::add_orders() {
    const auto n = static_cast<int>(graph_.tasks.size());
    for (int i = 0; i < n; ++i) {
        Sum ends{{{end_, 1}, {t_[at(i)], -1}}, 0};
        add_time(ends, i, -1);
        add_row(ends_.tail_us[at(i)], ends);
        for (int j = 0; j < n; ++j) {
            if (i == j) continue;
            if (i < j) {
                Sum both;
                add_order(both, i, j, -1);
                add_order(both, j, i, -1);
                add_row(-1, both);
            }
            for (int k = 0; k < n; ++k) {
                if (k == i || k == j) continue;
                Sum follows;
                add_order(follows, i, k, 1);
                add_order(follows, i, j, -1);
                add_order(follows, j, k, -1);
                add_row(-1, follows);
            }
        }
    }
}

// 3. Ways of several edges follow from these.
void Formulation::add_edges() {
    for (size_t e = 0; e < graph_.edges.size(); ++e) {
        const Edge& edge = graph_.edges[e];
        Sum after{{{t_[at(edge.to.v)], 1}, {t_[at(edge.from.v)], -1}}, 0};
        add_time(after, edge.from.v, -1);
        double due = scale_ * edge.cost_us;
        if (due > 0 && common_kind(edge.from.v, edge.to.v)) {
            add_shared(edge, static_cast<int>(e));
            after.terms.push_back({shared_.back().variable, due});
        }
        add_row(due, after);
    }
}

// A variable that is 1 only where both ends of the edge take a place in common.
void Formulation::add_shared(const Edge& edge, int number) {
    Shared shared{number, problem_.add({0, 1, true, 0}), {}};
    const std::vector<int>&from = z_[at(edge.from.v)], &to = z_[at(edge.to.v)];
    Sum some{{{shared.variable, -1}}, 0};
    for (int c = 0; c < common_cores(edge.from.v, edge.to.v); ++c) {
        if (at(c) >= from.size() || at(c) >= to.size()) break;
        int both = problem_.add({0, 1, false, 0});
        shared.places.emplace_back(c, both);
        some.terms.push_back({both, 1});
        add_row(0, {{{from[at(c)], 1}, {both, -1}}, 0});
        add_row(0, {{{to[at(c)], 1}, {both, -1}}, 0});
    }
    add_row(0, some);
    shared_.push_back(std::move(shared));
}

// 4, for tasks neither of which is behind the other.
void Formulation::add_pairs() {
    const auto n = static_cast<int>(graph_.tasks.size());
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j) {
            if (i == j || behind_[at(i)][at(j)] || behind_[at(j)][at(i)]) continue;
            double most = std::max(0.0, latest_end(i) - ends_.head_us[at(j)]);
            Sum after{{{t_[at(j)], 1}, {t_[at(i)], -1}}, 0};
            add_time(after, i, -1);
            add_order(after, i, j, -most);
            add_row(-most, after);
            const int cores = common_cores(i, j);
            if (i > j || cores == 0) continue;
            for (int k = 1; k <= static_cast<int>(y_[at(i)].size()); ++k) {
                if (y_[at(i)][at(k - 1)] < 0) continue;
                Sum apart{{{y_[at(i)][at(k - 1)], -1}}, 0};
                add_order(apart, i, j, 1);
                add_order(apart, j, i, 1);
                add_count_from(apart, j, cores - k + 1, -1);
                add_row(-1, apart);
            }
        }
}

// 5.
void Formulation::add_places() {
    const auto n = static_cast<int>(graph_.tasks.size());
    for (int i = 0; i < n; ++i) {
        if (z_[at(i)].empty()) continue;
        solver::Row count{0, 0, {}};
        for (int z : z_[at(i)]) count.terms.push_back({z, 1});
        for (size_t k = 0; k < y_[at(i)].size(); ++k)
            if (y_[at(i)][k] >= 0)
                count.terms.push_back({y_[at(i)][k], -static_cast<double>(k + 1)});
        problem_.rows.push_back(std::move(count));
        for (int j = i + 1; j < n; ++j) {
            if (behind_[at(i)][at(j)] || behind_[at(j)][at(i)] || !common_kind(i, j)) continue;
            size_t places = std::min(z_[at(i)].size(), z_[at(j)].size());
            for (size_t c = 0; c < places; ++c) {
                Sum apart{{{z_[at(i)][c], -1}, {z_[at(j)][c], -1}}, 0};
                add_order(apart, i, j, 1);
                add_order(apart, j, i, 1);
                add_row(-1, apart);
            }
        }
    }
}

std::vector<double> Formulation::start_values() const {
    std::vector<double> values(problem_.variables.size(), 0);
    const std::vector<std::vector<int>> slots = slots_of(graph_, cores_, start_);
    values[at(end_)] = horizon_;
    const auto n = static_cast<int>(graph_.tasks.size());
    for (int i = 0; i < n; ++i) {
        const Placed& p = start_.tasks[at(i)];
        values[at(t_[at(i)])] = scale_ * p.start_us;
        values[at(y_[at(i)][slots[at(i)].size() - 1])] = 1;
        for (int j = 0; j < n; ++j) {
            int x = x_[at(i)][at(j)];
            if (x < 0) continue;
            const Placed& q = start_.tasks[at(j)];
            bool before = p.finish_us < q.start_us ||
                          (p.finish_us == q.start_us && (p.start_us < p.finish_us || i < j));
            values[at(x)] = behind_[at(i)][at(j)] || (before && !behind_[at(j)][at(i)]);
        }
        for (int slot : slots[at(i)])
            if (!z_[at(i)].empty()) values[at(z_[at(i)][at(slot)])] = 1;
    }
    for (const Shared& s : shared_) {
        const Edge& e = graph_.edges[at(s.edge)];
        for (const auto& [place, variable] : s.places) {
            double both = std::min(values[at(z_[at(e.from.v)][at(place)])],
                                   values[at(z_[at(e.to.v)][at(place)])]);
            values[at(variable)] = both;
            values[at(s.variable)] = std::max(values[at(s.variable)], both);
        }
    }
    return values;
}

solver::Answer Formulation::solve(const solver::LinearLimits& limits) {
    return solver::minimise(problem_, limits, start_values());
}

Timing Formulation::times(const solver::Answer& answer) const {
    Timing times;
    for (size_t i = 0; i < graph_.tasks.size(); ++i) {
        times.start_us.push_back(us(answer.values[at(t_[i])]));
        int count = 1;
        for (size_t k = 0; k < y_[i].size(); ++k)
            if (y_[i][k] >= 0 && answer.values[at(y_[i][k])] > 0.5) count = static_cast<int>(k) + 1;
        times.counts.push_back(count);
        times.finish_us.push_back(times.start_us[i] + graph_.tasks[i].durations_us[at(count - 1)]);
        times.slots.emplace_back();
        for (size_t c = 0; c < z_[i].size(); ++c)
            if (answer.values[at(z_[i][c])] > 0.5)
                times.slots.back().push_back(static_cast<int>(c));
    }
    return times;
}

}  // namespace smeaton::schedule
