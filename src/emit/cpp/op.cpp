#include "emit/cpp/op.h"

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "emit/cpp/reduction.h"
#include "emit/cpp/spell.h"
#include "emit/cpp/transpose.h"
#include "emit/cpp/value.h"
#include "gir/names.h"
#include "gir/text/print.h"

namespace smeaton::emit {

using gir::OpKind;
using gir::ScalarFn;

namespace {

/// Dims that a register access (index slices included) is addressed by.
void mark_register_dims(const Access& a, std::vector<bool>& needed) {
    for (const Form& form : a.at) {
        for (size_t i = 0; i < needed.size(); ++i)
            if (a.in_registers() && form.by_dim[i] != 0) needed[i] = true;
        for (const auto& [k, index] : form.computed) mark_register_dims(*index, needed);
    }
}

}  // namespace

OpPlan plan_of(const Function& f, const gir::Op& op) {
    SMEATON_CHECK(op.spelling, "{} has no spelling: the program was not spelled", gir::print(op));
    const gir::Spelling& s = *op.spelling;
    OpPlan plan;
    auto index = [&](Name name) {
        for (size_t d = 0; d < op.dims.size(); ++d)
            if (op.dims[d].name == name) return d;
        SMEATON_CHECK(false, "{} is spelled along {}, which is no dim of it", gir::print(op), name);
        return size_t{0};
    };
    bool reduces = op.kind == OpKind::Reduce || op.kind == OpKind::Mma;
    for (const gir::NamedDim& d : op.dims) {
        plan.extents.push_back(d.extent.value());
        plan.reduced.push_back(reduces && !gir::walks(op.dst, d.name));
    }
    plan.unrolled.assign(op.dims.size(), false);
    for (Name n : s.unrolled) plan.unrolled[index(n)] = true;
    for (Name n : s.loops) plan.loops.push_back(index(n));
    if (!s.lanes.empty()) plan.lane_dim = static_cast<int>(index(s.lanes));
    if (!s.across.empty()) plan.across = static_cast<int>(index(s.across));
    plan.width = s.width;
    plan.turn = static_cast<int>(s.turn);
    plan.sums = static_cast<int>(s.sums);
    plan.part = s.part;
    if (s.width > f.lanes())
        throw UserError("{}: vectors of {} elements, and {} has {}", gir::print(op), s.width,
                        f.isa().name, f.lanes());
    return plan;
}

void over_lanes(Function& f, const OpPlan& plan, int group,
                const std::function<void(const std::vector<Segment>&)>& body) {
    if (plan.lane_dim < 0) {
        body({Segment{}});
        return;
    }
    auto dim = static_cast<size_t>(plan.lane_dim);
    int64_t lanes = plan.width, extent = plan.extents[dim], done = 0;
    if (!plan.unrolled[dim]) {
        int64_t step = lanes * group, rounds = extent / step;
        auto whole_turn = [&] {
            std::vector<Segment> segments;
            for (int g = 0; g < group; ++g)
                segments.push_back({Linear{g * lanes, {}}, static_cast<int>(lanes)});
            body(segments);
        };
        if (rounds == 1 && group > 1) {
            whole_turn();
            done = step;
        }
        if (rounds > 1) {
            f.open_scope();
            std::string name = f.unique("l");
            VarId v = f.declare(name, {0, rounds - 1});
            std::vector<Segment> segments;
            for (int g = 0; g < group; ++g) {
                Segment s;
                s.first.add(v, step);
                s.first.constant = g * lanes;
                s.count = static_cast<int>(lanes);
                segments.push_back(s);
            }
            body(segments);
            f.close_scope(fmt::format("for (i64 {0} = 0; {0} < {1}; ++{0}) {{", name, rounds));
            done = rounds * step;
        }
    }
    std::vector<Segment> rest;
    for (; done < extent; done += lanes) {
        Segment s;
        s.first.constant = done;
        s.count = static_cast<int>(std::min(lanes, extent - done));
        rest.push_back(s);
    }
    if (!rest.empty()) body(rest);
}

void over_loops(Function& f, const OpPlan& plan, const std::vector<gir::NamedDim>& names,
                Point& point, const std::vector<size_t>& dims, const std::function<void()>& body) {
    std::vector<std::string> openings;
    for (size_t d : plan.loops) {
        if (std::find(dims.begin(), dims.end(), d) == dims.end()) continue;
        f.open_scope();
        std::string name = f.unique(stem(names[d].name.str()));
        Linear form;
        form.add(f.declare(name, {0, plan.extents[d] - 1}), 1);
        point.dims[d] = form;
        openings.push_back(
            fmt::format("for (i64 {0} = 0; {0} < {1}; ++{0}) {{", name, plan.extents[d]));
    }
    body();
    while (!openings.empty()) {
        f.close_scope(openings.back());
        openings.pop_back();
    }
}

static void over_unrolled_from(const OpPlan& plan, Point& point, const std::vector<size_t>& dims,
                               size_t i, const std::function<void()>& body) {
    while (i < dims.size() &&
           (!plan.unrolled[dims[i]] || static_cast<int>(dims[i]) == plan.lane_dim))
        ++i;
    if (i == dims.size()) {
        body();
        return;
    }
    for (int64_t v = 0; v < plan.extents[dims[i]]; ++v) {
        point.dims[dims[i]] = Linear{v, {}};
        over_unrolled_from(plan, point, dims, i + 1, body);
    }
}

void over_unrolled(const OpPlan& plan, Point& point, const std::vector<size_t>& dims,
                   const std::function<void()>& body) {
    over_unrolled_from(plan, point, dims, 0, body);
}

namespace {

/// Literal operands take the dtype that the function wants.
DType literal_dtype(const gir::Op& op, const Access& dst,
                    const std::vector<std::optional<Access>>& srcs, size_t which) {
    if (op.kind == OpKind::Select) return which == 0 ? DType::kBool : dst.dtype();
    if (op.kind == OpKind::Binary || op.kind == OpKind::Mma || op.kind == OpKind::Unary)
        for (const auto& src : srcs)
            if (src) return src->dtype();
    return dst.dtype();
}

Value value_at(Function& f, const gir::Op& op, const Access& dst,
               const std::vector<std::optional<Access>>& srcs, const Form& iota_form,
               const Point& point) {
    auto operand = [&](size_t i) {
        const Literal* lit = std::get_if<Literal>(&op.srcs[i]);
        return read(f, srcs[i], lit ? *lit : Literal{}, literal_dtype(op, dst, srcs, i), point);
    };
    switch (op.kind) {
        case OpKind::Move:
        case OpKind::Fill:
            return operand(0);
        case OpKind::Unary:
            return apply(op.fn, dst.dtype(), {operand(0)});
        case OpKind::Binary:
            return apply(op.fn, dst.dtype(), {operand(0), operand(1)});
        case OpKind::Select:
            return select(operand(0), operand(1), operand(2));
        case OpKind::Iota: {
            int64_t step =
                point.lane_dim < 0 ? 0 : iota_form.by_dim[static_cast<size_t>(point.lane_dim)];
            return iota(f, dst.dtype(), evaluate(f, iota_form, point, 0), step,
                        point.lane_dim >= 0);
        }
        case OpKind::Scatter: {
            Value v = operand(0);
            if (op.fn == ScalarFn::copy) return v;
            return apply(op.fn, dst.dtype(), {read(f, dst, point), v});
        }
        default:
            SMEATON_CHECK(false, "{} has no value by points", gir::name(op.kind));
    }
    return {};
}

/// move, fill, iota, unary, binary, select, scatter: every point by itself.
void emit_pointwise(Function& f, const gir::Op& op, const Access& dst,
                    const std::vector<std::optional<Access>>& srcs) {
    OpPlan plan = plan_of(f, op);
    Form iota_form;
    if (op.kind == OpKind::Iota) iota_form = compile_form(f, op.value, op.dims);
    Point point;
    point.dims.resize(op.dims.size());
    std::vector<size_t> dims(op.dims.size());
    for (size_t i = 0; i < dims.size(); ++i) dims[i] = i;
    over_loops(f, plan, op.dims, point, dims, [&] {
        over_lanes(f, plan, plan.turn, [&](const std::vector<Segment>& segments) {
            over_unrolled(plan, point, dims, [&] {
                for (const Segment& s : segments) {
                    if (plan.lane_dim >= 0) {
                        point.dims[static_cast<size_t>(plan.lane_dim)] = s.first;
                        point.lane_dim = plan.lane_dim;
                        point.count = s.count;
                    }
                    write(f, dst, point, value_at(f, op, dst, srcs, iota_form, point));
                }
            });
        });
    });
}

/// Where the first element of a line lies.
std::string line_address(Function& f, const Access& line, size_t dims) {
    Point first;
    first.dims.resize(dims);
    return f.address(*line.storage, offset(f, line, first, 0));
}

/// A merge sort of one dense line, into lines of its own and back.
void emit_sort(Function& f, const gir::Op& op, const Access& dst) {
    SMEATON_CHECK(op.spelling && op.dims.size() == 1, "{} was not spelled", gir::print(op));
    std::optional<Access> payload;
    if (op.payload) payload = compile_access(f, *op.payload, op.dims);
    auto scratch = [&](size_t i) {
        const std::vector<Name>& tiles = op.spelling->scratch;
        SMEATON_CHECK(i < tiles.size(), "{} has no scratch", gir::print(op));
        return f.address(f.storage(tiles[i]), Linear{});
    };
    f.line(fmt::format("merge_sort<{}, {}, {}>({}, {}, {}, {}, {});", type_name(dst.dtype()),
                       payload ? type_name(payload->dtype()) : "u8",
                       op.descending ? "true" : "false", line_address(f, dst, 1),
                       payload ? line_address(f, *payload, 1) : "(u8*)0", scratch(0),
                       payload ? scratch(1) : "(u8*)0", op.dims[0].extent.value()));
}

}  // namespace

/// A slice of the op, read as its spelling says.
static Access spelled_access(const Function& f, const gir::Op& op, const gir::Slice& slice) {
    Access a = compile_access(f, slice, op.dims);
    if (!op.spelling) return a;
    for (const gir::Gathered& g : op.spelling->gathered)
        if (g.operand == slice.target)
            a.gathered_from = g.whole ? static_cast<int>(op.spelling->width) : 1;
    for (const gir::Strided& s : op.spelling->strided) {
        if (s.operand != slice.target) continue;
        if (op.spelling->width != f.lanes())
            throw UserError("{}: {} is strided in vectors of {}, and {} has {}", gir::print(op),
                            s.operand, op.spelling->width, f.isa().name, f.lanes());
        a.strided_by = s.by;
    }
    return a;
}

void emit_op(Function& f, const gir::Op& op) {
    Access dst = spelled_access(f, op, op.dst);
    std::vector<std::optional<Access>> srcs;
    for (const gir::Operand& o : op.srcs) {
        const auto* slice = std::get_if<gir::Slice>(&o);
        srcs.push_back(slice ? std::optional(spelled_access(f, op, *slice)) : std::nullopt);
    }
    if (op.spelling && !op.spelling->across.empty()) {
        emit_turning_move(f, op, dst, *srcs.at(0));
        return;
    }
    switch (op.kind) {
        case OpKind::Reduce:
        case OpKind::Mma:
            emit_reduction(f, op, dst, srcs);
            return;
        case OpKind::Sort:
            emit_sort(f, op, dst);
            return;
        default:
            emit_pointwise(f, op, dst, srcs);
            return;
    }
}

void emit_check(Function& f, const gir::Check& check) {
    const auto* slice = std::get_if<gir::Slice>(&check.condition);
    f.messages.push_back(check.message);
    std::string fail = fmt::format("return {};", f.messages.size());
    if (!slice) {
        const Literal& v = std::get<Literal>(check.condition);
        if (v.as_double() == 0) f.line(fail);
        return;
    }
    Access a = compile_access(f, *slice, check.dims);
    OpPlan plan;
    for (const gir::NamedDim& d : check.dims) plan.extents.push_back(d.extent.value());
    plan.unrolled.assign(check.dims.size(), false);
    mark_register_dims(a, plan.unrolled);
    for (size_t d = 0; d < check.dims.size(); ++d)
        if (!plan.unrolled[d]) plan.loops.push_back(d);
    Point point;
    point.dims.resize(check.dims.size());
    std::vector<size_t> dims(check.dims.size());
    for (size_t i = 0; i < dims.size(); ++i) dims[i] = i;
    over_loops(f, plan, check.dims, point, dims, [&] {
        over_unrolled(plan, point, dims, [&] {
            f.line(fmt::format("if (!({})) {}", read_scalar(f, a, point), fail));
        });
    });
}

}  // namespace smeaton::emit
