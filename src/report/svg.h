// Charts as inline SVG that fits whatever width it is given: places along x are percentages, texts
// keep their size. Colours are classes (b-compute, b-l1, ...) that the page's style fills for light
// and dark.
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
struct StripRow {
    std::string label;  ///< stands above
    std::vector<Strip> strips;
};
/// Strips one after another in rows over a time axis of that length in us.
std::string timeline(const std::vector<StripRow>& rows, double length);

struct Step {
    double length = 0;  ///< us
    double bytes = 0;
    std::string title;
};
/// Bytes over the same time axis, below a line at `most_bytes`.
std::string memory_curve(const std::vector<Step>&, double length, double most_bytes);

struct Dot {
    double intensity = 0;  ///< operations per byte
    double gflops = 0;
    double weight = 0;  ///< share of the time, 0 to 1: the dot's area
    std::string cls, title;
};
/// Attained rate over intensity, both logarithmic, under the machine's two roofs.
std::string roofline(const std::vector<Dot>&, double peak_gflops, double memory_gb_s);

}  // namespace smeaton::report
