// Gradients of the normalisations. All of them are, along some axes,
//
//     y = scale * xhat + bias,  xhat = (x - mean) * inverse
//     inverse = 1 / sqrt(variance + epsilon)
//
// and dx = inverse * (d - mean(d) - xhat * mean(d * xhat)) with d = scale * dy.
#include "model/shape/norm.h"

#include <algorithm>

#include "model/grad/rule.h"

namespace smeaton::model {

namespace {

size_t at(int64_t d) {
    return static_cast<size_t>(d);
}

DType wide(DType t) {
    return t == DType::kF64 ? DType::kF64 : DType::kF32;
}

Expr inverse_root(Expr variance, double epsilon) {
    return unary(OpType::kReciprocal, unary(OpType::kSqrt, variance + epsilon));
}

struct Normalised {
    Expr hat, inverse;
};

Normalised normalise(Expr x, const std::vector<int64_t>& axes, double epsilon) {
    const Expr centred = x - mean(x, axes);
    const Expr inverse = inverse_root(mean(centred * centred, axes), epsilon);
    return {centred * inverse, inverse};
}

/// dx of d = dy * scale.
Expr through(const Normalised& n, Expr d, const std::vector<int64_t>& axes) {
    return n.inverse * (d - mean(d, axes) - n.hat * mean(d * n.hat, axes));
}

/// [c] as [1, c, 1, ...] of `rank` dims.
Expr per_channel(Expr e, int64_t rank) {
    Sizes shape(at(rank), 1);
    if (rank > 1) shape[1] = count_of(e.shape());
    return reshape(e, rank > 1 ? shape : e.shape());
}

// ---- batch ----

/// All but the channels, or only the batch where there is one statistic per activation.
std::vector<int64_t> batch_axes(Pullback& p) {
    std::vector<int64_t> axes = {0};
    if (p.in_shape(1).size() > 1) return axes;
    for (int64_t d = 2; d < p.in().rank(); ++d) axes.push_back(d);
    return axes;
}

Expr batch_parameter(Pullback& p, size_t k) {
    const Expr e = cast(p.in(k), p.in().dtype());
    return p.in_shape(1).size() > 1 ? e : per_channel(e, p.in().rank());
}

void batch_normalization(Pullback& p) {
    const Expr x = p.in(), g = p.grad();
    const std::vector<int64_t> axes = batch_axes(p);
    const bool trains = batch_norm_trains(p.view());  // by statistics that no operand holds
    const Expr centred = x - (trains ? mean(x, axes) : batch_parameter(p, 3));
    const Expr variance = trains ? mean(centred * centred, axes) : batch_parameter(p, 4);
    const Expr inverse = inverse_root(variance, p.view().number("epsilon", 1e-5));
    const Expr factor = batch_parameter(p, 1) * inverse;
    const Expr along = sum(g * centred, axes), total = sum(g, axes);
    const Sizes own = p.in_shape(1);
    const auto give = [&](size_t k, Expr e) {
        if (p.wants(k)) p.give(k, reshape(e, own));
    };
    give(1, along * inverse);
    give(2, total);
    if (!trains && !p.on_batch_statistics()) {
        p.give(0, g * factor);
        if (p.wants(3)) give(3, -(total * factor));
        if (p.wants(4)) give(4, along * factor * inverse * inverse * -0.5);
        return;
    }
    if (!p.wants(0)) return;
    double count = 1;
    for (int64_t d : axes) count *= static_cast<double>(x.shape()[at(d)]);
    // Of one channel all but g and x is the same: dx = factor g - x a - b.
    const Expr slope = along * inverse * inverse * factor * (1 / count);
    const Expr level = total * factor * (1 / count);
    p.give(0, g * factor - centred * slope - level);
}

// ---- layer ----

void layer_normalization(Pullback& p) {
    const model::AxisRange range = layer_norm_axes(p.view());
    const std::vector<int64_t> axes = axes_between(range.begin, range.end);
    const DType t = wide(p.in().dtype());
    const Expr x = cast(p.in(), t);
    Normalised n;
    if (p.has_out(1) && p.has_out(2)) {
        n.inverse = p.out(2);
        n.hat = (x - p.out(1)) * n.inverse;
    } else {
        n = normalise(x, axes, p.view().number("epsilon", 1e-5));
    }
    Expr dx;
    if (p.has_grad(0)) {
        const Expr g = cast(p.grad(), t);
        if (p.wants(1)) p.give(1, g * n.hat);
        p.give(2, g);
        if (p.wants(0)) dx = through(n, g * cast(p.in(1), t), axes);
    }
    if (!p.wants(0)) return;
    double count = 1;
    for (int64_t d : axes) count *= static_cast<double>(x.shape()[at(d)]);
    const auto add = [&](Expr e) { dx = dx.valid() ? dx + e : e; };
    if (p.has_grad(1)) add(expand(p.grad(1) * (1 / count), x.shape()));
    if (p.has_grad(2)) add(n.hat * (p.grad(2) * n.inverse * n.inverse * (-1 / count)));
    p.give(0, dx);
}

void rms_normalization(Pullback& p) {
    const model::AxisRange range = layer_norm_axes(p.view());
    const std::vector<int64_t> axes = axes_between(range.begin, range.end);
    const DType t = wide(p.in().dtype());
    const Expr x = cast(p.in(), t), g = cast(p.grad(), t);
    const Expr inverse = inverse_root(mean(x * x, axes), p.view().number("epsilon", 1e-5));
    const Expr hat = x * inverse;
    if (p.wants(1)) p.give(1, g * hat);
    if (!p.wants(0)) return;
    const Expr d = g * cast(p.in(1), t);
    p.give(0, inverse * (d - hat * mean(d * hat, axes)));
}

// ---- instance, group ----

/// x seen as [n, groups, channels per group, s...]; scale and bias per channel or per group.
void by_groups(Pullback& p, int64_t groups, bool per_group) {
    const Sizes own = p.in_shape();
    Sizes split = {own[0], groups, own[1] / groups};
    split.insert(split.end(), own.begin() + 2, own.end());
    Sizes parameter(split.size(), 1);
    parameter[1] = groups;
    if (!per_group) parameter[2] = split[2];
    const std::vector<int64_t> axes = axes_between(2, static_cast<int64_t>(split.size()));
    const DType t = wide(p.in().dtype());
    const Expr g = reshape(cast(p.grad(), t), split);
    const Normalised n =
        normalise(reshape(cast(p.in(), t), split), axes, p.view().number("epsilon", 1e-5));
    const auto give = [&](size_t k, Expr e) {
        if (p.wants(k)) p.give(k, reshape(sum_to(e, parameter), p.in_shape(k)));
    };
    if (p.wants(1)) give(1, g * n.hat);
    give(2, g);
    if (!p.wants(0)) return;
    const Expr scale = reshape(cast(p.in(1), t), parameter);
    p.give(0, reshape(through(n, g * scale, axes), own));
}

void instance_normalization(Pullback& p) {
    by_groups(p, p.in_shape()[1], false);
}

void group_normalization(Pullback& p) {
    by_groups(p, p.view().attr("num_groups", 1), p.version() < 21);
}

// ---- softmax, LRN ----

std::vector<int64_t> softmax_axes_of(Pullback& p) {
    const model::AxisRange range = softmax_axes(p.view());
    return axes_between(range.begin, range.end);
}

void softmax(Pullback& p) {
    const Expr y = p.out(), g = p.grad();
    p.give(0, y * (g - sum(g * y, softmax_axes_of(p))));
}

void log_softmax(Pullback& p) {
    const Expr g = p.grad();
    p.give(0, g - unary(OpType::kExp, p.out()) * sum(g, softmax_axes_of(p)));
}

/// band[i, j] = 1 where channel j lies in the window around channel i.
Expr channel_band(Composer& c, int64_t channels, int64_t size, DType dtype) {
    Tensor band(dtype, {channels, channels});
    const int64_t before = (size - 1) / 2;
    for (int64_t i = 0; i < channels; ++i)
        for (int64_t j = i - before; j < i - before + size; ++j)
            if (j >= 0 && j < channels) band.set_from_double(i * channels + j, 1);
    return c.constant(std::move(band), "channel_band");
}

// y = x d^-beta, d = bias + alpha/size * (sum of x^2 over a window of channels)
void lrn(Pullback& p) {
    const Expr x = p.in(), g = p.grad();
    const Sizes own = x.shape();
    const int64_t size = p.view().attr("size", 1);
    const double alpha = p.view().number("alpha", 1e-4) / static_cast<double>(size);
    const double beta = p.view().number("beta", 0.75);
    const Expr band = channel_band(p.composer(), own[1], size, x.dtype());
    const Sizes flat = {own[0], own[1], count_of({own.begin() + 2, own.end()})};
    const Expr squares = einsum("ncs,dc->nds", {reshape(x * x, flat), band});
    const Expr d = reshape(squares, own) * alpha + p.view().number("bias", 1);
    const Expr scaled = g * pow(d, p.composer().number(-beta, d.dtype()));
    const Expr spread = einsum("nds,dc->ncs", {reshape(scaled * x / d, flat), band});
    p.give(0, scaled - x * reshape(spread, own) * (2 * alpha * beta));
}

}  // namespace

void add_norm_gradients(GradientTable& table) {
    row(table, OpType::kBatchNormalization) = {batch_normalization};
    row(table, OpType::kLayerNormalization) = {layer_normalization};
    row(table, OpType::kRMSNormalization) = {rms_normalization};
    row(table, OpType::kInstanceNormalization) = {instance_normalization};
    row(table, OpType::kGroupNormalization) = {group_normalization};
    row(table, OpType::kSoftmax) = {softmax};
    row(table, OpType::kLogSoftmax) = {log_softmax};
    row(table, OpType::kLRN) = {lrn};
}

}  // namespace smeaton::model
