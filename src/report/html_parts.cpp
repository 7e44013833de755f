#include "report/html_parts.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "report/style.h"
#include "report/svg.h"
#include "report/table.h"

namespace smeaton::report {

std::string figure(double raw, const std::string& text) {
    return fmt::format("<data value=\"{}\">{}</data>", raw, escaped(text));
}
std::string time_us_figure(double us) {
    return figure(us, time_text(us));
}
std::string time_ms_figure(double ms) {
    return figure(ms, time_text(ms * 1e3));
}
std::string bytes_figure(double bytes) {
    return figure(bytes, bytes_text(bytes));
}
std::string count_figure(double count) {
    return figure(count, count_text(count));
}
std::string whole_figure(int64_t count) {
    return fmt::format("<data value=\"{0}\">{0}</data>", count);
}
std::string number_figure(double value) {
    return figure(value, number_text(value));
}
std::string percent_figure(double share) {
    return figure(share, fmt::format("{:.1f} %", 100 * share));
}
std::string signed_percent_figure(double share) {
    const char* sign = share < -0.005 ? "−" : share > 0.005 ? "+" : "";
    return figure(share, fmt::format("{}{:.0f} %", sign, std::abs(100 * share)));
}

std::string word(const std::string& text) {
    return "<span class=\"word\">" + escaped(text) + "</span>";
}

std::string bar(double share, const std::string& cls) {
    return fmt::format(
        "<span class=\"bar\"><span class=\"{}\" style=\"width:{:.1f}%\"></span></span>", cls,
        100 * std::clamp(share, 0.0, 1.0));
}

std::string bound_mark(const std::string& bound) {
    return fmt::format("<span class=\"nobr\"><span class=\"mark {}\"></span>{}</span>",
                       bound_class(bound), word(bound));
}

Rows::Rows(const std::vector<std::string>& heads, bool sortable) : sortable_(sortable) {
    for (const std::string& h : heads) {
        right_.push_back(h.starts_with(">"));
        head_ += fmt::format("<th scope=\"col\"{}>{}</th>", right_.back() ? " class=\"n\"" : "",
                             escaped(right_.back() ? h.substr(1) : h));
    }
}

void Rows::row(const std::vector<std::string>& cells) {
    body_ += "<tr>";
    for (size_t i = 0; i < cells.size(); ++i)
        body_ += fmt::format("<td{}>{}</td>", right_[i] ? " class=\"n\"" : "", cells[i]);
    body_ += "</tr>\n";
}

void Rows::row(const std::vector<std::string>& cells, const std::string& below) {
    if (pairs_) body_ += "</tbody><tbody>";
    pairs_ = true;
    row(cells);
    body_ +=
        fmt::format("<tr class=\"more\"><td colspan=\"{}\">{}</td></tr>\n", right_.size(), below);
}

std::string Rows::str() const {
    return fmt::format(
        "<div class=\"wide\"><table class=\"{}{}\"><thead><tr>{}</tr></thead><tbody>\n{}"
        "</tbody></table></div>\n",
        sortable_ ? "sort" : "plain", pairs_ ? " pairs" : "", head_, body_);
}

std::string page(const PageHead& head, const std::vector<Section>& sections) {
    std::string links, parts;
    for (const Section& s : sections) {
        if (s.html.empty()) continue;
        links += fmt::format("<a href=\"#{}\">{}</a>\n", s.id, s.title);
        parts +=
            fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", s.id, s.title, s.html);
    }
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
        "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" "
        "href=\"data:,\">\n<title>{} – {}</title>\n<style>{}{}</style>\n</head>\n<body>\n"
        "<h1>{}</h1>\n{}<nav>\n{}</nav>\n{}<script>{}</script>\n</body>\n</html>\n",
        escaped(head.title), head.kind, kStyle, head.style, word(head.title), head.above, links,
        parts, kScript);
}

}  // namespace smeaton::report
