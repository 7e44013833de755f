#include "emit/cpp/transpose.h"

#include "base/error.h"
#include "emit/cpp/op.h"
#include "emit/cpp/spell.h"
#include "gir/text/print.h"

namespace smeaton::emit {

namespace {

/// Dims along which the destination (`rows`) and the source (`columns`) are contiguous.
struct Turn {
    size_t rows = 0, columns = 0;
};

Point moved(Point point, size_t dim, int64_t by) {
    point.dims[dim].constant += by;
    return point;
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

/// Blocks of whole vectors of 4-byte elements, each in one piece of memory on both sides.
bool can_turn(Function& f, const OpPlan& plan, const Turn& t, const Access& dst, const Access& src,
              const Point& point) {
    auto plain = [](const Access& a) {
        return size_of(a.dtype()) == 4 && !a.in_registers() && a.bounds.empty() && !a.computed();
    };
    if (plan.width != f.lanes() || !plain(dst) || !plain(src)) return false;
    auto in_one_piece = [&](const Access& a, size_t along, size_t other, int i) {
        Point row = moved(point, other, i);
        row.lane_dim = static_cast<int>(along);
        row.count = f.lanes();
        return pattern(f, a, row) == Pattern::Contiguous;
    };
    for (int i = 0; i < f.lanes(); ++i)
        if (!in_one_piece(dst, t.rows, t.columns, i) || !in_one_piece(src, t.columns, t.rows, i))
            return false;
    return true;
}

}  // namespace

void emit_turning_move(Function& f, const gir::Op& op, const Access& dst, const Access& src) {
    OpPlan plan = plan_of(f, op);
    Turn turn{static_cast<size_t>(plan.lane_dim), static_cast<size_t>(plan.across)};
    std::vector<size_t> all;
    for (size_t d = 0; d < op.dims.size(); ++d) {
        if (d == turn.rows || d == turn.columns) plan.extents[d] /= plan.width;
        all.push_back(d);
    }
    Point point;
    point.dims.resize(op.dims.size());
    over_loops(f, plan, op.dims, point, all, [&] {
        Point at = point;
        for (size_t d : {turn.rows, turn.columns}) {
            Linear scaled;
            scaled.add(at.dims[d], plan.width);
            at.dims[d] = scaled;
        }
        if (!can_turn(f, plan, turn, dst, src, at))
            throw UserError(
                "{}: only whole vectors of {} elements that lie in memory, the destination's along "
                "{} and the source's along {}, can be turned",
                gir::print(op), f.lanes(), op.dims[turn.rows].name, op.dims[turn.columns].name);
        emit_block(f, turn, dst, src, at);
    });
}

}  // namespace smeaton::emit
