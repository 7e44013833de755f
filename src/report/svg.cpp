#include "report/svg.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "report/table.h"

namespace smeaton::report {

namespace {

constexpr double kWidth = 960;

// The step of 1, 2, 5 x 10^k that gives about `wanted` marks.
double tick_step(double range, int wanted) {
    double rough = range / wanted, power = std::pow(10, std::floor(std::log10(rough)));
    for (double k : {1.0, 2.0, 5.0})
        if (k * power >= rough) return k * power;
    return 10 * power;
}

struct LogAxis {
    double low, high, from, to;  // decades; pixels
    double at(double v) const { return from + (std::log10(v) - low) / (high - low) * (to - from); }
};

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
                if (static_cast<unsigned char>(c) >= 0x20) out += c;
        }
    return out;
}

std::string bound_class(const std::string& bound) {
    std::string out = "b-";
    for (char c : bound)
        if (std::isalnum(static_cast<unsigned char>(c))) out += c;
    return out;
}

std::string timeline(const std::vector<std::string>& labels,
                     const std::vector<std::vector<Strip>>& rows) {
    constexpr double kLeft = 90, kRow = 34, kGap = 12, kRight = 16;
    double longest = 0;
    for (const auto& row : rows) {
        double sum = 0;
        for (const Strip& s : row) sum += s.length;
        longest = std::max(longest, sum);
    }
    if (longest <= 0) return "";
    double scale = (kWidth - kLeft - kRight) / longest;
    double bottom = 6 + static_cast<double>(rows.size()) * (kRow + kGap);
    std::string out =
        fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"timeline\">\n",
                    kWidth, bottom + 24);
    double step = tick_step(longest, 8);
    for (double t = 0; t <= longest * 1.0001; t += step)
        out += fmt::format(
            "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"2\" y2=\"{1:.1f}\"/>"
            "<text class=\"tick\" x=\"{0:.1f}\" y=\"{2:.1f}\" text-anchor=\"middle\">{3}</text>\n",
            kLeft + t * scale, bottom, bottom + 16, t == 0 ? "0" : time_text(t));
    double y = 6;
    for (size_t r = 0; r < rows.size(); ++r, y += kRow + kGap) {
        out += fmt::format("<text class=\"label\" x=\"0\" y=\"{:.1f}\">{}</text>\n",
                           y + kRow / 2 + 4, escaped(labels[r]));
        double at = 0;
        for (const Strip& s : rows[r]) {
            out += fmt::format(
                "<rect class=\"strip {}\" x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" "
                "height=\"{:.0f}\"><title>{}</title></rect>\n",
                s.cls, kLeft + at * scale, y, std::max(0.2, s.length * scale), kRow,
                escaped(s.title));
            at += s.length;
        }
    }
    return out + "</svg>\n";
}

std::string roofline(const std::vector<Dot>& dots, double peak_gflops, double memory_gb_s) {
    constexpr double kHeight = 420, kLeft = 64, kBottom = 44;
    if (peak_gflops <= 0 || memory_gb_s <= 0) return "";
    double ridge = peak_gflops / memory_gb_s;
    double x0 = ridge / 100, x1 = ridge * 10, y0 = peak_gflops / 1000, y1 = peak_gflops * 2;
    for (const Dot& d : dots) {
        if (d.intensity <= 0 || d.gflops <= 0) continue;
        x0 = std::min(x0, d.intensity / 2);
        x1 = std::max(x1, d.intensity * 2);
        y0 = std::min(y0, d.gflops / 2);
        y1 = std::max(y1, d.gflops * 1.5);
    }
    LogAxis x{std::log10(x0), std::log10(x1), kLeft, kWidth - 16};
    LogAxis y{std::log10(y0), std::log10(y1), kHeight - kBottom, 12};
    std::string out =
        fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"roofline\">\n",
                    kWidth, kHeight);
    for (double e = std::ceil(x.low); e <= x.high; ++e)
        out += fmt::format(
            "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"12\" y2=\"{1:.1f}\"/>"
            "<text class=\"tick\" x=\"{0:.1f}\" y=\"{2:.1f}\" text-anchor=\"middle\">{3}</text>\n",
            x.at(std::pow(10, e)), kHeight - kBottom, kHeight - kBottom + 16,
            number_text(std::pow(10, e)));
    for (double e = std::ceil(y.low); e <= y.high; ++e)
        out += fmt::format(
            "<line class=\"grid\" x1=\"{1:.1f}\" x2=\"{2:.1f}\" y1=\"{0:.1f}\" y2=\"{0:.1f}\"/>"
            "<text class=\"tick\" x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
            y.at(std::pow(10, e)), kLeft, kWidth - 16, kLeft - 8, y.at(std::pow(10, e)) + 4,
            number_text(std::pow(10, e)));
    double start = std::max(x0, y0 / memory_gb_s);
    out += fmt::format(
        "<polyline class=\"roof\" points=\"{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}\"/>\n",
        x.at(start), y.at(start * memory_gb_s), x.at(ridge), y.at(peak_gflops), x.to,
        y.at(peak_gflops));
    out += fmt::format(
        "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{} GFLOP/s</text>\n",
        x.to - 4, y.at(peak_gflops) - 6, number_text(peak_gflops));
    out += fmt::format(
        "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=\"end\">{} GB/s of memory</text>\n",
        x.at(ridge) - 24, y.at(peak_gflops) + 14, number_text(memory_gb_s));
    for (const Dot& d : dots) {
        if (d.intensity <= 0 || d.gflops <= 0) continue;
        out += fmt::format(
            "<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" "
            "r=\"{:.1f}\"><title>{}</title></circle>\n",
            d.cls, x.at(d.intensity), y.at(d.gflops),
            3.5 + 40 * std::sqrt(std::clamp(d.weight, 0.0, 1.0)) / 2, escaped(d.title));
    }
    out += fmt::format(
        "<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=\"middle\">operations per byte of memory traffic</text>\n",
        (kLeft + kWidth) / 2, kHeight - 6);
    out += fmt::format(
        "<text class=\"tick\" transform=\"translate(14,{:.1f}) rotate(-90)\" "
        "text-anchor=\"middle\">GFLOP/s</text>\n",
        kHeight / 2);
    return out + "</svg>\n";
}

}  // namespace smeaton::report
