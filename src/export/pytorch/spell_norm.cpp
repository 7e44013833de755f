// Normalisations and softmax.
#include <numeric>

#include "export/pytorch/speller.h"
#include "model/shape/norm.h"

namespace smeaton::pytorch {

using model::OpType;

namespace {

void add_epsilon(Speller& s, std::vector<Argument>& arguments, double torch_default) {
    const double epsilon = s.number("epsilon", 1e-5);
    const std::string written = literal(DType::kF32, epsilon);
    if (written != literal(DType::kF32, torch_default))
        arguments.push_back(keyword("eps", written));
}

std::string epsilon(Speller& s) {
    return literal(DType::kF32, s.number("epsilon", 1e-5));
}

/// nn.BatchNorm2d and its like: 1d takes [n, c] and [n, c, l].
std::string type_for(Speller& s, const char* type, size_t rank, size_t lowest) {
    if (rank < lowest || rank > 5) s.fail("{} has no form for {} dims", type, rank);
    return fmt::format("{}{}d", type, rank == 2 ? 1 : rank - 2);
}

void batch_norm(Speller& s) {
    if (model::batch_norm_trains(s)) s.fail("its training form is not emitted");
    bool constant = true;
    for (size_t k = 1; k < 5; ++k) constant &= s.is_weight(k);
    if (!constant) {
        return s.give(fmt::format("F.batch_norm({}, {}, {}, {}, {}, eps={})", s.in(0), s.in(3),
                                  s.in(4), s.in(1), s.in(2), epsilon(s)));
    }
    Module m;
    m.type = type_for(s, "nn.BatchNorm", s.shape(0).size(), 2);
    m.base = "bn";
    m.named = true;
    m.arguments = {positional("num_features", text(s.constant(1)->elements()))};
    add_epsilon(s, m.arguments, 1e-5);
    const auto& in = s.node().inputs;
    m.weights = {{"weight", in[1]},
                 {"bias", in[2]},
                 {"running_mean", in[3]},
                 {"running_var", in[4]},
                 {"num_batches_tracked", {}, Weight::From::Zero}};
    s.give(fmt::format("{}({})", s.module(m), s.in(0)));
}

void instance_norm(Speller& s) {
    if (!s.is_weight(1) || !s.is_weight(2) || s.shape(0).size() > 5) {
        return s.give(fmt::format("F.instance_norm({}, weight={}, bias={}, eps={})", s.in(0),
                                  s.in(1), s.in(2), epsilon(s)));
    }
    Module m;
    m.type = type_for(s, "nn.InstanceNorm", s.shape(0).size(), 3);
    m.base = "norm";
    m.named = true;
    m.arguments = {positional("num_features", text(s.constant(1)->elements()))};
    add_epsilon(s, m.arguments, 1e-5);
    m.arguments.push_back(keyword("affine", "True"));
    m.weights = {{"weight", s.node().inputs[1]}, {"bias", s.node().inputs[2]}};
    s.give(fmt::format("{}({})", s.module(m), s.in(0)));
}

// Before version 21 scale and bias stand per group.
void group_norm(Speller& s) {
    const int64_t groups = s.attr("num_groups", 1);
    const Dim& channels = s.shape(0)[1];
    if (!channels.is_const()) s.fail("its channels must be a number; give --dim");
    const int64_t repeat = s.version() < 21 ? channels.value() / groups : 1;
    if (!s.is_weight(1) || !s.is_weight(2)) {
        const std::string each = repeat == 1 ? "" : fmt::format(".repeat_interleave({})", repeat);
        return s.give(fmt::format("F.group_norm({}, {}, {}{}, {}{}, eps={})", s.in(0), groups,
                                  s.in(1), each, s.in(2), each, epsilon(s)));
    }
    Module m;
    m.type = "nn.GroupNorm";
    m.base = "norm";
    m.named = true;
    m.arguments = {positional("num_groups", text(groups)),
                   positional("num_channels", text(channels.value()))};
    add_epsilon(s, m.arguments, 1e-5);
    const auto from = repeat == 1 ? Weight::From::Constant : Weight::From::Repeated;
    m.weights = {{"weight", s.node().inputs[1], from, repeat},
                 {"bias", s.node().inputs[2], from, repeat}};
    s.give(fmt::format("{}({})", s.module(m), s.in(0)));
}

std::vector<int64_t> normalized_shape(Speller& s) {
    const model::AxisRange axes = model::layer_norm_axes(s);
    std::vector<int64_t> shape;
    for (int64_t d = axes.begin; d < axes.end; ++d) {
        const Dim& size = s.shape(0)[static_cast<size_t>(d)];
        if (!size.is_const())
            s.fail("the dims that it normalises over must be numbers; give --dim");
        shape.push_back(size.value());
    }
    return shape;
}

bool has_shape(const Speller& s, size_t k, const std::vector<int64_t>& shape) {
    return !s.has(k) || (s.is_weight(k) && s.constant(k)->shape() == shape);
}

void row_norm(Speller& s, const char* type, const char* function, double torch_default) {
    for (size_t k = 1; k < s.node().outputs.size(); ++k)
        if (s.wants(k)) s.fail("its outputs beyond the first are not emitted");
    const std::vector<int64_t> shape = normalized_shape(s);
    if (has_shape(s, 1, shape) && has_shape(s, 2, shape)) {
        Module m;
        m.type = type;
        m.base = "norm";
        m.named = true;
        m.arguments = {
            positional("normalized_shape", shape.size() == 1 ? text(shape[0]) : tuple_text(shape))};
        add_epsilon(s, m.arguments, torch_default);
        if (std::string(type) == "nn.LayerNorm" && !s.has(2))
            m.arguments.push_back(keyword("bias", "False"));
        m.weights = {{"weight", s.node().inputs[1]}};
        if (s.has(2)) m.weights.push_back({"bias", s.node().inputs[2]});
        return s.give(fmt::format("{}({})", s.module(m), s.in(0)));
    }
    std::string all = fmt::format("F.{}({}, {}, eps={}) * {}", function, s.in(0), tuple_text(shape),
                                  epsilon(s), s.in(1));
    if (s.has(2)) all += " + " + s.in(2);
    s.give(all);
}

SpellRule softmax(const char* type, const char* base) {
    return [=](Speller& s) {
        const model::AxisRange axes = model::softmax_axes(s);
        const int64_t rank = s.rank(0);
        int64_t long_axis = axes.begin, long_axes = 0;
        for (int64_t d = axes.begin; d < axes.end; ++d)
            if (!s.shape(0)[static_cast<size_t>(d)].is(1)) {
                long_axis = d;
                ++long_axes;
            }
        const bool one = axes.end - axes.begin == 1 || long_axes <= 1;
        const int64_t axis = axes.end - axes.begin == 1 ? axes.begin : long_axis;
        const int64_t dim = one && axis != rank - 1 ? axis : -1;
        const std::string module = s.module(type, {keyword("dim", text(dim))}, base);
        if (one) return s.give(fmt::format("{}({})", module, s.in(0)));
        s.give(
            fmt::format("{0}({1}.flatten({2})).reshape({1}.shape)", module, s.in(0), axes.begin));
    };
}

// Even sizes reach further behind in ONNX than in PyTorch.
void lrn(Speller& s) {
    const int64_t size = s.attr("size", 1);
    if (size % 2 == 0) s.fail("PyTorch places a window of even size ({}) elsewhere", size);
    std::vector<Argument> arguments = {positional("size", text(size))};
    auto number = [&](const char* key, const char* torch, double otherwise, const char* same) {
        const std::string n = literal(DType::kF32, s.number(key, otherwise));
        if (n != same) arguments.push_back(keyword(torch, n));
    };
    number("alpha", "alpha", 1e-4, "0.0001");
    number("beta", "beta", 0.75, "0.75");
    number("bias", "k", 1.0, "1.0");
    s.give(s.module("nn.LocalResponseNorm", arguments, "lrn") + "(" + s.in(0) + ")");
}

}  // namespace

void add_norm_spelling(SpellTable& table) {
    table[OpType::kBatchNormalization] = batch_norm;
    table[OpType::kInstanceNormalization] = instance_norm;
    table[OpType::kGroupNormalization] = group_norm;
    table[OpType::kLayerNormalization] = [](Speller& s) {
        row_norm(s, "nn.LayerNorm", "layer_norm", 1e-5);
    };
    table[OpType::kRMSNormalization] = [](Speller& s) { row_norm(s, "nn.RMSNorm", "rms_norm", 0); };
    table[OpType::kSoftmax] = softmax("nn.Softmax", "softmax");
    table[OpType::kLogSoftmax] = softmax("nn.LogSoftmax", "log_softmax");
    table[OpType::kLRN] = lrn;
}

}  // namespace smeaton::pytorch
