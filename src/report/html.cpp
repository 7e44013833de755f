#include "report/html.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "report/style.h"
#include "report/svg.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

using driver::MeasuredKernel;
using driver::StudyResult;

std::string percent(double share) {
    return fmt::format("{:.0f} %", 100 * share);
}
std::string signed_percent(double share) {
    return fmt::format("{:+.0f} %", 100 * share);
}
std::string bytes_cell(double bytes) {
    return bytes_text(bytes);
}
double gflops(const MeasuredKernel& k) {
    return k.time_us > 0 ? static_cast<double>(k.flops) / k.time_us / 1e3 : 0;
}

// An HTML table; heads that start with '>' are numbers.
class Rows {
public:
    explicit Rows(const std::vector<std::string>& heads) {
        out_ = "<div class=\"wide\"><table><thead><tr>";
        for (const std::string& h : heads) {
            right_.push_back(h.starts_with(">"));
            out_ += fmt::format("<th{}>{}</th>", right_.back() ? " class=\"n\"" : "",
                                escaped(right_.back() ? h.substr(1) : h));
        }
        out_ += "</tr></thead><tbody>\n";
    }
    /// Cells are HTML.
    void row(const std::vector<std::string>& cells) {
        out_ += "<tr>";
        for (size_t i = 0; i < cells.size(); ++i)
            out_ += fmt::format("<td{}>{}</td>", right_[i] ? " class=\"n\"" : "", cells[i]);
        out_ += "</tr>\n";
    }
    std::string str() const { return out_ + "</tbody></table></div>\n"; }

private:
    std::string out_;
    std::vector<bool> right_;
};

std::string bar(double share, const std::string& cls) {
    return fmt::format(
        "<span class=\"bar\"><span class=\"{}\" style=\"width:{:.1f}%\"></span></span>", cls,
        100 * std::clamp(share, 0.0, 1.0));
}

std::string bound_mark(const std::string& bound) {
    return fmt::format("<span class=\"nobr\"><span class=\"mark {}\"></span>{}</span>",
                       bound_class(bound), escaped(bound));
}

std::string shape_text(const driver::PortShape& p) {
    std::vector<std::string> sizes;
    for (int64_t d : p.shape) sizes.push_back(std::to_string(d));
    return fmt::format("{} {}[{}]", p.name, p.dtype, joined(sizes, ","));
}

std::string fact(const std::string& value, const std::string& what) {
    return fmt::format("<div class=\"fact\"><b>{}</b><span>{}</span></div>\n", escaped(value),
                       escaped(what));
}

std::string headline(const StudyResult& r) {
    std::string out = "<div class=\"facts\">\n";
    double ms = r.measured.latency_ms.median;
    out += fact(time_text(ms * 1e3), fmt::format("median of {} runs one after another, {} threads",
                                                 r.measured.runs, r.measured.threads));
    if (r.peer.ran)
        out += fact(fmt::format("{:.2f}×", r.peer.ratio),
                    "of ONNX Runtime's time, by turns (below 1 is faster)");
    double flops = 0;
    for (const MeasuredKernel& k : r.measured.kernels) flops += static_cast<double>(k.flops);
    if (r.measured_us > 0 && r.peak_gflops > 0)
        out +=
            fact(number_text(flops / r.measured_us / 1e3) + " GFLOP/s",
                 percent(flops / r.measured_us / 1e3 / r.peak_gflops) + " of this machine's peak");
    out += fact(signed_percent(r.prediction_error), "prediction against measurement");
    out += fact(bytes_text(static_cast<double>(r.measured.memory.arena_bytes)),
                "working memory (arena)");
    out += fact(fmt::format("{:.1f} s", r.measured.compile_s), "to compile");
    return out + "</div>\n";
}

std::string checks(const StudyResult& r) {
    std::string out;
    auto line = [&](const driver::Comparison& c) {
        out +=
            fmt::format("<p class=\"{}\">Output <b>{}</b> {} {}{}</p>\n", c.equal ? "good" : "bad",
                        escaped(c.output), c.equal ? "equals" : "differs from", escaped(c.against),
                        c.equal ? fmt::format("; greatest difference {:.3g}", c.max_error)
                                : ": " + escaped(c.reason));
    };
    for (const driver::Comparison& c : r.measured.checks) line(c);
    for (const driver::Comparison& c : r.peer.outputs) line(c);
    for (const std::string& n : r.notes) out += "<p class=\"note\">" + escaped(n) + "</p>\n";
    return out;
}

std::string model_section(const StudyResult& r) {
    std::vector<std::string> inputs, outputs, ops;
    for (const auto& p : r.measured.inputs) inputs.push_back(shape_text(p));
    for (const auto& p : r.measured.outputs) outputs.push_back(shape_text(p));
    int nodes = 0;
    for (const auto& [op, count] : r.summary.operators) {
        ops.push_back(fmt::format("{} {}", op, count));
        nodes += count;
    }
    std::vector<std::string> opsets;
    for (const auto& [domain, version] : r.summary.opsets)
        opsets.push_back(fmt::format("{} {}", domain.empty() ? "ai.onnx" : domain, version));
    auto dim = [](const tensor::Dim& d, std::string (*text)(double)) {
        return d.is_const() ? text(static_cast<double>(d.value())) : d.str();
    };
    Rows t({"", ""});
    t.row({"inputs", escaped(joined(inputs))});
    t.row({"outputs", escaped(joined(outputs))});
    t.row({"operators", fmt::format("{}: {}", nodes, escaped(joined(ops)))});
    t.row({"parameters", fmt::format("{} ({})", r.summary.parameters,
                                     bytes_text(static_cast<double>(r.summary.weights_bytes)))});
    t.row({"operations", escaped(dim(r.summary.flops, count_text))});
    t.row({"bytes, each operator by itself",
           escaped(dim(r.summary.read_bytes, bytes_text) + " read, " +
                   dim(r.summary.written_bytes, bytes_text) + " written")});
    t.row({"opsets", escaped(joined(opsets))});
    return "<h2>The model</h2>\n" + t.str();
}

std::string operators_section(const StudyResult& r) {
    Rows t({"operator", ">time", "", ">share", ">nodes", ">operations", ">bytes by itself"});
    double most = r.operators.empty() ? 1 : r.operators.front().time_us;
    for (const driver::OperatorTime& o : r.operators)
        t.row({escaped(o.op), time_text(o.time_us), bar(o.time_us / most, "fill"),
               percent(r.measured_us > 0 ? o.time_us / r.measured_us : 0), std::to_string(o.nodes),
               count_text(o.flops), bytes_cell(o.bytes)});
    return "<h2>Time by operator</h2>\n<p>A kernel may compute several operators; its time is "
           "shared among them in proportion to their operations.</p>\n" +
           t.str();
}

std::string legend(const StudyResult& r) {
    std::set<std::string> bounds;
    for (const MeasuredKernel& k : r.measured.kernels) bounds.insert(k.bound);
    std::string out = "<p class=\"legend\">bound by: ";
    for (const std::string& b : bounds) out += bound_mark(b) + " ";
    return out + "</p>\n";
}

std::string timeline_section(const StudyResult& r) {
    std::vector<Strip> measured, predicted;
    for (const MeasuredKernel& k : r.measured.kernels) {
        std::string title = fmt::format("{}: {} measured, {} predicted, bound by {} ({})", k.name,
                                        time_text(k.time_us), time_text(k.predicted_us), k.bound,
                                        shortened(joined(k.ops), 120));
        measured.push_back({k.time_us, bound_class(k.bound), title});
        predicted.push_back({k.predicted_us, bound_class(k.bound), title});
    }
    return "<h2>Timeline</h2>\n<p>The kernels of one run, in their order; point at one for its "
           "name.</p>\n" +
           legend(r) + timeline({"measured", "predicted"}, {measured, predicted});
}

double memory_bytes(const StudyResult& r, size_t kernel) {
    size_t at = 0;
    for (const driver::SimulatedKernel& k : r.here.kernels) {
        if (k.once) continue;
        if (at++ != kernel) continue;
        return k.levels.empty() ? 0 : k.levels.back().read_bytes + k.levels.back().write_bytes;
    }
    return 0;
}

std::string roofline_section(const StudyResult& r) {
    std::vector<Dot> dots;
    for (size_t i = 0; i < r.measured.kernels.size(); ++i) {
        const MeasuredKernel& k = r.measured.kernels[i];
        // What stays in caches moves nothing: counted by its operands then.
        double bytes = std::max(memory_bytes(r, i), 1.0);
        double least = static_cast<double>(k.compulsory_bytes);
        double moved = bytes > 64 ? bytes : std::max(least, 1.0);
        dots.push_back(
            {static_cast<double>(k.flops) / moved, gflops(k),
             r.measured_us > 0 ? k.time_us / r.measured_us : 0, bound_class(k.bound),
             fmt::format("{}: {} GFLOP/s, {} operations per byte, {}", k.name,
                         number_text(gflops(k)), number_text(static_cast<double>(k.flops) / moved),
                         time_text(k.time_us))});
    }
    return "<h2>Roofline</h2>\n<p>Each kernel's rate over its operations per byte of memory "
           "traffic; "
           "the area of a dot is its share of the time. The roofs are this machine's, "
           "measured.</p>\n" +
           legend(r) + roofline(dots, r.peak_gflops, r.memory_gb_s);
}

std::string kernels_section(const StudyResult& r) {
    std::vector<size_t> order(r.measured.kernels.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto& kernels = r.measured.kernels;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return kernels[a].time_us > kernels[b].time_us; });
    Rows t({"kernel", ">measured", "", ">predicted", ">error", ">GFLOP/s", "bound", ">reached",
            ">memory traffic", ">least", "operators"});
    double most = order.empty() ? 1 : std::max(kernels[order[0]].time_us, 1e-9);
    for (size_t i : order) {
        const MeasuredKernel& k = kernels[i];
        t.row({escaped(shortened(k.name, 44)), time_text(k.time_us),
               bar(k.time_us / most, bound_class(k.bound)), time_text(k.predicted_us),
               signed_percent(r.kernel_errors[i]), k.flops > 0 ? number_text(gflops(k)) : "–",
               bound_mark(k.bound), percent(k.efficiency), bytes_cell(memory_bytes(r, i)),
               bytes_cell(static_cast<double>(k.compulsory_bytes)),
               "<span class=\"ops\">" + escaped(shortened(joined(k.ops), 90)) + "</span>"});
    }
    return "<h2>Kernels</h2>\n<p>Slowest first. <i>Reached</i>: the time that the bound allows "
           "over "
           "the measured time. <i>Memory traffic</i>: bytes to and from memory with warm caches, "
           "by "
           "the closed-form model. <i>Least</i>: operands and results once each.</p>\n" +
           t.str();
}

std::string traffic_section(const StudyResult& r) {
    Rows t(
        {"level", ">size", ">read GB/s, one core", ">all cores", ">by the ledger", ">with caches"});
    for (const driver::LevelTraffic& l : r.traffic) {
        const driver::ProbedLevel* probed = nullptr;
        for (const auto& p : r.levels)
            if (p.name == l.name) probed = &p;
        t.row({escaped(l.name), probed ? bytes_text(static_cast<double>(probed->bytes)) : "",
               probed ? number_text(probed->read_gb_s.value) : "",
               probed ? number_text(probed->all_read_gb_s.value) : "",
               l.claimed_bytes > 0 ? bytes_cell(l.claimed_bytes) : "–",
               bytes_cell(l.predicted_bytes)});
    }
    return "<h2>Bytes per level</h2>\n" +
           fmt::format(
               "<p>One run must move {} at least: inputs, weights and outputs once. Its "
               "kernels' operands and results, once each, are {}. The ledger counts what "
               "the program asks of a level; the last column what caches let through.</p>\n",
               bytes_text(r.model_compulsory_bytes), bytes_text(r.kernel_compulsory_bytes)) +
           t.str();
}

std::string memory_section(const StudyResult& r) {
    const driver::MemoryStats& m = r.measured.memory;
    auto bytes = [](int64_t b) { return bytes_text(static_cast<double>(b)); };
    Rows t({"memory", ">bytes"});
    t.row({"arena, scratch counted", bytes(m.arena_bytes)});
    t.row({"most bytes alive at once (no arena can be smaller)", bytes(m.arena_lower_bound_bytes)});
    t.row({"the same for the model before fusion", bytes(m.graph_max_live_bytes)});
    t.row({"weights", bytes(m.weights_bytes)});
    return "<h2>Memory</h2>\n" + t.str();
}

std::string machines_section(const StudyResult& r) {
    Rows t({"machine", ">threads", ">time", "interval", ">against here", "mostly bound by"});
    auto line = [&](const driver::SimulateResult& s, const std::string& name) {
        std::map<std::string, double> by;
        for (const auto& k : s.kernels)
            if (!k.once) by[k.bound] += k.time_us.value;
        std::string most;
        for (const auto& [bound, us] : by)
            if (most.empty() || us > by[most]) most = bound;
        t.row({escaped(name), std::to_string(s.threads), time_text(s.time_ms.value * 1e3),
               time_text(s.time_ms.low * 1e3) + " to " + time_text(s.time_ms.high * 1e3),
               s.time_ms.value > 0 ? fmt::format("{:.2f}×", s.time_ms.value / r.here.time_ms.value)
                                   : "",
               bound_mark(most)});
    };
    line(r.here, r.here.machine + " (this machine)");
    for (const driver::OtherMachine& o : r.machines)
        if (o.failed.empty()) line(o.predicted, o.predicted.machine);
    return "<h2>Other machines</h2>\n<p>The same program tiled for each machine, charged in closed "
           "form.</p>\n" +
           t.str();
}

std::string peer_section(const StudyResult& r) {
    if (!r.peer.ran) return "";
    Rows t({"", ">median", ">95 %", ">fastest"});
    auto line = [&](const std::string& who, const driver::Latency& l) {
        t.row({escaped(who), time_text(l.median * 1e3), time_text(l.p95 * 1e3),
               time_text(l.min * 1e3)});
    };
    line("Smeaton", r.peer.ours_ms);
    line("ONNX Runtime " + r.peer.version, r.peer.theirs_ms);
    return "<h2>Beside ONNX Runtime</h2>\n" +
           fmt::format(
               "<p>Turn by turn in the same seconds, {} turns, {} threads each: Smeaton takes "
               "{:.2f}× its time (quartiles {:.2f} to {:.2f}).</p>\n",
               r.peer.turns, r.measured.threads, r.peer.ratio, r.peer.ratio_low,
               r.peer.ratio_high) +
           t.str();
}

}  // namespace

std::string html(const StudyResult& r) {
    std::string name = std::filesystem::path(r.summary.model).filename().string();
    if (name == "model.onnx")
        name = std::filesystem::absolute(r.summary.model).parent_path().filename().string();
    std::string out = fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
        "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" "
        "href=\"data:,\">\n<title>{} – Smeaton study</title>\n<style>{}</style>\n</head>\n<body>\n"
        "<h1>{}</h1>\n<p class=\"sub\">{} · {} · {} UTC</p>\n",
        escaped(name), kStyle, escaped(name), escaped(r.summary.model), escaped(r.here.machine),
        r.date);
    for (const auto& part :
         {headline(r), checks(r), operators_section(r), timeline_section(r), roofline_section(r),
          kernels_section(r), traffic_section(r), machines_section(r), peer_section(r),
          memory_section(r), model_section(r)})
        out += part;
    return out + "</body>\n</html>\n";
}

}  // namespace smeaton::report
