#include "report/gantt.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/table.h"

namespace smeaton::report {

namespace {

// "[name==]" in the columns from..to of a row; what is narrower than a column is "|", several such
// in one column "#".
void draw(std::vector<char>& row, int from, int to, const std::string& name) {
    auto at = [&](int c) -> char& { return row[static_cast<size_t>(c)]; };
    if (to - from < 2) {
        at(from) = at(from) == '.' ? '|' : '#';
        return;
    }
    for (int c = from; c < to; ++c) at(c) = '=';
    at(from) = '[';
    at(to - 1) = ']';
    for (int k = 0; k < static_cast<int>(name.size()) && from + 1 + k < to - 1; ++k) {
        char c = name[static_cast<size_t>(k)];
        at(from + 1 + k) = c > ' ' && c < 0x7f ? c : '_';
    }
}

/// How much of all names is the same path, the last '/' of it included; of each name something is
/// left. 0 for one name.
size_t common_path(const std::vector<schedule::Task>& tasks) {
    if (tasks.size() < 2) return 0;
    const std::string& first = tasks[0].name;
    size_t same = first.size();
    for (const schedule::Task& task : tasks) {
        size_t n = 0;
        while (n < same && n + 1 < task.name.size() && task.name[n] == first[n]) ++n;
        same = n;
    }
    return same > 0 ? first.rfind('/', same - 1) + 1 : 0;  // npos + 1 = 0
}

}  // namespace

std::string core_label(const schedule::Cores& cores, int core) {
    int kind = 0, rest = core;
    while (rest >= cores.kinds[static_cast<size_t>(kind)].count)
        rest -= cores.kinds[static_cast<size_t>(kind++)].count;
    return fmt::format("{} {}", cores.kinds[static_cast<size_t>(kind)].name, rest);
}

std::string gantt(const schedule::TaskGraph& graph, const schedule::Cores& cores,
                  const driver::Timeline& timeline, const GanttSize& size) {
    const int total = timeline.cores, drawn = std::min(total, size.rows);
    std::vector<std::vector<char>> grid(static_cast<size_t>(drawn),
                                        std::vector<char>(static_cast<size_t>(size.columns), '.'));
    const double length = size.length_us > 0 ? size.length_us : timeline.length_us;
    const double scale = length > 0 ? size.columns / length : 0;
    const size_t path = common_path(graph.tasks);
    std::vector<double> busy(static_cast<size_t>(total), 0);
    for (const driver::CoreSpan& s : timeline.spans) {
        busy[static_cast<size_t>(s.core)] += s.end_us - s.begin_us;
        const int from =
            std::min(size.columns - 1, static_cast<int>(std::floor(s.begin_us * scale)));
        const int to =
            std::min(size.columns, static_cast<int>(std::floor(s.end_us * scale + 1e-9)));
        if (s.core < drawn)
            draw(grid[static_cast<size_t>(s.core)], from, to,
                 graph.tasks[static_cast<size_t>(s.task)].name.substr(path));
    }
    std::string out;
    for (int core = 0; core < drawn; ++core) {
        const auto c = static_cast<size_t>(core);
        const double share = timeline.length_us > 0 ? busy[c] / timeline.length_us : 0;
        out += fmt::format("{:<10}{} {:>3.0f}%\n", core_label(cores, core),
                           std::string(grid[c].begin(), grid[c].end()), 100 * share);
    }
    if (drawn < total) out += fmt::format("{:<10}and {} cores more\n", "", total - drawn);
    return out;
}

std::vector<StripRow> gantt_rows(const std::string& name, const schedule::TaskGraph& graph,
                                 const schedule::Cores& cores, const driver::Timeline& timeline) {
    std::vector<StripRow> rows;
    for (int core = 0; core < timeline.cores; ++core) {
        StripRow row{fmt::format("{}, {}", name, core_label(cores, core)), {}};
        double at = 0;
        for (const driver::CoreSpan& s : timeline.spans) {
            if (s.core != core) continue;
            if (s.begin_us > at) row.strips.push_back({s.begin_us - at, "gap", ""});
            const std::string& task = graph.tasks[static_cast<size_t>(s.task)].name;
            row.strips.push_back(
                {s.end_us - std::max(at, s.begin_us), s.task % 2 == 0 ? "b-compute" : "b-l1",
                 fmt::format("{}: {} to {}", task, time_text(s.begin_us), time_text(s.end_us))});
            at = std::max(at, s.end_us);
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace smeaton::report
