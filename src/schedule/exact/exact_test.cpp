#include "schedule/exact/exact.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "schedule/bounds.h"
#include "schedule/check.h"
#include "schedule/list/list.h"
#include "schedule/random/random_graph.h"
#include "schedule/test_cases.h"

namespace smeaton::schedule {
namespace {

// Is there a schedule that ends before `upper`? Every order of placing, every set of cores; two
// states are one when all that was decided is the same but for the names of cores. Cut off is only
// what cannot end before `upper` even if all that follows runs without waiting, or without a gap.
class BruteForce {
public:
    BruteForce(const TaskGraph& graph, int cores)
        : graph_(graph),
          n_(static_cast<int>(graph.tasks.size())),
          free_(static_cast<size_t>(cores)),
          finish_(graph.tasks.size()),
          where_(graph.tasks.size()),
          tail_(graph.tasks.size(), 0) {
        for (int t = n_; t-- > 0;)  // edges go from lower to higher numbers
            for (const Edge& e : graph.edges)
                if (e.from.v == t) {
                    auto to = static_cast<size_t>(e.to.v);
                    const std::vector<double>& d = graph.tasks[to].durations_us;
                    double& tail = tail_[static_cast<size_t>(t)];
                    tail = std::max(tail, tail_[to] + *std::min_element(d.begin(), d.end()));
                }
    }

    double run(double upper) {
        best_ = upper;
        go(0, 0);
        return best_;
    }

private:
    void go(unsigned done, double last_start) {
        if (done + 1 == 1u << n_) {
            best_ = std::min(best_, *std::max_element(finish_.begin(), finish_.end()));
            return;
        }
        if (!room_for_the_rest(done, last_start)) return;
        // To forget costs time, not truth.
        if (visited_.size() >= kVisited) visited_.clear();
        if (!visited_.insert(fingerprint(done, last_start)).second) return;
        for (int t = 0; t < n_; ++t) {
            if (done >> t & 1) continue;
            bool ready = true;
            for (const Edge& e : graph_.edges)
                if (e.to.v == t && !(done >> e.from.v & 1)) ready = false;
            if (!ready) continue;
            for (unsigned set = 1; set < 1u << free_.size(); ++set) place(done, last_start, t, set);
        }
    }

    bool room_for_the_rest(unsigned done, double last_start) const {
        double room = 0;
        for (double free : free_) room += best_ - std::max(free, last_start);
        for (int t = 0; t < n_; ++t) {
            if (done >> t & 1) continue;
            const std::vector<double>& d = graph_.tasks[static_cast<size_t>(t)].durations_us;
            double least = d[0];
            for (size_t k = 1; k < d.size(); ++k)
                least = std::min(least, static_cast<double>(k + 1) * d[k]);
            room -= least;
        }
        return room > 0;
    }

    void place(unsigned done, double last_start, int t, unsigned set) {
        const std::vector<double>& d = graph_.tasks[static_cast<size_t>(t)].durations_us;
        auto count = static_cast<size_t>(__builtin_popcount(set));
        if (count > d.size()) return;
        double start = 0;
        for (size_t c = 0; c < free_.size(); ++c)
            if (set >> c & 1) start = std::max(start, free_[c]);
        for (const Edge& e : graph_.edges)
            if (e.to.v == t) {
                auto from = static_cast<size_t>(e.from.v);
                start = std::max(start, finish_[from] + ((where_[from] & set) ? 0 : e.cost_us));
            }
        double tail = tail_[static_cast<size_t>(t)];
        if (start < last_start || start + d[count - 1] + tail >= best_) return;
        std::vector<double> free = free_;
        for (size_t c = 0; c < free_.size(); ++c)
            if (set >> c & 1) free_[c] = start + d[count - 1];
        finish_[static_cast<size_t>(t)] = start + d[count - 1];
        where_[static_cast<size_t>(t)] = set;
        go(done | 1u << t, start);
        finish_[static_cast<size_t>(t)] = 0;
        where_[static_cast<size_t>(t)] = 0;
        free_ = free;
    }

    std::vector<double> fingerprint(unsigned done, double last_start) const {
        std::vector<std::vector<double>> cores;
        for (size_t c = 0; c < free_.size(); ++c) {
            cores.push_back({free_[c]});
            for (size_t t = 0; t < where_.size(); ++t)
                if (where_[t] >> c & 1) cores.back().push_back(static_cast<double>(t));
        }
        std::sort(cores.begin(), cores.end());
        std::vector<double> all = {static_cast<double>(done), last_start};
        for (const auto& core : cores) {
            all.insert(all.end(), core.begin(), core.end());
            all.push_back(-1);
        }
        all.insert(all.end(), finish_.begin(), finish_.end());
        return all;
    }

    static constexpr size_t kVisited = 500'000;

    const TaskGraph& graph_;
    int n_;
    std::vector<double> free_, finish_;
    std::vector<unsigned> where_;
    std::vector<double> tail_;
    std::set<std::vector<double>> visited_;
    double best_ = 0;
};

struct Case {
    TaskGraph graph;
    int cores;
};
Case random_case(int i, int most_tasks) {
    RandomNumbers random = case_numbers(i);
    RandomGraphOptions options = case_options(i, most_tasks, random);
    return {random_graph(options, static_cast<uint64_t>(i)), random.between(1, 4)};
}

TEST(Exact, EqualsBruteForceAndNothingBeatsIt) {
    int count = long_run() ? 1000 : 150, most_tasks = long_run() ? 12 : 7;
    double sum = 0;
    for (int i = 0; i < count; ++i) {
        Case c = random_case(i, most_tasks);
        if (long_run() && c.graph.tasks[0].durations_us.size() > 1 && c.graph.tasks.size() > 8)
            continue;  // sets of cores for every task: too many ways to try all
        Links links(c.graph);
        Cores cores = cores_of_one_kind(c.cores);
        Schedule list = search_list(c.graph, links, cores, {2000, {}});
        ASSERT_TRUE(check(c.graph, cores, list).faults.empty()) << i;
        ExactResult exact = search_exact(c.graph, links, cores, list, {});
        ASSERT_TRUE(exact.proven) << i;
        CheckResult checked = check(c.graph, cores, exact.schedule);
        ASSERT_TRUE(checked.faults.empty()) << i << ": " << checked.faults[0];
        double us = makespan_us(exact.schedule);
        ASSERT_EQ(BruteForce(c.graph, c.cores).run(us), us) << i;
        ASSERT_LE(lower_bounds(c.graph, links, cores, makespan_us(list)).best_us(), us + 1e-6) << i;
        ASSERT_GE(makespan_us(list), us);
        sum += makespan_us(list) / us;
    }
    EXPECT_LE(sum / count, 1.05);
    RecordProperty("list_over_exact", std::to_string(sum / count));
}

TEST(Exact, SetsOfCoresWithoutNumberEndTheSearch) {
    // Each core that has done a task differs from all others: the last task may take any subset.
    TaskGraph graph;
    for (int t = 0; t < 25; ++t) {
        graph.tasks.push_back({"t" + std::to_string(t), std::vector<double>(24, 10), {0}, 0});
        graph.edges.push_back({{t}, {25}, 1, 0});
    }
    graph.tasks.push_back({"end", {1}, {0}, 0});
    Links links(graph);
    Cores cores = cores_of_one_kind(24);
    std::vector<Choice> serial;
    for (int t : links.order()) serial.push_back({t, {0}});
    Schedule start = replay(graph, links, cores, serial);
    ExactResult exact = search_exact(graph, links, cores, start, {});
    EXPECT_FALSE(exact.proven);
    EXPECT_LT(exact.nodes, 100);
    EXPECT_TRUE(check(graph, cores, exact.schedule).faults.empty());
}

}  // namespace
}  // namespace smeaton::schedule
