// Convolutions: mma over shifted slices; transposed ones by phase.
#include <numeric>

#include "lower/rules.h"
#include "lower/window.h"

namespace smeaton::lower {

using model::OpType;

namespace {

struct ConvOperands {
    Buf x, w;
    std::optional<Buf> bias;
    int64_t groups = 1;
};

ConvOperands operands(NodeContext& node) {
    ConvOperands c;
    c.groups = node.attr("group", 1);
    if (c.groups < 1) node.refuse("group must be positive");
    c.x = widened(node, node.in(0));
    c.w = widened(node, node.in(1));
    if (node.has_in(2)) c.bias = node.in(2);
    return c;
}

/// let acc; acc <- bias[channel] or 0.
Val start_accumulator(KernelBuilder& k, const ConvOperands& c, const Affine& channel) {
    const Val acc = k.tile("acc", c.x.dtype);
    if (c.bias) {
        k.store(acc, k.at(*c.bias, {channel}));
    } else {
        k.fill(acc, literal(0, c.x.dtype));
    }
    return acc;
}

// y[n, g*K+k, o] = bias + sum_{c,r} x[n, g*C+c, o*stride + r*dilation - pad] * w[g*K+k, c, r]
void conv(NodeContext& node) {
    const Window win = model::conv_window(node.view());
    const ConvOperands c = operands(node);
    const int64_t in_channels = c.w.shape[1], out_channels = c.w.shape[0] / c.groups;
    if (in_channels * c.groups != c.x.shape[1] || out_channels * c.groups != c.w.shape[0])
        node.refuse("{} input channels and {} filters of {} channels do not fit {} groups",
                    c.x.shape[1], c.w.shape[0], in_channels, c.groups);
    const Buf y = node.out(0);
    KernelBuilder k(node);
    const Affine n = k.parallel("n", y.shape[0]);
    const Affine g = k.parallel("g", c.groups);
    const Affine channel = g * out_channels + k.parallel("k", out_channels);
    Index out = {n, channel};
    for (size_t d = 0; d < win.kernel.size(); ++d)
        out.push_back(k.parallel(out_axis_name(d, win.kernel.size()), y.shape[d + 2]));
    const Affine ci = k.dim("c", in_channels);
    Index x = {n, g * in_channels + ci}, w = {channel, ci};
    for (size_t d = 0; d < win.kernel.size(); ++d) {
        const Affine tap = k.dim(tap_name(d, win.kernel.size()), win.kernel[d]);
        x.push_back(out[d + 2] * win.strides[d] + tap * win.dilations[d] - win.pads_begin[d]);
        w.push_back(tap);
    }
    const Val acc = start_accumulator(k, c, channel);
    k.mma(acc, k.at_or(c.x, x, literal(0, c.x.dtype)), k.at(c.w, w));
    k.store(k.at(y, out), acc);
    k.done();
}

// ---- transposed ----

/// One residue of the stride along one axis: outputs stride*q + residue, q < count, are
/// sum_j x[q + base - j*step] * w[first_tap + j*tap_step], j < taps. `width` residues after each
/// other may share a phase: residue and first_tap then grow by the axis p < width.
struct Phase {
    int64_t residue = 0, count = 0, width = 1;
    int64_t taps = 0, first_tap = 0, tap_step = 1;
    int64_t base = 0, step = 1;
};

/// The residues of one axis; `out` is the output extent, `pad` the padding cut off at its start.
std::vector<Phase> phases(int64_t out, int64_t stride, int64_t dilation, int64_t kernel,
                          int64_t pad) {
    std::vector<Phase> all;
    const int64_t tap_step = stride / std::gcd(stride, dilation);
    for (int64_t p = 0; p < std::min(stride, out); ++p) {
        Phase phase;
        phase.residue = p;
        phase.count = (out - p + stride - 1) / stride;
        phase.tap_step = tap_step;
        phase.step = tap_step * dilation / stride;
        const auto lands = [&](int64_t r) { return (p + pad - r * dilation) % stride == 0; };
        int64_t r = 0;
        while (r < kernel && !lands(r)) ++r;
        if (r < kernel) {
            phase.first_tap = r;
            phase.taps = (kernel - r + tap_step - 1) / tap_step;
            phase.base = (p + pad - r * dilation) / stride;
        }
        all.push_back(phase);
    }
    return all;
}

/// Neighbouring residues whose taps lie one beside the other, as one phase.
std::vector<Phase> merged(const std::vector<Phase>& phases) {
    std::vector<Phase> out;
    for (const Phase& p : phases) {
        if (!out.empty()) {
            Phase& last = out.back();
            const bool beside = p.base == last.base && p.first_tap == last.first_tap + last.width;
            if (p.count == last.count && p.taps == last.taps && (p.taps == 0 || beside)) {
                ++last.width;
                continue;
            }
        }
        out.push_back(p);
    }
    return out;
}

void transposed_phase(NodeContext& node, const ConvOperands& c, const Buf& y,
                      const std::vector<Phase>& phase, const Window& win,
                      const std::string& suffix) {
    const int64_t in_channels = c.w.shape[0] / c.groups, out_channels = c.w.shape[1];
    KernelBuilder k(node, suffix);
    const Affine n = k.parallel("n", y.shape[0]);
    const Affine g = k.parallel("g", c.groups);
    const Affine ko = k.parallel("k", out_channels);
    const Affine channel = g * out_channels + ko;
    Index out = {n, channel}, position, residue;
    bool reached = true;
    for (size_t d = 0; d < phase.size(); ++d) {
        position.push_back(k.parallel(out_axis_name(d, phase.size()), phase[d].count));
        residue.push_back(k.parallel(fmt::format("p{}", d), phase[d].width));
        out.push_back(position[d] * win.strides[d] + residue[d] + phase[d].residue);
        reached = reached && phase[d].taps > 0;
    }
    const Val acc = start_accumulator(k, c, channel);
    if (reached) {
        const Affine ci = k.dim("c", in_channels);
        Index x = {n, g * in_channels + ci}, w = {g * in_channels + ci, ko};
        for (size_t d = 0; d < phase.size(); ++d) {
            const Affine tap = k.dim(tap_name(d, phase.size()), phase[d].taps);
            x.push_back(position[d] + phase[d].base - tap * phase[d].step);
            w.push_back(tap * phase[d].tap_step + residue[d] + phase[d].first_tap);
        }
        k.mma(acc, k.at_or(c.x, x, literal(0, c.x.dtype)), k.at(c.w, w));
    }
    k.store(k.at(y, out), acc);
    k.done();
}

void conv_transpose(NodeContext& node) {
    const Window win = model::conv_transpose_window(node.view());
    const ConvOperands c = operands(node);
    if (c.w.shape[0] != c.x.shape[1] || c.w.shape[0] % c.groups != 0)
        node.refuse("{} input channels and weights for {} do not fit {} groups", c.x.shape[1],
                    c.w.shape[0], c.groups);
    const Buf y = node.out(0);

    // A kernel per residue is the faster form; large strides would make too many of them.
    int64_t kernels = 1;
    for (int64_t stride : win.strides) kernels = std::min<int64_t>(kernels * stride, 1000);
    std::vector<std::vector<Phase>> per_axis;
    for (size_t d = 0; d < win.kernel.size(); ++d)
        per_axis.push_back(phases(y.shape[d + 2], win.strides[d], win.dilations[d], win.kernel[d],
                                  win.pads_begin[d]));
    if (kernels > 16)
        for (std::vector<Phase>& axis : per_axis) axis = merged(axis);
    std::vector<std::vector<Phase>> combined = {{}};
    for (const std::vector<Phase>& axis : per_axis) {
        std::vector<std::vector<Phase>> next;
        for (const std::vector<Phase>& head : combined)
            for (const Phase& p : axis) {
                next.push_back(head);
                next.back().push_back(p);
            }
        combined = std::move(next);
    }
    for (const std::vector<Phase>& phase : combined) {
        std::string suffix;
        if (combined.size() > 1)
            for (const Phase& p : phase) suffix += fmt::format("_{}", p.residue);
        transposed_phase(node, c, y, phase, win, suffix);
    }
}

}  // namespace

void add_conv_rules(RuleTable& t) {
    t[OpType::kConv] = conv;
    t[OpType::kConvTranspose] = conv_transpose;
}

}  // namespace smeaton::lower
