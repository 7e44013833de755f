// Rows: the points of an op taken a few thousand at a time. A RowAccess turns a slice into a Row
// (where each point of the row lies) with as little work per row as the slice allows. Internal.
#pragma once

#include <memory>
#include <type_traits>
#include <vector>

#include "gir/interp/resolve.h"

namespace smeaton::gir::interp {

constexpr int64_t kRowPoints = 4096;

/// An op's points split into loop variables run one by one and a group of dims run as one row.
struct Split {
    struct Variable {
        int dim;
        int64_t step;    ///< dim advances by this much: above 1 for a dim taken in chunks
        int64_t extent;  ///< of the variable
    };
    std::vector<Variable> outer;
    std::vector<int> group;              ///< dims of the row, outermost first
    std::vector<int64_t> group_extents;  ///< chunked dim: the chunk
    int chunk_variable = -1;             ///< index into outer
    int64_t chunk_dim_extent = 0;
    int64_t row_points = 1;    ///< of a full row
    int64_t inner_points = 1;  ///< row_points / chunk

    /// Points of the row at these values of the outer variables.
    int64_t length(const std::vector<int64_t>& outer_values) const;
};

/// `one_by_one` dims become outer variables before the row's dims, in order; `after`: behind them.
Split split_points(const std::vector<int64_t>& extents, const std::vector<int>& one_by_one,
                   const std::vector<int>& row_dims, const std::vector<int>& after = {});

/// Steps through all values of the outer variables, last fastest; false at the end.
bool next_row(const Split&, std::vector<int64_t>& outer_values);
bool no_rows(const Split&);

/// Where the points of a row lie: data index base + rel[i] (or + i*stride), unless mask[i] is 0.
struct Row {
    int64_t base = 0;
    int64_t stride = 0;
    const int64_t* rel = nullptr;
    const uint8_t* mask = nullptr;  ///< null: all points are inside the bounds
    int64_t index(int64_t i) const { return base + (rel ? rel[i] : i * stride); }
};

/// A form over (axes, outer variables) plus a part that depends on the point of the row.
struct RowForm {
    int64_t constant = 0;
    std::vector<std::pair<int, int64_t>> axes;
    std::vector<std::pair<int, int64_t>> outer;
    std::vector<int64_t> rel;  ///< per point; empty: stride * point
    int64_t stride = 0;
    int64_t rel_min = 0, rel_max = 0;

    int64_t base(const int64_t* axis_values, const int64_t* outer_values) const {
        int64_t v = constant;
        for (const auto& [slot, k] : axes) v += k * axis_values[slot];
        for (const auto& [var, k] : outer) v += k * outer_values[var];
        return v;
    }
    int64_t at(int64_t i) const { return rel.empty() ? stride * i : rel[static_cast<size_t>(i)]; }
};

RowForm row_form(const LinearForm&, const Split&);

class RowAccess {
public:
    RowAccess() = default;
    RowAccess(const SliceRef&, const Split&);

    /// The row at these values; valid until the next call. `mask`: points of interest, null: all.
    Row prepare(const int64_t* axes, const std::vector<int64_t>& outer, int64_t length,
                const uint8_t* mask = nullptr);
    const SliceRef& slice() const { return *slice_; }
    Place& place() const { return *slice_->place; }

private:
    struct BoundRow {
        RowForm expr;
        int64_t lo, hi;
    };
    struct ComputedRow {
        int64_t coefficient;
        std::unique_ptr<RowAccess> index;
    };
    struct CoordRow {
        RowForm affine;
        std::vector<ComputedRow> computed;
    };

    const uint8_t* apply_bounds(const int64_t* axes, const std::vector<int64_t>& outer,
                                int64_t length, const uint8_t* mask);
    Row general(const int64_t* axes, const std::vector<int64_t>& outer, int64_t length,
                const uint8_t* mask);
    void check_range(const int64_t* bases, int64_t length, const uint8_t* mask) const;
    [[noreturn]] void outside(size_t coord, int64_t value, bool computed) const;

    const SliceRef* slice_ = nullptr;
    bool linear_ = true;  // all coordinates lie linearly in memory
    bool computed_ = false;
    RowForm offset_;  // linear_: of the element
    RowForm local_;   // rel part only: offsets when no block is crossed
    std::vector<CoordRow> coords_;
    std::vector<BoundRow> bounds_;
    std::vector<uint8_t> mask_;
    std::vector<int64_t> offsets_, bases_, indices_;
};

/// Values of the row's points as double / int64; points outside give `otherwise`.
void load(const Place&, const Row&, int64_t n, double otherwise, double* out);
void load(const Place&, const Row&, int64_t n, int64_t otherwise, int64_t* out);
/// Stores rounded (floats) or wrapped (integers); points outside are dropped.
void store(Place&, const Row&, int64_t n, const double* values);
void store(Place&, const Row&, int64_t n, const int64_t* values);

/// Element offset of one point by plain evaluation; false when it is outside the bounds.
bool locate(const SliceRef&, const int64_t* axes, const int64_t* dims, int64_t& offset);
double load_one_f(const Place&, int64_t offset);
int64_t load_one_i(const Place&, int64_t offset);
void store_one(Place&, int64_t offset, double);
void store_one(Place&, int64_t offset, int64_t);

}  // namespace smeaton::gir::interp
