#include "emit/cpp/op.h"

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "emit/cpp/reduction.h"
#include "emit/cpp/spell.h"
#include "emit/cpp/transpose.h"
#include "emit/cpp/value.h"

namespace smeaton::emit {

using gir::OpKind;
using gir::ScalarFn;

namespace {

constexpr int64_t kUnrollLimit = 64;       // vectors (or scalars) written out for one op
constexpr int64_t kMemoryUnrollLimit = 8;  // the same where nothing is held in registers

bool has_op_dim(const Access& a, size_t dim) {
    for (const Form& form : a.at) {
        if (form.by_dim[dim] != 0) return true;
        for (const auto& [k, index] : form.computed)
            if (has_op_dim(*index, dim)) return true;
    }
    return false;
}

/// Dims that a register access (index slices included) is addressed by.
void mark_register_dims(const Access& a, std::vector<bool>& needed) {
    for (const Form& form : a.at) {
        for (size_t i = 0; i < needed.size(); ++i)
            if (a.in_registers() && form.by_dim[i] != 0) needed[i] = true;
        for (const auto& [k, index] : form.computed) mark_register_dims(*index, needed);
    }
}

/// The op dim along the vectors of a register tile, -1: none.
int register_lane_dim(const Access& a) {
    if (!a.in_registers() || a.storage->lanes < 0) return -1;
    const Form& form = a.at[static_cast<size_t>(a.storage->lanes)];
    for (size_t i = 0; i < form.by_dim.size(); ++i)
        if (form.by_dim[i] == 1) return static_cast<int>(i);
    return -1;
}

bool held_in_scalars(const Access& a, size_t dim) {
    return a.in_registers() && a.storage->lanes < 0 && has_op_dim(a, dim);
}

struct Candidate {
    int dim = -1;
    int64_t score = -1;
};

/// How good `dim` is as the vector's: 0 unless the destination is contiguous along it (or reduced
/// over it with contiguous sources).
int64_t lane_score(Function& f, const OpPlan& plan, size_t dim, const gir::Op& op,
                   const Access& dst, const std::vector<std::optional<Access>>& srcs) {
    Point probe;
    for (size_t i = 0; i < plan.extents.size(); ++i) {
        Linear at;
        // Other dims may take any value; a variable of their range would be exact, zero is enough
        // here.
        probe.dims.push_back(at);
    }
    probe.lane_dim = static_cast<int>(dim);
    probe.count = static_cast<int>(std::min<int64_t>(f.lanes(), plan.extents[dim]));
    int contiguous = 0, scattered = 0;
    for (const auto& src : srcs) {
        if (!src || !has_op_dim(*src, dim)) continue;
        if (held_in_scalars(*src, dim)) return 0;
        (pattern(f, *src, probe) == Pattern::Contiguous ? contiguous : scattered) += 1;
    }
    if (held_in_scalars(dst, dim)) return 0;
    bool fills = plan.extents[dim] >= f.lanes();
    if (plan.reduced[dim]) {
        if (scattered > 0 || contiguous == 0 || plan.extents[dim] < f.lanes()) return 0;
        return 4 + contiguous;
    }
    if (pattern(f, dst, probe) != Pattern::Contiguous) return 0;
    if (op.kind == OpKind::Scatter && dim + 1 != plan.extents.size()) return 0;
    return (fills ? 20 : 8) + 4 * contiguous - 6 * scattered;
}

int choose_lane_dim(Function& f, const OpPlan& plan, const gir::Op& op, const Access& dst,
                    const std::vector<std::optional<Access>>& srcs) {
    bool scatters = op.kind == OpKind::Scatter;
    if (int dim = register_lane_dim(dst); dim >= 0 && !scatters) return dim;
    for (const auto& src : srcs)
        if (src && !scatters)
            if (int dim = register_lane_dim(*src); dim >= 0) {
                if (!held_in_scalars(dst, static_cast<size_t>(dim))) return dim;
            }
    Candidate best;
    for (size_t d = 0; d < plan.extents.size(); ++d) {
        if (plan.extents[d] < 2) continue;
        int64_t score = lane_score(f, plan, d, op, dst, srcs);
        if (score > 0 && score >= best.score) best = {static_cast<int>(d), score};
    }
    return best.dim;
}

int64_t vectors(const Function& f, const OpPlan& plan, size_t dim) {
    if (static_cast<int>(dim) != plan.lane_dim) return plan.extents[dim];
    return (plan.extents[dim] + f.lanes() - 1) / f.lanes();
}

}  // namespace

OpPlan plan_op(Function& f, const gir::Op& op, const Access& dst,
               const std::vector<std::optional<Access>>& srcs) {
    OpPlan plan;
    for (size_t d = 0; d < op.dims.size(); ++d) {
        plan.extents.push_back(op.dims[d].extent.value());
        plan.reduced.push_back((op.kind == OpKind::Reduce || op.kind == OpKind::Mma) &&
                               !has_op_dim(dst, d));
    }
    plan.lane_dim = choose_lane_dim(f, plan, op, dst, srcs);
    plan.unrolled.assign(op.dims.size(), false);
    mark_register_dims(dst, plan.unrolled);
    for (const auto& src : srcs)
        if (src) mark_register_dims(*src, plan.unrolled);
    int64_t written = 1;
    bool any = false;
    for (size_t d = 0; d < op.dims.size(); ++d)
        if (plan.unrolled[d]) {
            written *= std::max<int64_t>(1, vectors(f, plan, d));
            any = true;
        }
    int64_t limit = any || dst.in_registers() ? kUnrollLimit : kMemoryUnrollLimit;
    // The vectors first, then the other dims from the innermost out, those of the destination
    // first.
    std::vector<size_t> order;
    if (plan.lane_dim >= 0) order.push_back(static_cast<size_t>(plan.lane_dim));
    for (bool reduced : {false, true})
        for (size_t d = op.dims.size(); d-- > 0;)
            if (static_cast<int>(d) != plan.lane_dim && plan.reduced[d] == reduced)
                order.push_back(d);
    for (size_t d : order) {
        if (plan.unrolled[d]) continue;
        int64_t n = vectors(f, plan, d);
        if (written * n > limit) break;
        written *= std::max<int64_t>(1, n);
        plan.unrolled[d] = true;
    }
    return plan;
}

void over_lanes(Function& f, const OpPlan& plan, int group,
                const std::function<void(const std::vector<Segment>&)>& body) {
    if (plan.lane_dim < 0) {
        body({Segment{}});
        return;
    }
    auto dim = static_cast<size_t>(plan.lane_dim);
    int64_t lanes = f.lanes(), extent = plan.extents[dim], done = 0;
    if (!plan.unrolled[dim]) {
        int64_t step = lanes * group, rounds = extent / step;
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
    for (size_t d : dims) {
        if (plan.unrolled[d] || static_cast<int>(d) == plan.lane_dim) continue;
        f.open_scope();
        std::string name = f.unique(stem(names[d].name.str()));
        Linear form;
        form.add(f.declare(name, {0, plan.extents[d] - 1}), 1);
        f.loops.push_back({form.terms[0].first, plan.extents[d]});
        point.dims[d] = form;
        openings.push_back(
            fmt::format("for (i64 {0} = 0; {0} < {1}; ++{0}) {{", name, plan.extents[d]));
    }
    body();
    while (!openings.empty()) {
        f.close_scope(openings.back());
        f.loops.pop_back();
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
    OpPlan plan = plan_op(f, op, dst, srcs);
    Form iota_form;
    if (op.kind == OpKind::Iota) iota_form = compile_form(f, op.value, op.dims);
    Point point;
    point.dims.resize(op.dims.size());
    std::vector<size_t> dims(op.dims.size());
    for (size_t i = 0; i < dims.size(); ++i) dims[i] = i;
    over_loops(f, plan, op.dims, point, dims, [&] {
        over_lanes(f, plan, 1, [&](const std::vector<Segment>& segments) {
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

/// One call of a merge sort per line; the line's addresses are first + i * stride.
void emit_sort(Function& f, const gir::Op& op, const Access& dst) {
    size_t along = op.dims.size();
    for (size_t d = 0; d < op.dims.size(); ++d)
        if (op.dims[d].name == op.along) along = d;
    SMEATON_CHECK(along < op.dims.size(), "sort along {}, which is no dim of the op", op.along);
    OpPlan plan;
    for (const gir::NamedDim& d : op.dims) plan.extents.push_back(d.extent.value());
    plan.unrolled.assign(op.dims.size(), false);
    plan.reduced.assign(op.dims.size(), false);
    std::optional<Access> payload;
    if (op.payload) payload = compile_access(f, *op.payload, op.dims);
    int64_t n = plan.extents[along];
    std::string key = type_name(dst.dtype()), other = payload ? type_name(payload->dtype()) : "u8";
    int64_t scratch = f.take_scratch(n * size_of(dst.dtype()));
    int64_t scratch_payload = f.take_scratch(n * (payload ? size_of(payload->dtype()) : 1));
    // Lines are copied out, sorted, and copied back, so that any layout will do.
    int64_t line = f.take_scratch(n * size_of(dst.dtype()));
    int64_t line_payload = f.take_scratch(n * (payload ? size_of(payload->dtype()) : 1));
    f.scratch_top = scratch;
    Point point;
    point.dims.resize(op.dims.size());
    std::vector<size_t> outer;
    for (size_t d = 0; d < op.dims.size(); ++d)
        if (d != along) outer.push_back(d);
    auto at = [](const std::string& type, int64_t offset) {
        return fmt::format("({}*)(scratch + {})", type, offset);
    };
    over_loops(f, plan, op.dims, point, outer, [&] {
        std::string k = f.unique("keys"), p = f.unique("payload");
        f.line(fmt::format("{0}* const {1} = {2};", key, k, at(key, line)));
        f.line(fmt::format("{0}* const {1} = {2};", other, p, at(other, line_payload)));
        auto each = [&](const std::function<void(const std::string&)>& body) {
            f.open_scope();
            std::string i = f.unique("i");
            Linear form;
            form.add(f.declare(i, {0, n - 1}), 1);
            point.dims[along] = form;
            body(i);
            f.close_scope(fmt::format("for (i64 {0} = 0; {0} < {1}; ++{0}) {{", i, n));
        };
        each([&](const std::string& i) {
            f.line(fmt::format("{}[{}] = {};", k, i, read_scalar(f, dst, point)));
            if (payload) f.line(fmt::format("{}[{}] = {};", p, i, read_scalar(f, *payload, point)));
        });
        f.line(fmt::format("merge_sort<{}, {}, {}>({}, {}, {}, {}, {});", key, other,
                           op.descending ? "true" : "false", k, p, at(key, scratch),
                           at(other, scratch_payload), n));
        each([&](const std::string& i) {
            write(f, dst, point, {fmt::format("{}[{}]", k, i), dst.dtype(), false, {}});
            if (payload)
                write(f, *payload, point,
                      {fmt::format("{}[{}]", p, i), payload->dtype(), false, {}});
        });
    });
}

}  // namespace

void emit_op(Function& f, const gir::Op& op) {
    Access dst = compile_access(f, op.dst, op.dims);
    std::vector<std::optional<Access>> srcs;
    for (const gir::Operand& o : op.srcs) {
        const auto* slice = std::get_if<gir::Slice>(&o);
        srcs.push_back(slice ? std::optional(compile_access(f, *slice, op.dims)) : std::nullopt);
    }
    if (op.kind == OpKind::Move && srcs[0] && emit_transposing_move(f, op, dst, *srcs[0])) return;
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
