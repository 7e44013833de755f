#include "report/search.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "report/json_parts.h"
#include "report/style.h"
#include "report/svg.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

using driver::SearchResult;
using search::Found;

Json number_of(double v) {
    // Whole numbers without a point, as they stand in the space.
    if (v == std::floor(v) && std::abs(v) < 9e15) return static_cast<int64_t>(v);
    return v;
}

Json settings_of(const SearchResult& r, const search::Point& point) {
    Json out = Json::object();
    for (size_t i = 0; i < point.size(); ++i)
        out[r.space.axes[i].key] = number_of(search::value(r.space, point, i));
    return out;
}

Json figure(bool told, double value) {
    return told ? number_of(value) : Json(nullptr);
}

Json json_of(const SearchResult& r, const Found& f) {
    Json out = {{"settings", settings_of(r, f.point)}};
    const search::Evaluation& e = f.evaluation;
    if (!e.refused.empty()) {
        out["refused"] = e.refused;
        return out;
    }
    out["total_cycles"] = r.total_cycles(e);
    out["time_ms"] = r.time_ms(e);
    out["objective"] = r.objective(e);
    out["energy_pj"] = figure(r.tells_energy, e.criteria[search::kEnergy]);
    out["sram_bytes"] = number_of(e.criteria[search::kMemory]);
    out["area_mm2"] = figure(r.tells_area, e.criteria[search::kArea]);
    out["cycles"] = e.cycles;
    return out;
}

Json list_of(const SearchResult& r, const std::vector<Found>& all) {
    Json out = Json::array();
    for (const Found& f : all) out.push_back(json_of(r, f));
    return out;
}

Json json_of(const SearchResult& r, const driver::EconomicPoint& e) {
    Json out = {{"least", e.least}, {"slower", e.slower}, {"saved", e.saved}};
    out.update(json_of(r, e.found));
    return out;
}

template <class T>
Json maybe(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

Json json_of(const SearchResult& r, const driver::Sensitivity& s) {
    Json out = {{"resource", s.resource},          {"kind", s.cap ? "cap" : "setting"},
                {"from", number_of(s.from)},       {"to", s.to ? number_of(*s.to) : Json(nullptr)},
                {"objective", maybe(s.objective)}, {"gain", s.gain}};
    if (!s.why.empty()) out["because"] = s.why;
    if (!s.point.empty()) out["settings"] = settings_of(r, s.point);
    return out;
}

Json json_of(const driver::SearchWorkload& w) {
    return {{"model", w.model},
            {"training", w.training},
            {"weight", w.weight},
            {"baseline_cycles", maybe(w.baseline_cycles)}};
}

Json listed(const SearchResult& r) {
    Json out = {{"cost_model", r.request.cost_model},
                {"grid", number_of(r.found.grid)},
                {"space", number_of(r.found.space)},
                {"points", Json::array()}};
    for (const Found& f : r.found.points)
        out["points"].push_back({{"settings", settings_of(r, f.point)}});
    return out;
}

}  // namespace

std::string json(const SearchResult& r) {
    if (r.request.list) return dump(listed(r));
    const search::Result& f = r.found;
    Json out = {{"cost_model", r.request.cost_model},
                {"workloads", Json::array()},
                {"grid", number_of(f.grid)},
                {"space", number_of(f.space)},
                {"evaluated", number_of(f.evaluated + f.from_store)},
                {"from_log", number_of(f.from_store)},
                {"refused", number_of(f.refused)},
                {"pruned", number_of(f.pruned)},
                {"proven", f.proven},
                {"gap", f.gap},
                {"lower_bound", f.lower_bound},
                {"minimised", r.request.objective},
                {"seconds", f.seconds},
                {"best", f.best ? json_of(r, *f.best) : Json(nullptr)},
                {"worst", f.worst && r.request.exhaustive ? json_of(r, *f.worst) : Json(nullptr)},
                {"pareto_proven", f.front_proven},
                {"pareto", list_of(r, f.front)},
                {"economic_share", r.request.economic},
                {"economic", Json::array()},
                {"sensitivity", Json::array()}};
    for (const auto& w : r.workloads) out["workloads"].push_back(json_of(w));
    for (const auto& e : r.economic) out["economic"].push_back(json_of(r, e));
    for (const auto& s : r.sensitivity) out["sensitivity"].push_back(json_of(r, s));
    if (r.request.resplit) {
        out["resplit"] = Json::array();
        for (const auto& s : r.resplit)
            out["resplit"].push_back({{"between", s.between},
                                      {"parts", s.parts},
                                      {"objective", s.objective},
                                      {"proven", s.proven},
                                      {"gain", s.gain}});
    }
    if (r.request.exhaustive) out["points"] = list_of(r, f.points);
    return dump(out);
}

namespace {

std::string percent(double share) {
    return fmt::format("{:.2f} %", 100 * share);
}
/// Cycles, or a ratio to the baseline.
std::string time_of(const SearchResult& r, double time) {
    return r.request.baseline_file.empty() ? fmt::format("{:.0f}", time)
                                           : fmt::format("{:.4f}", time);
}

std::string objective_of(const SearchResult& r, double value) {
    return r.by == search::kEnergy ? count_text(value) + "pJ" : time_of(r, value);
}

std::vector<std::string> heads(const SearchResult& r) {
    std::vector<std::string> all = {r.request.baseline_file.empty() ? ">cycles" : ">of baseline",
                                    ">time"};
    if (r.tells_energy) all.push_back(">energy");
    all.push_back(">SRAM");
    if (r.tells_area) all.push_back(">area");
    for (const search::Axis& axis : r.space.axes) all.push_back(">" + axis.key);
    return all;
}

std::vector<std::string> cells(const SearchResult& r, const Found& f) {
    const search::Criteria& c = f.evaluation.criteria;
    std::vector<std::string> row = {time_of(r, c[search::kTime]),
                                    time_text(1e3 * r.time_ms(f.evaluation))};
    if (r.tells_energy) row.push_back(count_text(c[search::kEnergy]) + "pJ");
    row.push_back(fmt::format("{:.0f} KB", c[search::kMemory] / 1024));
    if (r.tells_area) row.push_back(fmt::format("{:.1f} mm2", c[search::kArea]));
    for (size_t i = 0; i < f.point.size(); ++i)
        row.push_back(search::text_of(search::value(r.space, f.point, i)));
    return row;
}

/// Every point, or the ends and what lies evenly between.
std::vector<const Found*> some_of(const std::vector<Found>& all, size_t most) {
    std::vector<const Found*> some;
    const size_t count = std::min(most, all.size());
    for (size_t i = 0; i < count; ++i)
        some.push_back(&all[count < 2 ? 0 : i * (all.size() - 1) / (count - 1)]);
    return some;
}

/// Memory to the right, time upwards, both logarithmic where they span more than tenfold.
class Scale {
public:
    Scale(double low, double high) : low_(low), high_(high), log_(low > 0 && high > 10 * low) {}
    /// 0 at the least, 1 at the largest.
    double at(double v) const {
        if (high_ <= low_) return 0;
        return log_ ? std::log(v / low_) / std::log(high_ / low_) : (v - low_) / (high_ - low_);
    }

private:
    double low_, high_;
    bool log_;
};

struct Scales {
    Scale memory, time;
    double least_memory, most_memory, least_time, most_time;
};

Scales scales_of(const std::vector<Found>& front) {
    double low = front[0].evaluation.criteria[search::kMemory], high = low;
    double fast = front[0].evaluation.criteria[search::kTime], slow = fast;
    for (const Found& f : front) {
        const search::Criteria& c = f.evaluation.criteria;
        low = std::min(low, c[search::kMemory]), high = std::max(high, c[search::kMemory]);
        fast = std::min(fast, c[search::kTime]), slow = std::max(slow, c[search::kTime]);
    }
    return {Scale(low, high), Scale(fast, slow), low, high, fast, slow};
}

std::string terminal_chart(const SearchResult& r) {
    constexpr size_t kColumns = 56, kLines = 12;
    const std::vector<Found>& front = r.found.front;
    if (front.size() < 2) return "";
    const Scales s = scales_of(front);
    std::vector<std::string> lines(kLines, std::string(kColumns, ' '));
    auto place = [](double share, size_t cells) {
        return static_cast<size_t>(std::lround(share * static_cast<double>(cells - 1)));
    };
    for (const Found& f : front) {
        const search::Criteria& c = f.evaluation.criteria;
        const size_t x = place(s.memory.at(c[search::kMemory]), kColumns);
        const size_t y = kLines - 1 - place(s.time.at(c[search::kTime]), kLines);
        lines[y][x] = '*';
    }
    const std::string slow = time_of(r, s.most_time), fast = time_of(r, s.least_time);
    const size_t width = std::max(slow.size(), fast.size());
    std::string out = "the front: time over memory\n";
    for (size_t i = 0; i < kLines; ++i)
        out += fmt::format("{:>{}} |{}\n",
                           i == 0            ? slow
                           : i + 1 == kLines ? fast
                                             : "",
                           width, lines[i]);
    const std::string left = fmt::format("{:.0f} KB", s.least_memory / 1024);
    const std::string right = fmt::format("{:.0f} KB", s.most_memory / 1024);
    return out + fmt::format("{:>{}} +{}\n{:>{}}  {}{:>{}}\n\n", "", width,
                             std::string(kColumns, '-'), "", width, left, right,
                             kColumns - left.size());
}

std::string front_table(const SearchResult& r, Width width) {
    constexpr size_t kMost = 15;
    const auto some = some_of(r.found.front, kMost);
    Table table(heads(r));
    for (const Found* f : some) table.row(cells(r, *f));
    return fmt::format("{} point{} on the front{}{}\n", r.found.front.size(),
                       r.found.front.size() == 1 ? "" : "s",
                       some.size() < r.found.front.size() ? fmt::format(", {} of them", kMost) : "",
                       r.found.front_proven ? "" : " so far") +
           table.str(width);
}

std::string economic_table(const SearchResult& r, Width width) {
    std::vector<std::string> all = {"least", ">above", ">saved"};
    for (std::string& head : heads(r)) all.push_back(std::move(head));
    Table table(all);
    for (const driver::EconomicPoint& e : r.economic) {
        std::vector<std::string> row = {e.least, percent(e.slower), percent(e.saved)};
        for (std::string& cell : cells(r, e.found)) row.push_back(std::move(cell));
        table.row(std::move(row));
    }
    return fmt::format("economic: at most {:.4g} % above the best\n", 100 * r.request.economic) +
           table.str(width);
}

std::string sensitivity_table(const SearchResult& r, Width width) {
    Table table({"one step more of", ">from", ">to", ">gain", ""});
    for (const driver::Sensitivity& s : r.sensitivity)
        table.row({s.resource + (s.cap ? " (cap)" : ""), search::text_of(s.from),
                   s.to ? search::text_of(*s.to) : "", s.objective ? percent(s.gain) : "", s.why});
    return table.str(width);
}

std::string resplit_text(const SearchResult& r) {
    std::string out;
    for (const driver::Resplit& s : r.resplit)
        out += fmt::format(
            "buffers split anew between {} ({}): {}, {}\n", s.between, s.parts,
            objective_of(r, s.objective),
            percent(s.gain) + (s.proven ? " better at most" : " better at least; the time was up"));
    return out.empty() ? out : "\n" + out;
}

std::string summary(const SearchResult& r) {
    const search::Result& f = r.found;
    std::string out = fmt::format(
        "{:.0f} points within the caps of {:.0f}: {:.0f} evaluated{}, {:.0f} ruled out{}\n",
        f.space, f.grid, f.evaluated + f.from_store,
        f.from_store > 0 ? fmt::format(" ({:.0f} of them in the log)", f.from_store) : "", f.pruned,
        f.refused > 0 ? fmt::format(", {:.0f} are no machine", f.refused) : "");
    if (!f.best) return out + "nothing found in the time given\n";
    if (std::isinf(f.gap)) return out + "not proven: nothing bounds it\n";
    return out + (f.proven ? "the best is proven\n"
                           : fmt::format("not proven: at most {} from the best (bound {})\n",
                                         percent(f.gap), objective_of(r, f.lower_bound)));
}

std::string listed_text(const SearchResult& r, Width width) {
    std::vector<std::string> keys;
    for (const search::Axis& axis : r.space.axes) keys.push_back(">" + axis.key);
    Table table(keys);
    for (const Found& f : r.found.points) {
        std::vector<std::string> row;
        for (size_t i = 0; i < f.point.size(); ++i)
            row.push_back(search::text_of(search::value(r.space, f.point, i)));
        table.row(std::move(row));
    }
    return fmt::format("{:.0f} points within the caps of {:.0f}\n", r.found.space, r.found.grid) +
           table.str(width);
}

}  // namespace

std::string text(const SearchResult& r, Width width) {
    if (r.request.list) return listed_text(r, width);
    std::string out = summary(r);
    if (!r.found.best) return out;
    Table best(heads(r));
    best.row(cells(r, *r.found.best));
    if (r.request.exhaustive) best.row(cells(r, *r.found.worst));
    out += fmt::format("\nthe best{}\n", r.request.exhaustive ? ", and the worst" : "") +
           best.str(width) + "\n" + terminal_chart(r) + front_table(r, width) + "\n" +
           economic_table(r, width) + "\n" + sensitivity_table(r, width) + resplit_text(r);
    return out;
}

namespace {

std::string svg_front(const SearchResult& r) {
    constexpr double kWide = 900, kHigh = 320, kEdge = 70;
    const std::vector<Found>& front = r.found.front;
    const Scales s = scales_of(front);
    std::string out = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\">\n", kWide + 2 * kEdge,
                                  kHigh + 2 * kEdge);
    auto label = [&](double x, double y, const char* anchor, const std::string& words) {
        out += fmt::format(
            "<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}"
            "</text>\n",
            x, y, anchor, escaped(words));
    };
    out += fmt::format("<path class=\"grid\" fill=\"none\" d=\"M{0} {1}V{2}H{3}\"/>\n", kEdge,
                       kEdge / 2, kHigh + kEdge, kWide + kEdge);
    label(kEdge - 6, kEdge, "end", time_of(r, s.most_time));
    label(kEdge - 6, kHigh + kEdge, "end", time_of(r, s.least_time));
    label(kEdge, kHigh + kEdge + 18, "start", fmt::format("{:.0f} KB", s.least_memory / 1024));
    label(kWide + kEdge, kHigh + kEdge + 18, "end", fmt::format("{:.0f} KB", s.most_memory / 1024));
    for (const Found& f : front) {
        const search::Criteria& c = f.evaluation.criteria;
        out += fmt::format(
            "<circle class=\"dot b-compute\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"><title>{}: {}"
            "</title></circle>\n",
            kEdge + kWide * s.memory.at(c[search::kMemory]),
            kEdge + kHigh * (1 - s.time.at(c[search::kTime])),
            escaped(time_of(r, c[search::kTime])), escaped(search::name_of(r.space, f.point)));
    }
    return out + "</svg>\n";
}

std::string html_table(const std::vector<std::string>& heads,
                       const std::vector<std::vector<std::string>>& rows) {
    std::string out = "<div class=\"wide\"><table><thead><tr>";
    for (const std::string& h : heads)
        out +=
            fmt::format("<th class=\"n\">{}</th>", escaped(h.starts_with(">") ? h.substr(1) : h));
    out += "</tr></thead><tbody>\n";
    for (const auto& row : rows) {
        out += "<tr>";
        for (const std::string& cell : row)
            out += fmt::format("<td class=\"n\">{}</td>", escaped(cell));
        out += "</tr>\n";
    }
    return out + "</tbody></table></div>\n";
}

}  // namespace

std::string html(const SearchResult& r) {
    std::string models;
    for (const auto& w : r.workloads)
        models += fmt::format("{}{}{}", models.empty() ? "" : ", ", w.model,
                              w.training ? " (training)" : "");
    std::string out = fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<title>Search: {0}</title><style>{1}</style></head><body>\n<h1>The best chips for {0}</h1>"
        "\n<p class=\"sub\">{2}</p>\n",
        escaped(models), kStyle, escaped(summary(r)));
    if (r.found.best) {
        std::vector<std::vector<std::string>> rows, economic, steps;
        for (const Found& f : r.found.front) rows.push_back(cells(r, f));
        for (const auto& e : r.economic) {
            economic.push_back({e.least, percent(e.slower), percent(e.saved)});
            for (std::string& cell : cells(r, e.found)) economic.back().push_back(std::move(cell));
        }
        for (const auto& s : r.sensitivity)
            steps.push_back({s.resource, search::text_of(s.from),
                             s.to ? search::text_of(*s.to) : "",
                             s.objective ? percent(s.gain) : s.why});
        std::vector<std::string> with = {"least", "above", "saved"};
        for (std::string& head : heads(r)) with.push_back(std::move(head));
        out += "<h2>The best</h2>\n" + html_table(heads(r), {cells(r, *r.found.best)}) +
               "<h2>The front: time over memory</h2>\n" + svg_front(r) +
               html_table(heads(r), rows) +
               fmt::format("<h2>Economic: at most {:.4g} % above the best</h2>\n",
                           100 * r.request.economic) +
               html_table(with, economic) + "<h2>One step more</h2>\n" +
               html_table({"of", "from", "to", "gain"}, steps);
    }
    return out + "</body></html>\n";
}

}  // namespace smeaton::report
