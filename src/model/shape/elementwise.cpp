#include "model/shape/elementwise.h"

#include <algorithm>
#include <array>

#include "model/shape/rule.h"

namespace smeaton::model {

namespace {

bool has_legacy_broadcast(const NodeView& view) {
    switch (view.node().op) {
        case OpType::kAdd:
        case OpType::kSub:
        case OpType::kMul:
        case OpType::kDiv:
        case OpType::kPow:
        case OpType::kEqual:
        case OpType::kLess:
        case OpType::kGreater:
        case OpType::kAnd:
        case OpType::kOr:
            return view.version() < 7;
        default:
            return false;
    }
}

/// Versions before 7: B's dims stand at A's dims from `axis` on (default: the last ones).
Shape legacy_aligned(const NodeView& view) {
    const Shape& a = view.shape(0);
    Shape b = view.shape(1);
    if (view.attr("broadcast", 0) == 0) {
        if (a.size() != b.size()) {
            view.fail("operands {} and {} disagree (attribute broadcast is 0)", view.operand(0),
                      view.operand(1));
        }
        return b;
    }
    if (std::all_of(b.begin(), b.end(), [](const Dim& d) { return d.is(1); })) {
        return Shape(a.size(), 1);
    }
    const int64_t spare = view.rank(0) - view.rank(1);
    int64_t axis = view.attr("axis", spare);
    if (axis < 0) axis += view.rank(0);
    if (spare < 0 || axis < 0 || axis > spare) {
        view.fail("operand {} does not fit into {} from axis {} on", view.operand(1),
                  view.operand(0), view.attr("axis", spare));
    }
    Shape aligned(a.size(), 1);
    std::copy(b.begin(), b.end(), aligned.begin() + axis);
    return aligned;
}

}  // namespace

std::vector<Shape> aligned_operands(const NodeView& view) {
    if (has_legacy_broadcast(view)) return {view.shape(0), legacy_aligned(view)};
    size_t rank = 0;
    for (size_t k = 0; k < view.input_count(); ++k) rank = std::max(rank, view.shape(k).size());
    std::vector<Shape> result;
    for (size_t k = 0; k < view.input_count(); ++k) {
        Shape aligned(rank - view.shape(k).size(), 1);
        aligned.insert(aligned.end(), view.shape(k).begin(), view.shape(k).end());
        result.push_back(std::move(aligned));
    }
    return result;
}

std::optional<DType> dtype_of_onnx(int64_t number) {
    using D = DType;
    static constexpr std::array<std::optional<DType>, 27> kTypes = {
        std::nullopt,   D::kF32,    D::kU8,         D::kI8,       D::kU16,  D::kI16,
        D::kI32,        D::kI64,    D::kString,     D::kBool,     D::kF16,  D::kF64,
        D::kU32,        D::kU64,    std::nullopt,   std::nullopt, D::kBF16, D::kF8E4M3FN,
        D::kF8E4M3FNUZ, D::kF8E5M2, D::kF8E5M2FNUZ, D::kU4,       D::kI4,   D::kF4E2M1,
        D::kF8E8M0,     D::kU2,     D::kI2};
    if (number < 0 || number >= static_cast<int64_t>(kTypes.size())) return std::nullopt;
    return kTypes[static_cast<size_t>(number)];
}

int64_t onnx_number(DType dtype) {
    for (int64_t number = 1;; ++number) {
        SMEATON_CHECK(number < 32, "{} has no number in ONNX", tensor::name(dtype));
        if (dtype_of_onnx(number) == dtype) return number;
    }
}

DType cast_target(const NodeView& view) {
    if (!view.has_attr("to")) view.fail("attribute to is missing");
    const int64_t number = view.attr("to", 0);
    const std::optional<DType> target = dtype_of_onnx(number);
    if (!target) view.fail("attribute to is {}, which is no supported data type", number);
    return *target;
}

void check_dropout_is_identity(const NodeView& view) {
    if (view.version() < 12) return;  // before, files for inference carry no mode (is_test of 6)
    if (!view.has(2)) return;
    if (view.ints(2, "training_mode") != std::vector<int64_t>{1}) return;
    const std::vector<double> given = view.has(1) ? view.numbers(1, "ratio") : std::vector{0.5};
    if (given.size() != 1) view.fail("operand {} must hold one number", view.operand(1));
    const double ratio = given[0];
    if (ratio != 0) {
        view.fail(
            "it drops at random (training_mode with ratio {}); export the model for "
            "inference",
            ratio);
    }
}

namespace {

void unary(Rule& rule) {
    rule.same_as_input();
}

void gelu(Rule& rule) {
    rule.choice("approximate", "none", {"none", "tanh"});
    rule.same_as_input();
}

void expect_bool(const Rule& rule, size_t k) {
    if (rule.dtype(k) != DType::kBool) rule.fail("operand {} must be bool", rule.operand(k));
}

std::vector<size_t> all_operands(const Rule& rule) {
    std::vector<size_t> all;
    for (size_t k = 0; k < rule.input_count(); ++k) all.push_back(k);
    return all;
}

/// The broadcast shape of all operands, versions before 7 included.
Shape result_shape(Rule& rule) {
    if (!has_legacy_broadcast(rule)) return rule.broadcast(all_operands(rule));
    const std::vector<Shape> aligned = aligned_operands(rule);
    const bool free = rule.attr("broadcast", 0) != 0;
    for (size_t d = 0; d < aligned[0].size(); ++d) {
        if (free && aligned[1][d].is(1)) continue;
        if (!rule.unify(aligned[0][d], aligned[1][d])) {
            rule.fail("operands {} and {} disagree", rule.operand(0), rule.operand(1));
        }
    }
    return rule.shape(0);
}

void arithmetic(Rule& rule) {
    const DType dtype = rule.same_dtype(all_operands(rule));
    rule.output(0, dtype, result_shape(rule));
}

void mod(Rule& rule) {
    if (rule.attr("fmod", 0) == 0 && tensor::is_float(rule.dtype(0))) {
        rule.fail("attribute fmod must be 1 for float operands such as {}", rule.operand(0));
    }
    arithmetic(rule);
}

void pow(Rule& rule) {
    if (rule.version() < 12) rule.same_dtype({0, 1});
    rule.output(0, rule.dtype(0), result_shape(rule));
}

void compare(Rule& rule) {
    rule.same_dtype({0, 1});
    rule.output(0, DType::kBool, result_shape(rule));
}

void logic(Rule& rule) {
    for (size_t k = 0; k < rule.input_count(); ++k) expect_bool(rule, k);
    rule.output(0, DType::kBool, result_shape(rule));
}

void where(Rule& rule) {
    expect_bool(rule, 0);
    rule.output(0, rule.same_dtype({1, 2}), rule.broadcast({0, 1, 2}));
}

void clip(Rule& rule) {
    for (size_t k = 1; k <= 2; ++k) {
        if (!rule.has(k)) continue;
        rule.same_dtype({0, k});
        const Dim count = tensor::product(rule.shape(k));
        if (count.is_const() && !count.is(1)) {
            rule.fail("operand {} must be a scalar", rule.operand(k));
        }
    }
    rule.same_as_input();
}

void cast(Rule& rule) {
    rule.output(0, cast_target(rule), rule.shape(0));
}

void dropout(Rule& rule) {
    check_dropout_is_identity(rule);
    rule.same_as_input();
    rule.output(1, rule.version() >= 10 ? DType::kBool : rule.dtype(0), rule.shape(0));
}

}  // namespace

void add_elementwise_rules(RuleTable& table) {
    using enum OpType;
    for (OpType op : {kRelu,       kLeakyRelu, kElu,  kSoftplus, kSigmoid, kHardSigmoid, kHardSwish,
                      kTanh,       kErf,       kExp,  kLog,      kNeg,     kAbs,         kSign,
                      kReciprocal, kFloor,     kCeil, kRound,    kSin,     kCos,         kSqrt}) {
        row(table.shape, op) = unary;
    }
    for (OpType op : {kAdd, kSub, kMul, kDiv, kSum, kMax, kMin}) row(table.shape, op) = arithmetic;
    for (OpType op : {kEqual, kLess, kGreater, kLessOrEqual, kGreaterOrEqual})
        row(table.shape, op) = compare;
    for (OpType op : {kNot, kAnd, kOr}) row(table.shape, op) = logic;
    row(table.shape, kGelu) = gelu;
    row(table.shape, kMod) = mod;
    row(table.shape, kPow) = pow;
    row(table.shape, kWhere) = where;
    row(table.shape, kClip) = clip;
    row(table.shape, kCast) = cast;
    row(table.shape, kDropout) = dropout;
}

}  // namespace smeaton::model
