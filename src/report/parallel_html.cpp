// Kernels side by side, in the report.
#include <fmt/core.h>

#include "report/html_parts.h"
#include "report/parallel.h"

namespace smeaton::report {

namespace {

std::string ways_table(const driver::ParallelChoice& c) {
    Rows t({"way", ">time", ">of one after another", ">energy"}, false);
    for (const driver::TriedWay& w : c.ways)
        t.row({word(words(c, w.method, w.hyper)), time_us_figure(w.us),
               number_figure(w.us / c.serial_us),
               w.joules > 0 ? figure(w.joules, fmt::format("{:.3g} mJ", w.joules * 1e3)) : ""});
    t.row(
        {"what the schedule predicts", time_us_figure(schedule::makespan_us(c.schedule)), "", ""});
    t.row({"no schedule over these kernels is shorter than", time_us_figure(c.bound_us), "", ""});
    t.row({fmt::format("their work / {} threads", whole_figure(c.threads)),
           time_us_figure(c.work_us), "", ""});
    t.row({"their critical path", time_us_figure(c.critical_path_us), "", ""});
    return t.str();
}

}  // namespace

Section parallel_section(const driver::StudyResult& r) {
    const driver::ParallelChoice& c = r.parallel;
    constexpr const char* kTitle = "Kernels side by side";
    if (c.ways.empty())
        return {"parallel", kTitle,
                fmt::format("<p>Kernels run one after another: {}.</p>\n", word(c.why))};
    std::string html = fmt::format(
        "<p>Timed here, in turns: {} is what <code>--parallel auto</code> takes{}.</p>\n",
        word(words(c, c.method, c.method == "serial" ? "" : c.hyper)),
        c.kept ? ", measured before" : "");
    html += ways_table(c);
    if (!c.energy_of.empty())
        html += fmt::format("<p class=\"note\">Energy: {}.</p>\n", word(c.energy_of));
    else if (!c.energy_missing.empty())
        html +=
            fmt::format("<p class=\"note\">Energy is not known: {}.</p>\n", word(c.energy_missing));
    const driver::Timeline planned = driver::timeline_of(c.schedule, c.threads);
    html += gantt_chart(c.graph, schedule::cores_of_one_kind(c.threads), planned,
                        r.parallel_run ? &*r.parallel_run : nullptr);
    return {"parallel", kTitle, html};
}

}  // namespace smeaton::report
