// A simulated model as text: totals, shares by class, the largest kernels.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "report/simulate_groups.h"
#include "report/table.h"
#include "report/text.h"

namespace smeaton::report {
namespace {

std::string level_bytes(const std::map<std::string, double>& bytes,
                        const std::vector<std::string>& order) {
    std::vector<std::string> parts;
    for (const std::string& level : order)
        if (auto found = bytes.find(level); found != bytes.end())
            parts.push_back(level + " " + bytes_text(found->second));
    return joined(parts);
}

std::string percent(double part, double all) {
    return all > 0 ? fmt::format("{:.1f} %", 100 * part / all) : "";
}

std::string energy_text(double pj) {
    if (pj >= 1e12) return number_text(pj * 1e-12) + " J";
    if (pj >= 1e9) return number_text(pj * 1e-9) + " mJ";
    if (pj >= 1e6) return number_text(pj * 1e-6) + " uJ";
    return number_text(pj * 1e-3) + " nJ";
}

std::string with_range(const driver::TimeRange& r, const char* unit) {
    std::string out = fmt::format("{} {}", number_text(r.value), unit);
    if (r.low == r.high) return out;
    return out + fmt::format(" ({} to {})", number_text(r.low), number_text(r.high));
}

std::string head_text(const driver::SimulateResult& r) {
    std::string out = fmt::format(
        "{:<12}{}, {} threads\n{:<12}{} (between {} and {}), {} cycles\n", "machine", r.machine,
        r.threads, "time", time_text(r.time_ms.value * 1000), time_text(r.time_ms.low * 1000),
        time_text(r.time_ms.high * 1000), count_text(r.cycles(r.time_ms.value * 1000)));
    out += fmt::format("{:<12}{}, once at load\n", "load", time_text(r.load_ms.value * 1000));
    if (r.time_ms.value > 0)
        out += fmt::format(
            "{:<12}{} operations, {} GFLOP/s{}\n", "work", count_text(r.flops),
            number_text(r.flops / r.time_ms.value / 1e6),
            r.peak_gflops > 0 ? " of " + number_text(r.peak_gflops) : ", f32 not rated here");
    return out;
}

std::string energy_lines(const driver::SimulateResult& r) {
    const driver::SimulatedEnergy& e = r.energy;
    std::string out;
    if (e.run_pj) {
        out += fmt::format("{:<12}{} ({} to {}) a run{}\n", "energy", energy_text(e.run_pj->value),
                           energy_text(e.run_pj->low), energy_text(e.run_pj->high),
                           e.leakage_w ? "" : ", without leakage: the machine states none");
        out += fmt::format("{:<12}{} on average, at most {} in a kernel\n", "power",
                           with_range(*e.average_power_w, "W"), with_range(*e.peak_power_w, "W"));
    } else if (!e.missing.empty()) {
        out += fmt::format("{:<12}unknown; the machine file lacks {}\n", "energy",
                           joined(e.missing, "; "));
    }
    if (e.area_mm2) out += fmt::format("{:<12}{}\n", "area", with_range(*e.area_mm2, "mm2"));
    return out;
}

std::string events_lines(const driver::SimulateResult& r, Width width) {
    if (!r.events) return "";
    const driver::SimulatedEvents& e = *r.events;
    std::string out = fmt::format(
        "{:<12}{}, {} cycles, {} events; the closed form is {} off, at most {} ({})\n", "by events",
        time_text(e.time_ms * 1000), count_text(r.cycles(e.time_ms * 1000)),
        count_text(static_cast<double>(e.events)), percent(r.time_ms.value - e.time_ms, e.time_ms),
        percent(e.worst_difference, 1), e.worst_kernel);
    Table table({"", "busy", ">time", ">share"});
    for (const auto& [unit, ms] : e.busy_ms)
        table.row({"", unit, time_text(ms * 1000), percent(ms, e.time_ms)});
    return out + table.str(width);
}

std::string groups_text(const driver::SimulateResult& r, Width width) {
    const std::vector<ClassPhase> groups = class_phases(r);
    if (groups.empty()) return "";
    const std::string outermost = r.kernels.back().levels.back().name;
    const double all_us = r.time_ms.value * 1000;
    const double all_pj = r.energy.run_pj ? r.energy.run_pj->value : 0;
    Table table({"class", "phase", ">kernels", ">time", ">share", ">compute", ">" + outermost,
                 ">energy", ">share"});
    for (const ClassPhase& g : groups)
        table.row({g.name, g.phase, std::to_string(g.kernels), time_text(g.time_us),
                   percent(g.time_us, all_us), time_text(g.compute_us), bytes_text(g.bytes),
                   all_pj > 0 ? energy_text(g.pj) : "", percent(g.pj, all_pj)});
    return "\n" + table.str(width);
}

std::string parts_text(const driver::SimulateResult& r, Width width) {
    if (!r.energy.run_pj) return "";
    Table table({"unit, level", ">energy", ">low", ">high", ">share"});
    for (const auto& [part, pj] : r.energy.parts_pj)
        table.row({part, energy_text(pj.value), energy_text(pj.low), energy_text(pj.high),
                   percent(pj.value, r.energy.run_pj->value)});
    return "\n" + table.str(width);
}

/// Time by what kernels wait for.
std::string bounds_text(const std::vector<const driver::SimulatedKernel*>& kernels, double all_us,
                        Width width) {
    std::map<std::string, std::pair<int, double>> sums;
    for (const auto* k : kernels) {
        auto& [count, us] = sums[k->bound];
        ++count;
        us += k->time_us.value;
    }
    std::vector<std::pair<std::string, std::pair<int, double>>> rows(sums.begin(), sums.end());
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
        return a.second.second > b.second.second;
    });
    Table table({"bound by", ">time", ">share", ">kernels"});
    for (const auto& [bound, sum] : rows)
        table.row(
            {bound, time_text(sum.second), percent(sum.second, all_us), std::to_string(sum.first)});
    return "\n" + table.str(width);
}

std::string kernels_text(const driver::SimulateResult& r, Width width) {
    constexpr size_t kLargest = 15;
    std::vector<const driver::SimulatedKernel*> rows;
    double all_us = 0, load_us = 0;
    bool energy = false, events = false;
    for (const driver::SimulatedKernel& k : r.kernels) {
        (k.once ? load_us : all_us) += k.time_us.value;
        if (k.once) continue;
        rows.push_back(&k);
        energy = energy || k.energy_pj;
        events = events || k.events;
    }
    std::stable_sort(rows.begin(), rows.end(),
                     [](auto* a, auto* b) { return a->time_us.value > b->time_us.value; });
    std::string out = bounds_text(rows, all_us, width) +
                      "\nA kernel takes max(compute, data) and a fixed part; kernels follow one "
                      "another.\n";
    if (!r.list_kernels && rows.size() > kLargest) {
        out += fmt::format("The {} largest of {} kernels (--all shows every one).\n", kLargest,
                           rows.size());
        rows.resize(kLargest);
    }
    std::vector<std::string> heads = {"kernel", ">time", ">share", "bound", ">compute", ">data"};
    if (events) heads.emplace_back(">by events");
    if (energy) heads.emplace_back(">energy");
    heads.insert(heads.end(), {"operators", "bytes"});
    Table table(heads);
    for (const auto* k : rows) {
        std::vector<std::string> cells = {
            k->name,  time_text(k->time_us.value), percent(k->time_us.value, all_us),
            k->bound, time_text(k->compute_us),    time_text(k->data_us)};
        if (events) cells.push_back(k->events ? time_text(k->events->time_us) : "");
        if (energy) cells.push_back(k->energy_pj ? energy_text(k->energy_pj->value) : "");
        std::vector<std::string> order;
        for (const auto& l : k->levels) order.push_back(l.name);
        cells.push_back(joined(k->ops));
        cells.push_back(level_bytes(k->bytes(), order));
        table.row(std::move(cells));
    }
    out += table.str(width);
    const auto once = r.kernels.size() - std::count_if(r.kernels.begin(), r.kernels.end(),
                                                       [](const auto& k) { return !k.once; });
    if (once > 0)
        out += fmt::format("and {} kernels that run once at load: {}\n", once, time_text(load_us));
    return out;
}

std::string sources_text(const driver::SimulateResult& r, Width width) {
    if (!r.list_constants) return "";
    Table table({"part", "figure", ">value", ">low", ">high", "unit", "source"});
    for (const driver::SimulatedConstant& c : r.constants)
        table.row({c.part, c.what, number_text(c.value.value), number_text(c.value.low),
                   number_text(c.value.high), c.unit,
                   c.source.empty() ? "(none given)" : c.source});
    return "\nThe figures behind this\n" + table.str(width);
}

}  // namespace

std::vector<ClassPhase> class_phases(const driver::SimulateResult& r) {
    std::vector<ClassPhase> groups;
    for (const driver::SimulatedKernel& k : r.kernels) {
        if (k.once || k.group.empty()) continue;
        auto same = [&](const ClassPhase& g) { return g.name == k.group && g.phase == k.phase; };
        auto at = std::find_if(groups.begin(), groups.end(), same);
        if (at == groups.end()) {
            groups.push_back({k.group, k.phase});
            at = groups.end() - 1;
        }
        ++at->kernels;
        at->time_us += k.time_us.value;
        at->compute_us += k.compute_us;
        at->pj += k.energy_pj ? k.energy_pj->value : 0;
        for (const driver::SimulatedLevel& l : k.levels)
            if (l.outermost) at->bytes += l.read_bytes + l.write_bytes;
    }
    return groups;
}

std::string text(const driver::SimulateResult& r, Width width) {
    return head_text(r) + events_lines(r, width) + energy_lines(r) + groups_text(r, width) +
           parts_text(r, width) + kernels_text(r, width) + sources_text(r, width);
}

}  // namespace smeaton::report
