#include "machine/tech/tables.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <vector>

namespace smeaton::machine::tech {
namespace {

using tensor::DType;

const char* const kHorowitz = "M. Horowitz, Computing's energy problem, ISSCC 2014, 45 nm";
// The table of the paper was not at hand when these digits were entered: hence the range.
const char* const kJouppi =
    "N. Jouppi et al., Ten lessons from three generations, ISCA 2021, 7 nm; digits not checked "
    "against the paper, taken as +- 25 %";

struct Published {
    OpClass op;
    DType dtype;
    double pj;
};

constexpr std::array k45{
    Published{OpClass::Add, DType::kI8, 0.03}, Published{OpClass::Add, DType::kI32, 0.1},
    Published{OpClass::Add, DType::kF16, 0.4}, Published{OpClass::Add, DType::kF32, 0.9},
    Published{OpClass::Mul, DType::kI8, 0.2},  Published{OpClass::Mul, DType::kI32, 3.1},
    Published{OpClass::Mul, DType::kF16, 1.1}, Published{OpClass::Mul, DType::kF32, 3.7},
};

constexpr std::array k7{
    Published{OpClass::Add, DType::kI8, 0.007},  Published{OpClass::Add, DType::kI32, 0.03},
    Published{OpClass::Add, DType::kBF16, 0.11}, Published{OpClass::Add, DType::kF16, 0.16},
    Published{OpClass::Add, DType::kF32, 0.38},  Published{OpClass::Mul, DType::kI8, 0.07},
    Published{OpClass::Mul, DType::kI32, 1.48},  Published{OpClass::Mul, DType::kBF16, 0.21},
    Published{OpClass::Mul, DType::kF16, 0.34},  Published{OpClass::Mul, DType::kF32, 1.31},
};

template <class Table>
std::optional<Number> find(const Table& table, double slack, const char* source, OpClass op,
                           DType dtype) {
    for (const Published& p : table)
        if (p.op == op && p.dtype == dtype)
            return Number({p.pj * (1 - slack), p.pj, p.pj * (1 + slack)}, source);
    return std::nullopt;
}

std::optional<Number> published(Technology t, OpClass op, DType dtype) {
    return t == Technology::Nm45 ? find(k45, 0, kHorowitz, op, dtype)
                                 : find(k7, 0.25, kJouppi, op, dtype);
}

Number derived(Interval pj, const Number& from, const char* how) {
    return Number(pj, fmt::format("derived: {} ({})", how, from.source));
}

DType half_as_wide(DType t) {
    switch (t) {
        case DType::kF64:
            return DType::kF32;
        case DType::kI64:
        case DType::kU64:
            return DType::kI32;
        default:
            return t;
    }
}

/// A sum or a product. Of 64 bits: a sum twice, a product four to five times that of 32.
std::optional<Number> basic(Technology t, OpClass op, DType dtype) {
    if (dtype == DType::kU8) dtype = DType::kI8;
    if (dtype == DType::kU32 || dtype == DType::kBool) dtype = DType::kI32;
    if (auto known = published(t, op, dtype)) return known;
    auto narrow = published(t, op, half_as_wide(dtype));
    if (half_as_wide(dtype) == dtype || !narrow) return std::nullopt;
    if (op == OpClass::Add)
        return derived(narrow->interval() * Interval{2, 2, 2.5}, *narrow, "twice that of 32 bits");
    return derived(narrow->interval() * Interval{4, 4, 5}, *narrow,
                   "4 to 5 times that of 32 bits, by the square of the digits");
}

/// From `low` parts of one figure to `high` of another.
Interval between(const Number& a, double low, const Number& b, double value, double high) {
    return {a.low * low, b.value * value, b.high * high};
}

std::optional<Number> from_basics(OpClass op, const Number& add, const Number& mul,
                                  const Number& integer) {
    Interval fma = mul.interval() + add.interval();
    switch (op) {
        case OpClass::Add:
            return add;
        case OpClass::Mul:
            return mul;
        case OpClass::Fma:
        case OpClass::FmaLoad:
            return Number(fma, add.source);
        case OpClass::MinMax:
        case OpClass::Compare:
            return derived(between(integer, 1, add, 1, 1), add,
                           "a subtraction; at least an integer one");
        case OpClass::Convert:
            return derived(between(integer, 1, add, 1, 1), add, "a sum; at least an integer one");
        case OpClass::Select:
        case OpClass::Logic:
        case OpClass::Shuffle:
        case OpClass::Gather:
        case OpClass::Insert:
            return derived(between(integer, 0.1, integer, 1, 1), integer,
                           "an integer sum; at least a tenth of it");
        case OpClass::Scale:
            return derived(between(integer, 0.3, integer, 1, 3), integer,
                           "an integer sum on the exponent; a third to three");
        case OpClass::Div:
            return derived(between(mul, 5, mul, 7.1, 7.1), mul,
                           "7.1 products, measured in PMC8934428 table 3; at least 5");
        case OpClass::Sqrt:
            return derived(between(mul, 5, mul, 7.1, 11), mul, "as a division; 5 to 11 products");
        case OpClass::Exp:
            return derived({fma.low, fma.value * 3, fma.high * 7.1}, mul,
                           "3 multiply-adds, as its cycles in SimDIT; 1 to 7.1");
        default:
            return std::nullopt;
    }
}

struct Sram {
    double bytes, pj_per_64_bits;
};
constexpr double kKiB = 1024;
constexpr std::array kSram45{Sram{8 * kKiB, 10}, Sram{32 * kKiB, 20}, Sram{1024 * kKiB, 100}};
constexpr std::array kSram7{Sram{8 * kKiB, 7.5}, Sram{32 * kKiB, 8.5}, Sram{1024 * kKiB, 14}};

double along(const std::array<Sram, 3>& table, double bytes) {
    const Sram& a = bytes < table[1].bytes ? table[0] : table[1];
    const Sram& b = bytes < table[1].bytes ? table[1] : table[2];
    double exponent = std::log(b.pj_per_64_bits / a.pj_per_64_bits) / std::log(b.bytes / a.bytes);
    return a.pj_per_64_bits * std::pow(bytes / a.bytes, exponent);
}

struct Area {
    OpClass op;
    DType dtype;
    double um2;
};
constexpr std::array kArea45{
    Area{OpClass::Add, DType::kI8, 36},    Area{OpClass::Add, DType::kI32, 137},
    Area{OpClass::Add, DType::kF16, 1360}, Area{OpClass::Add, DType::kF32, 4184},
    Area{OpClass::Mul, DType::kI8, 282},   Area{OpClass::Mul, DType::kI32, 3495},
    Area{OpClass::Mul, DType::kF16, 1640}, Area{OpClass::Mul, DType::kF32, 7700},
};

}  // namespace

std::optional<Number> op_pj(Technology t, OpClass op, DType dtype) {
    DType whole = tensor::bits(dtype) == 64 ? DType::kI64 : DType::kI32;
    if (!tensor::is_float(dtype)) whole = dtype;
    auto add = basic(t, OpClass::Add, dtype), mul = basic(t, OpClass::Mul, dtype);
    auto integer = basic(t, OpClass::Add, whole);
    if (!add || !mul || !integer) return std::nullopt;
    return from_basics(op, *add, *mul, *integer);
}

Number sram_pj_per_byte(Technology t, double capacity_bytes) {
    bool old = t == Technology::Nm45;
    // The law 10 pJ x sqrt(size / 8 KB) fits the 45 nm figures within 13 %.
    double slack = old ? 0.13 : 0.25;
    double pj = along(old ? kSram45 : kSram7, capacity_bytes) / 8;
    return Number({pj * (1 - slack), pj, pj * (1 + slack)},
                  fmt::format("SRAM of {} bytes between the sizes of {}", capacity_bytes,
                              old ? kHorowitz : kJouppi));
}

std::optional<Number> op_mm2(Technology t, OpClass op, DType dtype) {
    if (t != Technology::Nm45) return std::nullopt;
    for (const Area& a : kArea45)
        if (a.op == op && a.dtype == dtype)
            return Number(a.um2 * 1e-6, fmt::format("{}, as quoted by others", kHorowitz));
    return std::nullopt;
}

Number sram_mm2(Technology t, double capacity_bytes) {
    bool old = t == Technology::Nm45;
    Interval cell_um2 = old ? Interval{0.242, 0.346, 0.374} : Interval{0.027, 0.027, 0.031};
    Interval filled{0.67, 0.685, 0.70};
    return Number(cell_um2 * (capacity_bytes * 8 * 1e-6) / filled,
                  old ? "bit cell 0.346 um2 (Intel 45 nm, IEDM 2007; others 0.242 to 0.374, not "
                        "checked), 67 to 70 % of a macro"
                      : "bit cell 0.027 um2 (TSMC N7, IEDM), 67 to 70 % of a macro");
}

}  // namespace smeaton::machine::tech
