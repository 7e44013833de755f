#include <fmt/core.h>

#include "report/html.h"
#include "report/json.h"
#include "report/json_parts.h"
#include "report/table.h"
#include "report/text.h"

namespace smeaton::report {

namespace {

Json json_of(const driver::OperatorTime& o) {
    return {{"op", o.op},
            {"nodes", o.nodes},
            {"time_us", o.time_us},
            {"flops", o.flops},
            {"bytes", o.bytes}};
}

Json machine_json(const driver::OtherMachine& m) {
    if (!m.failed.empty()) return {{"file", m.file}, {"failed", m.failed}};
    Json out = {{"file", m.file}};
    out.update(simulated(m.predicted));
    return out;
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
                {"latency_ms", report::json_of(r.measured.latency_ms)},
                {"compile_s", r.measured.compile_s},
                {"threads", r.measured.threads}};
    out.update(report::json_of(r.measured.memory));
    out["summary"] = inspected(r.summary);
    out["inputs"] = list_of(r.measured.inputs);
    out["outputs"] = list_of(r.measured.outputs);
    out["checks"] = list_of(r.measured.checks);
    out["kernels"] = list_of(r.measured.kernels);
    out["prediction"] = {{"measured_us", r.measured_us},
                         {"predicted_us", r.predicted_us},
                         {"error", r.prediction_error},
                         {"kernel_errors", r.kernel_errors}};
    out["here"] = simulated(r.here);
    out["operators"] = Json::array();
    for (const driver::OperatorTime& o : r.operators) out["operators"].push_back(json_of(o));
    out["traffic"] = Json::array();
    for (const driver::LevelTraffic& t : r.traffic)
        out["traffic"].push_back({{"level", t.name},
                                  {"ledger_bytes", t.claimed_bytes},
                                  {"predicted_bytes", t.predicted_bytes}});
    out["model_compulsory_bytes"] = r.model_compulsory_bytes;
    out["kernel_compulsory_bytes"] = r.kernel_compulsory_bytes;
    out["machines"] = Json::array();
    for (const driver::OtherMachine& m : r.machines) out["machines"].push_back(machine_json(m));
    out["onnx_runtime"] = peer_json(r.peer);
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
    std::string out = text(r.measured, width) + "\n" + times_text(r);
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
    for (const driver::OperatorTime& o : r.operators)
        operators.row(
            {o.op, time_text(o.time_us),
             fmt::format("{:.1f} %", r.measured_us > 0 ? 100 * o.time_us / r.measured_us : 0),
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
