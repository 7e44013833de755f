#include "report/svg.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "report/table.h"

namespace smeaton::report {

namespace {

// The step of 1, 2, 5 x 10^k that gives about `wanted` marks.
double tick_step(double range, int wanted) {
    double rough = range / wanted, power = std::pow(10, std::floor(std::log10(rough)));
    for (double k : {1.0, 2.0, 5.0})
        if (k * power >= rough) return k * power;
    return 10 * power;
}

struct LogAxis {
    double low, high, from, to;  // decades; percent or pixels
    double at(double v) const { return from + (std::log10(v) - low) / (high - low) * (to - from); }
};

/// Around what is drawn in `height` pixels; `side`: room to the left for marks of an axis.
std::string chart(const char* label, double height, bool side, const std::string& drawn) {
    return fmt::format(
        "<div class=\"chart{}\"><svg role=\"img\" aria-label=\"{}\" width=\"100%\" "
        "height=\"{:.0f}\">\n{}</svg></div>\n",
        side ? " side" : "", label, height, drawn);
}

/// Keeps a text at the edge of a chart inside of it.
const char* anchor_at(double percent) {
    return percent < 2 ? "start" : percent > 95 ? "end" : "middle";
}

/// Lines down to `bottom` and their times below; every other one is left out where it is narrow.
std::string time_axis(double length, double bottom) {
    std::string out;
    const double step = tick_step(length, 8);
    for (int k = 0; k * step <= length * 1.0001; ++k) {
        const double x = 100 * k * step / length;
        out += fmt::format(
            "<line class=\"grid\" x1=\"{0:.3f}%\" x2=\"{0:.3f}%\" y1=\"0\" y2=\"{1:.0f}\"/>"
            "<text class=\"tick{2}\" x=\"{0:.3f}%\" y=\"{3:.0f}\" text-anchor=\"{4}\">{5}</text>\n",
            x, bottom, k % 2 == 1 ? " odd" : "", bottom + 16, anchor_at(x),
            k == 0 ? "0" : time_text(k * step));
    }
    return out;
}

}  // namespace

std::string escaped(const std::string& text) {
    std::string out;
    for (char c : text) switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
        }
    return out;
}

std::string bound_class(const std::string& bound) {
    std::string out = "b-";
    for (char c : bound)
        if (std::isalnum(static_cast<unsigned char>(c))) out += c;
    return out;
}

std::string timeline(const std::vector<StripRow>& rows, double length) {
    constexpr double kLabel = 18, kRow = 30, kGap = 8;
    constexpr double kThin = 0.5;  // percent: a line around it would hide it
    if (length <= 0) return "";
    const double bottom = static_cast<double>(rows.size()) * (kLabel + kRow + kGap);
    std::string out = time_axis(length, bottom);
    double y = 0;
    for (const StripRow& row : rows) {
        out += fmt::format("<text class=\"label\" x=\"2\" y=\"{:.0f}\">{}</text>\n", y + kLabel - 5,
                           escaped(row.label));
        double at = 0;
        for (const Strip& s : row.strips) {
            const double width = 100 * s.length / length;
            out += fmt::format(
                "<rect class=\"strip{} {}\" x=\"{:.3f}%\" y=\"{:.0f}\" width=\"{:.3f}%\" "
                "height=\"{:.0f}\"><title>{}</title></rect>\n",
                width < kThin ? " thin" : "", s.cls, 100 * at / length, y + kLabel,
                std::max(0.02, width), kRow, escaped(s.title));
            at += s.length;
        }
        y += kLabel + kRow + kGap;
    }
    return chart("timeline", bottom + 22, false, out);
}

std::string memory_curve(const std::vector<Step>& steps, double length, double most_bytes) {
    constexpr double kTop = 20, kHigh = 90;
    if (length <= 0 || most_bytes <= 0) return "";
    const double bottom = kTop + kHigh;
    std::string out = time_axis(length, bottom);
    out += fmt::format(
        "<line class=\"most\" x1=\"0\" x2=\"100%\" y1=\"{0:.0f}\" y2=\"{0:.0f}\"/>"
        "<text class=\"label\" x=\"2\" y=\"{1:.0f}\">arena: {2}</text>\n",
        kTop, kTop - 6, bytes_text(most_bytes));
    double at = 0;
    for (const Step& s : steps) {
        const double high = kHigh * std::clamp(s.bytes / most_bytes, 0.0, 1.0);
        out += fmt::format(
            "<rect class=\"alive\" x=\"{:.3f}%\" y=\"{:.1f}\" width=\"{:.3f}%\" "
            "height=\"{:.1f}\"><title>{}</title></rect>\n",
            100 * at / length, bottom - high, std::max(0.02, 100 * s.length / length), high,
            escaped(s.title));
        at += s.length;
    }
    return chart("working memory over time", bottom + 22, false, out);
}

namespace {

struct RoofAxes {
    double x0, x1, y0, y1;
};

RoofAxes axes_around(const std::vector<Dot>& dots, double peak_gflops, double ridge) {
    RoofAxes a{ridge / 100, ridge * 10, peak_gflops / 1000, peak_gflops * 2};
    for (const Dot& d : dots) {
        if (d.intensity <= 0 || d.gflops <= 0) continue;
        a.x0 = std::min(a.x0, d.intensity / 2);
        a.x1 = std::max(a.x1, d.intensity * 2);
        a.y0 = std::min(a.y0, d.gflops / 2);
        a.y1 = std::max(a.y1, d.gflops * 1.5);
    }
    return a;
}

/// A line and a mark for each power of ten.
std::string grid(const LogAxis& x, const LogAxis& y) {
    std::string out;
    const bool crowded = x.high - x.low > 5;
    for (double e = std::ceil(x.low); e <= x.high; ++e) {
        const double at = x.at(std::pow(10, e));
        out += fmt::format(
            "<line class=\"grid\" x1=\"{0:.3f}%\" x2=\"{0:.3f}%\" y1=\"{1:.0f}\" y2=\"{2:.0f}\"/>"
            "<text class=\"tick{3}\" x=\"{0:.3f}%\" y=\"{4:.0f}\" text-anchor=\"{5}\">{6}</text>\n",
            at, y.to, y.from, crowded && std::lround(std::abs(e)) % 2 == 1 ? " odd" : "",
            y.from + 16, anchor_at(at), number_text(std::pow(10, e)));
    }
    for (double e = std::ceil(y.low); e <= y.high; ++e)
        out += fmt::format(
            "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{0:.1f}\" y2=\"{0:.1f}\"/>"
            "<text class=\"tick\" x=\"-8\" y=\"{1:.1f}\" text-anchor=\"end\">{2}</text>\n",
            y.at(std::pow(10, e)), y.at(std::pow(10, e)) + 4, number_text(std::pow(10, e)));
    return out;
}

}  // namespace

std::string roofline(const std::vector<Dot>& dots, double peak_gflops, double memory_gb_s) {
    constexpr double kTop = 28, kBottom = 380;
    if (peak_gflops <= 0 || memory_gb_s <= 0) return "";
    const double ridge = peak_gflops / memory_gb_s;
    const RoofAxes a = axes_around(dots, peak_gflops, ridge);
    const LogAxis x{std::log10(a.x0), std::log10(a.x1), 0, 100};
    const LogAxis y{std::log10(a.y0), std::log10(a.y1), kBottom, kTop};
    std::string out = grid(x, y);
    const double start = std::max(a.x0, a.y0 / memory_gb_s);
    out += fmt::format(
        "<line class=\"roof\" x1=\"{:.3f}%\" y1=\"{:.1f}\" x2=\"{:.3f}%\" y2=\"{:.1f}\"/>"
        "<line class=\"roof\" x1=\"{:.3f}%\" y1=\"{:.1f}\" x2=\"100%\" y2=\"{:.1f}\"/>\n",
        x.at(start), y.at(start * memory_gb_s), x.at(ridge), y.at(peak_gflops), x.at(ridge),
        y.at(peak_gflops), y.at(peak_gflops));
    for (const Dot& d : dots) {
        if (d.intensity <= 0 || d.gflops <= 0) continue;
        out += fmt::format(
            "<circle class=\"dot {}\" cx=\"{:.3f}%\" cy=\"{:.1f}\" "
            "r=\"{:.1f}\"><title>{}</title></circle>\n",
            d.cls, x.at(d.intensity), y.at(d.gflops),
            3.5 + 20 * std::sqrt(std::clamp(d.weight, 0.0, 1.0)), escaped(d.title));
    }
    out += fmt::format(
        "<text class=\"label halo\" x=\"100%\" dx=\"-4\" y=\"{:.1f}\" text-anchor=\"end\">"
        "{} GFLOP/s</text>\n"
        "<text class=\"label halo\" x=\"{:.3f}%\" dx=\"-14\" y=\"{:.1f}\" text-anchor=\"end\">"
        "{} GB/s</text>\n",
        y.at(peak_gflops) - 7, number_text(peak_gflops), x.at(ridge), y.at(peak_gflops) + 12,
        number_text(memory_gb_s));
    out += fmt::format(
        "<text class=\"tick\" x=\"-8\" y=\"12\" text-anchor=\"start\">GFLOP/s</text>"
        "<text class=\"tick\" x=\"50%\" y=\"{:.0f}\" text-anchor=\"middle\">operations per "
        "byte</text>\n",
        kBottom + 36);
    return chart("roofline", kBottom + 44, true, out);
}

}  // namespace smeaton::report
