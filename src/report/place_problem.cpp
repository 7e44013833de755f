#include <fmt/core.h>

#include <algorithm>

#include "report/json_parts.h"
#include "report/place.h"

namespace smeaton::report {

namespace {

Json json_of(const place::ProblemAnswer& answer, const place::Part& part) {
    Json out = {{"nodes", part.nodes}, {"load", part.load}, {"memory_bytes", part.memory_bytes}};
    if (!part.device.empty())
        out["device"] = part.device;
    else
        out["devices"] = part.devices;
    if (part.t) out["t"] = *part.t;
    if (part.d) out["d"] = *part.d;
    if (answer.format == "plan") {
        out["tmpc"] = Json::object();
        for (const auto& [node, variant] : part.variants) out["tmpc"][node] = variant;
    }
    return out;
}

std::string nodes_text(const std::vector<std::string>& nodes) {
    if (nodes.size() == 1) return nodes[0];
    return fmt::format("{} … {} ({})", nodes.front(), nodes.back(), nodes.size());
}

}  // namespace

std::string json(const place::ProblemAnswer& a) {
    Json out = {{"file", a.file},
                {"format", a.format},
                {"objective", a.objective},
                {"optimal", a.optimal},
                {"lower_bound", a.lower_bound}};
    if (a.format == "plan")
        out["heuristic_objective"] =
            a.heuristic_objective ? Json(*a.heuristic_objective) : Json(nullptr);
    if (a.format == "chain") {
        out["data_parallel"] = a.data_parallel, out["tensor_parallel"] = a.tensor_parallel;
        out["fixed_objective"] = a.fixed_objective ? Json(*a.fixed_objective) : Json(nullptr);
    }
    out["devices_used"] = a.devices_used;
    out["parts"] = Json::array();
    for (const place::Part& part : a.parts) out["parts"].push_back(json_of(a, part));
    out["notes"] = a.notes;
    return dump(out);
}

std::string text(const place::ProblemAnswer& a, Width width) {
    std::string out = fmt::format(
        "objective {:.9g}{}", a.objective,
        a.optimal ? ", optimal\n" : fmt::format(", not proven: bound {:.9g}\n", a.lower_bound));
    if (a.heuristic_objective)
        out += fmt::format("with the published heuristic for the variants {:.9g}\n",
                           *a.heuristic_objective);
    if (a.format == "chain") {
        out += fmt::format("data parallel {}, tensor parallel {}\n", a.data_parallel,
                           a.tensor_parallel);
        if (a.fixed_objective) out += fmt::format("the fixed plan {:.9g}\n", *a.fixed_objective);
    }
    out +=
        fmt::format("{} part{} on {} device{}\n\n", a.parts.size(), a.parts.size() == 1 ? "" : "s",
                    a.devices_used, a.devices_used == 1 ? "" : "s");
    double most = 0;
    for (const place::Part& part : a.parts) most = std::max(most, part.load);
    Table table({">part", "device", ">load", "", ">memory", "nodes"});
    for (size_t i = 0; i < a.parts.size(); ++i) {
        const place::Part& part = a.parts[i];
        std::string device = part.device;
        if (device.empty())
            device = fmt::format("{} (t {}, d {})", part.devices, part.t.value_or(1),
                                 part.d.value_or(1));
        table.row({std::to_string(i + 1), device, number_text(part.load),
                   share_bar(most > 0 ? part.load / most : 0, 16), bytes_text(part.memory_bytes),
                   nodes_text(part.nodes)});
    }
    out += table.str(width);
    for (const std::string& note : a.notes) out += "note: " + note + "\n";
    return out;
}

}  // namespace smeaton::report
