#include "report/chip_schedule.h"

#include <fmt/core.h>

#include <algorithm>

#include "report/gantt.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

using driver::OnChips;
using driver::ScheduledLayer;

constexpr double kCyclesPerUs = search::phaze::kClockGhz * 1e3;
constexpr int kRows = 12;  // cores in a terminal

/// Cycles become us.
driver::Timeline timeline_of(const ScheduledLayer::Half& half) {
    driver::Timeline t = driver::timeline_of(half.time.schedule, half.graph.cores->total());
    t.length_us /= kCyclesPerUs;
    for (driver::CoreSpan& s : t.spans) s.begin_us /= kCyclesPerUs, s.end_us /= kCyclesPerUs;
    return t;
}

double cycles(const ScheduledLayer& layer) {
    return layer.count * (layer.forward.time.time + layer.backward.time.time);
}

std::string title(const ScheduledLayer& layer, const char* way, const ScheduledLayer::Half& half) {
    const double above = half.time.lower_bound > 0 ? half.time.time / half.time.lower_bound - 1 : 0;
    return fmt::format("{} ({} alike), {}: {}, {}", layer.name, layer.count, way,
                       time_text(half.time.time / kCyclesPerUs),
                       half.time.proven()
                           ? "no schedule is shorter"
                           : fmt::format("at most {:.2f} % above the shortest", 100 * above));
}

Json json_of(const ScheduledLayer::Half& half) {
    Json tasks = Json::array();
    for (const schedule::Placed& p : half.time.schedule.tasks)
        tasks.push_back({{"name", half.graph.at(p.task).name},
                         {"cores", p.cores},
                         {"start_us", p.start_us / kCyclesPerUs},
                         {"finish_us", p.finish_us / kCyclesPerUs}});
    Json kinds = Json::object();
    for (const schedule::CoreKind& k : half.graph.cores->kinds) kinds[k.name] = k.count;
    return {{"time_ms", half.time.time / kCyclesPerUs / 1e3},
            {"lower_bound_ms", half.time.lower_bound / kCyclesPerUs / 1e3},
            {"cores", kinds},
            {"tasks", tasks}};
}

}  // namespace

std::string chip_gantt(const OnChips& on) {
    const auto most =
        std::max_element(on.layers.begin(), on.layers.end(),
                         [](const auto& a, const auto& b) { return cycles(a) < cycles(b); });
    if (most == on.layers.end() || cycles(*most) == 0) return "";
    std::string out = "cores of the chip; those beyond what tasks can take are left out\n";
    for (const auto& [way, half] :
         {std::pair{"forward", &most->forward}, std::pair{"backward", &most->backward}}) {
        if (half->graph.tasks.empty()) continue;
        GanttSize size;
        size.rows = kRows, size.columns = 64;
        out += title(*most, way, *half) + "\n" +
               gantt(half->graph, *half->graph.cores, timeline_of(*half), size);
    }
    return out;
}

Section chip_section(const OnChips& on) {
    std::string html =
        fmt::format("<p>{}, {} mm². Cores beyond those that tasks can take are left out.</p>\n",
                    word(name_of(on.chip)), number_figure(area_um2(on.chip) * 1e-6));
    for (const ScheduledLayer& layer : on.layers)
        for (const auto& [way, half] :
             {std::pair{"forward", &layer.forward}, std::pair{"backward", &layer.backward}}) {
            if (half->graph.tasks.empty()) continue;
            html += fmt::format("<h3>{}</h3>\n", escaped(title(layer, way, *half))) +
                    gantt_chart(half->graph, *half->graph.cores, timeline_of(*half), nullptr);
        }
    return {"chip", "Who works on what, when", html};
}

Json json_of(const OnChips& on) {
    Json layers = Json::array();
    for (const ScheduledLayer& layer : on.layers)
        layers.push_back({{"name", layer.name},
                          {"count", layer.count},
                          {"forward", json_of(layer.forward)},
                          {"backward", json_of(layer.backward)}});
    return {{"n_tc", on.chip.n_tc},
            {"n_vc", on.chip.n_vc},
            {"width", on.chip.width},
            {"depth", on.chip.depth},
            {"buffer_mb", on.chip.buffer_mb},
            {"area_mm2", area_um2(on.chip) * 1e-6},
            {"defects", on.defects},
            {"expert_ms", on.expert_ms ? Json(*on.expert_ms) : Json(nullptr)},
            {"expert_refused", on.expert_refused},
            {"layers", layers}};
}

}  // namespace smeaton::report
