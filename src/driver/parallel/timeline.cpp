#include "driver/parallel/timeline.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace smeaton::driver {

namespace {

void sort_spans(Timeline& timeline) {
    std::stable_sort(timeline.spans.begin(), timeline.spans.end(),
                     [](const CoreSpan& a, const CoreSpan& b) { return a.begin_us < b.begin_us; });
    for (const CoreSpan& s : timeline.spans)
        timeline.length_us = std::max(timeline.length_us, s.end_us);
}

// Light enough for dark letters.
constexpr const char* kColours[] = {"#a9c4ee", "#f3c69a", "#a8d9b5", "#e5b3cf",
                                    "#d9d29b", "#b9b3e3", "#9fd6dc", "#e8aba3"};

std::string name_event(const char* what, size_t process, int thread, const std::string& name) {
    return fmt::format(
        "{{\"name\": \"{}\", \"ph\": \"M\", \"pid\": {}, \"tid\": {}, \"args\": {{\"name\": {}}}}}",
        what, process, thread, in_json(name));
}

}  // namespace

std::string in_json(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) < 0x20)
            out += fmt::format("\\u{:04x}", static_cast<int>(c));
        else
            out += c;
    }
    return out + "\"";
}

Timeline timeline_of(const schedule::Schedule& schedule, int cores) {
    Timeline timeline;
    timeline.cores = cores;
    for (const schedule::Placed& p : schedule.tasks)
        for (int core : p.cores)
            timeline.spans.push_back({p.task.v, core, p.start_us, p.finish_us});
    sort_spans(timeline);
    return timeline;
}

Timeline timeline_of(const RunTrace& trace) {
    Timeline timeline;
    timeline.cores = trace.threads;
    for (const TraceSpan& s : trace.spans)
        timeline.spans.push_back({static_cast<int>(s.kernel), s.thread, s.begin_us, s.end_us});
    sort_spans(timeline);
    return timeline;
}

std::string perfetto_json(const schedule::TaskGraph& graph,
                          const std::vector<std::pair<std::string, Timeline>>& timelines) {
    std::vector<std::string> events;
    for (size_t p = 0; p < timelines.size(); ++p) {
        const auto& [name, timeline] = timelines[p];
        events.push_back(name_event("process_name", p + 1, 0, name));
        for (int core = 0; core < timeline.cores; ++core)
            events.push_back(name_event("thread_name", p + 1, core, fmt::format("core {}", core)));
        for (const CoreSpan& s : timeline.spans)
            events.push_back(fmt::format(
                "{{\"name\": {}, \"ph\": \"X\", \"pid\": {}, \"tid\": {}, \"ts\": {:.3f}, "
                "\"dur\": {:.3f}, \"args\": {{\"task\": {}}}}}",
                in_json(graph.tasks.at(static_cast<size_t>(s.task)).name), p + 1, s.core,
                s.begin_us, s.end_us - s.begin_us, s.task));
    }
    return fmt::format("{{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n{}\n]}}\n",
                       fmt::join(events, ",\n"));
}

std::string dot_of(const schedule::TaskGraph& graph, const schedule::Schedule& schedule) {
    std::string out =
        "digraph schedule {\n"
        "  bgcolor=transparent; rankdir=TB; nodesep=0.2; ranksep=0.25;\n"
        "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11, "
        "color=\"#777777\", margin=\"0.1,0.04\"];\n"
        "  edge [arrowsize=0.6, color=\"#888888\"];\n";
    for (size_t t = 0; t < graph.tasks.size(); ++t) {
        const std::vector<int>& cores = schedule.tasks[t].cores;
        out += fmt::format(
            "  n{} [label={}, tooltip={}, fillcolor=\"{}\"{}];\n", t, in_json(graph.tasks[t].name),
            in_json(fmt::format("{}: core {}, {:.1f} to {:.1f} us", graph.tasks[t].name,
                                fmt::join(cores, ", "), schedule.tasks[t].start_us,
                                schedule.tasks[t].finish_us)),
            kColours[static_cast<size_t>(cores.front()) % std::size(kColours)],
            cores.size() > 1 ? ", penwidth=2" : "");
    }
    for (const schedule::Edge& e : graph.edges) {
        const auto from = static_cast<size_t>(e.from.v), to = static_cast<size_t>(e.to.v);
        const bool apart =
            !schedule::share_core(schedule.tasks[from].cores, schedule.tasks[to].cores);
        out += fmt::format("  n{} -> n{}{};\n", from, to, apart ? " [style=dashed]" : "");
    }
    return out + "}\n";
}

}  // namespace smeaton::driver
