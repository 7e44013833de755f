#include "emit/cpp/transpose.h"

#include "emit/cpp/op.h"
#include "emit/cpp/spell.h"
#include "gir/walk.h"

namespace smeaton::emit {

namespace {

/// Dims along which the destination (`rows`) and the source (`columns`) are contiguous.
struct Turn {
    size_t rows = 0, columns = 0;
};

Point lanes_along(const Function& f, Point point, size_t dim) {
    point.lane_dim = static_cast<int>(dim);
    point.count = f.lanes();
    return point;
}

Point moved(Point point, size_t dim, int64_t by) {
    point.dims[dim].constant += by;
    return point;
}

/// Do all vectors of a block at `point` lie in one piece?
bool holds(Function& f, const Turn& t, const Access& dst, const Access& src, const Point& point) {
    for (int i = 0; i < f.lanes(); ++i) {
        if (pattern(f, dst, lanes_along(f, moved(point, t.columns, i), t.rows)) !=
            Pattern::Contiguous)
            return false;
        if (pattern(f, src, lanes_along(f, moved(point, t.rows, i), t.columns)) !=
            Pattern::Contiguous)
            return false;
    }
    return true;
}

bool find_turn(Function& f, const gir::Op& op, const Access& dst, const Access& src, Turn& turn) {
    Point probe;
    probe.dims.resize(op.dims.size());
    for (size_t r = 0; r < op.dims.size(); ++r)
        for (size_t c = 0; c < op.dims.size(); ++c) {
            int64_t lanes = f.lanes();
            if (r == c || op.dims[r].extent.value() < lanes || op.dims[c].extent.value() < lanes)
                continue;
            if (pattern(f, dst, lanes_along(f, probe, r)) != Pattern::Contiguous ||
                pattern(f, src, lanes_along(f, probe, c)) != Pattern::Contiguous ||
                pattern(f, src, lanes_along(f, probe, r)) != Pattern::Scattered)
                continue;
            turn = {r, c};
            // At every block, the other dims anywhere: variables of their ranges stand for all.
            Point any;
            for (size_t d = 0; d < op.dims.size(); ++d) {
                int64_t n = op.dims[d].extent.value(), step = d == r || d == c ? lanes : 1;
                Linear form;
                form.add(f.declare("", {0, n / step - 1}), step);
                any.dims.push_back(form);
            }
            if (holds(f, turn, dst, src, any)) return true;
        }
    return false;
}

void emit_block(Function& f, const Turn& t, const Access& dst, const Access& src,
                const Point& point) {
    std::string type = type_name(dst.dtype());
    std::vector<std::string> row;
    for (int i = 0; i < f.lanes(); ++i) {
        Linear at = offset(f, src, moved(point, t.rows, i), 0);
        row.push_back(f.unique("r"));
        f.line(fmt::format("v{0} {1} = *(const u{0}*)({2});", type, row.back(),
                           f.address(*src.storage, at)));
    }
    // Swapping the off-diagonal h x h blocks for h = 1, 2, 4, ... turns the whole.
    for (int h = 1; h < f.lanes(); h *= 2)
        for (int i = 0; i < f.lanes(); ++i)
            if ((i & h) == 0)
                f.line(fmt::format("swap{}_{}({}, {});", h, type, row[static_cast<size_t>(i)],
                                   row[static_cast<size_t>(i + h)]));
    for (int i = 0; i < f.lanes(); ++i) {
        Linear at = offset(f, dst, moved(point, t.columns, i), 0);
        f.line(fmt::format("*(u{}*)({}) = {};", type, f.address(*dst.storage, at),
                           row[static_cast<size_t>(i)]));
    }
}

/// The part of the op where `dim` runs from `first` on.
gir::Op rest_of(const gir::Op& op, size_t dim, int64_t first) {
    gir::Op rest =
        gir::substitute(op, {{op.dims[dim].name, gir::Affine(op.dims[dim].name) + first}});
    rest.dims[dim].extent = op.dims[dim].extent.value() - first;
    return rest;
}

}  // namespace

bool emit_transposing_move(Function& f, const gir::Op& op, const Access& dst, const Access& src) {
    bool plain = op.kind == gir::OpKind::Move && size_of(dst.dtype()) == 4 && !dst.in_registers() &&
                 !src.in_registers() && dst.bounds.empty() && src.bounds.empty() &&
                 !dst.computed() && !src.computed();
    Turn turn;
    if (!plain || !find_turn(f, op, dst, src, turn)) return false;
    OpPlan plan;
    std::vector<size_t> all;
    for (size_t d = 0; d < op.dims.size(); ++d) {
        bool block = d == turn.rows || d == turn.columns;
        plan.extents.push_back(op.dims[d].extent.value() / (block ? f.lanes() : 1));
        all.push_back(d);
    }
    plan.unrolled.assign(op.dims.size(), false);
    plan.reduced.assign(op.dims.size(), false);
    Point point;
    point.dims.resize(op.dims.size());
    over_loops(f, plan, op.dims, point, all, [&] {
        Point at = point;
        for (size_t d : {turn.rows, turn.columns}) {
            Linear scaled;
            scaled.add(at.dims[d], f.lanes());
            at.dims[d] = scaled;
        }
        emit_block(f, turn, dst, src, at);
    });
    int64_t rows = plan.extents[turn.rows] * f.lanes(),
            columns = plan.extents[turn.columns] * f.lanes();
    if (columns < op.dims[turn.columns].extent.value())
        emit_op(f, rest_of(op, turn.columns, columns));
    if (rows < op.dims[turn.rows].extent.value()) {
        gir::Op rest = rest_of(op, turn.rows, rows);
        rest.dims[turn.columns].extent = columns;
        emit_op(f, rest);
    }
    return true;
}

}  // namespace smeaton::emit
