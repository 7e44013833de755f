// Gradients of elementwise arithmetic. Operands that were broadcast get their gradients summed back
// (Pullback::give).
#include "model/shape/elementwise.h"

#include <numbers>

#include "model/grad/rule.h"

namespace smeaton::model {

namespace {

void exp(Pullback& p) {
    p.give(0, p.grad() * p.out());
}
void log(Pullback& p) {
    p.give(0, p.grad() / p.in());
}
void neg(Pullback& p) {
    p.give(0, -p.grad());
}
void abs(Pullback& p) {
    p.give(0, p.grad() * unary(OpType::kSign, p.in()));
}
void reciprocal(Pullback& p) {
    p.give(0, -(p.grad() * p.out() * p.out()));
}
void sin(Pullback& p) {
    p.give(0, p.grad() * unary(OpType::kCos, p.in()));
}
void cos(Pullback& p) {
    p.give(0, -(p.grad() * unary(OpType::kSin, p.in())));
}
void sqrt(Pullback& p) {
    p.give(0, p.grad() * 0.5 / p.out());
}
// 2 / sqrt(pi) e^(-x^2)
void erf(Pullback& p) {
    const Expr slope = unary(OpType::kExp, -(p.in() * p.in())) * (2 * std::numbers::inv_sqrtpi);
    p.give(0, p.grad() * slope);
}

/// Operand k as it takes part: before version 7 `axis` places the dims of the second one.
Expr aligned(Pullback& p, size_t k) {
    const Expr e = p.in(k);
    if (p.version() >= 7 || !p.view().has_attr("axis")) return e;
    return reshape(e, *const_shape(aligned_operands(p.view())[k]));
}

/// The gradient under the aligned shape, given under the operand's own.
void give_aligned(Pullback& p, size_t k, Expr gradient) {
    if (!p.wants(k)) return;
    p.give(k, reshape(sum_to(gradient, aligned(p, k).shape()), p.in_shape(k)));
}

void add(Pullback& p) {
    give_aligned(p, 0, p.grad());
    give_aligned(p, 1, p.grad());
}

void sub(Pullback& p) {
    give_aligned(p, 0, p.grad());
    if (p.wants(1)) give_aligned(p, 1, -p.grad());
}

void mul(Pullback& p) {
    if (p.wants(0)) give_aligned(p, 0, p.grad() * aligned(p, 1));
    if (p.wants(1)) give_aligned(p, 1, p.grad() * aligned(p, 0));
}

void div(Pullback& p) {
    const Expr g = p.grad() / aligned(p, 1);
    give_aligned(p, 0, g);
    if (p.wants(1)) give_aligned(p, 1, -(g * p.out()));
}

void sum_of_all(Pullback& p) {
    for (size_t k = 0; k < p.node().inputs.size(); ++k) p.give(k, p.grad());
}

/// The one element of a constant operand.
const Tensor* constant_number(Pullback& p, size_t k) {
    const Tensor* t = constant_input(p.composer().graph(), p.node(), k);
    return t && t->elements() == 1 ? t : nullptr;
}

// b a^(b - 1) and y log a; where b is 0 the first is 0 whatever a is, where a is 0 the second.
void pow_base(Pullback& p, Expr a, Expr b) {
    const Expr g = p.grad();
    if (const Tensor* constant = constant_number(p, 1)) {
        const double n = constant->at_as_double(0);
        if (n == 0) return give_aligned(p, 0, g * 0.0);
        if (n == 2) return give_aligned(p, 0, g * a * 2);
        const Expr less_one = p.composer().number(n - 1, a.dtype());
        return give_aligned(p, 0, g * pow(a, less_one) * n);
    }
    const Expr e = cast(b, a.dtype());
    give_aligned(p, 0, where(equal(e, 0), 0, g * e * pow(a, e - 1)));
}

void power(Pullback& p) {
    const Expr a = aligned(p, 0), b = aligned(p, 1);
    if (p.wants(0)) pow_base(p, a, b);
    if (!p.wants(1)) return;
    const Expr zero = equal(a, 0);
    const Expr safe = where(zero, 1, a);
    const Expr slope = p.grad() * p.out() * unary(OpType::kLog, safe);
    const Expr at_zero = both(zero, greater_or_equal(cast(b, a.dtype()), a * 0.0));
    give_aligned(p, 1, where(at_zero, 0, slope));
}

// fmod: x - y trunc(x / y)
void mod(Pullback& p) {
    p.give(0, p.grad());
    if (!p.wants(1)) return;
    const Expr q = p.in(0) / p.in(1);
    const Expr whole = unary(OpType::kSign, q) * unary(OpType::kFloor, unary(OpType::kAbs, q));
    p.give(1, -(p.grad() * whole));
}

/// Of two equal operands each takes half, as in PyTorch; more than two are taken pair by pair from
/// the left.
void extreme(Pullback& p, bool largest) {
    const size_t count = p.node().inputs.size();
    std::vector<Expr> upto = {p.in(0)};  // upto[k]: of operands 0 .. k
    for (size_t k = 1; k + 1 < count; ++k) {
        const Expr a = upto.back(), b = p.in(k);
        upto.push_back(p.composer().node(largest ? OpType::kMax : OpType::kMin, {a, b}, {},
                                         a.dtype(), broadcast_sizes(a.shape(), b.shape())));
    }
    Expr g = p.grad();
    for (size_t k = count; k-- > 1;) {
        const Expr before = upto[k - 1], here = p.in(k);
        const Expr half = where(equal(before, here), g * 0.5, g);
        const Expr smaller = less(before, here), larger = less(here, before);
        p.give(k, where(largest ? larger : smaller, 0, half));
        g = sum_to(where(largest ? smaller : larger, 0, half), before.shape());
    }
    p.give(0, g);
}

void max(Pullback& p) {
    extreme(p, true);
}
void min(Pullback& p) {
    extreme(p, false);
}

void choose(Pullback& p) {
    if (p.wants(1)) p.give(1, where(p.in(0), p.grad(), 0));
    if (p.wants(2)) p.give(2, where(p.in(0), 0, p.grad()));
}

void convert(Pullback& p) {
    p.give(0, p.grad());
}

}  // namespace

void add_elementwise_gradients(GradientTable& table) {
    using enum OpType;
    row(table, kExp) = {exp};
    row(table, kLog) = {log};
    row(table, kNeg) = {neg};
    row(table, kAbs) = {abs};
    row(table, kReciprocal) = {reciprocal};
    row(table, kSin) = {sin};
    row(table, kCos) = {cos};
    row(table, kSqrt) = {sqrt};
    row(table, kErf) = {erf};
    row(table, kAdd) = {add};
    row(table, kSub) = {sub};
    row(table, kMul) = {mul};
    row(table, kDiv) = {div};
    row(table, kSum) = {sum_of_all};
    row(table, kPow) = {power};
    row(table, kMod) = {mod};
    row(table, kMax) = {max};
    row(table, kMin) = {min};
    row(table, kWhere) = {choose};
    row(table, kCast) = {convert};
    // What drops at random has become a product with a mask by now (training_form.h).
    row(table, kDropout) = {convert, 1};
}

}  // namespace smeaton::model
