#include "report/gantt.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <vector>

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

std::string core_label(const schedule::Cores& cores, int core) {
    int kind = 0, rest = core;
    while (rest >= cores.kinds[static_cast<size_t>(kind)].count)
        rest -= cores.kinds[static_cast<size_t>(kind++)].count;
    return fmt::format("{} {}", cores.kinds[static_cast<size_t>(kind)].name, rest);
}

}  // namespace

std::string gantt(const schedule::Solution& s, int columns, int rows) {
    const int total = s.cores.total(), drawn = std::min(total, rows);
    std::vector<std::vector<char>> grid(static_cast<size_t>(drawn),
                                        std::vector<char>(static_cast<size_t>(columns), '.'));
    const double scale = s.makespan_us > 0 ? columns / s.makespan_us : 0;
    std::vector<const schedule::Placed*> by_start;
    for (const schedule::Placed& p : s.schedule.tasks) by_start.push_back(&p);
    std::stable_sort(by_start.begin(), by_start.end(),
                     [](auto* a, auto* b) { return a->start_us < b->start_us; });
    for (const schedule::Placed* p : by_start) {
        int from = std::min(columns - 1, static_cast<int>(std::floor(p->start_us * scale)));
        int to = std::min(columns, static_cast<int>(std::floor(p->finish_us * scale + 1e-9)));
        for (int core : p->cores)
            if (core < drawn)
                draw(grid[static_cast<size_t>(core)], from, to, s.graph.at(p->task).name);
    }
    std::vector<double> busy(static_cast<size_t>(total), 0);
    for (const schedule::Placed& p : s.schedule.tasks)
        for (int core : p.cores) busy[static_cast<size_t>(core)] += p.finish_us - p.start_us;
    std::string out;
    for (int core = 0; core < drawn; ++core) {
        auto c = static_cast<size_t>(core);
        double share = s.makespan_us > 0 ? busy[c] / s.makespan_us : 0;
        out += fmt::format("{:<10}{} {:>3.0f}%\n", core_label(s.cores, core),
                           std::string(grid[c].begin(), grid[c].end()), 100 * share);
    }
    if (drawn < total) out += fmt::format("{:<10}and {} cores more\n", "", total - drawn);
    return out;
}

}  // namespace smeaton::report
