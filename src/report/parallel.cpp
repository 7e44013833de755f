#include "report/parallel.h"

#include <fmt/core.h>

#include "report/json_parts.h"
#include "report/table.h"

namespace smeaton::report {

std::string words(const driver::ParallelChoice& c, const std::string& method,
                  const std::string& hyper) {
    if (method == "serial")
        return fmt::format("{}one after another, {} threads on each kernel",
                           c.samples > 1 ? "samples and kernels " : "", c.threads);
    if (method == "one_thread") return "all on one thread";
    if (method == "all_threads")
        return "all threads on each kernel, waiting only for what it needs";
    if (method == "mixed") return "the best parts of these";
    if (method == "sample_per_core") return "one sample on each thread";
    return fmt::format("schedule of {}{}{}", method, hyper.empty() ? "" : ", ", hyper);
}

namespace {

std::string energy_text(double joules) {
    if (joules == 0) return "";
    return joules < 1 ? number_text(joules * 1e3) + " mJ" : number_text(joules) + " J";
}

std::string energy_note(const driver::ParallelChoice& c) {
    if (!c.energy_of.empty()) return fmt::format("{:<12}{}\n", "energy", c.energy_of);
    if (!c.energy_missing.empty())
        return fmt::format("{:<12}not known: {}\n", "energy", c.energy_missing);
    return "";
}

}  // namespace

std::string text(const driver::ParallelChoice& c) {
    std::string out = fmt::format("{:<12}", "kernels");
    out += c.method == "serial" ? "one after another" : words(c, c.method, c.hyper);
    if (c.wanted != c.method && c.wanted != "off") out += fmt::format(", as {} chose", c.wanted);
    if (!c.why.empty()) out += ": " + c.why;
    out += "\n";
    if (c.ways.empty()) return out;
    Table table({fmt::format("{} on {}", c.kept ? "measured before" : "measured now", c.cpu),
                 ">time", ">of serial", ">energy", ">of serial"});
    const auto row = [&](const std::string& way, double us, double joules) {
        const double serial = c.ways.front().joules;
        table.row({way, time_text(us), fmt::format("{:.3f}", us / c.serial_us), energy_text(joules),
                   joules > 0 && serial > 0 ? fmt::format("{:.3f}", joules / serial) : ""});
    };
    if (c.uncertainty > 0)
        out +=
            fmt::format("{:<12}{:.3f} of serial; at most {:.3f}, but once in 40 times\n", "gain",
                        c.scheduled_us / c.serial_us, c.scheduled_us / c.serial_us + c.uncertainty);
    for (const driver::TriedWay& w : c.ways) row(words(c, w.method, w.hyper), w.us, w.joules);
    row(words(c, c.tried, c.hyper) + ", as predicted", schedule::makespan_us(c.schedule), 0);
    row("lower bound", c.bound_us, 0);
    row(fmt::format("work / {}", c.threads), c.work_us, 0);
    row("critical path", c.critical_path_us, 0);
    return out + "\n" + table.str() + energy_note(c);
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
    Json ways = Json::array();
    for (const driver::TriedWay& w : c.ways)
        ways.push_back({{"way", words(c, w.method, w.hyper)},
                        {"method", w.method},
                        {"hyper", w.hyper},
                        {"time_us", w.us},
                        {"of_serial", w.us / c.serial_us},
                        {"energy_j", w.joules > 0 ? Json(w.joules) : Json()}});
    return {{"wanted", c.wanted},
            {"method", c.method},
            {"tried", c.tried},
            {"why", c.why},
            {"threads", c.threads},
            {"samples", c.samples},
            {"hyper", c.hyper},
            {"ways", ways},
            {"energy_of", c.energy_of},
            {"energy_missing", c.energy_missing},
            {"machine", c.cpu},
            {"kept", c.kept},
            {"uncertainty", c.uncertainty},
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
