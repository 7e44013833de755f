#include "report/phaze.h"

#include <fmt/core.h>

#include <algorithm>

#include "report/place.h"
#include "report/place_parts.h"

namespace smeaton::report {

namespace {

using driver::PhazeResult;
using search::phaze::Candidate;
using search::phaze::Chip;
using search::phaze::Placed;

Json json_of(const Chip& c) {
    return {{"n_tc", c.n_tc},
            {"n_vc", c.n_vc},
            {"width", c.width},
            {"depth", c.depth},
            {"buffer_mb", c.buffer_mb}};
}

Json json_of(const std::string& model, const Placed& p, double throughput) {
    Json out = {{"model", model},
                {"throughput", throughput},
                {"time_ms", p.time_ms},
                {"microbatch", p.microbatch},
                {"memory_gb", p.memory_gb},
                {"recompute", p.recompute},
                {"d", p.plan.d},
                {"t", p.plan.t},
                {"p", p.plan.stages.size()},
                {"devices", p.plan.devices_used()},
                {"stages", Json::array()}};
    for (const place::ChainStage& s : p.plan.stages)
        out["stages"].push_back({{"first", s.first},
                                 {"layers", s.count},
                                 {"devices", s.devices},
                                 {"time_ms", s.load},
                                 {"memory_bytes", s.memory_bytes}});
    return out;
}

Json json_of(const PhazeResult& r, const Candidate& c) {
    Json out = {{"settings", json_of(c.chip)},
                {"chip", json_of(c.chip)},
                {"throughput", c.throughput},
                {"area_mm2", area_um2(c.chip) * 1e-6},
                {"plan", Json::array()}};
    for (size_t m = 0; m < c.placed.size(); ++m)
        out["plan"].push_back(
            json_of(r.models[m].name, c.placed[m], c.placed[m].throughput(r.models[m])));
    return out;
}

double best_time_ms(const Candidate& c) {
    double sum = 0;
    for (const Placed& p : c.placed) sum += p.time_ms;
    return sum;
}

}  // namespace

std::string json(const PhazeResult& r) {
    if (r.request.list) {
        Json out = {{"cost_model", "phaze"},
                    {"grid", search::phaze::kGridPoints},
                    {"space", r.points.size()},
                    {"points", Json::array()}};
        for (const Chip& c : r.points) {
            Json point = json_of(c);
            point["area_um2"] = area_um2(c);
            out["points"].push_back(std::move(point));
        }
        return dump(out);
    }
    const search::phaze::OuterResult& f = r.found;
    Json out = {{"cost_model", "phaze"},
                {"models", r.request.models},
                {"batch", r.request.batch},
                {"devices", r.request.devices},
                {"grid", search::phaze::kGridPoints},
                {"space", f.space},
                {"evaluated", f.evaluated + f.from_log},
                {"from_log", f.from_log},
                {"pruned", f.pruned},
                {"proven", f.proven},
                {"gap", f.gap},
                {"upper_bound_throughput", f.upper_bound},
                {"lower_bound_ms", nullptr},
                {"seconds", f.seconds},
                {"prices",
                 {{"priced", f.priced},
                  {"from_log", f.prices_from_log},
                  {"processor_seconds", f.pricing_seconds}}},
                {"best", f.best ? json_of(r, *f.best) : Json(nullptr)},
                {"stop_rule", nullptr}};
    if (f.best) {
        out["lower_bound_ms"] = best_time_ms(*f.best) / (1 + f.gap);
        out["lower_bound"] = out["lower_bound_ms"];
    }
    out["placement"] = Json::array();
    for (const driver::PlaceResult& plan : r.plans) out["placement"].push_back(placed_json(plan));
    if (f.stop_rule)
        out["stop_rule"] = {
            {"evaluated", f.stop_rule->evaluated},
            {"best", f.stop_rule->best ? json_of(r, *f.stop_rule->best) : Json(nullptr)},
            {"missed", f.stop_rule->best ? Json(f.stop_rule->missed) : Json(nullptr)}};
    return dump(out);
}

namespace {

std::string listed(const PhazeResult& r, Width width) {
    Table table({">n_tc", ">n_vc", ">width", ">depth", ">buffer_mb", ">area_mm2"});
    for (const Chip& c : r.points)
        table.row({std::to_string(c.n_tc), std::to_string(c.n_vc), std::to_string(c.width),
                   std::to_string(c.depth), std::to_string(c.buffer_mb),
                   fmt::format("{:.3f}", area_um2(c) * 1e-6)});
    return fmt::format("{} points of {}\n", r.points.size(), search::phaze::kGridPoints) +
           table.str(width);
}

std::string chip_text(const Candidate& c) {
    return fmt::format("{}, {:.1f} mm2: {:.6g} samples/s\n", name_of(c.chip),
                       area_um2(c.chip) * 1e-6, c.throughput);
}

std::string plans(const PhazeResult& r, const Candidate& c, Width width) {
    Table table(
        {"model", ">samples/s", ">batch", ">microbatch", ">p", ">t", ">d", "recompute", ">memory"});
    for (size_t m = 0; m < c.placed.size(); ++m) {
        const Placed& p = c.placed[m];
        table.row({r.models[m].name, number_text(p.throughput(r.models[m])),
                   time_text(1e3 * p.time_ms), std::to_string(p.microbatch),
                   std::to_string(p.plan.stages.size()), std::to_string(p.plan.t),
                   std::to_string(p.plan.d), p.recompute ? "yes" : "no",
                   fmt::format("{:.0f} GB", p.memory_gb)});
    }
    return table.str(width);
}

}  // namespace

std::string text(const PhazeResult& r, Width width) {
    if (r.request.list) return listed(r, width);
    const search::phaze::OuterResult& f = r.found;
    std::string out = fmt::format(
        "{} points: {} evaluated{}, {} ruled out\n", f.space, f.evaluated + f.from_log,
        f.from_log > 0 ? fmt::format(" ({} of them in the log)", f.from_log) : "", f.pruned);
    if (!f.best) return out + "nothing found in the time given\n";
    out += f.proven ? "the best is proven\n"
                    : fmt::format("not proven: at most {:.2f} % from the best\n", 100 * f.gap);
    out += "\nthe best: " + chip_text(*f.best) + plans(r, *f.best, width);
    if (f.stop_rule) {
        out += fmt::format("\nPHAZE's stop rule ends after {} points", f.stop_rule->evaluated);
        if (f.stop_rule->best)
            out += fmt::format(" and misses {:.2f} %: ", 100 * f.stop_rule->missed) +
                   chip_text(*f.stop_rule->best) + plans(r, *f.stop_rule->best, width);
        else
            out += " and has found nothing\n";
    }
    for (const driver::PlaceResult& plan : r.plans) out += "\n" + text(plan, width);
    return out;
}

namespace {

Section search_section(const PhazeResult& r) {
    const search::phaze::OuterResult& f = r.found;
    Rows t({"", ">", ""}, false);
    auto whole = [](size_t n) { return whole_figure(static_cast<int64_t>(n)); };
    t.row({"points", whole(f.space), ""});
    t.row({"evaluated", whole(f.evaluated + f.from_log), whole(f.from_log) + " from the log"});
    t.row({"ruled out", whole(f.pruned), "by bounds"});
    t.row({"gap", percent_figure(f.gap), f.proven ? "the best is proven" : "not proven"});
    if (f.best) {
        t.row({"the best", number_figure(f.best->throughput), "samples/s"});
        t.row({"its chip", word(name_of(f.best->chip)), ""});
        t.row({"its area", number_figure(area_um2(f.best->chip) * 1e-6), "mm²"});
    }
    if (f.stop_rule) {
        t.row({"PHAZE's stop rule ends after", whole(f.stop_rule->evaluated), "points"});
        if (f.stop_rule->best)
            t.row({"and misses", percent_figure(f.stop_rule->missed),
                   word(name_of(f.stop_rule->best->chip))});
    }
    return {"search", "The search", t.str()};
}

}  // namespace

std::string html(const PhazeResult& r) {
    std::vector<Section> sections = {search_section(r)};
    for (size_t m = 0; m < r.plans.size(); ++m)
        for (Section& section : plan_sections(r.plans[m])) {
            section.id += fmt::format("-{}", m + 1);
            if (r.plans.size() > 1) section.title += ": " + r.plans[m].request.model;
            sections.push_back(std::move(section));
        }
    return page(
        {"Smeaton search", joined(r.request.models),
         "<p class=\"sub\">a chip and a placement together, by PHAZE's costs</p>\n", plan_style()},
        sections);
}

}  // namespace smeaton::report
