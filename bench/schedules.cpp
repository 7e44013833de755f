// How good and how fast schedules are: graphs whose optimum is known, small ones to prove, and a
// large one.
//
//     build/bench/schedules_bench known [seconds per graph]
//     build/bench/schedules_bench small
//     build/bench/schedules_bench large
//     build/bench/schedules_bench layer
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>

#include "schedule/check.h"
#include "schedule/ilp/ilp.h"
#include "schedule/linear/linear.h"
#include "schedule/list/list.h"
#include "schedule/random/random_graph.h"
#include "schedule/solve.h"
#include "solver/constraint.h"

using namespace smeaton;
using namespace smeaton::schedule;

namespace {

double seconds_of(const auto& body) {
    auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Messages up to `share` of a mean task; columns: makespan / optimum - 1.
void known(double time_limit_s) {
    fmt::print("{:>6} {:>6} {:>6} {:>10} {:>10} {:>10}\n", "tasks", "cores", "edges", "no message",
               "<= mean", "<= 4 mean");
    double sums[3] = {0, 0, 0};
    int count = 0;
    for (int tasks : {50, 100, 200, 350, 500})
        for (int cores : {2, 4, 8, 16})
            for (double edges : {0.1, 0.5}) {
                if (cores > 4 && edges > 0.3) continue;
                fmt::print("{:>6} {:>6} {:>6}", tasks, cores, edges);
                int column = 0;
                for (double share : {0.0, 1.0, 4.0}) {
                    KnownGraphOptions options{tasks, cores, edges, 400.0 + 4 * tasks, 0};
                    options.highest_message_us = share * options.optimum_us * cores / tasks;
                    TaskGraph graph = known_graph(options, static_cast<uint64_t>(tasks + cores));
                    Links links(graph);
                    Cores machine = cores_of_one_kind(cores);
                    ListOptions search;
                    search.time_limit_s = time_limit_s;
                    Schedule s = search_list(graph, links, machine, search);
                    if (!check(graph, machine, s).faults.empty()) fmt::print("FAULT ");
                    double gap = makespan_us(s) / options.optimum_us - 1;
                    sums[column++] += gap;
                    fmt::print(" {:>9.2f}%", 100 * gap);
                    std::fflush(stdout);
                }
                ++count;
                fmt::print("\n");
            }
    fmt::print("mean                {:>10.2f}% {:>9.2f}% {:>9.2f}%\n", 100 * sums[0] / count,
               100 * sums[1] / count, 100 * sums[2] / count);
}

struct Small {
    TaskGraph graph;
    Cores cores;
};
// 16 to 24 jobs; form 0: cores alike, 1: messages, 2: three kinds of core, one each.
Small small_case(int form, int i) {
    RandomNumbers random(static_cast<uint64_t>(i) + 1000);
    RandomGraphOptions options;
    options.tasks = random.between(16, 24);
    options.edge_share = 0.1 + 0.4 * random.share();
    options.highest_message_us = form == 1 ? 10 : 0;
    options.kinds = form == 2 ? 3 : 1;
    TaskGraph graph = random_graph(options, static_cast<uint64_t>(i));
    Cores cores = cores_of_one_kind(random.between(2, 4));
    if (form == 2) cores = {{{"a", 1}, {"b", 1}, {"c", 1}}};
    return {graph, cores};
}

// Share of 100 that is proven within a second, by the exact search, by CP-SAT, and by auto.
void small() {
    const char* forms[] = {"alike", "with messages", "three kinds"};
    for (int form = 0; form < 3; ++form)
        for (Algorithm algorithm : {Algorithm::Exact, Algorithm::Cpsat, Algorithm::Auto}) {
            if (algorithm == Algorithm::Cpsat && !solver::cp_sat_missing().empty()) continue;
            int proven = 0;
            double longest = 0, sum = 0;
            for (int i = 0; i < 100; ++i) {
                Small c = small_case(form, i);
                bool optimal = false;
                double s = seconds_of([&] {
                    optimal =
                        solve(c.graph, c.cores, {algorithm, 0.98, false, 1, Hyper::Plain}, "small")
                            .optimal;
                });
                proven += optimal && s < 1;
                longest = std::max(longest, s);
                sum += s;
            }
            fmt::print("{:<14} {:<6} {} of 100 proven, mean {:.3f} s, longest {:.3f} s\n",
                       forms[form], name(algorithm), proven, sum / 100, longest);
        }
}

void layer() {
    TaskGraph graph = decoder_layer();
    Links links(graph);
    Schedule start = search_list(graph, links, *graph.cores, {2000, {}});
    IlpResult result;
    double s = seconds_of([&] {
        result = solve_ilp(graph, links, *graph.cores, start, {{}, true});
    });
    fmt::print("decoder layer: {} rows, {} whole variables, {}, gap {:.4f} %, in {:.3f} s\n",
               result.rows, result.whole_variables, result.proven ? "proven" : "open",
               100 * (makespan_us(result.schedule) / result.lower_bound_us - 1), s);
}

void large() {
    for (int tasks : {1500, 100000}) {
        TaskGraph graph = layered_graph(tasks, 100, 7);
        Links links(graph);
        LinearClusters linear;
        double s = seconds_of([&] { linear = cluster_linear(graph, links); });
        double whole = seconds_of([&] {
            Links again(graph);
            Schedule schedule = schedule_workers(graph, again, linear.workers, linear.distance_us);
            if (!check(graph, cores_of_one_kind(static_cast<int>(linear.workers.size())), schedule)
                     .faults.empty())
                fmt::print("FAULT ");
        });
        fmt::print(
            "{} tasks, {} edges: {} clusters -> {} workers, {} messages in {:.3f} s; links, "
            "schedule and check {:.3f} s\n",
            tasks, graph.edges.size(), linear.clusters.size(), linear.workers.size(),
            messages(graph, linear.workers), s, whole);
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::string what = argc > 1 ? argv[1] : "";
    if (what == "known")
        known(argc > 2 ? std::atof(argv[2]) : 10);
    else if (what == "small")
        small();
    else if (what == "large")
        large();
    else if (what == "layer")
        layer();
    else
        return fmt::print(stderr, "schedules known [SECONDS] | small | large | layer\n"), 1;
    return 0;
}
