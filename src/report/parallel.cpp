#include "report/parallel.h"

#include <fmt/core.h>

#include "report/json_parts.h"
#include "report/table.h"

namespace smeaton::report {

std::string text(const driver::ParallelChoice& c) {
    std::string out = fmt::format("{:<12}", "kernels");
    out +=
        c.method == "serial" ? "one after another" : fmt::format("by the schedule of {}", c.tried);
    if (c.wanted != c.method) out += fmt::format(", as {} chose", c.wanted);
    if (!c.why.empty()) out += ": " + c.why;
    out += "\n";
    if (c.scheduled_us == 0) return out;
    Table table({fmt::format("{} on {}", c.kept ? "measured before" : "measured now", c.cpu),
                 ">time", ">of serial"});
    const auto row = [&](const std::string& way, double us) {
        table.row({way, time_text(us), fmt::format("{:.3f}", us / c.serial_us)});
    };
    row(fmt::format("one after another, {} threads each", c.threads), c.serial_us);
    row("schedule of " + c.tried, c.scheduled_us);
    if (c.linear_us > 0 && c.tried != "linear") row("schedule of linear", c.linear_us);
    row("the same as predicted", schedule::makespan_us(c.schedule));
    row("lower bound", c.bound_us);
    row(fmt::format("work / {}", c.threads), c.work_us);
    row("critical path", c.critical_path_us);
    return out + "\n" + table.str();
}

Json json_of(const driver::ParallelChoice& c) {
    Json tasks = Json::array();
    for (const schedule::Placed& p : c.schedule.tasks) {
        const schedule::Task& task = c.graph.at(p.task);
        tasks.push_back({{"name", task.name},
                         {"cores", p.cores},
                         {"start_us", p.start_us},
                         {"finish_us", p.finish_us}});
    }
    return {{"wanted", c.wanted},
            {"method", c.method},
            {"tried", c.tried},
            {"why", c.why},
            {"threads", c.threads},
            {"machine", c.cpu},
            {"kept", c.kept},
            {"serial_us", c.serial_us},
            {"linear_us", c.linear_us},
            {"scheduled_us", c.scheduled_us},
            {"makespan_us", schedule::makespan_us(c.schedule)},
            {"lower_bound_us", c.bound_us},
            {"work_us", c.work_us},
            {"critical_path_us", c.critical_path_us},
            {"tasks", tasks}};
}

}  // namespace smeaton::report
