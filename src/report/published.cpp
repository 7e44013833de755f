#include "report/published.h"

#include <fmt/core.h>

#include <algorithm>

#include "report/json_parts.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

Json json_of(const driver::SimditDram& d) {
    return {{"filter", d.filter}, {"ifmap", d.ifmap}, {"psum", d.psum},
            {"ofmap", d.ofmap},   {"bias", d.bias},   {"total", d.total()}};
}

Json json_of(const driver::SimditSram& s) {
    return {{"wbuf", s.wbuf},
            {"ibuf", s.ibuf},
            {"obuf", s.obuf},
            {"bbuf", s.bbuf},
            {"vmem", s.vmem},
            {"immediates", s.immediates},
            {"instructions", s.instructions}};
}

Json json_of(const driver::SimditCycles& c) {
    return {{"systolic", c.systolic}, {"simd", c.simd}};
}

Json json_of(const driver::SimditNode& n) {
    Json out = {{"name", n.name},
                {"op", n.op},
                {"class", n.group},
                {"phase", n.phase},
                {"cycles", n.cycles()},
                {"compute_cycles", n.compute_cycles},
                {"stall_cycles", n.stall_cycles},
                {"dram_bytes", n.dram.total()},
                {"dram_bytes_by", json_of(n.dram)},
                {"sram_bytes", json_of(n.sram)},
                {"op_count", n.op_count},
                {"macs", n.macs},
                {"energy_pj", nullptr},
                {"free", !n.free.empty()}};
    if (!n.free.empty()) out["free_because"] = n.free;
    return out;
}

std::string whole(double value) {
    return fmt::format("{:.0f}", value);
}

std::string percent(double part, double all) {
    return all > 0 ? fmt::format("{:.2f} %", 100 * part / all) : "";
}

}  // namespace

std::string json(const driver::SimditResult& r) {
    Json out = {{"model", r.model},
                {"cost_model", "simdit"},
                {"machine", r.hardware},
                {"training", r.training},
                {"fusion", r.fusion},
                {"total_cycles", r.total_cycles()},
                {"time_ms", r.time_ms},
                {"compute_cycles", json_of(r.compute_cycles)},
                {"stall_cycles", json_of(r.stall_cycles)},
                {"dram_bytes", json_of(r.dram)},
                {"sram_bytes", json_of(r.sram)},
                {"op_count", r.op_count},
                {"macs", r.macs},
                {"energy_pj", nullptr},
                {"average_power_w", nullptr},
                {"peak_power_w", nullptr},
                {"area_mm2", nullptr},
                {"shares", r.shares},
                {"charge_ms", r.charge_ms}};
    out["nodes"] = Json::array();
    for (const driver::SimditNode& n : r.nodes) out["nodes"].push_back(json_of(n));
    return dump(out);
}

namespace {

std::string simdit_totals(const driver::SimditResult& r) {
    const double all = r.total_cycles();
    const double simd = r.compute_cycles.simd + r.stall_cycles.simd;
    Table table({"", ">array", ">vector unit", ">all", ">array", ">vector unit"});
    auto line = [&](const char* what, double array, double vector) {
        table.row({what, whole(array), whole(vector), whole(array + vector), percent(array, all),
                   percent(vector, all)});
    };
    line("compute cycles", r.compute_cycles.systolic, r.compute_cycles.simd);
    line("stall cycles", r.stall_cycles.systolic, r.stall_cycles.simd);
    line("cycles", all - simd, simd);
    return table.str();
}

std::string simdit_bytes(const driver::SimditResult& r) {
    const driver::SimditDram& d = r.dram;
    const driver::SimditSram& s = r.sram;
    Table table({"DRAM", ">bytes", "", "buffers", ">bytes"});
    auto line = [&](const char* left, double a, const char* right, double b) {
        table.row({left, bytes_text(a), "", right, bytes_text(b)});
    };
    line("weights", d.filter, "weights", s.wbuf);
    line("inputs", d.ifmap, "inputs", s.ibuf);
    line("partial sums", d.psum, "sums", s.obuf);
    line("results", d.ofmap, "biases", s.bbuf);
    line("biases", d.bias, "vector memory", s.vmem);
    line("all", d.total(), "instructions", s.instructions + s.immediates);
    return table.str();
}

struct Group {
    std::string name, phase;
    double compute = 0, stall = 0, dram = 0;
    int rows = 0;
};

std::string simdit_groups(const driver::SimditResult& r) {
    std::vector<Group> groups;
    for (const driver::SimditNode& n : r.nodes) {
        if (!n.free.empty()) continue;
        auto same = [&](const Group& g) { return g.name == n.group && g.phase == n.phase; };
        auto at = std::find_if(groups.begin(), groups.end(), same);
        if (at == groups.end()) at = groups.insert(groups.end(), Group{n.group, n.phase});
        at->compute += n.compute_cycles;
        at->stall += n.stall_cycles;
        at->dram += n.dram.total();
        ++at->rows;
    }
    Table table({"class", "phase", ">rows", ">cycles", ">share", ">stall", ">DRAM"});
    for (const Group& g : groups)
        table.row({g.name, g.phase, std::to_string(g.rows), whole(g.compute + g.stall),
                   percent(g.compute + g.stall, r.total_cycles()),
                   percent(g.stall, g.compute + g.stall), bytes_text(g.dram)});
    return table.str();
}

std::string simdit_rows(const driver::SimditResult& r, bool all) {
    constexpr size_t kLargest = 15;
    std::vector<const driver::SimditNode*> rows;
    for (const driver::SimditNode& n : r.nodes) rows.push_back(&n);
    if (!all) {
        std::stable_sort(rows.begin(), rows.end(),
                         [](auto* a, auto* b) { return a->cycles() > b->cycles(); });
        rows.resize(std::min(rows.size(), kLargest));
    }
    Table table({"row", "operation", "phase", ">cycles", ">share", ">compute", ">stall", ">DRAM"});
    for (const driver::SimditNode* n : rows) {
        if (!n->free.empty()) {
            table.row({shortened(n->name, 56), n->op, n->phase, "free", "", "", "", ""});
            continue;
        }
        table.row({shortened(n->name, 56), n->op, n->phase, whole(n->cycles()),
                   percent(n->cycles(), r.total_cycles()), whole(n->compute_cycles),
                   whole(n->stall_cycles), bytes_text(n->dram.total())});
    }
    return (all ? ""
                : fmt::format("the {} largest of {} rows (--all shows every one)\n", rows.size(),
                              r.nodes.size())) +
           table.str();
}

}  // namespace

std::string text(const driver::SimditResult& r, bool all) {
    return fmt::format("{} of {} on {}, as SimDIT costs it{}\n",
                       r.training ? "training" : "inference", r.model, r.hardware,
                       r.fusion ? ", fused" : "") +
           fmt::format("{:.0f} cycles, {} at 1.25 GHz; {} multiply-accumulates\n\n",
                       r.total_cycles(), time_text(1000 * r.time_ms),
                       count_text(static_cast<double>(r.macs))) +
           simdit_totals(r) + "\n" + simdit_bytes(r) + "\n" + simdit_groups(r) + "\n" +
           simdit_rows(r, all);
}

std::string json(const driver::ScaleSimResult& r) {
    Json out = {{"model", r.model},
                {"cost_model", "scalesim"},
                {"array", {{"rows", r.rows}, {"columns", r.columns}}},
                {"dataflow", r.dataflow},
                {"total_cycles", r.total_cycles},
                {"compute_cycles", {{"systolic", r.total_cycles}}},
                {"macs", r.macs},
                {"op_count", 2 * r.macs},
                {"utilization", r.utilization},
                {"not_modelled", r.not_modelled}};
    for (const char* unknown : {"time_ms", "stall_cycles", "dram_bytes", "sram_bytes", "energy_pj",
                                "average_power_w", "peak_power_w", "area_mm2", "shares"})
        out[unknown] = nullptr;
    out["nodes"] = Json::array();
    for (const driver::ScaleSimNode& n : r.nodes) {
        out["nodes"].push_back({{"name", n.name},
                                {"op", n.op},
                                {"m", n.m},
                                {"n", n.n},
                                {"k", n.k},
                                {"times", n.times},
                                {"macs", n.macs},
                                {"cycles", n.cycles},
                                {"compute_cycles", n.cycles},
                                {"op_count", 2 * n.macs},
                                {"phase", "forward"},
                                {"free", false},
                                {"utilization", n.utilization}});
        for (const char* unknown : {"stall_cycles", "dram_bytes", "sram_bytes", "energy_pj"})
            out["nodes"].back()[unknown] = nullptr;
    }
    return dump(out);
}

std::string text(const driver::ScaleSimResult& r) {
    auto share = [](double fraction) { return fmt::format("{:.2f} %", 100 * fraction); };
    std::string out = fmt::format(
        "{} on {}x{}, {}, as SCALE-Sim counts compute cycles\n"
        "{} cycles, {} of the array in use, {} multiply-accumulates\n",
        r.model, r.rows, r.columns, r.dataflow, r.total_cycles, share(r.utilization),
        count_text(static_cast<double>(r.macs)));
    std::vector<std::string> lacks;
    for (const auto& [op, count] : r.not_modelled) lacks.push_back(fmt::format("{} {}", op, count));
    if (!lacks.empty()) out += fmt::format("not in SCALE-Sim: {}\n", joined(lacks));
    Table table({"layer", "operator", ">M", ">N", ">K", ">times", ">cycles", ">in use"});
    for (const driver::ScaleSimNode& n : r.nodes)
        table.row({shortened(n.name, 48), n.op, std::to_string(n.m), std::to_string(n.n),
                   std::to_string(n.k), std::to_string(n.times), std::to_string(n.cycles),
                   share(n.utilization)});
    return out + "\n" + table.str();
}

}  // namespace smeaton::report
