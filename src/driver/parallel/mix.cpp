#include "driver/parallel/mix.h"

#include <algorithm>
#include <limits>
#include <map>
#include <random>

#include "base/error.h"
#include "driver/parallel/plan.h"

namespace smeaton::driver {

namespace {

/// Between two cuts of a way: its tasks there, and what they took.
struct Part {
    size_t way = 0;
    size_t first = 0, last = 0;  // in the way's order: from, up to
    size_t from = 0, to = 0;     // cuts
    double us = 0;
};

/// What has ended at a cut, and the shortest way there.
struct Cut {
    size_t tasks = 0;  // how many have ended
    double us = std::numeric_limits<double>::infinity();
    const Part* by = nullptr;
};

double lower_quartile(std::vector<double> times) {
    const auto at = times.begin() + static_cast<long>(times.size() / 4);
    std::nth_element(times.begin(), at, times.end());
    return *at;
}

class Mixing {
public:
    Mixing(const schedule::TaskGraph& graph, const std::vector<TracedWay>& ways)
        : ways_(ways), links_(graph) {
        // Sets of tasks by sums of random numbers.
        std::mt19937_64 random(1);
        for (size_t t = 0; t < graph.tasks.size(); ++t) marks_.push_back(random());
        cut(0, 0);
        for (size_t w = 0; w < ways.size(); ++w) add(w);
    }

    std::vector<schedule::Choice> sequence() {
        cuts_[0].us = 0;
        // Parts lead from fewer tasks to more.
        std::vector<const Part*> parts;
        for (const Part& p : parts_) parts.push_back(&p);
        std::stable_sort(parts.begin(), parts.end(), [&](const Part* a, const Part* b) {
            return cuts_[a->from].tasks < cuts_[b->from].tasks;
        });
        size_t last = 0;
        for (const Part* p : parts) {
            Cut& to = cuts_[p->to];
            if (cuts_[p->from].us + p->us < to.us) {
                to.us = cuts_[p->from].us + p->us;
                to.by = p;
            }
            if (to.tasks > cuts_[last].tasks) last = p->to;
        }
        std::vector<const Part*> path;
        for (const Part* p = cuts_[last].by; p != nullptr; p = cuts_[p->from].by) path.push_back(p);
        std::reverse(path.begin(), path.end());
        std::vector<schedule::Choice> all;
        for (const Part* p : path)
            for (size_t i = p->first; i < p->last; ++i) {
                const int t = orders_[p->way][i];
                all.push_back({t, ways_[p->way].schedule.tasks[static_cast<size_t>(t)].cores});
            }
        return all;
    }

private:
    size_t cut(uint64_t set, size_t tasks) {
        const auto [at, is_new] = number_.emplace(set, cuts_.size());
        if (is_new) {
            cuts_.emplace_back();
            cuts_.back().tasks = tasks;
        }
        return at->second;
    }

    void add(size_t w) {
        const TracedWay& way = ways_[w];
        orders_.push_back(by_start(links_, way.schedule));
        const std::vector<int>& order = orders_.back();
        double ended_us = 0;  // all so far
        uint64_t set = 0;
        size_t from = 0, from_cut = 0;
        std::vector<double> before(way.end_us.size(), 0);  // when the last cut was, by run
        std::vector<double> ends = before;
        for (size_t i = 0; i < order.size(); ++i) {
            const auto t = static_cast<size_t>(order[i]);
            ended_us = std::max(ended_us, way.schedule.tasks[t].finish_us);
            set += marks_[t];
            for (size_t r = 0; r < ends.size(); ++r) ends[r] = std::max(ends[r], way.end_us[r][t]);
            const bool is_cut =
                i + 1 == order.size() ||
                way.schedule.tasks[static_cast<size_t>(order[i + 1])].start_us >= ended_us;
            if (!is_cut) continue;
            std::vector<double> took;
            for (size_t r = 0; r < ends.size(); ++r) took.push_back(ends[r] - before[r]);
            const size_t to = cut(set, i + 1);
            parts_.push_back({w, from, i + 1, from_cut, to, lower_quartile(std::move(took))});
            before = ends;
            from = i + 1;
            from_cut = to;
        }
    }

    const std::vector<TracedWay>& ways_;
    schedule::Links links_;
    std::vector<uint64_t> marks_;  // by task
    std::map<uint64_t, size_t> number_;
    std::vector<Cut> cuts_;
    std::vector<Part> parts_;
    std::vector<std::vector<int>> orders_;
};

}  // namespace

schedule::Schedule mixed(const schedule::TaskGraph& graph, const schedule::Cores& cores,
                         const std::vector<TracedWay>& ways) {
    SMEATON_CHECK(!ways.empty() && !graph.tasks.empty(), "nothing to mix");
    return schedule::replay(graph, schedule::Links(graph), cores, Mixing(graph, ways).sequence());
}

}  // namespace smeaton::driver
