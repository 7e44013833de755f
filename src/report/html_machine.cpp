// This machine and others: bytes at each level, what would help, predictions, ONNX Runtime.
#include <fmt/core.h>

#include <map>

#include "report/html_parts.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

using driver::StudyResult;

/// One line for a reader who has not met the level.
std::string meaning(const StudyResult& r, size_t i) {
    const driver::LevelTraffic& t = r.traffic[i];
    if (i + 1 == r.traffic.size())
        return fmt::format("what no cache kept: {} times the least that one run must move",
                           figure(t.times_least, number_text(t.times_least)));
    std::string whose = t.per_core ? "; each core has one" : "";
    if (i == 0) return "what kernels load and store" + whose;
    return fmt::format("what {} did not hold and asked for here{}", word(r.traffic[i - 1].name),
                       whose);
}

const driver::ProbedLevel* probed(const StudyResult& r, const std::string& name) {
    for (const driver::ProbedLevel& p : r.levels)
        if (p.name == name) return &p;
    return nullptr;
}

std::string most_bound(const driver::SimulateResult& s) {
    std::map<std::string, double> by;
    for (const driver::SimulatedKernel& k : s.kernels)
        if (!k.once) by[k.bound] += k.time_us.value;
    std::string most;
    for (const auto& [bound, us] : by)
        if (most.empty() || us > by[most]) most = bound;
    return most;
}

std::string doubled(const driver::WhatIf& row) {
    if (row.what == "cores") return "twice the cores, with as many more threads";
    if (row.what == "peak") return "twice the operations per second of each core";
    return fmt::format("twice the bandwidth of {}", word(row.level));
}

}  // namespace

Section traffic_section(const StudyResult& r) {
    Rows t({"level", ">size", ">read GB/s, one core", ">all cores", ">by the ledger",
            ">with caches", "what it is"},
           false);
    for (size_t i = 0; i < r.traffic.size(); ++i) {
        const driver::LevelTraffic& l = r.traffic[i];
        const driver::ProbedLevel* p = probed(r, l.name);
        t.row({word(l.name), p ? bytes_figure(static_cast<double>(p->bytes)) : "",
               p ? number_figure(p->read_gb_s.value) : "",
               p ? number_figure(p->all_read_gb_s.value) : "",
               l.claimed_bytes > 0 ? bytes_figure(l.claimed_bytes) : "–",
               bytes_figure(l.predicted_bytes), meaning(r, i)});
    }
    return {"levels", "Bytes per level",
            fmt::format("<p>One run must move {} at least: inputs, weights and outputs once. Its "
                        "kernels' operands and results, once each, are {}. The ledger counts what "
                        "the program asks of a level; beside it, what caches let through.</p>\n",
                        bytes_figure(r.model_compulsory_bytes),
                        bytes_figure(r.kernel_compulsory_bytes)) +
                t.str()};
}

Section what_if_section(const StudyResult& r) {
    if (r.what_ifs.rows.empty()) return {};
    Rows t({"if this machine had", ">predicted", ">gain", ""});
    for (const driver::WhatIf& row : r.what_ifs.rows)
        t.row({doubled(row), time_ms_figure(row.time_ms), percent_figure(row.gain), bar(row.gain)});
    return {
        "what-if", "What if",
        fmt::format("<p>The model priced again for this machine with one figure doubled, as it is "
                    "compiled here or tiled anew, whichever is faster; without that, the same "
                    "way: {}. <i>Gain</i>: the part of that time that is saved.</p>\n",
                    time_ms_figure(r.what_ifs.base_ms)) +
            t.str()};
}

Section machines_section(const StudyResult& r) {
    Rows t({"machine", ">threads", ">time", ">at best", ">at worst", ">times as here",
            "mostly bound by"});
    auto line = [&](const driver::SimulateResult& s, const std::string& name, double relative) {
        t.row({name, whole_figure(s.threads), time_ms_figure(s.time_ms.value),
               time_ms_figure(s.time_ms.low), time_ms_figure(s.time_ms.high),
               number_figure(relative), bound_mark(most_bound(s))});
    };
    line(r.here, word(r.here.machine) + " (this machine)", 1);
    for (const driver::OtherMachine& o : r.machines)
        if (o.failed.empty()) line(o.predicted, word(o.predicted.machine), o.relative_time);
    return {"machines", "Other machines",
            "<p>The same model tiled for each machine, charged in closed form; all of it is "
            "predicted.</p>\n" +
                t.str()};
}

Section times_section(const StudyResult& r) {
    Rows t({"", ">median", ">95 %", ">fastest", "how"}, false);
    auto line = [&](const std::string& who, const driver::Latency& l, const std::string& how) {
        t.row({who, time_ms_figure(l.median), time_ms_figure(l.p95), time_ms_figure(l.min), how});
    };
    line("runs", r.measured.latency_ms,
         fmt::format("{} runs one after another", whole_figure(r.measured.runs)));
    t.row({"kernels", time_us_figure(r.measured_us), "", "",
           "the sum of their medians, each with a clock before and behind it"});
    t.row({"predicted", time_us_figure(r.predicted_us), "", "",
           "the sum over the same kernels, by this machine's description"});
    std::string html;
    if (r.peer.ran) {
        line("in turns", r.peer.ours_ms,
             "Smeaton, by turns with ONNX Runtime, which cools the caches");
        line("ONNX Runtime " + word(r.peer.version), r.peer.theirs_ms, "its turns");
        html = fmt::format(
            "<p>By turns with ONNX Runtime in the same seconds, {} turns of {} threads each, "
            "Smeaton takes {} of its time (quartiles {} to {}).</p>\n",
            whole_figure(r.peer.turns), whole_figure(r.measured.threads),
            number_figure(r.peer.ratio), number_figure(r.peer.ratio_low),
            number_figure(r.peer.ratio_high));
    }
    return {"times", "How the time was taken", html + t.str()};
}

}  // namespace smeaton::report
