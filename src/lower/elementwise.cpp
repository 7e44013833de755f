// Elementwise operators: one nest over the output's dims, rank-0 tiles, numpy broadcasting.
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "lower/rules.h"

namespace smeaton::lower {

using model::OpType;

namespace {

using Args = std::vector<Val>;
using Body = std::function<Val(KernelBuilder&, const Args&)>;

Literal scalar_of(const Tensor& t) {
    return tensor::is_float(t.dtype()) ? Literal::of(t.at_as_double(0))
                                       : Literal::of_int(t.at_as_int(0));
}

/// Operand `input` at the output's coordinates: a literal where it is a constant of one element
/// (unless `keep`), else a read. Before version 7, `broadcast` with `axis` placed the dims.
Val operand(NodeContext& node, KernelBuilder& k, size_t input, const Index& i, bool keep) {
    const Tensor* constant = node.constant(input);
    if (constant && constant->elements() == 1 && !keep)
        return {scalar_of(*constant), constant->dtype()};
    const Buf b = node.in(input);
    if (node.attr("broadcast", 0) == 0 || !node.has("axis") || b.shape.size() == i.size() ||
        input == 0)
        return k.broadcast(b, i);
    int64_t axis = node.attr("axis", 0);
    if (axis < 0) axis += static_cast<int64_t>(i.size());
    Index own;
    for (size_t d = 0; d < b.shape.size(); ++d) {
        const size_t at = static_cast<size_t>(axis) + d;
        if (at >= i.size())
            node.refuse("axis {} places the second operand outside the first", axis);
        own.push_back(b.shape[d] == 1 ? Affine(0) : i[at]);
    }
    return k.at(b, own);
}

enum class Read {
    AsStored,  ///< operands straight from memory
    Widened,   ///< f16 and bf16 operands as f32 tiles
    Once,      ///< the first operand as a tile, because the body uses it more than once
};

/// One kernel: out(0) <- body(inputs).
void pointwise(NodeContext& node, const Body& body, Read read = Read::Widened) {
    const Buf y = node.out(0);
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    Args args;
    bool all_literal = true;
    for (size_t n = 0; n < node.input_count(); ++n) {
        if (!node.has_in(n)) continue;
        const bool last_chance = all_literal && n + 1 == node.input_count();
        const Val v = operand(node, k, n, i, last_chance);
        all_literal = all_literal && v.is_literal();
        args.push_back(v);
    }
    if (read == Read::Once) args[0] = k.load_row(args[0], "x");
    if (read != Read::AsStored)
        for (Val& v : args) v = v.is_literal() ? Val{v.operand, compute_dtype(v.dtype)} : k.load(v);
    k.store(k.at(y, i), body(k, args));
    k.done();
}

template <Fn fn>
void unary_rule(NodeContext& node) {
    pointwise(node, [](KernelBuilder& k, const Args& a) { return k.unary(fn, a[0]); });
}

template <Fn fn>
void binary_rule(NodeContext& node) {
    pointwise(node, [](KernelBuilder& k, const Args& a) { return k.binary(fn, a[0], a[1]); });
}

template <Fn fn>
void variadic_rule(NodeContext& node) {
    if (node.input_count() == 1) return node.alias(0, node.in(0));
    pointwise(node, [](KernelBuilder& k, const Args& a) {
        Val t = a[0];
        for (size_t n = 1; n < a.size(); ++n) t = k.binary(fn, t, a[n]);
        return t;
    });
}

// ---- activations ----

void leaky_relu(NodeContext& node) {
    const double alpha = node.attr_float("alpha", 0.01);
    pointwise(
        node,
        [&](KernelBuilder& k, const Args& a) {
            const Val scaled = k.binary(Fn::mul, a[0], k.lit(alpha, a[0].dtype));
            if (alpha > 0 && alpha <= 1) return k.binary(Fn::max, scaled, a[0]);
            const Val negative = k.binary(Fn::lt, a[0], k.lit(0, a[0].dtype), "c");
            return k.select(negative, scaled, a[0]);
        },
        Read::Once);
}

void elu(NodeContext& node) {
    const double alpha = node.attr_float("alpha", 1.0);
    pointwise(
        node,
        [&](KernelBuilder& k, const Args& a) {
            const Val zero = k.lit(0, a[0].dtype);
            Val e = k.unary(Fn::exp, k.binary(Fn::min, a[0], zero));
            e = k.binary(Fn::sub, e, k.lit(1, a[0].dtype));
            if (alpha != 1) e = k.binary(Fn::mul, e, k.lit(alpha, a[0].dtype));
            const Val negative = k.binary(Fn::lt, a[0], zero, "c");
            return k.select(negative, e, a[0]);
        },
        Read::Once);
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))
void softplus(NodeContext& node) {
    pointwise(
        node,
        [](KernelBuilder& k, const Args& a) {
            Val t = k.unary(Fn::neg, k.unary(Fn::abs, a[0]));
            t = k.unary(Fn::log1p, k.unary(Fn::exp, t));
            return k.binary(Fn::add, t, k.unary(Fn::relu, a[0], "r"));
        },
        Read::Once);
}

Val clamp01(KernelBuilder& k, Val t) {
    t = k.binary(Fn::max, t, k.lit(0, t.dtype));
    return k.binary(Fn::min, t, k.lit(1, t.dtype));
}

void hard_sigmoid(NodeContext& node) {
    const double alpha = node.attr_float("alpha", 0.2), beta = node.attr_float("beta", 0.5);
    pointwise(node, [&](KernelBuilder& k, const Args& a) {
        const Val t = k.binary(Fn::mul, a[0], k.lit(alpha, a[0].dtype));
        return clamp01(k, k.binary(Fn::add, t, k.lit(beta, t.dtype)));
    });
}

void hard_swish(NodeContext& node) {
    pointwise(
        node,
        [](KernelBuilder& k, const Args& a) {
            Val t = k.binary(Fn::mul, a[0], k.lit(1.0 / 6.0, a[0].dtype));
            t = clamp01(k, k.binary(Fn::add, t, k.lit(0.5, t.dtype)));
            return k.binary(Fn::mul, t, a[0]);
        },
        Read::Once);
}

// none: x/2 (1 + erf(x/sqrt 2)); tanh: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
void gelu(NodeContext& node) {
    const std::string form = node.attr_string("approximate", "none");
    pointwise(
        node,
        [&](KernelBuilder& k, const Args& a) {
            const Val& x = a[0];
            Val t = k.binary(Fn::mul, x, k.lit(1 / std::numbers::sqrt2, x.dtype));
            if (form == "tanh") {
                t = k.binary(Fn::mul, x, x);
                t = k.binary(Fn::mul, t, k.lit(0.044715, x.dtype));
                t = k.binary(Fn::add, t, k.lit(1, x.dtype));
                t = k.binary(Fn::mul, t, x);
                t = k.binary(Fn::mul, t, k.lit(std::sqrt(2 / std::numbers::pi), x.dtype));
            }
            t = k.unary(form == "tanh" ? Fn::tanh : Fn::erf, t);
            t = k.binary(Fn::add, t, k.lit(1, x.dtype));
            t = k.binary(Fn::mul, t, x);
            return k.binary(Fn::mul, t, k.lit(0.5, x.dtype));
        },
        Read::Once);
}

double largest_finite(DType t) {
    switch (t) {
        case DType::kF16:
            return 65504;
        case DType::kBF16:
            return 0x1.fep127;
        case DType::kF32:
            return std::numeric_limits<float>::max();
        default:
            return std::numeric_limits<double>::max();
    }
}

/// Before version 11 the ends are attributes, from 11 on optional inputs. An end that is left out
/// is the dtype's last finite number: infinity does not pass.
void clip(NodeContext& node) {
    const Buf y = node.out(0);
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    Val t = k.load(operand(node, k, 0, i, true));
    const auto limit = [&](Fn fn, size_t input, const char* key, double missing) {
        if (node.version() >= 11 && node.has_in(input)) {
            const Val end = operand(node, k, input, i, false);
            t = k.binary(fn, t, end.is_literal() ? end : k.load(end));
        } else if (tensor::is_float(y.dtype)) {
            const double end = node.version() < 11 ? node.attr_float(key, missing) : missing;
            t = k.binary(fn, t, k.lit(end, t.dtype));
        }
    };
    const double most = largest_finite(y.dtype);
    limit(Fn::max, 1, "min", -most);
    limit(Fn::min, 2, "max", most);
    k.store(k.at(y, i), t);
    k.done();
}

// ---- arithmetic with conditions of its own ----

bool has_zero(const Tensor& t) {
    for (int64_t n = 0; n < t.elements(); ++n)
        if (t.at_as_int(n) == 0) return true;
    return false;
}

void integer_division(NodeContext& node, Fn fn) {
    const Tensor* divisor = node.constant(1);
    pointwise(node, [&](KernelBuilder& k, const Args& a) {
        if (!divisor || has_zero(*divisor)) {
            const Val b = k.copy(a[1], "b");
            k.check(k.binary(Fn::ne, b, k.lit(0, b.dtype), "c"),
                    fmt::format("{}: integer division by zero", node.node().name));
            return k.binary(fn, a[0], b);
        }
        return k.binary(fn, a[0], a[1]);
    });
}

void div_rule(NodeContext& node) {
    if (tensor::is_float(node.in_dtype(0))) return binary_rule<Fn::div>(node);
    integer_division(node, Fn::idiv);
}

void mod_rule(NodeContext& node) {
    const bool c_sign = node.attr("fmod", 0) != 0;
    if (!tensor::is_float(node.in_dtype(0)))
        return integer_division(node, c_sign ? Fn::fmod : Fn::imod);
    binary_rule<Fn::fmod>(node);
}

/// The result has the base's dtype; a float exponent of an integer base computes in floats.
void pow_rule(NodeContext& node) {
    pointwise(node, [](KernelBuilder& k, const Args& a) {
        const bool by_float = !tensor::is_float(a[0].dtype) && tensor::is_float(a[1].dtype);
        const DType t = by_float ? DType::kF64 : a[0].dtype;
        return k.binary(Fn::pow, k.cast(a[0], t), k.cast(a[1], t, "e"));
    });
}

void where_rule(NodeContext& node) {
    pointwise(
        node,
        [](KernelBuilder& k, const Args& a) {
            if (!a[0].is_literal()) return k.select(a[0], a[1], a[2]);
            return std::get<Literal>(a[0].operand).i != 0 ? a[1] : a[2];
        },
        Read::AsStored);
}

void cast_rule(NodeContext& node) {
    if (node.in_dtype(0) == node.out_dtype(0)) return node.alias(0, node.in(0));
    const DType to = node.out_dtype(0);
    pointwise(
        node, [&](KernelBuilder& k, const Args& a) { return k.cast(a[0], to); }, Read::AsStored);
}

/// Inference only (shape inference refuses what draws random numbers): the input, and a mask that
/// keeps everything; before version 12 ONNX left the mask open, and runtimes make it zeros.
void dropout(NodeContext& node) {
    if (node.has_out(0)) node.alias(0, node.in(0));
    if (!node.has_out(1)) return;
    const Buf mask = node.out(1);
    KernelBuilder k(node, "_mask");
    const Index i = k.parallel_all(mask.shape);
    k.fill(k.at(mask, i), literal(node.version() >= 12 ? 1 : 0, mask.dtype));
    k.done();
}

}  // namespace

void add_elementwise_rules(RuleTable& t) {
    t[OpType::kRelu] = unary_rule<Fn::relu>;
    t[OpType::kSigmoid] = unary_rule<Fn::sigmoid>;
    t[OpType::kTanh] = unary_rule<Fn::tanh>;
    t[OpType::kErf] = unary_rule<Fn::erf>;
    t[OpType::kExp] = unary_rule<Fn::exp>;
    t[OpType::kLog] = unary_rule<Fn::log>;
    t[OpType::kNeg] = unary_rule<Fn::neg>;
    t[OpType::kAbs] = unary_rule<Fn::abs>;
    t[OpType::kSign] = unary_rule<Fn::sign>;
    t[OpType::kReciprocal] = unary_rule<Fn::reciprocal>;
    t[OpType::kFloor] = unary_rule<Fn::floor>;
    t[OpType::kCeil] = unary_rule<Fn::ceil>;
    t[OpType::kRound] = unary_rule<Fn::round>;
    t[OpType::kSin] = unary_rule<Fn::sin>;
    t[OpType::kCos] = unary_rule<Fn::cos>;
    t[OpType::kSqrt] = unary_rule<Fn::sqrt>;
    t[OpType::kNot] = unary_rule<Fn::not_>;
    t[OpType::kAdd] = binary_rule<Fn::add>;
    t[OpType::kSub] = binary_rule<Fn::sub>;
    t[OpType::kMul] = binary_rule<Fn::mul>;
    t[OpType::kEqual] = binary_rule<Fn::eq>;
    t[OpType::kLess] = binary_rule<Fn::lt>;
    t[OpType::kGreater] = binary_rule<Fn::gt>;
    t[OpType::kLessOrEqual] = binary_rule<Fn::le>;
    t[OpType::kGreaterOrEqual] = binary_rule<Fn::ge>;
    t[OpType::kAnd] = binary_rule<Fn::and_>;
    t[OpType::kOr] = binary_rule<Fn::or_>;
    t[OpType::kSum] = variadic_rule<Fn::add>;
    t[OpType::kMax] = variadic_rule<Fn::max>;
    t[OpType::kMin] = variadic_rule<Fn::min>;
    t[OpType::kDiv] = div_rule;
    t[OpType::kMod] = mod_rule;
    t[OpType::kPow] = pow_rule;
    t[OpType::kLeakyRelu] = leaky_relu;
    t[OpType::kElu] = elu;
    t[OpType::kSoftplus] = softplus;
    t[OpType::kClip] = clip;
    t[OpType::kHardSigmoid] = hard_sigmoid;
    t[OpType::kHardSwish] = hard_swish;
    t[OpType::kGelu] = gelu;
    t[OpType::kWhere] = where_rule;
    t[OpType::kCast] = cast_rule;
    t[OpType::kDropout] = dropout;
}

}  // namespace smeaton::lower
