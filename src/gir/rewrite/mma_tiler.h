// A contraction on its way to tiles: what was found out about it and chosen so far. Of tile_mma
// alone.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "gir/affine.h"
#include "gir/rewrite/nest.h"
#include "gir/rewrite/tile_choice.h"
#include "gir/rewrite/tile_mma.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

struct MmaTiler {
    const Program& program;
    const Target& target;
    std::set<Name>& taken;
    const std::set<Name>& changed;
    bool weighs = true;
    LoopNest nest = {};
    Op mma = {};
    Slice vec = {}, bro = {};  // the operand read along the lanes, and the other
    OperandRole vec_role = OperandRole::B;
    DType vec_dtype = DType::kF32;
    bool broadcast = true;  // bro does not vary along the lanes
    Name lane = {}, row = {};
    MmaShape shape = {};
    MmaTile tile = {};
    std::vector<NamedDim> contracted = {};
    std::map<Name, int64_t> more_rows = {};  // parts of axes that stream through beside `row`
    int64_t most_lanes = std::numeric_limits<int64_t>::max();  // that have room
    bool staged = false;
    std::vector<Packing> packings = {};

    /// Lanes that a panel is laid out in: those of the shape, and whole vectors of the others.
    int64_t panel_lanes() const { return std::max(shape.columns, target.lanes(DType::kF32)); }
    int64_t lane_part() const {
        return std::min({tile.columns * shape.columns, extent(lane), most_lanes});
    }
    /// Shapes that one step of the contraction takes for the tile.
    int64_t shapes_per_step() const {
        return (tile.rows + shape.rows - 1) / shape.rows * tile.columns;
    }
    int64_t extent(Name axis) const {
        for (const Loop& l : nest.loops)
            if (l.axis == axis) return l.extent.value();
        return 1;
    }

    bool analyse(const StmtPtr& s);
    void find_shape();
    bool has_columns() const;
    bool has_rows() const;
    bool choose_lane();
    void choose_row();
    void choose_more_rows();
    void weigh_rows();
    void keep_to_room();
    void fit_rows();
    double cycles_of_rows() const;
    Op with_rows() const;
    Extents first_parts(const Op& op, Extents extents) const;
    void pack_or_stage();
    bool keeps_whole_panel() const;
    std::vector<AxisPlan> plan_axes() const;
    Name inner_dim() const;
    std::vector<Cut> cuts(const Op& op) const;
    std::vector<Cut> first_cuts(const Op& op) const;
    std::vector<Cut> held_cuts(const Op& op, Name inner) const;
    int64_t box_bytes(const Slice& s, const Extents& extents) const;
    bool operand_fits(const Op& op, size_t k, const Extents& extents) const;
    int64_t sums_bytes(const Extents& extents) const;
    bool has_room(size_t k, const Extents& extents) const;
    bool operands_fit(const Op& op, const Extents& extents) const;
    Block in_blocks(const Block& parts) const;
    Block leaf(const Block& body, const Parts& parts);
    int64_t panel_bytes() const;
    const TargetLevel& level_of_panel(int64_t bytes) const;
    Block stage(const Block& inner, int64_t lanes_in_hand, const Slice& source);
    Block with_whole_panel(const std::vector<AxisPlan>& plans, const Block& body);
    Block run();
};

}  // namespace smeaton::gir::rewrite
