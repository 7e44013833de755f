#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "report/compare.h"
#include "report/html_parts.h"
#include "report/svg.h"

namespace smeaton::report {

namespace {

using compare::DeviceRow;
using compare::Quantity;
using driver::CompareResult;

std::string interval(const std::optional<Quantity>& q) {
    if (!q) return "–";
    std::string out = number_figure(q->v.value);
    if (q->v.high > q->v.low * 1.0001)
        out += fmt::format(" <span class=\"soft\">({}–{})</span>", number_figure(q->v.low),
                           number_figure(q->v.high));
    return out;
}

/// Rows in the order of the ranking, those that do not fit behind.
std::vector<const DeviceRow*> ranked(const CompareResult& r) {
    std::vector<const DeviceRow*> rows;
    for (const std::string& name : r.comparison.ranking)
        for (const DeviceRow& row : r.comparison.rows)
            if (row.fits && row.text == name) rows.push_back(&row);
    for (const DeviceRow& row : r.comparison.rows)
        if (!row.fits) rows.push_back(&row);
    return rows;
}

std::string header(const CompareResult& r) {
    std::string traffic;
    if (r.workload.is_decoder) {
        const std::string at_once = r.asked.concurrency ? number_figure(*r.asked.concurrency)
                                                        : std::string("as many as fit");
        traffic =
            fmt::format("{} tokens in, {} out, {} at once · ", number_figure(r.asked.prompt.mean),
                        number_figure(r.asked.output.mean), at_once);
    }
    return fmt::format("<p class=\"sub\">{}{} · {} parameters{}</p>\n", traffic, word(r.format),
                       count_figure(r.workload.parameters),
                       r.engine.empty() ? std::string() : " · engine " + word(r.engine));
}

/// A bar from low to high with a mark at the value, on a logarithmic axis of all rows.
std::string range_bar(const Quantity& q, double least, double most) {
    auto at = [&](double v) {
        if (most <= least) return 50.0;
        return 100 * std::log(v / least) / std::log(most / least);
    };
    const double low = at(q.v.low), high = at(q.v.high), value = at(q.v.value);
    return fmt::format(
        "<svg class=\"range\" role=\"img\" aria-label=\"interval\"><rect class=\"fill\" "
        "x=\"{:.1f}%\" "
        "y=\"6\" width=\"{:.1f}%\" height=\"8\" rx=\"3\"/><rect class=\"ink\" x=\"{:.1f}%\" "
        "y=\"2\" "
        "width=\"3\" height=\"16\"/></svg>",
        low, std::max(0.8, high - low), value);
}

std::string chart(const CompareResult& r) {
    double least = 1e300, most = 0;
    for (const DeviceRow& row : r.comparison.rows)
        if (row.throughput) {
            least = std::min(least, row.throughput->v.low);
            most = std::max(most, row.throughput->v.high);
        }
    if (most <= 0) return "";
    Rows table(
        {"device", r.workload.is_decoder ? "output tokens a second" : "items a second", ">value"},
        false);
    for (const DeviceRow* row : ranked(r))
        if (row->throughput)
            table.row({word(row->text), range_bar(*row->throughput, least, most),
                       number_figure(row->throughput->v.value)});
    return table.str();
}

std::string list(const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) out += "<li>" + word(item) + "</li>";
    return out.empty() ? "" : "<ul>" + out + "</ul>";
}

std::string detail(const char* name, const std::optional<Quantity>& q) {
    if (!q) return "";
    return fmt::format(
        "<p><b>{}</b> {} <span class=\"soft\">{}</span><br>{}{}</p>{}", name, interval(q),
        word(q->basis), word(q->formula),
        q->flags.empty() ? std::string() : "<br>mind: " + word(joined(q->flags, "; ")),
        list(q->sources));
}

/// Engines that run the device, and what of the model they lack.
std::string adoption(const DeviceRow& row) {
    std::string out;
    for (const compare::EngineFit& fit : row.runs_on) {
        const std::string what = !fit.known          ? "unknown whether it runs all of the model"
                                 : fit.lacks.empty() ? "runs all of the model"
                                                     : "lacks " + joined(fit.lacks);
        out += fmt::format("<li>{}: {}{} <span class=\"soft\">{} {}</span></li>", word(fit.engine),
                           word(what), fit.why.empty() ? "" : " (" + word(fit.why) + ")",
                           word(fit.source), word(fit.date));
    }
    if (row.porting_weeks)
        out +=
            fmt::format("<li>porting: {} weeks, an input</li>", number_figure(*row.porting_weeks));
    return out.empty() ? "" : "<p><b>Adoption</b></p><ul>" + out + "</ul>";
}

/// Every formula and source behind a row's numbers.
std::string details(const DeviceRow& row) {
    std::string inside =
        detail("Tokens or items a second", row.throughput) +
        detail("Time per token, ms", row.tpot_ms) + detail("Time to first token, ms", row.ttft_ms) +
        detail("Latency, ms", row.latency_ms) + detail("Roofline, ms", row.bound_ms) +
        detail("Power at the wall, W", row.power_w) + detail("Idle, W", row.idle_w) +
        detail("Rated power of the devices alone, W", row.devices_w) +
        detail("Power of the site, W", row.site_w) +
        detail("Energy per token, J", row.energy_j_per_token) +
        detail("Cost per million, $", row.cost_usd_per_mtoken) +
        detail("Carbon per million, kg", row.carbon_kg_per_mtoken);
    if (!row.energy_refused.empty()) inside += "<p>" + word(row.energy_refused) + "</p>";
    if (!row.cost_refused.empty()) inside += "<p>" + word(row.cost_refused) + "</p>";
    inside += adoption(row) + list(row.notes);
    return "<details><summary>formulas and sources</summary>" + inside + "</details>";
}

std::string rows_section(const CompareResult& r) {
    const bool tokens = r.workload.is_decoder;
    Rows table(tokens ? std::vector<std::string>{"device", ">tokens/s", ">ms per token",
                                                 ">first token, ms", ">J per token",
                                                 ">$ per million", "limit"}
                      : std::vector<std::string>{"device", ">ms", ">items/s", ">J per item",
                                                 ">$ per million", "limit"});
    for (const DeviceRow* row : ranked(r)) {
        std::vector<std::string> cells = {word(row->text)};
        if (!row->fits) {
            cells.resize(tokens ? 7 : 6);
            cells.back() = word(row->limit);
            table.row(cells, "<p class=\"bad\">does not fit: " + word(row->why_not) + "</p>");
            continue;
        }
        if (tokens)
            for (const auto* q : {&row->throughput, &row->tpot_ms, &row->ttft_ms})
                cells.push_back(interval(*q));
        else
            for (const auto* q : {&row->latency_ms, &row->throughput})
                cells.push_back(interval(*q));
        for (const auto* q : {&row->energy_j_per_token, &row->cost_usd_per_mtoken})
            cells.push_back(interval(*q));
        cells.push_back(word(row->limit));
        table.row(cells, details(*row));
    }
    return "<div class=\"wide\">" + table.str() + "</div>";
}

std::string flips_section(const CompareResult& r) {
    std::string out;
    if (!r.comparison.flips.empty() && r.comparison.ranked_by != "cost_usd_per_mtoken")
        out +=
            "<li>Of cost alone, among the rows that have one: not all have, so the ranking is by "
            "speed.</li>";
    for (const compare::Flip& f : r.comparison.flips)
        out += f.sampled ? fmt::format("<li>{} is first in {} of samples of all inputs</li>",
                                       word(f.to), percent_figure(f.share))
                         : fmt::format("<li>{} at {}: {} comes before {}</li>", word(f.input),
                                       number_figure(f.value), word(f.to), word(f.from));
    for (const compare::Crossing& x : r.comparison.crossings)
        out += fmt::format("<li>{} costs what {} does at {} devices, with {} USD paid once</li>",
                           word(x.device), word(x.against), count_figure(x.volume),
                           count_figure(x.nre_usd));
    return out.empty() ? "<p>No input's range changes the first place.</p>"
                       : "<ul>" + out + "</ul>";
}

std::string compressed_section(const CompareResult& r) {
    if (r.compressed.empty()) return "";
    Rows table({"method", "format", ">loss, %", "device", ">ms per token", ">tokens/s",
                ">$ per million", "taken"});
    for (const driver::Compressed& c : r.compressed)
        for (const driver::CompressedOn& on : c.devices) {
            const std::string zeros = c.row.sparsity.text();
            const std::string detail = fmt::format(
                "<details><summary>measure and source</summary><p>{}; {}</p>{}</details>",
                word(c.row.measure), word(c.row.source),
                on.refused.empty() ? list(on.row.tpot_ms ? on.row.tpot_ms->flags
                                                         : std::vector<std::string>{on.row.why_not})
                                   : "<p>" + word(on.refused) + "</p>");
            table.row({word(c.row.method),
                       word(c.row.format + (zeros.empty() ? "" : " with " + zeros + " zeros")),
                       c.row.loss_percent ? number_figure(*c.row.loss_percent) : "unknown",
                       word(on.row.text), interval(on.row.tpot_ms), interval(on.row.throughput),
                       interval(on.row.cost_usd_per_mtoken), c.not_taken.empty() ? "yes" : "no"},
                      detail);
        }
    return "<div class=\"wide\">" + table.str() + "</div>";
}

std::string refused_section(const CompareResult& r) {
    std::string out;
    for (const compare::Refused& refused : r.comparison.refused)
        out += fmt::format("<li>{}: {}</li>", word(refused.device), word(refused.reason));
    return out.empty() ? "" : "<ul>" + out + "</ul>";
}

std::string inputs_section(const CompareResult& r) {
    Rows table({"input", ">low", ">value", ">high", "source", "date"});
    for (const auto& [key, input] : r.costs.values)
        table.row({word(key), number_figure(input.v.low), number_figure(input.v.value),
                   number_figure(input.v.high), word(input.source), word(input.date)});
    return "<div class=\"wide\">" + table.str() + "</div>";
}

constexpr const char* kOwnStyle =
    ".soft { color: var(--soft); } .range { display: block; width: 100%; min-width: 8rem; height: "
    "20px; overflow: visible; } .range .fill { fill: var(--compute); fill-opacity: .55; } .range "
    ".ink "
    "{ fill: var(--ink); } details p { margin: .4rem 0; } ul { margin: .2rem 0; padding-left: "
    "1.2rem; "
    "} details { overflow-wrap: anywhere; white-space: normal; }";

}  // namespace

std::string html(const CompareResult& r) {
    return page(
        {"Smeaton compare", r.model,
         header(r) + "<p class=\"verdict\">" + word(r.comparison.why_first) + "</p>\n", kOwnStyle},
        {{"throughput", "Side by side", chart(r)},
         {"rows", "Every number", rows_section(r)},
         {"compressed", "Compressed", compressed_section(r)},
         {"flips", "What changes the first place", flips_section(r)},
         {"refused", "Refused", refused_section(r)},
         {"inputs", "Inputs of cost", inputs_section(r)}});
}

}  // namespace smeaton::report
