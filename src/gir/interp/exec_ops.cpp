// One op: a plan (how its points become rows) made once, then run for each execution.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "gir/interp/exec.h"
#include "gir/scalar/evaluate.h"

namespace smeaton::gir::interp {

namespace {

bool is_unsigned64(DType t) {
    return t == DType::kU64;
}

// An operand: a slice's rows, or a literal; as double or int64 values.
struct Source {
    bool is_slice = false;
    RowAccess access;
    DType dtype = DType::kF32;
    double literal_f = 0, otherwise_f = 0;
    int64_t literal_i = 0, otherwise_i = 0;
    std::vector<double> f;
    std::vector<int64_t> i;
    Row row;

    static int64_t as_int(const Literal& l, DType t) {
        return l.is_int ? wrap_int(l.i, t) : literal_to_int(l.f, t);
    }

    // `dtype`: what a literal is taken as.
    static Source make(const OpNode& op, size_t index, const Split& split, DType literal_dtype) {
        Source s;
        s.f.resize(static_cast<size_t>(std::max<int64_t>(split.row_points, 1)));
        s.i.resize(s.f.size());
        s.dtype = literal_dtype;
        if (op.srcs[index]) {
            s.is_slice = true;
            s.access = RowAccess(*op.srcs[index], split);
            s.dtype = op.srcs[index]->place->dtype;
            s.set(op.srcs[index]->otherwise, s.otherwise_f, s.otherwise_i);
        } else {
            s.set(op.literals[index], s.literal_f, s.literal_i);
        }
        return s;
    }

    void set(const Literal& l, double& as_f, int64_t& as_i) const {
        if (tensor::is_float(dtype))
            as_f = round_to(l.as_double(), dtype);
        else
            as_i = as_int(l, dtype);
    }

    const double* floats(Context& c, const std::vector<int64_t>& outer, int64_t n) {
        if (!is_slice) {
            row = {};
            std::fill_n(f.begin(), n, literal_f);
        } else {
            row = access.prepare(c.axes.data(), outer, n);
            load(access.place(), row, n, otherwise_f, f.data());
        }
        return f.data();
    }
    const int64_t* ints(Context& c, const std::vector<int64_t>& outer, int64_t n) {
        if (!is_slice) {
            row = {};
            std::fill_n(i.begin(), n, literal_i);
        } else {
            row = access.prepare(c.axes.data(), outer, n);
            load(access.place(), row, n, otherwise_i, i.data());
        }
        return i.data();
    }
};

std::vector<int> dims_where(const OpNode& op, bool in_dst) {
    std::vector<int> dims;
    for (size_t d = 0; d < op.extents.size(); ++d)
        if (op.in_dst[d] == in_dst) dims.push_back(static_cast<int>(d));
    return dims;
}

// The dtype literals take: of the first slice among the operands that are values, else the
// result's.
DType literal_dtype(const OpNode& op) {
    size_t first = op.op->kind == OpKind::Select ? 1 : 0;
    for (size_t s = first; s < op.srcs.size(); ++s)
        if (op.srcs[s]) return op.srcs[s]->place->dtype;
    return op.dst.place->dtype;
}

// ---- elementwise ----

struct MapPlan {
    Split split;
    RowAccess dst;
    std::vector<Source> srcs;
    RowForm value;
    std::vector<double> out_f;
    std::vector<int64_t> out_i;
};

MapPlan make_map_plan(const OpNode& op) {
    MapPlan p;
    std::vector<int> dims(op.extents.size());
    std::iota(dims.begin(), dims.end(), 0);
    p.split = split_points(op.extents, {}, dims);
    p.dst = RowAccess(op.dst, p.split);
    DType literals = literal_dtype(op);
    for (size_t s = 0; s < op.srcs.size(); ++s) {
        bool condition = op.op->kind == OpKind::Select && s == 0;
        p.srcs.push_back(Source::make(op, s, p.split, condition ? DType::kBool : literals));
    }
    p.value = row_form(op.value, p.split);
    p.out_f.resize(static_cast<size_t>(std::max<int64_t>(p.split.row_points, 1)));
    p.out_i.resize(p.out_f.size());
    return p;
}

// Result rows land in out_f or out_i according to the destination's dtype.
void map_select(MapPlan& p, Context& c, const std::vector<int64_t>& outer, int64_t n,
                bool to_float) {
    const int64_t* condition = p.srcs[0].ints(c, outer, n);
    if (to_float) {
        const double* a = p.srcs[1].floats(c, outer, n);
        const double* b = p.srcs[2].floats(c, outer, n);
        for (int64_t i = 0; i < n; ++i)
            p.out_f[static_cast<size_t>(i)] = condition[i] ? a[i] : b[i];
    } else {
        const int64_t* a = p.srcs[1].ints(c, outer, n);
        const int64_t* b = p.srcs[2].ints(c, outer, n);
        for (int64_t i = 0; i < n; ++i)
            p.out_i[static_cast<size_t>(i)] = condition[i] ? a[i] : b[i];
    }
}

void map_cast(MapPlan& p, Context& c, const std::vector<int64_t>& outer, int64_t n, DType to) {
    Source& s = p.srcs[0];
    bool from_float = tensor::is_float(s.dtype), to_float = tensor::is_float(to);
    if (from_float && to_float) {
        std::copy_n(s.floats(c, outer, n), n, p.out_f.begin());
    } else if (from_float) {
        const double* x = s.floats(c, outer, n);
        for (int64_t i = 0; i < n; ++i) p.out_i[static_cast<size_t>(i)] = cast_to_int(x[i], to);
    } else if (to_float) {
        const int64_t* x = s.ints(c, outer, n);
        for (int64_t i = 0; i < n; ++i)
            p.out_f[static_cast<size_t>(i)] = cast_to_float(x[i], is_unsigned64(s.dtype), to);
    } else {
        std::copy_n(s.ints(c, outer, n), n, p.out_i.begin());
    }
}

void map_scalar(const OpNode& op, MapPlan& p, Context& c, const std::vector<int64_t>& outer,
                int64_t n) {
    ScalarFn fn = op.op->fn;
    DType from = p.srcs[0].dtype;
    bool to_bool = gives_bool(fn), floats = tensor::is_float(from);
    if (op.op->kind == OpKind::Unary) {
        if (floats && to_bool)
            return apply_test(fn, p.srcs[0].floats(c, outer, n), p.out_i.data(), n);
        if (floats) return apply_unary(fn, p.srcs[0].floats(c, outer, n), p.out_f.data(), n);
        return apply_unary(fn, p.srcs[0].ints(c, outer, n), p.out_i.data(), n, is_unsigned64(from));
    }
    if (floats) {
        const double* a = p.srcs[0].floats(c, outer, n);
        const double* b = p.srcs[1].floats(c, outer, n);
        if (to_bool) return apply_compare(fn, a, b, p.out_i.data(), n);
        return apply_binary(fn, a, b, p.out_f.data(), n);
    }
    const int64_t* a = p.srcs[0].ints(c, outer, n);
    const int64_t* b = p.srcs[1].ints(c, outer, n);
    apply_binary(fn, a, b, p.out_i.data(), n, is_unsigned64(from));
}

void map_row(const OpNode& op, MapPlan& p, Context& c, const std::vector<int64_t>& outer,
             int64_t n) {
    DType to = op.dst.place->dtype;
    bool to_float = tensor::is_float(to);
    switch (op.op->kind) {
        case OpKind::Iota: {
            int64_t base = p.value.base(c.axes.data(), outer.data());
            for (int64_t i = 0; i < n; ++i) {
                p.out_i[static_cast<size_t>(i)] = base + p.value.at(i);
                p.out_f[static_cast<size_t>(i)] = static_cast<double>(base + p.value.at(i));
            }
            break;
        }
        case OpKind::Move:
        case OpKind::Fill:
            if (to_float)
                std::copy_n(p.srcs[0].floats(c, outer, n), n, p.out_f.begin());
            else
                std::copy_n(p.srcs[0].ints(c, outer, n), n, p.out_i.begin());
            break;
        case OpKind::Select:
            map_select(p, c, outer, n, to_float);
            break;
        default:
            if (op.op->fn == ScalarFn::cast)
                map_cast(p, c, outer, n, to);
            else
                map_scalar(op, p, c, outer, n);
    }
    Row row = p.dst.prepare(c.axes.data(), outer, n);
    if (to_float)
        store(*op.dst.place, row, n, p.out_f.data());
    else
        store(*op.dst.place, row, n, p.out_i.data());
}

void run_map(OpNode& op, Context& c) {
    if (!op.plan) op.plan = std::make_shared<MapPlan>(make_map_plan(op));
    auto& p = *static_cast<MapPlan*>(op.plan.get());
    if (no_rows(p.split)) return;
    std::vector<int64_t> outer(p.split.outer.size(), 0);
    do map_row(op, p, c, outer, p.split.length(outer));
    while (next_row(p.split, outer));
}

// ---- reduce and mma ----

// Either rows run along contracted dims and each sums into one destination point (`along_sum`), or
// rows run along the destination and contracted points are added one after the other.
struct FoldPlan {
    bool along_sum = false;
    bool integers = false;
    bool as_unsigned = false;
    size_t dst_variables = 0;  ///< outer variables before this one choose the destination
    Split split;
    RowAccess dst;
    std::vector<Source> srcs;
    std::vector<double> sum_f, term_f, magnitude;
    std::vector<int64_t> sum_i, term_i;
};

int64_t points(const OpNode& op, const std::vector<int>& dims) {
    int64_t n = 1;
    for (int d : dims) n *= op.extents[static_cast<size_t>(d)];
    return n;
}

FoldPlan make_fold_plan(const OpNode& op) {
    FoldPlan p;
    std::vector<int> kept = dims_where(op, true), folded = dims_where(op, false);
    int64_t kept_points = points(op, kept), folded_points = points(op, folded);
    p.along_sum = folded_points >= 16 || folded_points > kept_points;
    if (p.along_sum) {
        p.split = split_points(op.extents, kept, folded);
        p.dst_variables = kept.size();
    } else {
        p.split = split_points(op.extents, {}, kept, folded);
        p.dst_variables = p.split.outer.size() - folded.size();
    }
    p.dst = RowAccess(op.dst, p.split);
    DType literals = literal_dtype(op);
    for (size_t s = 0; s < op.srcs.size(); ++s)
        p.srcs.push_back(Source::make(op, s, p.split, literals));
    p.integers = !tensor::is_float(op.dst.place->dtype);
    p.as_unsigned = is_unsigned64(op.dst.place->dtype);
    size_t width = static_cast<size_t>(std::max<int64_t>(p.split.row_points, 1));
    p.sum_f.resize(width);
    p.sum_i.resize(width);
    p.term_f.resize(width);
    p.term_i.resize(width);
    return p;
}

// A point outside a bound that reads 0, or a zero of a constant tile, contributes nothing, whatever
// the other operand holds there.
template <class T>
void silence(const Source& by, const T* values, T otherwise, T* other, int64_t n) {
    if (by.is_slice && by.access.place().constant) {
        for (int64_t i = 0; i < n; ++i)
            if (values[i] == 0) other[i] = 0;
    }
    if (by.row.mask && otherwise == 0) {
        for (int64_t i = 0; i < n; ++i)
            if (!by.row.mask[i]) other[i] = 0;
    }
}

const double* float_terms(const OpNode& op, FoldPlan& p, Context& c,
                          const std::vector<int64_t>& outer, int64_t n) {
    const double* a = p.srcs[0].floats(c, outer, n);
    if (op.op->kind == OpKind::Reduce) return a;
    p.srcs[1].floats(c, outer, n);
    silence(p.srcs[0], p.srcs[0].f.data(), p.srcs[0].otherwise_f, p.srcs[1].f.data(), n);
    silence(p.srcs[1], p.srcs[1].f.data(), p.srcs[1].otherwise_f, p.srcs[0].f.data(), n);
    apply_binary(ScalarFn::mul, p.srcs[0].f.data(), p.srcs[1].f.data(), p.term_f.data(), n);
    return p.term_f.data();
}

const int64_t* int_terms(const OpNode& op, FoldPlan& p, Context& c,
                         const std::vector<int64_t>& outer, int64_t n) {
    const int64_t* a = p.srcs[0].ints(c, outer, n);
    if (op.op->kind == OpKind::Reduce) return a;
    const int64_t* b = p.srcs[1].ints(c, outer, n);
    apply_binary(ScalarFn::mul, a, b, p.term_i.data(), n, false);
    return p.term_i.data();
}

double fold_row(ScalarFn fn, const double* x, int64_t n, double acc) {
    if (fn == ScalarFn::add) {
        double part[4] = {0, 0, 0, 0};
        int64_t i = 0;
        for (; i + 4 <= n; i += 4)
            for (int k = 0; k < 4; ++k) part[k] += x[i + k];
        for (; i < n; ++i) part[0] += x[i];
        return acc + ((part[0] + part[1]) + (part[2] + part[3]));
    }
    for (int64_t i = 0; i < n; ++i) apply_binary(fn, &acc, x + i, &acc, 1);
    return acc;
}

int64_t fold_row(ScalarFn fn, const int64_t* x, int64_t n, int64_t acc, bool as_unsigned) {
    for (int64_t i = 0; i < n; ++i) apply_binary(fn, &acc, x + i, &acc, 1, as_unsigned);
    return acc;
}

bool starts_sum(const FoldPlan& p, const std::vector<int64_t>& outer) {
    return std::all_of(outer.begin() + static_cast<std::ptrdiff_t>(p.dst_variables), outer.end(),
                       [](int64_t v) { return v == 0; });
}

bool ends_sum(const FoldPlan& p, const std::vector<int64_t>& outer) {
    for (size_t v = p.dst_variables; v < outer.size(); ++v)
        if (outer[v] + 1 != p.split.outer[v].extent) return false;
    return true;
}

void begin_sums(const OpNode& op, FoldPlan& p, const Row& row, int64_t n, ScalarFn fn) {
    DType t = op.dst.place->dtype;
    bool accumulate = op.op->accumulate || op.op->kind == OpKind::Mma;
    if (p.integers) {
        int64_t start = accumulate ? 0 : reduce_identity_int(fn, t);
        if (accumulate)
            load(*op.dst.place, row, n, start, p.sum_i.data());
        else
            std::fill_n(p.sum_i.begin(), n, start);
    } else if (accumulate) {
        load(*op.dst.place, row, n, 0.0, p.sum_f.data());
    } else {
        std::fill_n(p.sum_f.begin(), n, reduce_identity(fn, t));
    }
}

// Options::sum_slack: magnitudes of the terms, and of what they are added to, beside their sum.
void note_magnitudes(FoldPlan& p, const double* x, int64_t n, bool begins) {
    if (begins) {
        p.magnitude = p.sum_f;
        for (double& m : p.magnitude) m = std::abs(m);
    }
    for (int64_t i = 0; i < n; ++i)
        p.magnitude[p.along_sum ? 0 : static_cast<size_t>(i)] += std::abs(x[i]);
}

void loosen_sums(FoldPlan& p, Context& c, int64_t n) {
    std::uniform_real_distribution<double> slack(-c.sum_slack, c.sum_slack);
    for (size_t i = 0; i < static_cast<size_t>(n); ++i)
        p.sum_f[i] += slack(c.random) * p.magnitude[i];
}

void end_sums(const OpNode& op, FoldPlan& p, const Row& row, int64_t n) {
    if (p.integers)
        store(*op.dst.place, row, n, p.sum_i.data());
    else
        store(*op.dst.place, row, n, p.sum_f.data());
}

void fold_terms(const OpNode& op, FoldPlan& p, Context& c, const std::vector<int64_t>& outer,
                int64_t n, ScalarFn fn) {
    if (p.integers) {
        const int64_t* x = int_terms(op, p, c, outer, n);
        if (p.along_sum)
            p.sum_i[0] = fold_row(fn, x, n, p.sum_i[0], p.as_unsigned);
        else
            apply_binary(fn, p.sum_i.data(), x, p.sum_i.data(), n, p.as_unsigned);
    } else {
        const double* x = float_terms(op, p, c, outer, n);
        if (c.sum_slack > 0 && fn == ScalarFn::add) note_magnitudes(p, x, n, starts_sum(p, outer));
        if (p.along_sum)
            p.sum_f[0] = fold_row(fn, x, n, p.sum_f[0]);
        else
            apply_binary(fn, p.sum_f.data(), x, p.sum_f.data(), n);
    }
}

// Destinations of a fold over no points at all: the identity, or what they held.
void run_empty_fold(const OpNode& op, FoldPlan& p, Context& c, ScalarFn fn) {
    if (op.op->accumulate || op.op->kind == OpKind::Mma) return;
    Split split = split_points(op.extents, dims_where(op, true), {});
    if (no_rows(split)) return;
    RowAccess dst(op.dst, split);
    std::vector<int64_t> outer(split.outer.size(), 0);
    do {
        Row row = dst.prepare(c.axes.data(), outer, 1);
        begin_sums(op, p, row, 1, fn);
        end_sums(op, p, row, 1);
    } while (next_row(split, outer));
}

void run_fold(OpNode& op, Context& c) {
    if (!op.plan) op.plan = std::make_shared<FoldPlan>(make_fold_plan(op));
    auto& p = *static_cast<FoldPlan*>(op.plan.get());
    ScalarFn fn = op.op->kind == OpKind::Mma ? ScalarFn::add : op.op->fn;
    if (no_rows(p.split)) return run_empty_fold(op, p, c, fn);
    std::vector<int64_t> outer(p.split.outer.size(), 0);
    do {
        int64_t n = p.split.length(outer);
        int64_t held = p.along_sum ? 1 : n;
        bool begins = starts_sum(p, outer), ends = ends_sum(p, outer);
        Row row;
        if (begins || ends) row = p.dst.prepare(c.axes.data(), outer, held);
        if (begins) begin_sums(op, p, row, held, fn);
        fold_terms(op, p, c, outer, n, fn);
        if (ends && c.sum_slack > 0 && fn == ScalarFn::add && !p.integers) loosen_sums(p, c, held);
        if (ends) end_sums(op, p, row, held);
    } while (next_row(p.split, outer));
}

// ---- scatter and sort ----

bool next_point(const std::vector<int64_t>& extents, std::vector<int64_t>& at) {
    for (size_t d = extents.size(); d-- > 0;) {
        if (++at[d] < extents[d]) return true;
        at[d] = 0;
    }
    return false;
}

bool no_points(const std::vector<int64_t>& extents) {
    return std::find(extents.begin(), extents.end(), 0) != extents.end();
}

template <class T>
T one_value(const OpNode& op, const int64_t* axes, const int64_t* dims, T literal, T otherwise) {
    if (!op.srcs[0]) return literal;
    int64_t offset = 0;
    if (!locate(*op.srcs[0], axes, dims, offset)) return otherwise;
    if constexpr (std::is_same_v<T, double>)
        return load_one_f(*op.srcs[0]->place, offset);
    else
        return load_one_i(*op.srcs[0]->place, offset);
}

void run_scatter(OpNode& op, Context& c) {
    if (no_points(op.extents)) return;
    Source value = Source::make(op, 0, Split{}, literal_dtype(op));
    Place& place = *op.dst.place;
    bool floats = tensor::is_float(place.dtype);
    std::vector<int64_t> at(op.extents.size(), 0);
    do {
        int64_t offset = 0;
        if (!locate(op.dst, c.axes.data(), at.data(), offset)) continue;
        if (floats) {
            double v = one_value(op, c.axes.data(), at.data(), value.literal_f, value.otherwise_f);
            double old = load_one_f(place, offset);
            if (op.op->fn != ScalarFn::copy) apply_binary(op.op->fn, &old, &v, &v, 1);
            store_one(place, offset, v);
        } else {
            int64_t v = one_value(op, c.axes.data(), at.data(), value.literal_i, value.otherwise_i);
            int64_t old = load_one_i(place, offset);
            if (op.op->fn != ScalarFn::copy)
                apply_binary(op.op->fn, &old, &v, &v, 1, is_unsigned64(place.dtype));
            store_one(place, offset, v);
        }
    } while (next_point(op.extents, at));
}

template <class T>
bool sorts_before(T a, T b, bool descending, bool as_unsigned) {
    if constexpr (std::is_same_v<T, double>) {
        if (std::isnan(a) || std::isnan(b))  // NaN counts as the greatest
            return std::isnan(a) != std::isnan(b) && std::isnan(a) == descending;
    } else if (as_unsigned) {
        return descending ? static_cast<uint64_t>(a) > static_cast<uint64_t>(b)
                          : static_cast<uint64_t>(a) < static_cast<uint64_t>(b);
    }
    return descending ? a > b : a < b;
}

template <class T>
T load_as(const Place& p, int64_t offset) {
    if constexpr (std::is_same_v<T, double>)
        return load_one_f(p, offset);
    else
        return load_one_i(p, offset);
}

// Values at `offsets` of the place, put back in the given order.
template <class T>
void permute(Place& place, const std::vector<int64_t>& offsets, const std::vector<int64_t>& order) {
    std::vector<T> values;
    for (int64_t o : offsets) values.push_back(load_as<T>(place, o));
    for (size_t i = 0; i < order.size(); ++i)
        store_one(place, offsets[i], values[static_cast<size_t>(order[i])]);
}

void permute_any(Place& place, const std::vector<int64_t>& offsets,
                 const std::vector<int64_t>& order) {
    if (tensor::is_float(place.dtype))
        permute<double>(place, offsets, order);
    else
        permute<int64_t>(place, offsets, order);
}

template <class T>
std::vector<int64_t> sorted_order(const OpNode& op, const std::vector<int64_t>& offsets) {
    const Place& place = *op.dst.place;
    std::vector<T> keys;
    for (int64_t o : offsets) keys.push_back(load_as<T>(place, o));
    std::vector<int64_t> order(keys.size());
    std::iota(order.begin(), order.end(), 0);
    bool as_unsigned = is_unsigned64(place.dtype);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return sorts_before(keys[static_cast<size_t>(a)], keys[static_cast<size_t>(b)],
                            op.op->descending, as_unsigned);
    });
    return order;
}

void run_sort(OpNode& op, Context& c) {
    if (no_points(op.extents)) return;
    SMEATON_CHECK(op.along >= 0, "sort along {}, which is no dim of it", op.op->along);
    size_t along = static_cast<size_t>(op.along);
    std::vector<int64_t> lines = op.extents;
    lines[along] = 1;
    std::vector<int64_t> at(lines.size(), 0);
    do {
        std::vector<int64_t> point = at, keys, payload;
        for (point[along] = 0; point[along] < op.extents[along]; ++point[along]) {
            int64_t offset = 0;
            if (!locate(op.dst, c.axes.data(), point.data(), offset)) continue;
            keys.push_back(offset);
            if (op.payload) {
                bool inside = locate(*op.payload, c.axes.data(), point.data(), offset);
                SMEATON_CHECK(inside, "a sort's payload lies outside its bounds");
                payload.push_back(offset);
            }
        }
        std::vector<int64_t> order = tensor::is_float(op.dst.place->dtype)
                                         ? sorted_order<double>(op, keys)
                                         : sorted_order<int64_t>(op, keys);
        permute_any(*op.dst.place, keys, order);
        if (op.payload) permute_any(*op.payload->place, payload, order);
    } while (next_point(lines, at));
}

}  // namespace

void run_op(OpNode& op, Context& c) {
    switch (op.op->kind) {
        case OpKind::Reduce:
        case OpKind::Mma:
            return run_fold(op, c);
        case OpKind::Scatter:
            return run_scatter(op, c);
        case OpKind::Sort:
            return run_sort(op, c);
        default:
            return run_map(op, c);
    }
}

void run_check(const CheckNode& check, Context& c) {
    if (no_points(check.extents)) return;
    std::vector<int64_t> at(check.extents.size(), 0);
    do {
        bool holds;
        int64_t offset = 0;
        if (!check.condition)
            holds = check.literal.as_double() != 0;
        else
            holds = !locate(*check.condition, c.axes.data(), at.data(), offset) ||
                    load_one_i(*check.condition->place, offset) != 0;
        if (!holds) throw UserError(check.check->message);
    } while (next_point(check.extents, at));
}

}  // namespace smeaton::gir::interp
