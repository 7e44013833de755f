// The page of `place`.
#include <fmt/core.h>

#include <algorithm>

#include "report/chip_schedule.h"
#include "report/place.h"
#include "report/place_parts.h"
#include "report/svg.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

using driver::PlacedStage;
using driver::PlaceResult;

Section figures_section(const PlaceResult& r) {
    Rows t({"", ">", ""}, false);
    t.row({"a step", time_ms_figure(r.step_ms), whole_figure(r.request.batch) + " samples"});
    t.row({"lower bound", time_ms_figure(r.lower_bound_ms),
           "the plan is " + percent_figure(r.gap()) + " above it"});
    t.row({"what binds", word(r.binding), "twice as much of it would help most"});
    t.row({"devices", whole_figure(r.devices), word(r.device)});
    t.row({"stages", whole_figure(static_cast<int64_t>(r.stages.size())), ""});
    t.row({"tensor width", whole_figure(r.t), ""});
    t.row({"pipelines", whole_figure(r.d), ""});
    t.row({"microbatches", whole_figure(r.microbatches),
           "of " + whole_figure(r.microbatch) + " samples, of each pipeline"});
    t.row({"bubble", percent_figure(r.bubble), "of a step, idle while pipelines fill and drain"});
    t.row({"sent: tensor parallel", bytes_figure(r.tp_bytes), "by all devices in a step"});
    t.row({"sent: data parallel", bytes_figure(r.dp_bytes), ""});
    t.row({"sent: pipeline", bytes_figure(r.pp_bytes), ""});
    std::string notes;
    for (const std::string& n : r.notes)
        notes += fmt::format("<p class=\"note\">{}</p>\n", word(n));
    return {"figures", "The plan", t.str() + notes};
}

/// Parts of a stage's memory one behind the other, of what a device has.
std::string memory_bar(const PlacedStage& s, double whole) {
    std::string out = "<span class=\"bar memory\">";
    for (const auto& [part, bytes] : {std::pair{"weights", s.memory.weights},
                                      {"optimizer", s.memory.optimizer},
                                      {"activations", s.memory.activations},
                                      {"buffers", s.memory.buffers}})
        out += fmt::format("<span class=\"m-{}\" style=\"width:{:.2f}%\"></span>", part,
                           100 * bytes / whole);
    return out + "</span>";
}

Section stages_section(const PlaceResult& r) {
    Rows t({"stage", ">layers", "from", "to", ">devices", ">time", "recompute", ">memory", "of it",
            ">weights", ">optimizer", ">activations", ">buffers"},
           false);
    for (size_t k = 0; k < r.stages.size(); ++k) {
        const PlacedStage& s = r.stages[k];
        t.row({whole_figure(static_cast<int64_t>(k) + 1),
               whole_figure(static_cast<int64_t>(s.layers.size())), word(s.layers.front()),
               word(s.layers.back()), whole_figure(static_cast<int64_t>(s.devices.size()) * s.d),
               time_ms_figure(s.time_ms), s.recompute ? "full" : "none",
               bytes_figure(s.memory.sum()), memory_bar(s, r.memory_bytes),
               bytes_figure(s.memory.weights), bytes_figure(s.memory.optimizer),
               bytes_figure(s.memory.activations), bytes_figure(s.memory.buffers)});
    }
    return {"stages", "Stages",
            fmt::format("<p>Bars are memory of {}: <span class=\"mark m-weights\"></span>weights "
                        "and gradients, <span class=\"mark m-optimizer\"></span>optimizer, <span "
                        "class=\"mark m-activations\"></span>activations, <span class=\"mark "
                        "m-buffers\"></span>buffers.</p>\n",
                        bytes_figure(r.memory_bytes)) +
                t.str()};
}

/// What a microbatch takes in each stage, on one axis of time.
Section pipeline_section(const PlaceResult& r) {
    constexpr size_t kMost = 64;
    std::vector<StripRow> rows;
    double longest = 0;
    for (size_t k = 0; k < std::min(r.stages.size(), kMost); ++k) {
        const PlacedStage& s = r.stages[k];
        const double forward = 1e3 * s.forward_ms;
        const double backward = 1e3 * (s.backward_ms + (s.recompute ? s.forward_ms : 0));
        rows.push_back(
            {fmt::format("stage {}: {} … {}", k + 1, s.layers.front(), s.layers.back()),
             {{forward, "b-compute", "forward: " + time_text(forward)},
              {backward, "b-l1",
               (s.recompute ? "forward again and backward: " : "backward: ") + time_text(backward)},
              {std::max(0.0, 1e3 * s.time_ms - forward - backward), "b-dram", "transfers"}}});
        longest = std::max(longest, 1e3 * s.time_ms);
    }
    return {"pipeline", "A microbatch in each stage",
            "<p>The longest sets the pace. Point at a strip for what it is.</p>\n" +
                timeline(rows, longest)};
}

}  // namespace

std::vector<Section> plan_sections(const PlaceResult& r) {
    std::vector<Section> sections = {figures_section(r), stages_section(r), pipeline_section(r)};
    if (r.on_chips) sections.push_back(chip_section(*r.on_chips));
    return sections;
}

std::string plan_style() {
    return ".bar.memory { display: inline-flex; border: 1px solid var(--line); }\n"
           ".m-weights { background: var(--compute); } .m-optimizer { background: var(--l1); }\n"
           ".m-activations { background: var(--l3); } .m-buffers { background: var(--dram); }\n"
           // A table scrolls on a phone: names need not be cut letter by letter.
           "@media (max-width: 700px) {\n"
           "  [id^=stages] td .word { display: inline-block; min-width: 9em; }\n"
           "}\n";
}

std::string html(const PlaceResult& r) {
    return page(
        {"Smeaton placement", r.request.model,
         fmt::format("<p class=\"sub\">{} × {}</p>\n", whole_figure(r.devices), word(r.device)),
         plan_style()},
        plan_sections(r));
}

}  // namespace smeaton::report
