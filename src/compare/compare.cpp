#include "compare/compare.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace smeaton::compare {

namespace {

/// What first place is judged by: dollars a token where all rows have them, else tokens/s.
bool all_have_cost(const Comparison& c) {
    bool any = false;
    for (const DeviceRow& row : c.rows)
        if (row.fits) {
            any = true;
            if (!row.cost_usd_per_mtoken) return false;
        }
    return any;
}

double worth(const DeviceRow& row, bool by_cost) {
    if (by_cost) return -row.cost_usd_per_mtoken->v.value;
    return row.throughput ? row.throughput->v.value : -row.latency_ms->v.value;
}

std::string name_of(const DeviceRow& row) {
    return row.text;
}

void rank(Comparison& c) {
    const bool by_cost = all_have_cost(c);
    c.ranked_by = by_cost ? "cost_usd_per_mtoken" : "throughput_tokens_s";
    std::vector<const DeviceRow*> fitting;
    for (const DeviceRow& row : c.rows)
        if (row.fits) fitting.push_back(&row);
    std::stable_sort(fitting.begin(), fitting.end(), [&](const DeviceRow* a, const DeviceRow* b) {
        return worth(*a, by_cost) > worth(*b, by_cost);
    });
    for (const DeviceRow* row : fitting) c.ranking.push_back(name_of(*row));
    if (fitting.empty()) return;
    const DeviceRow& first = *fitting[0];
    c.why_first = by_cost ? fmt::format("{} has the least cost a token", name_of(first))
                          : fmt::format("{} gives the most a second", name_of(first));
    if (fitting.size() > 1) {
        const DeviceRow& second = *fitting[1];
        const auto& a = by_cost ? first.cost_usd_per_mtoken->v : first.throughput->v;
        const auto& b = by_cost ? second.cost_usd_per_mtoken->v : second.throughput->v;
        const double times = by_cost ? b.value / a.value : a.value / b.value;
        const bool sure = by_cost ? a.high < b.low : a.low > b.high;
        c.why_first +=
            fmt::format(", {:.2f} times as good as {}{}; it is bound by {}", times, name_of(second),
                        sure ? "" : " (the intervals overlap: not certain)", first.limit);
    }
}

std::vector<CostCase> cost_cases(const Comparison& c, const std::vector<DeviceCount>& devices) {
    std::vector<CostCase> cases;
    for (const DeviceRow& row : c.rows) {
        if (!row.fits || !row.cost_usd_per_mtoken || !row.throughput) continue;
        for (const DeviceCount& d : devices)
            if (d.text == row.text) {
                CostCase one{&d.device, static_cast<double>(row.count), row.throughput->v.low,
                             row.throughput->v.value, row.throughput->v.high};
                if (row.power_w) one.wall_w = row.power_w->v;
                cases.push_back(one);
                break;
            }
    }
    return cases;
}

}  // namespace

Comparison compare(const Workload& workload, const Traffic& traffic,
                   const std::vector<DeviceCount>& devices, const Options& options,
                   std::vector<DeviceRow> measured) {
    Comparison c;
    c.rows = std::move(measured);
    for (const DeviceCount& device : devices) {
        try {
            c.rows.push_back(row_of(workload, traffic, device, options));
        } catch (const UserError& error) {
            c.refused.push_back({device.text, error.what()});
        }
    }
    if (c.rows.empty() && c.refused.size() == 1) throw UserError("{}", c.refused[0].reason);
    rank(c);
    c.flips = flips(options.costs, cost_cases(c, devices));
    c.crossings = crossings(options.costs, cost_cases(c, devices));
    return c;
}

}  // namespace smeaton::compare
