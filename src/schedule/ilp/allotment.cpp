#include "schedule/ilp/allotment.h"

#include <algorithm>
#include <cmath>

#include "solver/linear.h"

namespace smeaton::schedule {

namespace {

constexpr double kTolerance = 1e-6;  // of the solver's rows, relative
constexpr double kSeconds = 2;

}  // namespace

double allotment_bound_us(const TaskGraph& graph, const Links& links, const Cores& cores) {
    double unit = 0;  // times in units of about the answer's size
    for (const Task& task : graph.tasks)
        unit = std::max(unit, fastest_us(task, most_cores(task, cores)));
    if (!(unit > 0) || !std::isfinite(unit)) return 0;
    solver::LinearProblem problem;
    const int whole = problem.add({0, solver::kUnbounded, false, 1});
    std::vector<solver::Row> work(cores.kinds.size(), {0, solver::kUnbounded, {}});
    std::vector<int> ends;
    std::vector<std::vector<solver::Term>> takes;
    for (const Task& task : graph.tasks) {
        ends.push_back(problem.add({}));
        takes.emplace_back();
        solver::Row one{1, 1, {}};
        const int most = most_cores(task, cores);
        for (int k = 1; k <= most; ++k) {
            const double duration = task.durations_us[static_cast<size_t>(k) - 1] / unit;
            if (!std::isfinite(duration)) continue;
            const int y = problem.add({0, 1, false, 0});
            one.terms.push_back({y, 1});
            takes.back().push_back({y, -duration});
            for (const int kind : task.holds)
                work[static_cast<size_t>(kind)].terms.push_back({y, -k * duration});
        }
        problem.rows.push_back(std::move(one));
    }
    for (size_t i = 0; i < graph.tasks.size(); ++i) {
        auto row = [&](std::vector<solver::Term> terms) {
            terms.insert(terms.end(), takes[i].begin(), takes[i].end());
            problem.rows.push_back({0, solver::kUnbounded, std::move(terms)});
        };
        row({{ends[i], 1}});
        for (const int e : links.in(static_cast<int>(i))) {
            const int before = graph.edges[static_cast<size_t>(e)].from.v;
            row({{ends[i], 1}, {ends[static_cast<size_t>(before)], -1}});
        }
        problem.rows.push_back({0, solver::kUnbounded, {{whole, 1}, {ends[i], -1}}});
    }
    for (size_t kind = 0; kind < work.size(); ++kind) {
        work[kind].terms.push_back({whole, static_cast<double>(cores.kinds[kind].count)});
        problem.rows.push_back(std::move(work[kind]));
    }
    const solver::Answer answer = minimise(problem, {kSeconds, 0, 0});
    if (answer.ended != solver::Ended::Optimal) return 0;
    return answer.objective * unit * (1 - kTolerance);
}

}  // namespace smeaton::schedule
