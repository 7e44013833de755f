// The model itself: its graph, its memory, what it holds.
#include <fmt/core.h>

#include "report/html_parts.h"
#include "report/svg.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

using driver::StudyResult;

std::string ports_text(const std::vector<driver::PortShape>& ports) {
    std::string out;
    for (const driver::PortShape& p : ports) {
        std::vector<std::string> sizes;
        for (int64_t d : p.shape) sizes.push_back(whole_figure(d));
        out += fmt::format("{}{} {}[{}]", out.empty() ? "" : ", ", word(p.name), word(p.dtype),
                           joined(sizes, ","));
    }
    return out;
}

std::string dim_figure(const tensor::Dim& d, std::string (*figure_of)(double)) {
    return d.is_const() ? figure_of(static_cast<double>(d.value())) : word(d.str());
}

/// Without what a browser would show as a tip for each node: their numbers.
std::string without_titles(std::string svg) {
    for (size_t begin; (begin = svg.find("<title>")) != std::string::npos;) {
        const size_t end = svg.find("</title>", begin);
        if (end == std::string::npos) break;
        svg.erase(begin, end + 8 - begin);
    }
    return svg;
}

}  // namespace

Section memory_section(const StudyResult& r) {
    const driver::MemoryStats& m = r.measured.memory;
    auto bytes = [](int64_t b) { return bytes_figure(static_cast<double>(b)); };
    Rows t({"memory", ">bytes"}, false);
    t.row({"arena, scratch counted", bytes(m.arena_bytes)});
    t.row({"most bytes alive at once (no arena can be smaller)", bytes(m.arena_lower_bound_bytes)});
    t.row({"the same for the model before fusion", bytes(m.graph_max_live_bytes)});
    t.row({"weights", bytes(m.weights_bytes)});
    return {"memory", "Memory", t.str()};
}

Section picture_section(const StudyResult& r) {
    constexpr const char* kTitle = "The graph";
    if (r.picture.svg.empty())
        return {"graph", kTitle,
                fmt::format("<p class=\"note\">No picture: {}.</p>\n", word(r.picture.missing))};
    const std::string svg = without_titles(r.picture.svg);
    return {
        "graph", kTitle,
        "<p>After simplification, folded by layer: equal neighbours are one box, with the "
        "operators of one of them and the share of all their time: the more, the stronger its "
        "colour.</p>\n"
        "<div class=\"wide\"><svg class=\"graph\" role=\"img\" aria-label=\"the model's graph\"" +
            svg.substr(std::string("<svg").size()) + "</div>\n"};
}

Section model_section(const StudyResult& r) {
    std::string ops, opsets;
    int64_t nodes = 0;
    for (const auto& [op, count] : r.summary.operators) {
        ops += fmt::format("{}{} {}", ops.empty() ? "" : ", ", word(op), whole_figure(count));
        nodes += count;
    }
    for (const auto& [domain, version] : r.summary.opsets)
        opsets += fmt::format("{}{} {}", opsets.empty() ? "" : ", ",
                              word(domain.empty() ? "ai.onnx" : domain), whole_figure(version));
    Rows t({"", ""}, false);
    t.row({"inputs", ports_text(r.measured.inputs)});
    t.row({"outputs", ports_text(r.measured.outputs)});
    t.row({"operators", fmt::format("{} nodes: {}", whole_figure(nodes), ops)});
    t.row({"parameters",
           fmt::format("{} ({})", count_figure(static_cast<double>(r.summary.parameters)),
                       bytes_figure(static_cast<double>(r.summary.weights_bytes)))});
    t.row({"operations", dim_figure(r.summary.flops, count_figure)});
    t.row({"bytes, each operator by itself",
           dim_figure(r.summary.read_bytes, bytes_figure) + " read, " +
               dim_figure(r.summary.written_bytes, bytes_figure) + " written"});
    t.row({"opsets", opsets});
    return {"model", "The model", t.str()};
}

}  // namespace smeaton::report
