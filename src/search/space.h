// The space that a search looks through: settings of a base that vary, and caps over them.
//
//     base: chip.json                       # beside this file, or a path
//     vary:
//       WBUF_CAPACITY_BITS: {values: [524288, 1048576]}
//       IBUF_CAPACITY_BITS: {from: 524288, to: 8388608, factor: 2}
//     caps:
//       sram_bytes: 2097152                 # a figure: at most
//       ports: {sum: {IBUF_AXI_DATA_WIDTH: 1, OBUF_AXI_DATA_WIDTH: 1}, min: 870, max: 1024}
//     technology: 45nm                      # where the base has no energies and areas of its own
//     dram_pj_per_byte: 160
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "machine/machine.h"

namespace smeaton::search {

/// A setting that varies and its values, least first.
struct Axis {
    std::string key;
    std::vector<double> values;
};

/// For each axis the index of its value.
using Point = std::vector<uint32_t>;

struct Range {
    uint32_t low = 0, high = 0;  ///< both belong to it
    bool single() const { return low == high; }
    friend bool operator==(const Range&, const Range&) = default;
};
/// For each axis a range of its values.
using Box = std::vector<Range>;

/// min <= constant + sum of weights times settings <= max
struct SumCap {
    std::string name;
    std::vector<double> weights;  ///< by axis
    double constant = 0;          ///< of keys that do not vary
    double min = 0, max = 0;      ///< infinite where not given
};

/// A figure that only an evaluation tells, such as an area: at most so much.
struct FigureCap {
    std::string figure;
    double max = 0;
};

struct Space {
    std::string file, base;  ///< base: the path that was read
    std::string text;        ///< of the file
    std::vector<Axis> axes;
    std::vector<SumCap> sums;
    std::vector<FigureCap> figures;
    std::optional<machine::Technology> technology;
    std::optional<double> dram_pj_per_byte;
};

/// What a space is read against: a description with numbers by key.
class Base {
public:
    virtual ~Base() = default;
    virtual std::vector<std::string> keys() const = 0;
    virtual double value(const std::string& key) const = 0;
    /// Why the key cannot have this value; empty: it can.
    virtual std::string refusal(const std::string& key, double value) const = 0;
    /// Figures that a cap may name.
    virtual std::vector<std::string> figures() const = 0;
    /// The figure as a sum of settings, by key, where it is one.
    virtual std::optional<std::vector<std::pair<std::string, double>>> sum_of(
        const std::string& figure) const = 0;
};

/// Opens the base that a space names; of the space, only what stands beside `vary` and `caps` is
/// there yet.
using OpenBase = std::unique_ptr<Base> (*)(const Space&);

/// UserError with file, line and key: not YAML, unknown keys, a base that is not there, ranges that
/// are empty or run backwards, values that the base cannot have, caps on nothing.
Space read_space(const std::string& path, OpenBase);

Box whole(const Space&);
bool single(const Box&);
/// The only point of a box of one.
Point point_of(const Box&);
double value(const Space&, const Point&, size_t axis);
/// "ARRAY_N=64 WBUF_CAPACITY_BITS=524288": what a log calls a point.
std::string name_of(const Space&, const Point&);
/// A number as a person writes it: no exponent where it is whole.
std::string text_of(double number);

/// How many points the axes span; may be more than an integer holds.
double grid_points(const Space&);
/// How many of them meet the sums.
double points_within(const Space&);
bool meets_sums(const Space&, const Point&);

/// Narrows the ranges to values that can meet each sum with the rest of the box; false where none
/// can.
bool narrow(const Space&, Box&);

/// Calls `each` for the points that meet the sums, the last axis running fastest, while it returns
/// true.
void for_each_point(const Space&, const std::function<bool(const Point&)>& each);
/// Those of a box.
void for_each_point(const Space&, const Box&, const std::function<bool(const Point&)>& each);

/// UserError where no point meets the sums: the cap that leaves none, and the point that comes
/// nearest.
void refuse_empty(const Space&);

}  // namespace smeaton::search
