#include <fmt/core.h>

#include "report/html.h"
#include "report/json.h"
#include "report/json_parts.h"
#include "report/table.h"
#include "report/text.h"
#include "report/verdict.h"

namespace smeaton::report {

namespace {

Json group_json(const driver::TimeGroup& g, const char* what) {
    return {{what, g.name},     {"nodes", g.nodes},       {"time_us", g.time_us},
            {"share", g.share}, {"bound_us", g.bound_us}, {"reached", g.reached},
            {"flops", g.flops}, {"bytes", g.bytes}};
}

Json groups_json(const std::vector<driver::TimeGroup>& groups, const char* what) {
    Json out = Json::array();
    for (const driver::TimeGroup& g : groups) out.push_back(group_json(g, what));
    return out;
}

Json machine_json(const driver::OtherMachine& m) {
    if (!m.failed.empty()) return {{"file", m.file}, {"failed", m.failed}};
    Json out = {{"file", m.file}, {"relative_time", m.relative_time}};
    out.update(simulated(m.predicted));
    return out;
}

Json kernels_json(const driver::StudyResult& r) {
    Json out = list_of(r.measured.kernels);
    for (size_t i = 0; i < r.measured.kernels.size(); ++i) {
        out[i]["alive_bytes"] = r.alive_bytes.at(i);
        out[i]["gir"] = r.kernel_texts.at(i).gir;
        out[i]["ledger"] = r.kernel_texts.at(i).ledger;
    }
    return out;
}

Json traffic_json(const driver::StudyResult& r) {
    Json out = Json::array();
    for (const driver::LevelTraffic& t : r.traffic)
        out.push_back({{"level", t.name},
                       {"ledger_bytes", t.claimed_bytes},
                       {"predicted_bytes", t.predicted_bytes},
                       {"times_least", t.times_least},
                       {"per_core", t.per_core}});
    return out;
}

Json graph_json(const driver::Picture& p) {
    static const char* const kKinds[] = {"input", "block", "output"};
    Json boxes = Json::array(), edges = Json::array();
    for (const driver::PictureBox& box : p.boxes)
        boxes.push_back({{"kind", kKinds[static_cast<int>(box.kind)]},
                         {"name", box.name},
                         {"blocks", box.blocks},
                         {"nodes", box.nodes},
                         {"operators", box.operators},
                         {"time_us", box.time_us},
                         {"share", box.share}});
    for (auto [from, to] : p.edges) edges.push_back({from, to});
    return {{"boxes", boxes}, {"edges", edges}, {"missing", p.missing}};
}

Json what_if_json(const driver::WhatIfs& w) {
    Json rows = Json::array();
    for (const driver::WhatIf& row : w.rows)
        rows.push_back({{"twice", row.what},
                        {"level", row.level},
                        {"time_ms", row.time_ms},
                        {"gain", row.gain}});
    return {{"base_ms", w.base_ms}, {"rows", rows}};
}

Json verdict_json(const driver::StudyResult& r) {
    const driver::Verdict& v = r.verdict;
    return {{"sentences", verdict_sentences(r)},
            {"op", v.op},
            {"kernels", v.kernels},
            {"kernels_of_op", v.of},
            {"time_us", v.time_us},
            {"share", v.share},
            {"reached", v.reached},
            {"bound", v.bound}};
}

Json peer_json(const driver::PeerComparison& p) {
    if (!p.ran) return {{"ran", false}, {"skipped", p.skipped}};
    Json checks = list_of(p.outputs);
    return {{"ran", true},
            {"version", p.version},
            {"smeaton_ms", report::json_of(p.ours_ms)},
            {"onnx_runtime_ms", report::json_of(p.theirs_ms)},
            {"ratio", p.ratio},
            {"ratio_quartiles", {p.ratio_low, p.ratio_high}},
            {"turns", p.turns},
            {"outputs", checks}};
}

}  // namespace

std::string json(const driver::StudyResult& r) {
    Json out = {{"model", r.summary.model},
                {"date", r.date},
                {"host",
                 {{"cpu", r.host.cpu},
                  {"cores", r.host.cores},
                  {"compiler", r.host.compiler},
                  {"version", r.host.version}}},
                {"verdict", verdict_json(r)},
                {"latency_ms", report::json_of(r.measured.latency_ms)},
                {"runs", r.measured.runs},
                {"compile_s", r.measured.compile_s},
                {"threads", r.measured.threads}};
    out.update(report::json_of(r.measured.memory));
    out["summary"] = inspected(r.summary);
    out["inputs"] = list_of(r.measured.inputs);
    out["outputs"] = list_of(r.measured.outputs);
    out["checks"] = list_of(r.measured.checks);
    out["kernels"] = kernels_json(r);
    out["parallel"] = json_of(r.parallel);
    if (r.parallel_run) out["parallel"]["run_us"] = r.parallel_run->length_us;
    out["prediction"] = {{"measured_us", r.measured_us},
                         {"predicted_us", r.predicted_us},
                         {"error", r.prediction_error},
                         {"kernel_errors", r.kernel_errors}};
    out["rate"] = {
        {"gflops", r.gflops}, {"peak_gflops", r.peak_gflops}, {"peak_share", r.peak_share}};
    out["here"] = simulated(r.here);
    out["operators"] = groups_json(r.operators, "op");
    out["layers"] = groups_json(r.layers, "layer");
    out["shapes"] = groups_json(r.shapes, "shape");
    out["graph"] = graph_json(r.picture);
    out["levels"] = list_of(r.levels);
    out["traffic"] = traffic_json(r);
    out["what_if"] = what_if_json(r.what_ifs);
    out["model_compulsory_bytes"] = r.model_compulsory_bytes;
    out["kernel_compulsory_bytes"] = r.kernel_compulsory_bytes;
    out["machines"] = Json::array();
    for (const driver::OtherMachine& m : r.machines) out["machines"].push_back(machine_json(m));
    out["onnx_runtime"] = peer_json(r.peer);
    out["warnings"] = r.measured.warnings;
    out["notes"] = r.notes;
    return dump(out);
}

/// The model's time as it was taken three times, each in its own way.
static std::string times_text(const driver::StudyResult& r) {
    Table table({"time", ">", "how"});
    table.row({"runs", time_text(r.measured.latency_ms.median * 1e3),
               fmt::format("median of {} runs one after another", r.measured.runs)});
    table.row({"kernels", time_text(r.measured_us),
               "sum of medians, each kernel with a clock before and behind it"});
    if (r.peer.ran)
        table.row({"in turns", time_text(r.peer.ours_ms.median * 1e3),
                   "median of ours, by turns with ONNX Runtime, which cools the caches"});
    return table.str();
}

std::string text(const driver::StudyResult& r, Width width) {
    std::string out = joined(verdict_sentences(r), "\n") + "\n\n" + text(r.measured, width) + "\n" +
                      times_text(r);
    out += fmt::format("\n{:<12}{} measured, {} predicted ({:+.0f} %), sums over the kernels\n",
                       "prediction", time_text(r.measured_us), time_text(r.predicted_us),
                       100 * r.prediction_error);
    out += fmt::format("{:<12}{} at least (inputs, weights, outputs); {} by kernels' operands\n",
                       "bytes", bytes_text(r.model_compulsory_bytes),
                       bytes_text(r.kernel_compulsory_bytes));
    if (r.peer.ran)
        out += fmt::format("{:<12}{:.2f} of ONNX Runtime {}'s time ({} against {})\n", "ratio",
                           r.peer.ratio, r.peer.version, time_text(r.peer.ours_ms.median * 1e3),
                           time_text(r.peer.theirs_ms.median * 1e3));
    for (const driver::Comparison& c : r.peer.outputs)
        out += fmt::format("{:<12}{} {} {}{}\n", "check", c.output,
                           c.equal ? "equals" : "DIFFERS from", c.against,
                           c.equal ? "" : ": " + c.reason);
    Table operators({"operator", ">time", ">share", ">nodes"});
    for (const driver::TimeGroup& o : r.operators)
        operators.row({o.name, time_text(o.time_us), fmt::format("{:.1f} %", 100 * o.share),
                       std::to_string(o.nodes)});
    Table machines({"machine", ">threads", ">time", "interval"});
    auto line = [&](const driver::SimulateResult& s) {
        machines.row({s.machine, std::to_string(s.threads), time_text(s.time_ms.value * 1e3),
                      time_text(s.time_ms.low * 1e3) + " to " + time_text(s.time_ms.high * 1e3)});
    };
    line(r.here);
    for (const driver::OtherMachine& m : r.machines)
        if (m.failed.empty()) line(m.predicted);
    out += "\n" + operators.str(width) + "\n" + machines.str(width);
    for (const std::string& note : r.notes) out += "note: " + note + "\n";
    return out;
}

}  // namespace smeaton::report
