#include <fmt/core.h>

#include <algorithm>

#include "report/chip_schedule.h"
#include "report/place.h"
#include "report/place_parts.h"

namespace smeaton::report {

namespace {

using driver::PlacedStage;
using driver::PlaceResult;

Json json_of(const PlacedStage& s) {
    return {{"layers", s.layers},
            {"devices", s.devices},
            {"t", s.t},
            {"d", s.d},
            {"recompute", s.recompute ? "full" : "none"},
            {"memory_bytes",
             {{"weights", s.memory.weights},
              {"optimizer", s.memory.optimizer},
              {"activations", s.memory.activations},
              {"buffers", s.memory.buffers}}},
            {"memory_formula_bytes",
             s.memory_formula_bytes ? Json(*s.memory_formula_bytes) : Json(nullptr)},
            {"forward_ms", s.forward_ms},
            {"backward_ms", s.backward_ms},
            {"send_bytes", s.send_bytes},
            {"time_ms", s.time_ms}};
}

/// A row for each stage, a column for each device of the first pipeline, memory behind.
std::string picture(const PlaceResult& r) {
    constexpr size_t kMost = 48, kBar = 24;
    size_t devices = 0;
    for (const PlacedStage& s : r.stages) devices += s.devices.size();
    std::string out = fmt::format("stages x devices of one of {} pipelines, and memory of {}\n",
                                  r.d, bytes_text(r.memory_bytes));
    for (size_t k = 0; k < r.stages.size(); ++k) {
        const PlacedStage& s = r.stages[k];
        std::string row;
        for (size_t i = 0; i < std::min(devices, kMost); ++i) {
            const bool mine = std::find(s.devices.begin(), s.devices.end(), static_cast<int>(i)) !=
                              s.devices.end();
            row += mine ? '#' : '.';
        }
        out += fmt::format("{:>5} {}  {} {:.0f} %\n", k + 1, row,
                           share_bar(s.memory.sum() / r.memory_bytes, kBar),
                           100 * s.memory.sum() / r.memory_bytes);
    }
    return out;
}

}  // namespace

std::string share_bar(double share, size_t width) {
    std::string out;
    for (size_t i = 0; i < width; ++i)
        out += static_cast<double>(i) + 0.5 < share * static_cast<double>(width) ? "#" : ".";
    return out;
}

Json placed_json(const PlaceResult& r) {
    Json out = {{"model", r.request.model},
                {"cluster", r.request.cluster_file},
                {"device", r.device},
                {"devices", r.devices},
                {"batch", r.request.batch},
                {"sequence", r.request.sequence},
                {"precision", r.request.precision},
                {"optimizer", r.request.optimizer},
                {"stages", Json::array()},
                {"t", r.t},
                {"d", r.d},
                {"p", r.stages.size()},
                {"microbatch", r.microbatch},
                {"microbatches", r.microbatches},
                {"schedule", "1f1b"},
                {"v", 1},
                {"step_time_ms",
                 {{"planned", r.step_ms}, {"low", r.step_low_ms}, {"high", r.step_high_ms}}},
                {"lower_bound_ms", r.lower_bound_ms},
                {"gap", r.gap()},
                {"bubble", r.bubble},
                {"traffic_bytes", {{"tp", r.tp_bytes}, {"dp", r.dp_bytes}, {"pp", r.pp_bytes}}},
                {"binding", r.binding},
                {"notes", r.notes}};
    for (const PlacedStage& stage : r.stages) out["stages"].push_back(json_of(stage));
    if (r.on_chips) out["chip"] = json_of(*r.on_chips);
    return out;
}

std::string json(const PlaceResult& r) {
    return dump(placed_json(r));
}

std::string text(const PlaceResult& r, Width width) {
    std::string out = fmt::format(
        "{} on {} x {}: a step of {} samples in {}\n"
        "p {}, t {}, d {}, {} microbatches of {}; bound {}, {:.1f} % below; bubble {:.1f} %; {} "
        "binds\n\n",
        r.request.model, r.devices, r.device, r.request.batch, time_text(1e3 * r.step_ms),
        r.stages.size(), r.t, r.d, r.microbatches, r.microbatch, time_text(1e3 * r.lower_bound_ms),
        100 * (1 - r.lower_bound_ms / r.step_ms), 100 * r.bubble, r.binding);
    Table table({">stage", ">devices", ">time", ">memory", ">weights", ">optimizer", ">activations",
                 ">buffers", "recompute", "layers"});
    for (size_t k = 0; k < r.stages.size(); ++k) {
        const PlacedStage& s = r.stages[k];
        const std::string layers =
            s.layers.size() == 1
                ? s.layers[0]
                : fmt::format("{} … {} ({})", s.layers.front(), s.layers.back(), s.layers.size());
        table.row(
            {std::to_string(k + 1), std::to_string(s.devices.size() * static_cast<size_t>(s.d)),
             time_text(1e3 * s.time_ms), bytes_text(s.memory.sum()), bytes_text(s.memory.weights),
             bytes_text(s.memory.optimizer), bytes_text(s.memory.activations),
             bytes_text(s.memory.buffers), s.recompute ? "full" : "none", layers});
    }
    out += table.str(width) + "\n" + picture(r);
    out += fmt::format("\nsent in a step: tensor parallel {}, data parallel {}, pipeline {}\n",
                       bytes_text(r.tp_bytes), bytes_text(r.dp_bytes), bytes_text(r.pp_bytes));
    if (r.on_chips) {
        out += "\n" + chip_gantt(*r.on_chips);
        if (r.on_chips->expert_ms)
            out += fmt::format("the plan that was given takes {}, the best {}\n",
                               time_text(1e3 * *r.on_chips->expert_ms), time_text(1e3 * r.step_ms));
        if (!r.on_chips->expert_refused.empty())
            out += "the plan that was given is none: " + r.on_chips->expert_refused + "\n";
    }
    for (const std::string& note : r.notes) out += "note: " + note + "\n";
    return out;
}

}  // namespace smeaton::report
