// Data propagation through arithmetic, comparisons, casts and reductions.
#include <algorithm>
#include <cmath>
#include <functional>

#include "model/shape/elementwise.h"
#include "model/shape/reduce.h"
#include "model/shape/rule.h"

namespace smeaton::model {

namespace {

using MaybeDim = std::optional<Dim>;

/// Some element is a u64 of 2^63 or more, which a Dim holds as a negative number. Only what wraps
/// (sums, products) or moves is right on those; all else is left to the evaluator.
bool beyond_signed(const Known& known) {
    return known.dtype == DType::kU64 &&
           std::any_of(known.ints.begin(), known.ints.end(),
                       [](const Dim& d) { return d.is_const() && d.value() < 0; });
}

/// The low 64 bits of the result are those of the operands' low 64 bits, or only equality counts.
bool ignores_sign(OpType op) {
    switch (op) {
        case OpType::kAdd:
        case OpType::kSub:
        case OpType::kMul:
        case OpType::kSum:
        case OpType::kEqual:
            return true;
        default:
            return false;
    }
}

/// Integer arithmetic of numbers wraps; of symbols it is exact.
Dim wrapped(const Dim& a, const Dim& b, OpType op) {
    if (!a.is_const() || !b.is_const()) {
        return op == OpType::kAdd ? a + b : op == OpType::kSub ? a - b : a * b;
    }
    const auto x = static_cast<uint64_t>(a.value());
    const auto y = static_cast<uint64_t>(b.value());
    const uint64_t r = op == OpType::kAdd ? x + y : op == OpType::kSub ? x - y : x * y;
    return static_cast<int64_t>(r);
}

/// ONNX divides integers towards zero.
MaybeDim divide(const Dim& a, const Dim& b) {
    if (a.is_const() && b.is_const()) {
        if (b.is(0) || b.is(-1))
            return b.is(0) ? MaybeDim() : MaybeDim(wrapped(0, a, OpType::kSub));
        return a.value() / b.value();
    }
    if (const MaybeDim exact = tensor::exact_div(a, b)) return exact;
    if (b.is_const() && b.value() > 0 && surely_nonnegative(a)) {
        return tensor::floor_div(a, b.value());
    }
    return std::nullopt;
}

MaybeDim modulo(const Dim& a, const Dim& b, bool c_style) {
    if (!b.is_const() || b.is(0)) return std::nullopt;
    if (a.is_const()) {
        if (b.is(-1)) return Dim(0);
        int64_t rest = a.value() % b.value();
        if (!c_style && rest != 0 && (rest < 0) != (b.value() < 0)) rest += b.value();
        return rest;
    }
    if (b.value() < 0 || !surely_nonnegative(a)) return std::nullopt;
    return a - tensor::floor_div(a, b.value()) * b;
}

MaybeDim power(const Dim& base, const Dim& exponent) {
    if (!exponent.is_const() || exponent.value() < 0 || exponent.value() > 64) return std::nullopt;
    Dim result = 1;
    for (int64_t i = 0; i < exponent.value(); ++i) result = wrapped(result, base, OpType::kMul);
    return result;
}

/// Differences with such a number fit 64 bits.
bool moderate(const Dim& d) {
    return !d.is_const() || (d.value() < (int64_t{1} << 62) && d.value() > -(int64_t{1} << 62));
}

/// a < b, where it can be told.
std::optional<bool> less(const Dim& a, const Dim& b) {
    if (a.is_const() && b.is_const()) return a.value() < b.value();
    if (!moderate(a) || !moderate(b)) return std::nullopt;
    if (surely_nonnegative(b - a - 1)) return true;
    if (surely_nonnegative(a - b)) return false;
    return std::nullopt;
}

std::optional<bool> equal(const Dim& a, const Dim& b) {
    if (a == b) return true;
    if (a.is_const() && b.is_const()) return false;
    if (!moderate(a) || !moderate(b)) return std::nullopt;
    if (surely_nonnegative(a - b - 1) || surely_nonnegative(b - a - 1)) return false;
    return std::nullopt;
}

MaybeDim to_dim(std::optional<bool> truth) {
    return truth ? MaybeDim(*truth ? 1 : 0) : std::nullopt;
}

MaybeDim negated(std::optional<bool> truth) {
    return truth ? MaybeDim(*truth ? 0 : 1) : std::nullopt;
}

MaybeDim choose(const Dim& a, const Dim& b, bool larger) {
    const std::optional<bool> first_less = less(a, b);
    if (first_less) return *first_less == larger ? b : a;
    const std::optional<bool> second_less = less(b, a);
    if (second_less) return *second_less == larger ? a : b;
    return std::nullopt;
}

MaybeDim binary_int(const Rule& rule, OpType op, const Dim& a, const Dim& b) {
    switch (op) {
        case OpType::kAdd:
        case OpType::kSub:
        case OpType::kMul:
            return wrapped(a, b, op);
        case OpType::kSum:
            return wrapped(a, b, OpType::kAdd);
        case OpType::kDiv:
            return divide(a, b);
        case OpType::kMod:
            return modulo(a, b, rule.attr("fmod", 0) != 0);
        case OpType::kPow:
            return power(a, b);
        case OpType::kMax:
            return choose(a, b, true);
        case OpType::kMin:
            return choose(a, b, false);
        case OpType::kEqual:
            return to_dim(equal(a, b));
        case OpType::kLess:
            return to_dim(less(a, b));
        case OpType::kGreater:
            return to_dim(less(b, a));
        case OpType::kLessOrEqual:
            return negated(less(b, a));
        case OpType::kGreaterOrEqual:
            return negated(less(a, b));
        case OpType::kAnd:
            if (a.is(0) || b.is(0)) return Dim(0);
            return a.is_const() && b.is_const() ? MaybeDim(1) : std::nullopt;
        case OpType::kOr:
            if (a.is(1) || b.is(1)) return Dim(1);
            return a.is_const() && b.is_const() ? MaybeDim(0) : std::nullopt;
        default:
            return std::nullopt;
    }
}

/// Max and Min give NaN when one operand is NaN.
double choose_float(double a, double b, bool larger) {
    if (std::isnan(a) || std::isnan(b)) return a + b;
    return larger ? std::max(a, b) : std::min(a, b);
}

std::optional<double> binary_float(OpType op, double a, double b) {
    switch (op) {
        case OpType::kAdd:
        case OpType::kSum:
            return a + b;
        case OpType::kSub:
            return a - b;
        case OpType::kMul:
            return a * b;
        case OpType::kDiv:
            return a / b;
        case OpType::kMod:
            return std::fmod(a, b);
        case OpType::kPow:
            return std::pow(a, b);
        case OpType::kMax:
            return choose_float(a, b, true);
        case OpType::kMin:
            return choose_float(a, b, false);
        case OpType::kEqual:
            return a == b;
        case OpType::kLess:
            return a < b;
        case OpType::kGreater:
            return a > b;
        case OpType::kLessOrEqual:
            return a <= b;
        case OpType::kGreaterOrEqual:
            return a >= b;
        default:
            return std::nullopt;
    }
}

/// For each element of the output, the flat index of the operand's element that broadcasts to it.
std::vector<size_t> broadcast_index(const Shape& aligned, const std::vector<int64_t>& shape) {
    const auto count = static_cast<size_t>(element_count(shape));
    std::vector<size_t> index(count, 0);
    size_t stride = 1;
    size_t repeat = 1;  // elements of the output below dim d
    for (size_t d = shape.size(); d-- > 0;) {
        const auto size = static_cast<size_t>(shape[d]);
        if (!aligned[d].is(1)) {
            for (size_t i = 0; i < count; ++i) index[i] += i / repeat % size * stride;
            stride *= size;
        }
        repeat *= size;
    }
    return index;
}

struct Operands {
    std::vector<KnownPtr> known;
    std::vector<std::vector<size_t>> index;
    size_t count = 0;
};

std::optional<Operands> known_operands(const Rule& rule) {
    const auto shape = rule.small_output(0);
    if (!shape) return std::nullopt;
    Operands result;
    result.count = static_cast<size_t>(element_count(*shape));
    const std::vector<Shape> aligned = aligned_operands(rule);
    for (size_t k = 0; k < rule.input_count(); ++k) {
        result.known.push_back(rule.try_known(k));
        if (!result.known.back()) return std::nullopt;
        result.index.push_back(broadcast_index(aligned[k], *shape));
    }
    return result;
}

/// Operators with two operands or more, folded from the left.
void nary(Rule& rule) {
    const auto operands = known_operands(rule);
    if (!operands) return;
    const OpType op = rule.node().op;
    std::vector<Dim> ints;
    std::vector<double> floats;
    const bool on_floats = tensor::is_float(operands->known[0]->dtype);
    for (const KnownPtr& k : operands->known) {
        if (tensor::is_float(k->dtype) != on_floats) return;
        if (beyond_signed(*k) && !ignores_sign(op)) return;
    }
    for (size_t i = 0; i < operands->count; ++i) {
        if (on_floats) {
            double left = operands->known[0]->floats[operands->index[0][i]];
            for (size_t k = 1; k < operands->known.size(); ++k) {
                const auto r =
                    binary_float(op, left, operands->known[k]->floats[operands->index[k][i]]);
                if (!r) return;
                left = round_float(rule.dtype(0), *r);
            }
            floats.push_back(left);
        } else {
            Dim left = operands->known[0]->ints[operands->index[0][i]];
            for (size_t k = 1; k < operands->known.size(); ++k) {
                MaybeDim r =
                    binary_int(rule, op, left, operands->known[k]->ints[operands->index[k][i]]);
                if (!r) return;
                left = *r;
            }
            ints.push_back(left);
        }
    }
    if (tensor::is_float(rule.output_dtype(0))) {
        rule.output_floats(0, std::move(floats));
        return;
    }
    for (double f : floats) ints.emplace_back(f != 0);  // comparisons of floats
    rule.output_ints(0, std::move(ints));
}

void where(Rule& rule) {
    const auto operands = known_operands(rule);
    if (!operands) return;
    std::vector<Dim> ints;
    std::vector<double> floats;
    for (size_t i = 0; i < operands->count; ++i) {
        const Dim& condition = operands->known[0]->ints[operands->index[0][i]];
        const size_t k = condition.is(0) ? 2 : 1;
        const size_t at = operands->index[k][i];
        if (tensor::is_float(rule.output_dtype(0))) {
            if (!condition.is_const()) return;
            floats.push_back(operands->known[k]->floats[at]);
            continue;
        }
        const Dim& other = operands->known[3 - k]->ints[operands->index[3 - k][i]];
        const Dim& taken = operands->known[k]->ints[at];
        if (!condition.is_const() && taken != other) return;
        ints.push_back(taken);
    }
    if (tensor::is_float(rule.output_dtype(0))) {
        rule.output_floats(0, std::move(floats));
    } else {
        rule.output_ints(0, std::move(ints));
    }
}

MaybeDim unary_int(OpType op, const Dim& a) {
    switch (op) {
        case OpType::kNeg:
            return wrapped(0, a, OpType::kSub);
        case OpType::kAbs:
            if (a.is_const()) return a.value() < 0 ? wrapped(0, a, OpType::kSub) : a;
            return surely_nonnegative(a) ? MaybeDim(a) : std::nullopt;
        case OpType::kRelu:
            if (a.is_const()) return std::max<int64_t>(a.value(), 0);
            return surely_nonnegative(a) ? MaybeDim(a) : std::nullopt;
        case OpType::kSign:
            if (a.is_const()) return (a.value() > 0) - (a.value() < 0);
            return std::nullopt;
        case OpType::kNot:
            return a.is_const() ? MaybeDim(a.is(0) ? 1 : 0) : std::nullopt;
        default:
            return std::nullopt;
    }
}

std::optional<double> unary_float(OpType op, double a) {
    switch (op) {
        case OpType::kNeg:
            return -a;
        case OpType::kAbs:
            return std::fabs(a);
        case OpType::kRelu:
            return a < 0 ? 0.0 : a;
        case OpType::kSign:
            return std::isnan(a) ? a : (a > 0) - (a < 0);
        case OpType::kFloor:
            return std::floor(a);
        case OpType::kCeil:
            return std::ceil(a);
        case OpType::kRound:
            return std::nearbyint(a);
        case OpType::kSqrt:
            return std::sqrt(a);
        case OpType::kReciprocal:
            return 1 / a;
        default:
            return std::nullopt;
    }
}

void unary(Rule& rule) {
    const KnownPtr x = rule.try_known(0);
    if (!x || beyond_signed(*x)) return;
    std::vector<Dim> ints;
    std::vector<double> floats;
    for (double f : x->floats) {
        const auto r = unary_float(rule.node().op, f);
        if (!r) return;
        floats.push_back(*r);
    }
    for (const Dim& d : x->ints) {
        const MaybeDim r = unary_int(rule.node().op, d);
        if (!r) return;
        ints.push_back(*r);
    }
    if (tensor::is_float(x->dtype)) {
        rule.output_floats(0, std::move(floats));
    } else {
        rule.output_ints(0, std::move(ints));
    }
}

/// Float to integer, towards zero; nothing for what no integer of the type can hold.
MaybeDim truncated(double v) {
    if (!(std::fabs(v) < 9e18)) return std::nullopt;
    return static_cast<int64_t>(v);
}

void cast(Rule& rule) {
    const KnownPtr x = rule.try_known(0);
    const DType to = rule.output_dtype(0);
    if (!x || !can_be_known(to)) return;
    if (beyond_signed(*x) && tensor::is_float(to)) return;
    const bool from_float = tensor::is_float(x->dtype);
    std::vector<Dim> ints;
    std::vector<double> floats;
    for (size_t i = 0; i < static_cast<size_t>(x->elements()); ++i) {
        if (!from_float && !x->ints[i].is_const() && (tensor::is_float(to) || to == DType::kBool)) {
            return;
        }
        if (tensor::is_float(to)) {
            floats.push_back(from_float ? x->floats[i] : static_cast<double>(x->ints[i].value()));
        } else if (to == DType::kBool && from_float) {
            ints.emplace_back(x->floats[i] != 0);
        } else if (from_float) {
            const MaybeDim whole = truncated(x->floats[i]);
            if (!whole || wrap_int(to, whole->value()) != whole->value()) return;
            ints.push_back(*whole);
        } else {
            ints.push_back(x->ints[i]);
        }
    }
    if (tensor::is_float(to)) {
        rule.output_floats(0, std::move(floats));
    } else {
        rule.output_ints(0, std::move(ints));
    }
}

OpType step_of(OpType reduction) {
    switch (reduction) {
        case OpType::kReduceSum:
            return OpType::kAdd;
        case OpType::kReduceProd:
            return OpType::kMul;
        case OpType::kReduceMax:
            return OpType::kMax;
        default:
            return OpType::kMin;
    }
}

/// Integer reductions; floats are left to the evaluator (their order of addition is its affair).
void reduce(Rule& rule) {
    const KnownPtr x = rule.try_known(0);
    const auto shape = rule.small_output(0);
    if (!x || !shape || tensor::is_float(x->dtype) || x->elements() == 0) return;
    if (beyond_signed(*x) && !ignores_sign(step_of(rule.node().op))) return;
    const Reduction reduction = reduction_of(rule);
    std::vector<MaybeDim> result(static_cast<size_t>(element_count(*shape)));
    for (int64_t i = 0; i < x->elements(); ++i) {
        int64_t rest = i;
        int64_t at = 0;
        int64_t stride = 1;
        for (size_t d = x->shape.size(); d-- > 0;) {
            const int64_t coordinate = rest % x->shape[d];
            rest /= x->shape[d];
            const bool reduced = std::binary_search(reduction.axes.begin(), reduction.axes.end(),
                                                    static_cast<int64_t>(d));
            if (reduced) continue;
            at += coordinate * stride;
            stride *= x->shape[d];
        }
        MaybeDim& slot = result[static_cast<size_t>(at)];
        const Dim& element = x->ints[static_cast<size_t>(i)];
        slot = slot ? binary_int(rule, step_of(rule.node().op), *slot, element) : element;
        if (!slot) return;
    }
    std::vector<Dim> ints;
    for (const MaybeDim& d : result) ints.push_back(*d);
    rule.output_ints(0, std::move(ints));
}

}  // namespace

void add_arithmetic_values(RuleTable& table) {
    using enum OpType;
    for (OpType op : {kAdd, kSub, kMul, kDiv, kSum, kMod, kPow, kMax, kMin, kEqual, kLess, kGreater,
                      kLessOrEqual, kGreaterOrEqual, kAnd, kOr}) {
        row(table.value, op) = nary;
    }
    for (OpType op : {kNeg, kAbs, kRelu, kSign, kNot, kFloor, kCeil, kRound, kSqrt, kReciprocal}) {
        row(table.value, op) = unary;
    }
    for (OpType op : {kReduceSum, kReduceProd, kReduceMax, kReduceMin}) {
        row(table.value, op) = reduce;
    }
    row(table.value, kWhere) = where;
    row(table.value, kCast) = cast;
}

}  // namespace smeaton::model
