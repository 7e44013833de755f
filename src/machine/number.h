// A figure with its interval and where it comes from.
#pragma once

#include <algorithm>
#include <string>

namespace smeaton::machine {

/// low <= value <= high. Arithmetic assumes positive figures: every bound of the result is reached
/// by bounds of the operands.
struct Interval {
    double low = 0, value = 0, high = 0;

    static Interval exact(double v) { return {v, v, v}; }
    friend bool operator==(const Interval&, const Interval&) = default;
};

inline Interval operator+(Interval a, Interval b) {
    return {a.low + b.low, a.value + b.value, a.high + b.high};
}
inline Interval operator*(Interval a, Interval b) {
    return {a.low * b.low, a.value * b.value, a.high * b.high};
}
inline Interval operator*(Interval a, double k) {
    return a * Interval::exact(k);
}
inline Interval operator/(Interval a, Interval b) {
    return {a.low / b.high, a.value / b.value, a.high / b.low};
}
inline Interval max(Interval a, Interval b) {
    return {std::max(a.low, b.low), std::max(a.value, b.value), std::max(a.high, b.high)};
}
inline Interval min(Interval a, Interval b) {
    return {std::min(a.low, b.low), std::min(a.value, b.value), std::min(a.high, b.high)};
}

/// A figure of a machine description. `source` is free text, or starts with a name from the file's
/// `sources` table; empty when nobody said.
struct Number {
    double value = 0;
    double low = 0, high = 0;
    std::string source;

    Number() = default;
    Number(double v) : value(v), low(v), high(v) {}
    Number(double v, std::string from) : value(v), low(v), high(v), source(std::move(from)) {}
    Number(Interval i, std::string from)
        : value(i.value), low(i.low), high(i.high), source(std::move(from)) {}

    Interval interval() const { return {low, value, high}; }
    bool ranged() const { return low != value || high != value; }
    friend bool operator==(const Number&, const Number&) = default;
};

}  // namespace smeaton::machine
