// A simulated model as text: totals, shares by class, the largest kernels.
#include <fmt/core.h>

#include <algorithm>

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
    auto once = std::count_if(r.kernels.begin(), r.kernels.end(), [](auto& k) { return k.once; });
    out += fmt::format("{:<12}{} in {} kernels, once\n", "at load",
                       time_text(r.load_ms.value * 1000), once);
    if (r.time_ms.value > 0)
        out +=
            fmt::format("{:<12}{} operations, {} GFLOP/s of {}\n", "work", count_text(r.flops),
                        number_text(r.flops / r.time_ms.value / 1e6), number_text(r.peak_gflops));
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

std::string events_lines(const driver::SimulateResult& r) {
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
    return out + table.str();
}

struct Group {
    std::string name, phase;
    double time_us = 0, compute_us = 0, pj = 0, bytes = 0;
    int kernels = 0;
};

std::vector<Group> groups_of(const driver::SimulateResult& r) {
    std::vector<Group> groups;
    for (const driver::SimulatedKernel& k : r.kernels) {
        if (k.once || k.group.empty()) continue;
        auto same = [&](const Group& g) { return g.name == k.group && g.phase == k.phase; };
        auto at = std::find_if(groups.begin(), groups.end(), same);
        if (at == groups.end()) at = groups.insert(groups.end(), Group{k.group, k.phase});
        ++at->kernels;
        at->time_us += k.time_us.value;
        at->compute_us += k.compute_us;
        at->pj += k.energy_pj ? k.energy_pj->value : 0;
        for (const driver::SimulatedLevel& l : k.levels)
            if (l.outermost) at->bytes += l.read_bytes + l.write_bytes;
    }
    return groups;
}

std::string groups_text(const driver::SimulateResult& r) {
    std::vector<Group> groups = groups_of(r);
    if (groups.empty()) return "";
    const std::string outermost = r.kernels.back().levels.back().name;
    const double all_us = r.time_ms.value * 1000;
    const double all_pj = r.energy.run_pj ? r.energy.run_pj->value : 0;
    Table table({"class", "phase", ">kernels", ">time", ">share", ">compute", ">" + outermost,
                 ">energy", ">share"});
    for (const Group& g : groups)
        table.row({g.name, g.phase, std::to_string(g.kernels), time_text(g.time_us),
                   percent(g.time_us, all_us), time_text(g.compute_us), bytes_text(g.bytes),
                   all_pj > 0 ? energy_text(g.pj) : "", percent(g.pj, all_pj)});
    return "\n" + table.str();
}

std::string parts_text(const driver::SimulateResult& r) {
    if (!r.energy.run_pj) return "";
    Table table({"unit, level", ">energy", ">low", ">high", ">share"});
    for (const auto& [part, pj] : r.energy.parts_pj)
        table.row({part, energy_text(pj.value), energy_text(pj.low), energy_text(pj.high),
                   percent(pj.value, r.energy.run_pj->value)});
    return "\n" + table.str();
}

std::string kernels_text(const driver::SimulateResult& r) {
    constexpr size_t kLargest = 15;
    std::vector<const driver::SimulatedKernel*> rows;
    for (const driver::SimulatedKernel& k : r.kernels)
        if (!k.once || r.list_kernels) rows.push_back(&k);
    const size_t all = rows.size();
    if (!r.list_kernels && all > kLargest) {
        std::stable_sort(rows.begin(), rows.end(),
                         [](auto* a, auto* b) { return a->time_us.value > b->time_us.value; });
        rows.resize(kLargest);
    }
    Table table({"kernel", ">time", ">by events", "bound", ">compute", ">data", ">energy", "bytes",
                 "operators"});
    for (const auto* k : rows) {
        std::vector<std::string> order;
        for (const auto& l : k->levels) order.push_back(l.name);
        table.row({shortened(k->name, 36) + (k->once ? " (once)" : ""), time_text(k->time_us.value),
                   k->events_us ? time_text(*k->events_us) : "", k->bound, time_text(k->compute_us),
                   time_text(k->data_us), k->energy_pj ? energy_text(k->energy_pj->value) : "",
                   level_bytes(k->bytes(), order), shortened(joined(k->ops), 60)});
    }
    std::string out =
        "\nA kernel takes max(compute, data) and a fixed part; kernels follow one another.\n";
    if (rows.size() < all)
        out += fmt::format("The {} largest of {} kernels (--all shows every one).\n", rows.size(),
                           all);
    return out + table.str();
}

std::string sources_text(const driver::SimulateResult& r) {
    if (!r.list_constants) return "";
    Table table({"part", "figure", ">value", ">low", ">high", "unit", "source"});
    for (const driver::SimulatedConstant& c : r.constants)
        table.row({c.part, c.what, number_text(c.value.value), number_text(c.value.low),
                   number_text(c.value.high), c.unit,
                   c.source.empty() ? "(none given)" : c.source});
    return "\nThe figures behind this\n" + table.str();
}

}  // namespace

std::string text(const driver::SimulateResult& r) {
    return head_text(r) + events_lines(r) + energy_lines(r) + groups_text(r) + parts_text(r) +
           kernels_text(r) + sources_text(r);
}

}  // namespace smeaton::report
