#include "report/html.h"

#include <fmt/core.h>

#include "report/html_parts.h"
#include "report/page.h"
#include "report/svg.h"
#include "report/table.h"
#include "report/verdict.h"

namespace smeaton::report {

namespace {

using driver::StudyResult;

std::string header(const StudyResult& r) {
    const driver::Host& host = r.host;
    return fmt::format(
        "<h1>{}</h1>\n<p class=\"sub\">{} · {} of {} cores · {} · Smeaton {} · {} UTC<br>{}</p>\n",
        word(model_name(r.summary.model)), word(host.cpu), whole_figure(r.measured.threads),
        whole_figure(host.cores), word(host.compiler), word(host.version), word(r.date),
        word(r.summary.model));
}

std::string verdict(const StudyResult& r) {
    return fmt::format("<p class=\"verdict\">{}</p>\n", escaped(joined(verdict_sentences(r), " ")));
}

std::string fact(const std::string& value, const std::string& what) {
    return fmt::format("<div class=\"fact\"><b>{}</b><span>{}</span></div>\n", value, what);
}

std::string facts(const StudyResult& r) {
    std::string out = "<div class=\"facts\">\n";
    out += fact(time_ms_figure(r.measured.latency_ms.median),
                fmt::format("median of {} runs one after another", whole_figure(r.measured.runs)));
    if (r.peer.ran)
        out += fact(figure(r.peer.ratio, number_text(r.peer.ratio) + "×"),
                    "ONNX Runtime's time, by turns (less is faster)");
    if (r.gflops > 0)
        out += fact(figure(r.gflops, number_text(r.gflops) + " GFLOP/s"),
                    r.peak_gflops > 0 ? percent_figure(r.peak_share) + " of this machine's peak"
                                      : "f32 is not rated here");
    out += fact(signed_percent_figure(r.prediction_error), "prediction against measurement");
    out += fact(bytes_figure(static_cast<double>(r.measured.memory.arena_bytes)),
                "working memory (arena)");
    out += fact(figure(r.measured.compile_s, fmt::format("{:.1f} s", r.measured.compile_s)),
                "to compile");
    return out + "</div>\n";
}

std::string checks(const StudyResult& r) {
    std::string out;
    auto line = [&](const driver::Comparison& c) {
        out += fmt::format("<p class=\"{}\">Output {} {} {}{}</p>\n", c.equal ? "good" : "bad",
                           word(c.output), c.equal ? "equals" : "differs from", word(c.against),
                           c.equal ? "; greatest difference " +
                                         figure(c.max_error, fmt::format("{:.3g}", c.max_error))
                                   : ": " + word(c.reason));
    };
    for (const driver::Comparison& c : r.measured.checks) line(c);
    for (const driver::Comparison& c : r.peer.outputs) line(c);
    std::vector<std::string> notes = r.measured.warnings;
    notes.insert(notes.end(), r.notes.begin(), r.notes.end());
    for (const std::string& n : notes) out += fmt::format("<p class=\"note\">{}</p>\n", word(n));
    return out;
}

/// The page from top to bottom.
std::vector<Section> sections(const StudyResult& r) {
    return {operators_section(r), layers_section(r),  shapes_section(r),  timeline_section(r),
            roofline_section(r),  kernels_section(r), traffic_section(r), what_if_section(r),
            machines_section(r),  times_section(r),   picture_section(r), memory_section(r),
            model_section(r)};
}

}  // namespace

std::string html(const StudyResult& r) {
    return page(model_name(r.summary.model) + " – Smeaton study",
                header(r) + verdict(r) + facts(r) + checks(r), sections(r));
}

}  // namespace smeaton::report
