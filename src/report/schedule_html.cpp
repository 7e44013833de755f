// The page of `schedule`.
#include <fmt/core.h>

#include <algorithm>

#include "report/gantt.h"
#include "report/html_parts.h"
#include "report/schedule.h"
#include "report/svg.h"
#include "report/table.h"
#include "report/verdict.h"

namespace smeaton::report {

namespace {

using driver::ScheduleResult;

std::string time_figure(const ScheduleResult& r, double us) {
    return r.unit == "us" ? time_us_figure(us) : number_figure(us);
}

Section figures_section(const ScheduleResult& r) {
    const schedule::Solution& s = r.solution;
    Rows t({"", ">", ""}, false);
    t.row({"algorithm", word(r.algorithm), r.algorithm == s.method ? "" : "by " + word(s.method)});
    if (!r.costs.empty()) t.row({"costs", word(r.costs), ""});
    t.row({"cores", whole_figure(s.cores.total()), ""});
    t.row({"nodes", whole_figure(r.nodes), whole_figure(r.nodes_raw) + " in the file"});
    t.row({"messages", whole_figure(s.messages), ""});
    t.row({"makespan", time_figure(r, s.makespan_us), s.optimal ? "no schedule is shorter" : ""});
    if (r.measured) t.row({"measured", time_figure(r, r.measured->length_us), ""});
    t.row({"lower bound", time_figure(r, s.lower_bound_us),
           "the makespan is " + percent_figure(schedule::gap(s)) + " above it"});
    t.row({"critical path", time_figure(r, s.critical_path_us), "each task at its fastest"});
    t.row({"serial", time_figure(r, s.serial_us), ""});
    std::string notes;
    for (const std::string& n : s.notes)
        notes += fmt::format("<p class=\"note\">{}</p>\n", word(n));
    return {"figures", "The schedule", t.str() + notes};
}

Section chart_section(const ScheduleResult& r) {
    const schedule::Solution& s = r.solution;
    const driver::Timeline planned = driver::timeline_of(s.schedule, s.cores.total());
    return {"chart", "Who works on what, when",
            gantt_chart(s.graph, s.cores, planned, r.measured ? &*r.measured : nullptr)};
}

Section graph_section(const driver::Drawing& graph) {
    if (graph.svg.empty())
        return {"graph", "The graph",
                fmt::format("<p class=\"note\">No picture: {}.</p>\n", word(graph.missing))};
    return {
        "graph", "The graph",
        "<p>A task's colour is its first core's; thick frames are tasks on several cores, dashed "
        "lines go from core to core.</p>\n<div class=\"wide\">" +
            graph.svg + "</div>\n"};
}

Section tasks_section(const ScheduleResult& r) {
    Rows t({"task", "cores", ">start", ">finish", ">takes"});
    for (const schedule::Placed& p : r.solution.schedule.tasks) {
        std::vector<std::string> cores;
        for (int c : p.cores) cores.push_back(std::to_string(c));
        t.row({word(r.solution.graph.at(p.task).name), word(joined(cores, ",")),
               time_figure(r, p.start_us), time_figure(r, p.finish_us),
               time_figure(r, p.finish_us - p.start_us)});
    }
    return {"tasks", "Tasks", t.str()};
}

}  // namespace

std::string gantt_chart(const schedule::TaskGraph& graph, const schedule::Cores& cores,
                        const driver::Timeline& planned, const driver::Timeline* measured) {
    double length = planned.length_us;
    std::vector<StripRow> rows = gantt_rows("predicted", graph, cores, planned);
    if (measured != nullptr) {
        length = std::max(length, measured->length_us);
        for (StripRow& row : gantt_rows("measured", graph, cores, *measured))
            rows.push_back(std::move(row));
    }
    return "<p>Point at a strip for its name and times.</p>\n" + timeline(rows, length);
}

std::string html(const ScheduleResult& r, const driver::Drawing& graph) {
    return page({"Smeaton schedule", model_name(r.of),
                 fmt::format("<p class=\"sub\">{}</p>\n", word(r.of))},
                {figures_section(r), chart_section(r), graph_section(graph), tasks_section(r)});
}

}  // namespace smeaton::report
