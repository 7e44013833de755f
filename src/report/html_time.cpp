// Where the measured time goes: by operator, layer, shape and kernel, and in its order.
#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "report/html_parts.h"
#include "report/svg.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

using driver::MeasuredKernel;
using driver::StudyResult;
using driver::TimeGroup;

std::string groups_table(const std::string& what, const std::vector<TimeGroup>& groups,
                         size_t first, size_t last) {
    Rows t({what, ">time", "", ">share", ">reached", ">nodes", ">operations", ">bytes by itself"});
    double most = 0;
    for (const TimeGroup& g : groups) most = std::max(most, g.time_us);
    for (size_t i = first; i < std::min(last, groups.size()); ++i) {
        const TimeGroup& g = groups[i];
        t.row({word(g.name), time_us_figure(g.time_us), bar(most > 0 ? g.time_us / most : 0),
               percent_figure(g.share), percent_figure(g.reached), whole_figure(g.nodes),
               count_figure(g.flops), bytes_figure(g.bytes)});
    }
    return t.str();
}

std::string legend(const StudyResult& r) {
    std::set<std::string> bounds;
    for (const MeasuredKernel& k : r.measured.kernels) bounds.insert(k.bound);
    std::string out = "<p class=\"legend\">bound by";
    for (const std::string& b : bounds) out += " " + bound_mark(b);
    return out + "</p>\n";
}

double outermost_bytes(const driver::SimulatedKernel& k) {
    return k.levels.empty() ? 0 : k.levels.back().read_bytes + k.levels.back().write_bytes;
}

/// The predictions of the kernels of a run, in the order of the measured ones.
std::vector<const driver::SimulatedKernel*> predictions(const StudyResult& r) {
    std::vector<const driver::SimulatedKernel*> rows;
    for (const driver::SimulatedKernel& k : r.here.kernels)
        if (!k.once) rows.push_back(&k);
    return rows;
}

std::string texts_of(const driver::KernelText& text, const MeasuredKernel& k) {
    std::vector<std::string> nodes;
    for (const std::string& node : k.ops) nodes.push_back(word(node));
    return fmt::format(
        "<details><summary>{}</summary><div class=\"texts\"><h3>Ledger: bytes by level, operations"
        "</h3><pre>{}</pre><h3>GIR</h3><pre>{}</pre></div></details>",
        nodes.empty() ? "made by the compiler" : joined(nodes), escaped(text.ledger),
        escaped(text.gir));
}

}  // namespace

Section operators_section(const StudyResult& r) {
    return {
        "operators", "Time by operator",
        "<p>A kernel may compute several operators; its time is shared among them in proportion "
        "to their operations. <i>Reached</i>: the least time that this machine allows over the "
        "measured time.</p>\n" +
            groups_table("operator", r.operators, 0, r.operators.size())};
}

Section layers_section(const StudyResult& r) {
    if (r.layers.size() < 2) return {};
    return {
        "layers", "Time by layer",
        "<p>In the model's order: the parts that its structure repeats, and what stands between "
        "them.</p>\n" +
            groups_table("layer", r.layers, 0, r.layers.size())};
}

Section shapes_section(const StudyResult& r) {
    constexpr size_t kShown = 12;
    std::string html = "<p>Operators of equal sizes together: operands, then the result.</p>\n" +
                       groups_table("shape", r.shapes, 0, kShown);
    if (r.shapes.size() > kShown)
        html += "<details class=\"rest\"><summary>all others</summary>" +
                groups_table("shape", r.shapes, kShown, r.shapes.size()) + "</details>\n";
    return {"shapes", "Time by shape", html};
}

Section timeline_section(const StudyResult& r) {
    std::vector<Strip> measured, predicted;
    std::vector<Step> alive;
    for (size_t i = 0; i < r.measured.kernels.size(); ++i) {
        const MeasuredKernel& k = r.measured.kernels[i];
        std::string title = fmt::format("{}: {} measured, {} predicted, bound by {} ({})", k.name,
                                        time_text(k.time_us), time_text(k.predicted_us), k.bound,
                                        shortened(joined(k.ops), 120));
        measured.push_back({k.time_us, bound_class(k.bound), title});
        predicted.push_back({k.predicted_us, bound_class(k.bound), title});
        const auto bytes = static_cast<double>(r.alive_bytes.at(i));
        alive.push_back({k.time_us, bytes,
                         fmt::format("{}: {} of the arena in use", k.name, bytes_text(bytes))});
    }
    const double length = std::max(r.measured_us, r.predicted_us);
    std::string html =
        "<p>The kernels of one run, in their order; point at one for its name. Below, the bytes "
        "of working memory in use while each runs.</p>\n" +
        legend(r) + timeline({{"measured", measured}, {"predicted", predicted}}, length);
    const auto arena = static_cast<double>(r.measured.memory.arena_bytes);
    if (arena > 0) html += memory_curve(alive, length, arena);
    return {"timeline", "Timeline", html};
}

Section roofline_section(const StudyResult& r) {
    std::vector<Dot> dots;
    const auto rows = predictions(r);
    for (size_t i = 0; i < r.measured.kernels.size(); ++i) {
        const MeasuredKernel& k = r.measured.kernels[i];
        // What stays in caches moves nothing: counted by its operands then.
        constexpr double kNothing = 64;
        double bytes = outermost_bytes(*rows.at(i));
        if (bytes <= kNothing) bytes = std::max(static_cast<double>(k.compulsory_bytes), 1.0);
        const double intensity = static_cast<double>(k.flops) / bytes;
        dots.push_back(
            {intensity, k.gflops, k.share, bound_class(k.bound),
             fmt::format("{}: {} GFLOP/s, {} operations per byte, {}", k.name,
                         number_text(k.gflops), number_text(intensity), time_text(k.time_us))});
    }
    const std::string chart = roofline(dots, r.peak_gflops, r.memory_gb_s);
    if (chart.empty()) return {};
    return {
        "roofline", "Roofline",
        "<p>Each kernel's rate over its operations per byte of memory traffic (of its operands, "
        "where caches keep all of them); the area of a dot is its share of the time. The roofs "
        "are this machine's, measured.</p>\n" +
            legend(r) + chart};
}

Section kernels_section(const StudyResult& r) {
    const auto& kernels = r.measured.kernels;
    std::vector<size_t> order(kernels.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return kernels[a].time_us > kernels[b].time_us; });
    const auto rows = predictions(r);
    Rows t({"kernel", ">time", ">share", ">predicted", ">error", "bound by", ">reached", ">GFLOP/s",
            ">memory traffic", ">least"});
    for (size_t i : order) {
        const MeasuredKernel& k = kernels[i];
        t.row({word(k.name), time_us_figure(k.time_us), percent_figure(k.share),
               time_us_figure(k.predicted_us), signed_percent_figure(r.kernel_errors.at(i)),
               bound_mark(k.bound), percent_figure(k.efficiency), number_figure(k.gflops),
               bytes_figure(outermost_bytes(*rows.at(i))),
               bytes_figure(static_cast<double>(k.compulsory_bytes))},
              texts_of(r.kernel_texts.at(i), k));
    }
    return {"kernels", "Kernels",
            "<p>Slowest first; a heading sorts by its column, and the model's nodes below a kernel "
            "open its ledger and its GIR. <i>Reached</i>: the time that the bound allows over the "
            "measured time. <i>Memory traffic</i>: bytes to and from memory with warm caches, by "
            "the closed-form model. <i>Least</i>: operands and results once each.</p>\n" +
                t.str()};
}

}  // namespace smeaton::report
