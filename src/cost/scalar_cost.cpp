#include "cost/scalar_cost.h"

#include <optional>
#include <utility>

#include "base/error.h"
#include "machine/energy.h"
#include "machine/query.h"
#include "machine/words.h"

namespace smeaton::cost {
namespace {

using gir::ScalarFn;
using machine::Interval;
using machine::Machine;
using machine::OpClass;
using machine::Unit;
using tensor::DType;

using List = std::vector<Instructions>;
using Hardware = std::set<OpClass>;

/// The dtype that arithmetic on `t` is done in.
DType arithmetic(DType t) {
    if (tensor::is_float(t)) return t == DType::kF64 ? DType::kF64 : DType::kF32;
    return tensor::bits(t) == 64 ? DType::kI64 : DType::kI32;
}

void add(List& list, OpClass op, DType dtype, double count) {
    for (Instructions& i : list)
        if (i.op == op && i.dtype == dtype) {
            i.count += count;
            return;
        }
    list.push_back({op, dtype, count});
}

void append(List& list, const List& more) {
    for (const Instructions& i : more) add(list, i.op, i.dtype, i.count);
}

// Polynomials in f32, by instruction. exp: range reduction by a rounded multiple of ln 2, degree 6,
// scaling by a power of two, NaN kept by two selects.
List exp_f32(const Hardware& hardware) {
    constexpr DType f = DType::kF32;
    if (hardware.count(OpClass::Exp)) return {{OpClass::Exp, f, 1}};
    return {{OpClass::MinMax, f, 2}, {OpClass::Mul, f, 2},  {OpClass::Convert, f, 1},
            {OpClass::Fma, f, 8},    {OpClass::Add, f, 1},  {OpClass::Compare, f, 2},
            {OpClass::Select, f, 2}, {OpClass::Scale, f, 1}};
}

// Exponent and mantissa apart by integer arithmetic, degree 8, the ends by selects.
List log_f32(const Hardware& hardware) {
    constexpr DType f = DType::kF32, i = DType::kI32;
    if (hardware.count(OpClass::Log)) return {{OpClass::Log, f, 1}};
    return {{OpClass::Fma, f, 11},    {OpClass::Mul, f, 5},   {OpClass::Add, f, 3},
            {OpClass::Add, i, 2},     {OpClass::Logic, i, 2}, {OpClass::Convert, f, 1},
            {OpClass::Compare, f, 6}, {OpClass::Select, f, 6}};
}

// A polynomial near zero, one minus an exponential farther out, chosen by a select.
List erf_f32(const Hardware& hardware) {
    constexpr DType f = DType::kF32, i = DType::kI32;
    if (hardware.count(OpClass::Erf)) return {{OpClass::Erf, f, 1}};
    List list = {{OpClass::Fma, f, 13},   {OpClass::Mul, f, 1},   {OpClass::Add, f, 1},
                 {OpClass::MinMax, f, 1}, {OpClass::Logic, i, 4}, {OpClass::Compare, f, 2},
                 {OpClass::Select, f, 2}};
    append(list, exp_f32(hardware));
    return list;
}

List tanh_f32(const Hardware& hardware) {
    constexpr DType f = DType::kF32, i = DType::kI32;
    if (hardware.count(OpClass::Tanh)) return {{OpClass::Tanh, f, 1}};
    List list = {{OpClass::Fma, f, 5},   {OpClass::Mul, f, 2},   {OpClass::Add, f, 3},
                 {OpClass::Div, f, 1},   {OpClass::Logic, i, 3}, {OpClass::Compare, f, 2},
                 {OpClass::Select, f, 2}};
    append(list, exp_f32(hardware));
    return list;
}

List sigmoid_f32(const Hardware& hardware) {
    constexpr DType f = DType::kF32, i = DType::kI32;
    List list = {{OpClass::Logic, i, 2},
                 {OpClass::Add, f, 1},
                 {OpClass::Div, f, 1},
                 {OpClass::Compare, f, 2},
                 {OpClass::Select, f, 2}};
    append(list, exp_f32(hardware));
    return list;
}

// In f64: reduction by pi/2 in three parts, both Taylor sums; quadrant by selects in f32. What is
// in f64 is counted by operations on as many elements as the f32 vector has.
List sine_f32(const Hardware& hardware) {
    constexpr DType f = DType::kF32, d = DType::kF64;
    if (hardware.count(OpClass::Sin)) return {{OpClass::Sin, f, 1}};
    return {{OpClass::Convert, f, 4},
            {OpClass::Fma, d, 18},
            {OpClass::Compare, f, 5},
            {OpClass::Select, f, 3},
            {OpClass::Logic, DType::kI64, 4}};
}

// 2^(y log2 x) in f64; log1p alike without the second half.
List log_f64_part() {
    constexpr DType d = DType::kF64;
    return {{OpClass::Fma, d, 12},
            {OpClass::Div, d, 1},
            {OpClass::Logic, DType::kI64, 4},
            {OpClass::Convert, DType::kF32, 3}};
}

List pow_f32(const Hardware& hardware) {
    constexpr DType f = DType::kF32, d = DType::kF64;
    if (hardware.count(OpClass::Pow)) return {{OpClass::Pow, f, 1}};
    List list = log_f64_part();
    append(list, {{OpClass::Fma, d, 16},
                  {OpClass::Logic, DType::kI64, 2},
                  {OpClass::Logic, DType::kI32, 2},
                  {OpClass::Compare, f, 5},
                  {OpClass::Select, f, 5},
                  {OpClass::Convert, f, 6}});
    return list;
}

List log1p_f32() {
    constexpr DType f = DType::kF32;
    List list = log_f64_part();
    append(list,
           {{OpClass::Fma, DType::kF64, 4}, {OpClass::Compare, f, 4}, {OpClass::Select, f, 3}});
    return list;
}

/// In f64 the same structure takes about twice the terms; every instruction moves to f64.
List in_f64(const List& f32) {
    List list;
    for (const Instructions& i : f32) {
        DType dtype = tensor::is_float(i.dtype) ? DType::kF64 : DType::kI64;
        add(list, i.op, dtype, i.op == OpClass::Fma ? 2 * i.count : i.count);
    }
    return list;
}

std::optional<List> special(ScalarFn fn, const Hardware& hardware) {
    switch (fn) {
        case ScalarFn::exp:
            return exp_f32(hardware);
        case ScalarFn::log:
            return log_f32(hardware);
        case ScalarFn::log1p:
            return log1p_f32();
        case ScalarFn::erf:
            return erf_f32(hardware);
        case ScalarFn::tanh:
            return tanh_f32(hardware);
        case ScalarFn::sigmoid:
            return sigmoid_f32(hardware);
        case ScalarFn::sin:
        case ScalarFn::cos:
            return sine_f32(hardware);
        case ScalarFn::pow:
            return pow_f32(hardware);
        case ScalarFn::fmod:  // the remainder of a division, exact by two multiply-adds
            return List{{OpClass::Div, DType::kF32, 1},
                        {OpClass::Convert, DType::kF32, 1},
                        {OpClass::Fma, DType::kF32, 2}};
        default:
            return std::nullopt;
    }
}

List simple(ScalarFn fn, DType t) {
    DType mask = tensor::is_float(t) ? t : DType::kI32;  // compares and selects of integers
    DType bits = t == DType::kF64 || t == DType::kI64 ? DType::kI64 : DType::kI32;
    switch (fn) {
        case ScalarFn::copy:
            return {};
        case ScalarFn::cast:
        case ScalarFn::floor:
        case ScalarFn::ceil:
        case ScalarFn::round:
        case ScalarFn::trunc:
            return {{OpClass::Convert, t, 1}};
        case ScalarFn::neg:
        case ScalarFn::abs:
        case ScalarFn::not_:
        case ScalarFn::and_:
        case ScalarFn::or_:
        case ScalarFn::xor_:
            return {{OpClass::Logic, bits, 1}};
        case ScalarFn::sign:
            return {{OpClass::Compare, mask, 2}, {OpClass::Select, mask, 2}};
        case ScalarFn::relu:
            return {{OpClass::MinMax, mask, 1}};
        case ScalarFn::max:  // NaN of either side is kept
        case ScalarFn::min:
            return tensor::is_float(t)
                       ? List{{OpClass::MinMax, t, 1},
                              {OpClass::Compare, t, 1},
                              {OpClass::Select, t, 1}}
                       : List{{OpClass::Compare, mask, 1}, {OpClass::Select, mask, 1}};
        case ScalarFn::add:
        case ScalarFn::sub:
            return {{OpClass::Add, t, 1}};
        case ScalarFn::mul:
            return {{OpClass::Mul, t, 1}};
        case ScalarFn::sqrt:
            return {{OpClass::Sqrt, t, 1}};
        case ScalarFn::div:
        case ScalarFn::reciprocal:
            return {{OpClass::Div, t, 1}};
        case ScalarFn::idiv:  // through f64, and back
        case ScalarFn::imod:
            return {{OpClass::Div, DType::kF64, 1},
                    {OpClass::Convert, DType::kF32, 4},
                    {OpClass::Fma, DType::kF64, 1}};
        case ScalarFn::eq:
        case ScalarFn::ne:
        case ScalarFn::lt:
        case ScalarFn::le:
        case ScalarFn::gt:
        case ScalarFn::ge:
        case ScalarFn::isnan:
            return {{OpClass::Compare, mask, 1}, {OpClass::Convert, mask, 1}};
        case ScalarFn::isinf:
            return {{OpClass::Logic, bits, 1},
                    {OpClass::Compare, mask, 1},
                    {OpClass::Convert, mask, 1}};
        default:
            break;
    }
    SMEATON_CHECK(false, "scalar function {} has no cost row", gir::name(fn));
    return {};
}

bool is_half(DType t) {
    return t == DType::kF16 || t == DType::kBF16;
}

List stand_in(OpClass op, DType t) {
    bool f64 = t == DType::kF64;
    DType integer = f64 ? DType::kI64 : DType::kI32;
    if ((op == OpClass::Div || op == OpClass::Sqrt) && !tensor::is_float(t))
        return {{op, DType::kF64, 1}};
    switch (op) {
        case OpClass::FmaLoad:
            return {{OpClass::Fma, t, 1}};
        case OpClass::Fma:
            return {{OpClass::Mul, t, 1}, {OpClass::Add, t, 1}};
        case OpClass::MinMax:
            return {{OpClass::Compare, t, 1}, {OpClass::Select, t, 1}};
        case OpClass::Select:
            return {{OpClass::Logic, integer, 3}};
        case OpClass::Insert:
            return {{OpClass::Gather, t, 1}};
        case OpClass::Scale:
            return {{OpClass::Convert, t, 1},
                    {OpClass::Logic, integer, 3},
                    {OpClass::Add, integer, 3},
                    {OpClass::Mul, t, 2}};
        default:
            return {};
    }
}

}  // namespace

std::vector<Instructions> instructions(ScalarFn fn, DType compute_dtype,
                                       const std::set<OpClass>& hardware) {
    DType t = arithmetic(compute_dtype);
    List list;
    if (std::optional<List> polynomial = special(fn, t == DType::kF64 ? Hardware{} : hardware))
        list = t == DType::kF64 ? in_f64(*polynomial) : *polynomial;
    else
        list = simple(fn, t);
    if (is_half(compute_dtype) && fn != ScalarFn::copy) add(list, OpClass::Convert, DType::kF32, 2);
    return list;
}

std::set<OpClass> functions_of(const Unit& unit) {
    std::set<OpClass> functions;
    for (const machine::Rate& rate : unit.rates) switch (rate.op) {
            case OpClass::Exp:
            case OpClass::Log:
            case OpClass::Erf:
            case OpClass::Tanh:
            case OpClass::Sin:
            case OpClass::Pow:
                if (rate.dtype == DType::kF32) functions.insert(rate.op);
                break;
            default:
                break;
        }
    return functions;
}

std::vector<Instructions> multiply_add(DType compute_dtype) {
    DType t = arithmetic(compute_dtype);
    if (tensor::is_float(t)) {
        List list = {{t == DType::kF32 ? OpClass::FmaLoad : OpClass::Fma, t, 1}};
        if (is_half(compute_dtype)) add(list, OpClass::Convert, DType::kF32, 1);
        return list;
    }
    return {{OpClass::Mul, t, 1}, {OpClass::Add, t, 1}};
}

static std::optional<Interval> rate_or_stand_in(const Machine& machine, const Unit& unit,
                                                OpClass op, DType dtype) {
    if (auto rate = machine::rate_gops(machine, unit, op, dtype)) return *rate;
    // The same class at another width, by bits: compares, selects, logic move whole registers.
    struct Other {
        DType dtype;
        double factor;
    };
    bool wide = tensor::bits(dtype) == 64;
    std::vector<Other> others;
    if (tensor::is_float(dtype))
        others = {{wide ? DType::kF32 : DType::kF64, wide ? 0.5 : 2.0}};
    else
        others = {{wide ? DType::kI32 : DType::kI64, wide ? 0.5 : 2.0}};
    bool bitwise = op == OpClass::Compare || op == OpClass::Select || op == OpClass::Logic ||
                   op == OpClass::Convert || op == OpClass::Shuffle || op == OpClass::Gather ||
                   op == OpClass::Insert || op == OpClass::MinMax;
    if (bitwise) {
        double factor = wide ? 0.5 : 1.0;
        others.push_back({DType::kF32, factor});
        others.push_back({DType::kI32, factor});
    }
    for (const Other& other : others)
        if (auto rate = machine::rate_gops(machine, unit, op, other.dtype))
            return *rate * other.factor;
    List parts = stand_in(op, dtype);
    if (parts.empty()) return std::nullopt;
    Interval ns_per_giga{0, 0, 0};
    for (const Instructions& part : parts) {
        std::optional<Interval> rate = rate_or_stand_in(machine, unit, part.op, part.dtype);
        if (!rate) return std::nullopt;
        ns_per_giga = ns_per_giga + Interval::exact(part.count) / *rate;
    }
    return Interval::exact(1) / ns_per_giga;
}

std::vector<std::string> missing_rates(const Machine& machine, const Unit& unit) {
    constexpr DType f = DType::kF32, i = DType::kI32;
    constexpr std::pair<OpClass, DType> kGeneral[] = {
        {OpClass::Add, f},     {OpClass::Mul, f},     {OpClass::Fma, f},    {OpClass::MinMax, f},
        {OpClass::Compare, f}, {OpClass::Select, f},  {OpClass::Div, f},    {OpClass::Sqrt, f},
        {OpClass::Convert, f}, {OpClass::Shuffle, f}, {OpClass::Gather, f}, {OpClass::Add, i},
        {OpClass::Mul, i},     {OpClass::Logic, i}};
    std::vector<std::string> missing;
    for (const auto& [op, dtype] : kGeneral)
        if (!rate_or_stand_in(machine, unit, op, dtype))
            missing.push_back(fmt::format("{} {}", machine::text(op), tensor::name(dtype)));
    return missing;
}

Interval class_rate_gops(const Machine& machine, const Unit& unit, OpClass op, DType dtype) {
    if (auto rate = rate_or_stand_in(machine, unit, op, dtype)) return *rate;
    const std::string wanted = fmt::format("{} {}", machine::text(op), tensor::name(dtype));
    std::string others;
    for (const std::string& row : missing_rates(machine, unit))
        if (row != wanted) others += (others.empty() ? "" : ", ") + row;
    throw UserError(
        "machine {}: unit {} has no rate for {}{}; add the rows to its 'rates' "
        "(docs/machine.md)",
        machine.name, unit.name, wanted,
        others.empty() ? "" : ", nor for others that programs may need: " + others);
}

/// Of all that stands in for an instruction, each by `pj_of`; nothing where one of it has none.
template <class PjOf>
static std::optional<machine::Number> stand_in_pj(OpClass op, DType dtype, PjOf&& pj_of) {
    const List parts = stand_in(op, dtype);
    if (parts.empty()) return std::nullopt;
    Interval total{0, 0, 0};
    std::string source;
    for (const Instructions& part : parts) {
        const std::optional<machine::Number> pj = pj_of(part.op, part.dtype);
        if (!pj) return std::nullopt;
        total = total + pj->interval() * part.count;
        source += fmt::format("{}{} x {} ({})", source.empty() ? "" : " + ", part.count,
                              machine::text(part.op), pj->source);
    }
    return machine::Number(total, source);
}

/// What the unit's rows say, of the class or of what stands in for it.
static std::optional<machine::Number> stated_pj(const Unit& unit, OpClass op, DType dtype) {
    for (const machine::Rate& rate : unit.rates)
        if (rate.op == op && rate.dtype == dtype && rate.energy_pj) return rate.energy_pj;
    return stand_in_pj(op, dtype, [&](OpClass o, DType t) { return stated_pj(unit, o, t); });
}

std::optional<machine::Number> class_energy_pj(const Machine& machine, const Unit& unit, OpClass op,
                                               DType dtype) {
    if (auto pj = stated_pj(unit, op, dtype)) return pj;
    if (auto pj = machine::op_energy_pj(machine, unit, op, dtype)) return pj;
    return stand_in_pj(op, dtype,
                       [&](OpClass o, DType t) { return class_energy_pj(machine, unit, o, t); });
}

}  // namespace smeaton::cost
