// Gradients of activations: one operand, from the operand or from the result, whichever is cheaper.
#include <cmath>
#include <numbers>

#include "model/grad/rule.h"

namespace smeaton::model {

namespace {

void relu(Pullback& p) {
    p.give(0, where(greater(p.out(), 0), p.grad(), 0));
}

void leaky_relu(Pullback& p) {
    const double alpha = p.view().number("alpha", 0.01);
    p.give(0, where(greater(p.in(), 0), p.grad(), p.grad() * alpha));
}

// Below zero y = alpha (e^x - 1), so that dy/dx = y + alpha.
void elu(Pullback& p) {
    const double alpha = p.view().number("alpha", 1.0);
    p.give(0, where(greater(p.in(), 0), p.grad(), p.grad() * (p.out() + alpha)));
}

void softplus(Pullback& p) {
    p.give(0, p.grad() * unary(OpType::kSigmoid, p.in()));
}

void sigmoid(Pullback& p) {
    p.give(0, p.grad() * p.out() * (1.0 - p.out()));
}

void tanh(Pullback& p) {
    p.give(0, p.grad() * (1.0 - p.out() * p.out()));
}

void hard_sigmoid(Pullback& p) {
    const double alpha = p.view().number("alpha", 0.2);
    const Expr inside = both(greater(p.out(), 0), less(p.out(), 1));
    p.give(0, where(inside, p.grad() * alpha, 0));
}

// x (x + 3) / 6 between -3 and 3.
void hard_swish(Pullback& p) {
    const Expr x = p.in(), g = p.grad();
    const Expr middle = where(greater(x, -3), g * (x * (1.0 / 3) + 0.5), 0);
    p.give(0, where(less(x, 3), middle, g));
}

/// d/dx of x Phi(x), Phi by erf or by the tanh that stands for it.
Expr gelu_slope(Expr x, bool by_tanh) {
    if (!by_tanh) {
        const Expr phi = unary(OpType::kErf, x * (1 / std::numbers::sqrt2)) * 0.5 + 0.5;
        const double scale = std::numbers::inv_sqrtpi / std::numbers::sqrt2;
        return phi + x * unary(OpType::kExp, x * x * -0.5) * scale;
    }
    const double k = std::sqrt(2 / std::numbers::pi), cube = 0.044715;
    const Expr square = x * x;
    const Expr t = unary(OpType::kTanh, (square * cube + 1) * x * k);
    const Expr inner = (square * (3 * cube) + 1) * k;
    return t * 0.5 + 0.5 + x * (1.0 - t * t) * inner * 0.5;
}

void gelu(Pullback& p) {
    p.give(0, p.grad() * gelu_slope(p.in(), p.view().text("approximate", "none") == "tanh"));
}

/// An end of Clip as an expression; invalid where there is none.
Expr clip_end(Pullback& p, size_t operand, const char* key) {
    if (p.version() >= 11) return p.has_in(operand) ? p.in(operand) : Expr{};
    if (!p.view().has_attr(key)) return {};
    return p.composer().number(p.view().number(key, 0), p.in().dtype());
}

// As PyTorch's clamp: the ends belong to the inside.
void clip(Pullback& p) {
    const Expr low = clip_end(p, 1, "min"), high = clip_end(p, 2, "max");
    Expr g = p.grad();
    if (high.valid()) {
        p.give(2, where(greater(p.in(), high), g, 0));
        g = where(less_or_equal(p.in(), high), g, 0);
    }
    if (low.valid()) {
        p.give(1, where(less(p.in(), low), g, 0));
        g = where(greater_or_equal(p.in(), low), g, 0);
    }
    p.give(0, g);
}

}  // namespace

void add_activation_gradients(GradientTable& table) {
    row(table, OpType::kRelu) = {relu};
    row(table, OpType::kLeakyRelu) = {leaky_relu};
    row(table, OpType::kElu) = {elu};
    row(table, OpType::kSoftplus) = {softplus};
    row(table, OpType::kSigmoid) = {sigmoid};
    row(table, OpType::kTanh) = {tanh};
    row(table, OpType::kHardSigmoid) = {hard_sigmoid};
    row(table, OpType::kHardSwish) = {hard_swish};
    row(table, OpType::kGelu) = {gelu};
    row(table, OpType::kClip) = {clip};
}

}  // namespace smeaton::model
