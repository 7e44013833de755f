#include "report/schedule.h"

#include <fmt/core.h>

#include <algorithm>

#include "report/gantt.h"
#include "report/json_parts.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

constexpr size_t kRows = 40;  // of the table; --json has all

std::string cores_text(const schedule::Cores& cores) {
    if (cores.kinds.size() == 1) return std::to_string(cores.kinds[0].count);
    std::vector<std::string> parts;
    for (const schedule::CoreKind& k : cores.kinds)
        parts.push_back(fmt::format("{}={}", k.name, k.count));
    return joined(parts, ",");
}

std::string numbers(const std::vector<int>& cores) {
    std::vector<std::string> words;
    for (int c : cores) words.push_back(std::to_string(c));
    return joined(words, ",");
}

std::string time(const driver::ScheduleResult& r, double us) {
    return r.unit == "us" ? time_text(us) : number_text(us);
}

std::string task_table(const driver::ScheduleResult& r) {
    const schedule::Solution& s = r.solution;
    std::vector<const schedule::Placed*> by_start;
    for (const schedule::Placed& p : s.schedule.tasks) by_start.push_back(&p);
    std::stable_sort(by_start.begin(), by_start.end(),
                     [](auto* a, auto* b) { return a->start_us < b->start_us; });
    Table table({"task", "cores", ">start", ">finish"});
    for (size_t i = 0; i < std::min(kRows, by_start.size()); ++i) {
        const schedule::Placed& p = *by_start[i];
        table.row({shortened(s.graph.at(p.task).name, 48), numbers(p.cores), time(r, p.start_us),
                   time(r, p.finish_us)});
    }
    std::string out = table.str();
    if (by_start.size() > kRows)
        out += fmt::format("and {} tasks more (--json has all)\n", by_start.size() - kRows);
    return out;
}

std::string charts(const driver::ScheduleResult& r) {
    const schedule::Solution& s = r.solution;
    const driver::Timeline planned = driver::timeline_of(s.schedule, s.cores.total());
    if (!r.measured) return gantt(s.graph, s.cores, planned);
    GanttSize size;
    size.length_us = std::max(planned.length_us, r.measured->length_us);
    return fmt::format("predicted, {}\n{}measured, {}\n{}", time(r, planned.length_us),
                       gantt(s.graph, s.cores, planned, size), time(r, r.measured->length_us),
                       gantt(s.graph, s.cores, *r.measured, size));
}

std::string figures(const driver::ScheduleResult& r) {
    const schedule::Solution& s = r.solution;
    Table table({"schedule", ">", ""});
    std::string how = r.algorithm == s.method ? r.algorithm : r.algorithm + ", by " + s.method;
    table.row({"algorithm", how, r.costs.empty() ? "" : "costs: " + r.costs});
    table.row({"cores", cores_text(s.cores), ""});
    table.row({"nodes", std::to_string(r.nodes), fmt::format("of {} in the file", r.nodes_raw)});
    if (s.linear)
        table.row(
            {"clusters", std::to_string(s.linear->clusters),
             fmt::format(
                 "merged to {} workers{}", s.linear->merged,
                 s.linear->clones > 0 ? fmt::format(", {} tasks cloned", s.linear->clones) : "")});
    table.row({"messages", std::to_string(s.messages), ""});
    table.row({"makespan", time(r, s.makespan_us), s.optimal ? "no schedule is shorter" : ""});
    table.row({"lower bound", time(r, s.lower_bound_us),
               fmt::format("gap {:.2f} %", 100 * schedule::gap(s))});
    table.row({"critical path", time(r, s.critical_path_us), "each task at its fastest"});
    table.row({"serial", time(r, s.serial_us),
               s.makespan_us > 0 ? fmt::format("{:.2f} x", s.serial_us / s.makespan_us) : ""});
    if (s.peak_output_bytes > 0)
        table.row({"outputs", bytes_text(s.peak_output_bytes), "alive at once, at most"});
    return table.str();
}

}  // namespace

std::string text(const driver::ScheduleResult& r) {
    std::string out = figures(r) + "\n" + charts(r) + "\n" + task_table(r);
    for (const std::string& note : r.solution.notes) out += "note: " + note + "\n";
    return out;
}

std::string json(const driver::ScheduleResult& r) {
    const schedule::Solution& s = r.solution;
    Json tasks = Json::array();
    for (const schedule::Placed& p : s.schedule.tasks)
        tasks.push_back({{"name", s.graph.at(p.task).name},
                         {"cores", p.cores},
                         {"start_us", p.start_us},
                         {"finish_us", p.finish_us}});
    auto linear = [&](auto figure) { return s.linear ? Json((*s.linear).*figure) : Json(); };
    Json measured;
    if (r.measured) {
        Json spans = Json::array();
        for (const driver::CoreSpan& span : r.measured->spans)
            spans.push_back({{"name", s.graph.tasks[static_cast<size_t>(span.task)].name},
                             {"core", span.core},
                             {"start_us", span.begin_us},
                             {"finish_us", span.end_us}});
        measured = {{"makespan_us", r.measured->length_us}, {"spans", spans}};
    }
    Json kinds = Json::object();
    for (const schedule::CoreKind& k : s.cores.kinds) kinds[k.name] = k.count;
    Json out = {{"algorithm", r.algorithm},
                {"method", s.method},
                {"costs", r.costs.empty() ? Json() : Json(r.costs)},
                {"cores", s.cores.total()},
                {"core_kinds", kinds},
                {"nodes_raw", r.nodes_raw},
                {"nodes", r.nodes},
                {"clusters", linear(&schedule::LinearFigures::clusters)},
                {"clusters_merged", linear(&schedule::LinearFigures::merged)},
                {"clones", linear(&schedule::LinearFigures::clones)},
                {"longest_way_us", linear(&schedule::LinearFigures::longest_way_us)},
                {"messages", s.messages},
                {"makespan_us", s.makespan_us},
                {"lower_bound_us", s.lower_bound_us},
                {"gap", schedule::gap(s)},
                {"optimal", s.optimal},
                {"serial_us", s.serial_us},
                {"critical_path_us", s.critical_path_us},
                {"peak_output_bytes", s.peak_output_bytes},
                {"notes", s.notes},
                {"measured", measured},
                {"tasks", tasks}};
    return dump(out);
}

}  // namespace smeaton::report
