// A simulated model as one HTML page: where the time goes, the roofs, units and memory over time.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "report/html.h"
#include "report/html_parts.h"
#include "report/simulate_groups.h"
#include "report/svg.h"
#include "report/table.h"
#include "report/verdict.h"

namespace smeaton::report {
namespace {

using driver::SimulatedKernel;
using driver::SimulateResult;

std::vector<const SimulatedKernel*> of_a_run(const SimulateResult& r) {
    std::vector<const SimulatedKernel*> rows;
    for (const SimulatedKernel& k : r.kernels)
        if (!k.once) rows.push_back(&k);
    return rows;
}

std::string fact(const std::string& value, const std::string& what) {
    return fmt::format("<div class=\"fact\"><b>{}</b><span>{}</span></div>\n", value, what);
}

std::string head(const SimulateResult& r) {
    std::string what = r.training ? "a step of training" : "inference";
    if (r.batch > 0) what += fmt::format(", batch {}", r.batch);
    std::string out = fmt::format("<p class=\"sub\">{} on {}, simulated<br>{}</p>\n", what,
                                  word(r.machine), word(r.model));
    out += "<div class=\"facts\">\n" + fact(time_ms_figure(r.time_ms.value), "of one run");
    const double cycles = r.cycles(r.time_ms.value * 1e3);
    out += fact(count_figure(cycles), "cycles");
    if (r.time_ms.value > 0)
        out += fact(figure(r.flops / r.time_ms.value / 1e6,
                           number_text(r.flops / r.time_ms.value / 1e6) + " GFLOP/s"),
                    "attained");
    if (r.energy.run_pj)
        out +=
            fact(figure(r.energy.run_pj->value, number_text(r.energy.run_pj->value * 1e-9) + " mJ"),
                 "energy of one run");
    if (r.energy.average_power_w)
        out += fact(figure(r.energy.average_power_w->value,
                           number_text(r.energy.average_power_w->value) + " W"),
                    "on average");
    if (r.energy.area_mm2)
        out +=
            fact(figure(r.energy.area_mm2->value, number_text(r.energy.area_mm2->value) + " mm²"),
                 "area");
    out += "</div>\n";
    for (const std::string& w : r.warnings)
        out += fmt::format("<p class=\"note\">{}</p>\n", word(w));
    return out;
}

/// One bar for each class, made of its phases.
Section classes_section(const SimulateResult& r) {
    const std::vector<ClassPhase> groups = class_phases(r);
    if (groups.empty()) return {};
    const std::vector<std::string> phases = {"forward", "backward", "update"};
    const std::vector<std::string> fills = {"b-compute", "b-l1", "b-l3"};
    std::map<std::string, std::map<std::string, const ClassPhase*>> by_class;
    std::vector<std::string> order;
    for (const ClassPhase& g : groups) {
        if (by_class.count(g.name) == 0) order.push_back(g.name);
        by_class[g.name][g.phase] = &g;
    }
    std::vector<StripRow> rows;
    double longest = 0;
    for (const std::string& name : order) {
        StripRow row{name, {}};
        double sum = 0;
        for (size_t p = 0; p < phases.size(); ++p) {
            auto found = by_class[name].find(phases[p]);
            if (found == by_class[name].end()) continue;
            const ClassPhase& g = *found->second;
            sum += g.time_us;
            row.strips.push_back({g.time_us, fills[p],
                                  fmt::format("{}, {}: {} in {} kernels", name, phases[p],
                                              time_text(g.time_us), g.kernels)});
        }
        longest = std::max(longest, sum);
        rows.push_back(std::move(row));
    }
    Rows table({"class", "phase", ">kernels", ">time", "", ">share", ">bytes", ">energy, pJ",
                ">share of energy"});
    const double all_us = r.time_ms.value * 1e3;
    const double all_pj = r.energy.run_pj ? r.energy.run_pj->value : 0;
    for (const ClassPhase& g : groups) {
        const double share = all_us > 0 ? g.time_us / all_us : 0;
        table.row({word(g.name), word(g.phase), whole_figure(g.kernels), time_us_figure(g.time_us),
                   bar(share), percent_figure(share), bytes_figure(g.bytes),
                   all_pj > 0 ? number_figure(g.pj) : "",
                   all_pj > 0 ? percent_figure(g.pj / all_pj) : ""});
    }
    std::string legend = "<p class=\"legend\">";
    for (size_t p = 0; p < phases.size(); ++p)
        legend += fmt::format("<span class=\"nobr\"><span class=\"mark {}\"></span>{}</span> ",
                              fills[p], phases[p]);
    return {"classes", "Time by class and phase",
            legend + "</p>\n" + timeline(rows, longest) + table.str()};
}

double outermost_bytes(const SimulatedKernel& k) {
    return k.levels.empty() ? 0 : k.levels.back().read_bytes + k.levels.back().write_bytes;
}

Section roof_section(const SimulateResult& r) {
    std::vector<Dot> dots;
    double all_us = 0;
    for (const SimulatedKernel* k : of_a_run(r)) all_us += k->time_us.value;
    for (const SimulatedKernel* k : of_a_run(r)) {
        const double bytes = outermost_bytes(*k), us = k->time_us.value;
        if (bytes <= 0 || us <= 0 || k->flops <= 0) continue;
        dots.push_back({k->flops / bytes, k->flops / us * 1e-3, us / all_us, bound_class(k->bound),
                        fmt::format("{}: {}, bound by {}", k->name, time_text(us), k->bound)});
    }
    double peak = r.peak_gflops;
    for (const Dot& d : dots) peak = std::max(peak, d.gflops);
    if (dots.empty() || peak <= 0 || r.memory_gb_s <= 0) return {};
    return {"roofline", "Roofline",
            "<p>Each kernel's attained rate over its operations per byte of the outermost level; "
            "the area of a dot is its share of the time.</p>\n" +
                roofline(dots, peak, r.memory_gb_s)};
}

/// Work that lasts `busy` of `all`, then a gap.
void append(StripRow& row, double busy, double all, const std::string& cls,
            const std::string& title) {
    busy = std::min(busy, all);
    if (busy > 0) row.strips.push_back({busy, cls, title});
    if (all > busy) row.strips.push_back({all - busy, "gap", ""});
}

Section units_section(const SimulateResult& r) {
    StripRow kernels{"kernels", {}}, array{"array", {}}, vector{"vector unit", {}},
        bytes{"the level that serves the longest", {}};
    std::vector<Step> alive;
    double length = 0, most = 0;
    bool arrays = false;
    for (const SimulatedKernel* k : of_a_run(r)) {
        const double us = k->time_us.value;
        length += us;
        kernels.strips.push_back(
            {us, bound_class(k->bound),
             fmt::format("{}: {}, bound by {}", k->name, time_text(us), k->bound)});
        auto title = [&](const char* unit, double busy) {
            return fmt::format("{}: {} {} of {}", k->name, unit, time_text(busy), time_text(us));
        };
        arrays = arrays || k->array_us > 0;
        append(array, k->array_us, us, "b-compute", title("array", k->array_us));
        append(vector, k->vector_us, us, "b-l2", title("vector unit", k->vector_us));
        append(bytes, k->data_us, us, "b-dram", title("data", k->data_us));
        const double live = k->alive_bytes;
        most = std::max(most, live);
        alive.push_back(
            {us, live, fmt::format("{}: {} of results alive", k->name, bytes_text(live))});
    }
    if (length <= 0) return {};
    std::vector<StripRow> rows = {kernels};
    if (arrays) rows.push_back(array);
    rows.push_back(vector);
    rows.push_back(bytes);
    std::string html =
        "<p>The kernels of one run in their order, and how long of each a unit works; within a "
        "kernel its work is drawn first. Below, the bytes of results between kernels that are "
        "alive; beside them stand " +
        bytes_figure(r.kept_bytes) + " of weights, inputs, outputs and states.</p>\n" +
        timeline(rows, length);
    if (most > 0) html += memory_curve(alive, length, most);
    return {"units", "Units and memory over time", html};
}

Section list_section(const SimulateResult& r) {
    std::vector<const SimulatedKernel*> rows = of_a_run(r);
    std::stable_sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
        return a->time_us.value > b->time_us.value;
    });
    constexpr size_t kShown = 40;
    double all_us = 0;
    for (const SimulatedKernel* k : rows) all_us += k->time_us.value;
    auto table = [&](size_t first, size_t last) {
        Rows t({"kernel", "class", "phase", ">time", ">share", "bound by", ">compute", ">data",
                ">bytes", ">energy, pJ"});
        for (size_t i = first; i < std::min(last, rows.size()); ++i) {
            const SimulatedKernel& k = *rows[i];
            t.row({word(k.name), word(k.group), word(k.phase), time_us_figure(k.time_us.value),
                   percent_figure(all_us > 0 ? k.time_us.value / all_us : 0), bound_mark(k.bound),
                   time_us_figure(k.compute_us), time_us_figure(k.data_us),
                   bytes_figure(outermost_bytes(k)),
                   k.energy_pj ? number_figure(k.energy_pj->value) : ""});
        }
        return t.str();
    };
    std::string html = table(0, kShown);
    if (rows.size() > kShown)
        html += "<details class=\"rest\"><summary>all others</summary>" +
                table(kShown, rows.size()) + "</details>\n";
    return {"kernels", "Kernels", html};
}

}  // namespace

std::string html(const SimulateResult& r) {
    return page({"Smeaton simulate", model_name(r.model), head(r)},
                {classes_section(r), roof_section(r), units_section(r), list_section(r)});
}

}  // namespace smeaton::report
