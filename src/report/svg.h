// Charts as inline SVG. Colours are classes (b-compute, b-l1, ...) that the page's style fills for
// light and dark.
#pragma once

#include <string>
#include <vector>

namespace smeaton::report {

/// For text and attributes.
std::string escaped(const std::string& text);
/// The style class of what bounds a kernel: "b-compute", "b-l2", ...
std::string bound_class(const std::string& bound);

struct Strip {
    double length = 0;  ///< us
    std::string cls, title;
};
/// Strips one after another in rows that share the scale; `labels` stand in front of them.
std::string timeline(const std::vector<std::string>& labels,
                     const std::vector<std::vector<Strip>>& rows);

struct Dot {
    double intensity = 0;  ///< operations per byte
    double gflops = 0;
    double weight = 0;  ///< share of the time, 0 to 1: the dot's area
    std::string cls, title;
};
/// Attained rate over intensity, both logarithmic, under the machine's two roofs.
std::string roofline(const std::vector<Dot>&, double peak_gflops, double memory_gb_s);

}  // namespace smeaton::report
