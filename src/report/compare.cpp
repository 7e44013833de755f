#include "report/compare.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace smeaton::report {

namespace {

using compare::Quantity;

/// "12.3 (9.8-15)"
std::string interval_text(const std::optional<Quantity>& q) {
    if (!q) return "-";
    const auto& v = q->v;
    std::string out = number_text(v.value);
    if (v.high > v.low * 1.0001)
        out += fmt::format(" ({}-{})", number_text(v.low), number_text(v.high));
    return out;
}

std::string split_text(const compare::Split& s) {
    std::string out;
    if (s.tensor > 1) out += fmt::format("t{} ", s.tensor);
    if (s.stages > 1) out += fmt::format("p{} ", s.stages);
    if (s.replicas > 1) out += fmt::format("d{} ", s.replicas);
    if (s.experts > 1) out += fmt::format("e{} ", s.experts);
    if (!out.empty()) out.pop_back();
    return out.empty() ? "1" : out;
}

std::string flags_of(const compare::DeviceRow& row) {
    std::vector<std::string> words;
    for (const auto* q : {&row.throughput, &row.tpot_ms, &row.latency_ms})
        if (*q)
            for (const std::string& flag : (*q)->flags)
                if (std::find(words.begin(), words.end(), flag) == words.end())
                    words.push_back(flag);
    return joined(words);
}

/// "5 engines; onnxruntime lacks 2; port 6 weeks"
std::string adoption_text(const compare::DeviceRow& row) {
    std::string out = fmt::format("{} engines", row.runs_on.size());
    if (row.runs_on.empty()) out = "unknown";
    for (const compare::EngineFit& fit : row.runs_on)
        if (!fit.lacks.empty()) out += fmt::format("; {} lacks {}", fit.engine, fit.lacks.size());
    if (row.porting_weeks) out += fmt::format("; port {:g} weeks", *row.porting_weeks);
    return out;
}

/// Engine by engine: what it lacks of the model, and who says so.
std::string adoption_lines(const compare::DeviceRow& row) {
    std::vector<std::string> full, unknown;
    std::string lacking;
    for (const compare::EngineFit& fit : row.runs_on) {
        if (!fit.known)
            unknown.push_back(fit.engine);
        else if (fit.lacks.empty())
            full.push_back(fit.engine);
        else
            lacking += fmt::format("; {} lacks {} ({}; {}, {})", fit.engine, joined(fit.lacks),
                                   fit.why, fit.source, fit.date);
    }
    if (row.runs_on.empty()) return "";
    return fmt::format("adoption    {}: whole model on {}{}{}\n", row.text,
                       full.empty() ? "no engine for certain" : joined(full), lacking,
                       unknown.empty() ? "" : "; unknown of " + joined(unknown));
}

std::string loss_text(const compare::CompressionRow& row) {
    return row.loss_percent ? number_text(*row.loss_percent) : std::string("unknown");
}

std::string compressed_text(const driver::CompareResult& r, Width width) {
    Table table({"method", "format", ">loss %", "taken", "device", ">ms/token", ">tokens/s", ">GiB",
                 ">$/Mtoken", "measured by", "mind"});
    for (const driver::Compressed& c : r.compressed)
        for (const driver::CompressedOn& on : c.devices) {
            const std::string format =
                c.row.format + (c.row.sparsity.any() ? " " + c.row.sparsity.text() : "") +
                (c.row.cache_bits ? fmt::format(" kv={:g}", *c.row.cache_bits) : "");
            const bool there = on.refused.empty() && on.row.fits;
            table.row(
                {c.row.method, format, loss_text(c.row), c.not_taken.empty() ? "yes" : "no",
                 on.row.text,
                 there ? interval_text(on.row.tpot_ms)
                       : std::string(on.refused.empty() ? "does not fit" : "refused"),
                 interval_text(on.row.throughput),
                 fmt::format("{:.1f}", on.row.capacity.weights_bytes / (1024.0 * 1024 * 1024)),
                 interval_text(on.row.cost_usd_per_mtoken), c.row.measure,
                 there ? flags_of(on.row) : on.refused});
        }
    return table.str(width);
}

std::string rows_text(const driver::CompareResult& r, Width width) {
    const bool tokens = r.workload.is_decoder;
    Table table(
        tokens
            ? std::vector<std::string>{"device", ">tokens/s", ">ms/token", ">ttft ms", ">J/token",
                                       ">$/Mtoken", "limit", ">batch", "split", "engine", ">wall W",
                                       ">bound ms", "adoption", "flags"}
            : std::vector<std::string>{"device", ">ms", ">items/s", ">J/item", ">$/Mitem", "limit",
                                       ">bound ms", "engine", ">wall W", "adoption", "flags"});
    for (const compare::DeviceRow& row : r.comparison.rows) {
        if (!row.fits) {
            std::vector<std::string> cells(tokens ? 14 : 11);
            cells[0] = row.text;
            cells[1] = "does not fit";
            table.row(cells);
            continue;
        }
        if (tokens)
            table.row({row.text, interval_text(row.throughput), interval_text(row.tpot_ms),
                       interval_text(row.ttft_ms), interval_text(row.energy_j_per_token),
                       interval_text(row.cost_usd_per_mtoken), row.limit, number_text(row.batch),
                       split_text(row.split), row.engine, interval_text(row.power_w),
                       interval_text(row.bound_ms), adoption_text(row), flags_of(row)});
        else
            table.row({row.text, interval_text(row.latency_ms), interval_text(row.throughput),
                       interval_text(row.energy_j_per_token),
                       interval_text(row.cost_usd_per_mtoken), row.limit,
                       interval_text(row.bound_ms), row.engine, interval_text(row.power_w),
                       adoption_text(row), flags_of(row)});
    }
    return table.str(width);
}

}  // namespace

std::string text(const driver::CompareResult& r, Width width) {
    const compare::Workload& w = r.workload;
    std::string out =
        fmt::format("{:<12}{}, {} parameters", "model", r.model, count_text(w.parameters));
    if (w.active_parameters < w.parameters)
        out += fmt::format(" ({} active)", count_text(w.active_parameters));
    out += fmt::format("\n{:<12}{} (bits: weights {:g}, activations {:g}, cache {:g})\n", "format",
                       r.format, r.bits.weights, r.bits.activations, r.bits.cache);
    if (w.is_decoder)
        out += fmt::format("{:<12}{:g} in, {:g} out, {} at once\n", "traffic", r.asked.prompt.mean,
                           r.asked.output.mean,
                           r.asked.concurrency ? fmt::format("{:g}", *r.asked.concurrency)
                                               : std::string("as many as fit"));
    out += "\n" + rows_text(r, width);
    for (const compare::DeviceRow& row : r.comparison.rows)
        if (!row.fits) out += fmt::format("{}: {}\n", row.text, row.why_not);
    for (const compare::Refused& refused : r.comparison.refused)
        out += fmt::format("refused: {}\n", refused.reason);
    for (const compare::DeviceRow& row : r.comparison.rows)
        if (row.left_out_error)
            out += fmt::format(
                "{}: engine {} predicts devices left out of its fit within {:.0f} % on "
                "average\n",
                row.text, row.engine, 100 * *row.left_out_error);
    for (const compare::CompressionRow& row : r.accuracy)
        out += row.loss_percent
                   ? fmt::format("accuracy    {} loses {:g} % ({}; {})\n", row.format,
                                 *row.loss_percent, row.measure, row.source)
                   : fmt::format("accuracy    {}: unknown ({})\n", row.format, row.source);
    if (w.is_decoder && r.accuracy.empty() && !r.lossless)
        out += fmt::format("accuracy    {}: unknown on a model of this shape\n", r.format);
    for (const compare::DeviceRow& row : r.comparison.rows) out += adoption_lines(row);
    if (!r.compressed.empty()) out += "\n" + compressed_text(r, width);
    if (!r.comparison.ranking.empty())
        out += fmt::format("\nranking     {}\nwhy         {}\n",
                           joined(r.comparison.ranking, " > "), r.comparison.why_first);
    for (const compare::Crossing& x : r.comparison.crossings)
        out += fmt::format("break-even  {} costs what {} does at {} devices ({} USD paid once)\n",
                           x.device, x.against, count_text(std::ceil(x.volume)),
                           count_text(x.nre_usd));
    if (!r.comparison.flips.empty() && r.comparison.ranked_by != "cost_usd_per_mtoken")
        out += "flips       of cost alone, among the rows that have one; the ranking is by speed\n";
    for (const compare::Flip& f : r.comparison.flips)
        out += f.sampled
                   ? fmt::format("flips       {} is first in {:.0f} % of samples of all inputs\n",
                                 f.to, 100 * f.share)
                   : fmt::format("flips       {} at {}: {} comes before {}\n", f.input,
                                 number_text(f.value), f.to, f.from);
    return out;
}

std::string text(const compare::CalibrationResult& r, Width width) {
    Table table({"engine", ">bits", "quantity", ">rows", ">fitted %", ">bias %", ">left out %",
                 ">bias %", ">interval"});
    for (const cost::Calibration& c : r.calibrations)
        for (const auto& [name, fitted] : c.fitted) {
            const auto left = c.left_out.find(name);
            const auto spread = c.spread.find(name);
            const bool has = left != c.left_out.end();
            table.row({c.engine, c.width, name, std::to_string(fitted.rows),
                       fmt::format("{:.1f}", 100 * fitted.mean),
                       fmt::format("{:+.1f}", 100 * fitted.bias),
                       has ? fmt::format("{:.1f}", 100 * left->second.mean) : "-",
                       has ? fmt::format("{:+.1f}", 100 * left->second.bias) : "-",
                       spread == c.spread.end() ? "-"
                                                : fmt::format("{:.2f}-{:.2f}", spread->second.low,
                                                              spread->second.high)});
        }
    std::string out = table.str(width);
    for (const cost::Calibration& c : r.calibrations)
        for (const auto& [device, error] : c.left_out_by_device)
            out += fmt::format("{} {} bits, {} left out: {:.1f} %\n", c.engine, c.width, device,
                               100 * error);
    auto reasons = [&](const std::vector<compare::LeftRow>& rows, const char* what) {
        std::map<std::string, int> why;
        for (const compare::LeftRow& row : rows) ++why[row.why];
        for (const auto& [reason, count] : why)
            out += fmt::format("{} rows {}: {}\n", count, what, reason);
    };
    reasons(r.left, "not predicted");
    int faster = 0;
    for (const compare::RowBound& b : r.bounds) {
        if (b.measured_s >= b.bound_s) continue;
        ++faster;
        out += fmt::format("line {}: {} on {}, {}: measured {:.4g} s is below the bound {:.4g} s\n",
                           b.line, b.model, b.hardware, b.metric, b.measured_s, b.bound_s);
    }
    out += fmt::format("{} of {} rows have a bound at efficiency 1, {} are faster than it\n",
                       r.bounds.size(), r.bounds.size() + r.unbounded.size(), faster);
    reasons(r.unbounded, "without a bound");
    return out;
}

std::string text(const std::vector<compare::SurveyRow>& rows, Width width) {
    Table table({"design", ">year", "platform", "scope", ">claimed", ">end to end", ">GOP/s/mult",
                 ">tokens/s", "what is not known"});
    for (const compare::SurveyRow& row : rows) {
        const compare::Design& d = row.design;
        table.row(
            {d.name, std::to_string(d.year), d.platform, d.scope,
             d.speedup ? number_text(*d.speedup) + "x" : "-",
             row.end_to_end_speedup ? number_text(row.end_to_end_speedup->v.value) + "x" : "-",
             row.gops_per_multiplier_ghz ? number_text(row.gops_per_multiplier_ghz->v.value) : "-",
             row.tokens_per_s ? number_text(row.tokens_per_s->v.value) : "-", row.reason});
    }
    std::string out = table.str(width);
    out +=
        "end to end: by Amdahl on Llama-2-7B at 2048 tokens, over the design's own baseline; "
        "tokens/s: at most, by its own memory\n";
    for (const compare::SurveyRow& row : rows) {
        const compare::Design& d = row.design;
        out += fmt::format("\n{} ({}): {}; against {} [{}]\n", d.name, d.year, d.claim, d.baseline,
                           d.source);
        if (!d.conflict.empty()) out += "  conflict: " + d.conflict + "\n";
        if (!d.approximation.empty()) out += "  approximation: " + d.approximation + "\n";
        if (!row.reason.empty()) out += "  " + row.reason + "\n";
    }
    return out;
}

}  // namespace smeaton::report
