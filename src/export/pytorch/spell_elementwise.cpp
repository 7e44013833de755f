// One element at a time.
#include <cmath>

#include "export/pytorch/speller.h"
#include "model/shape/elementwise.h"

namespace smeaton::pytorch {

using model::OpType;

namespace {

std::string number(const Speller& s, const char* key, double otherwise) {
    return literal(DType::kF32, s.number(key, otherwise));
}

bool is_default(const std::string& number, const char* torch_default) {
    return number == torch_default;
}

// ---- one operand
// -----------------------------------------------------------------------------------

SpellRule plain_module(const char* type, const char* base) {
    return [=](Speller& s) { s.give(s.module(type, {}, base) + "(" + s.in(0) + ")"); };
}

SpellRule function(const char* name) {
    return [=](Speller& s) { s.give(fmt::format("torch.{}({})", name, s.in(0))); };
}

SpellRule sign_in_front(const char* sign) {
    return [=](Speller& s) { s.give(sign + s.in(0)); };
}

void module_with(Speller& s, const char* type, const char* base, const char* key,
                 const std::string& value, const char* torch_default) {
    std::vector<Argument> arguments;
    if (!is_default(value, torch_default)) arguments = {keyword(key, value)};
    s.give(s.module(type, arguments, base) + "(" + s.in(0) + ")");
}

void leaky_relu(Speller& s) {
    module_with(s, "nn.LeakyReLU", "leaky_relu", "negative_slope", number(s, "alpha", 0.01),
                "0.01");
}

void elu(Speller& s) {
    module_with(s, "nn.ELU", "elu", "alpha", number(s, "alpha", 1.0), "1.0");
}

void gelu(Speller& s) {
    module_with(s, "nn.GELU", "gelu", "approximate", string_text(s.text("approximate", "none")),
                "\"none\"");
}

void hard_sigmoid(Speller& s) {
    const double alpha = s.number("alpha", 0.2), beta = s.number("beta", 0.5);
    // nn.Hardsigmoid's slope is 1/6.
    if (std::abs(alpha - 1.0 / 6) < 1e-6 && beta == 0.5) {
        s.give(s.module("nn.Hardsigmoid", {}, "hardsigmoid") + "(" + s.in(0) + ")");
        return;
    }
    s.give(fmt::format("torch.clamp({} * {} + {}, 0, 1)", s.in(0), number(s, "alpha", 0.2),
                       number(s, "beta", 0.5)));
}

// Bounds are attributes before version 11, operands since; one that is absent does not bind.
void clip(Speller& s) {
    std::string low, high;
    if (s.version() < 11) {
        if (s.has_attr("min")) low = number(s, "min", 0);
        if (s.has_attr("max")) high = number(s, "max", 0);
    } else {
        auto bound = [&](size_t k) {
            if (!s.has(k)) return std::string();
            const auto number = s.number_in(k);
            return number ? *number : s.in(k);
        };
        const bool mixed = s.has(1) && s.has(2) && !(s.number_in(1) && s.number_in(2));
        low = mixed ? s.in(1) : bound(1);
        high = mixed ? s.in(2) : bound(2);
    }
    if (low.empty() && high.empty()) return s.give(s.in(0));
    if (low == "0.0" && high == "6.0")
        return s.give(s.module("nn.ReLU6", {}, "relu") + "(" + s.in(0) + ")");
    std::string bounds;
    if (!low.empty()) bounds += ", min=" + low;
    if (!high.empty()) bounds += ", max=" + high;
    s.give(fmt::format("torch.clamp({}{})", s.in(0), bounds));
}

void cast(Speller& s) {
    const DType to = model::cast_target(s);
    s.give(fmt::format("{}.to({})", s.in(0), dtype_text(to)));
}

void dropout(Speller& s) {
    model::check_dropout_is_identity(s);
    if (!s.wants(1)) return s.give(s.in(0));
    s.give_all(fmt::format("({0}, torch.ones_like({0}, dtype=torch.bool))", s.in(0)));
}

void identity(Speller& s) {
    s.give(s.in(0));
}

// ---- several operands
// --------------------------------------------------------------------------------

/// Operand k with the dims that make it broadcast from behind, as it does in PyTorch. Only versions
/// before 7 put ones elsewhere.
std::string aligned(Speller& s, size_t k) {
    const std::vector<model::Shape> shapes = model::aligned_operands(s);
    const model::Shape& own = s.shape(k);
    const model::Shape& wanted = shapes[k];
    const size_t ones = wanted.size() - own.size();
    bool in_front = true;
    for (size_t d = 0; d < wanted.size(); ++d)
        in_front &= d < ones ? wanted[d].is(1) : wanted[d] == own[d - ones];
    if (in_front) return s.number_or_in(k);
    return fmt::format("{}.reshape({})", s.in(k), dims_text(wanted));
}

SpellRule infix(const char* sign) {
    return [=](Speller& s) { s.give(fmt::format("{} {} {}", aligned(s, 0), sign, aligned(s, 1))); };
}

void div(Speller& s) {
    if (tensor::is_float(s.dtype(0)))
        return s.give(fmt::format("{} / {}", aligned(s, 0), aligned(s, 1)));
    std::string a = s.number_in(0) && !s.number_in(1) ? s.in(0) : aligned(s, 0);
    s.give(fmt::format("torch.div({}, {}, rounding_mode=\"trunc\")", a, aligned(s, 1)));
}

void mod(Speller& s) {
    const char* function = s.attr("fmod", 0) != 0 ? "fmod" : "remainder";
    s.give(fmt::format("torch.{}({}, {})", function, s.in(0), s.number_or_in(1)));
}

void pow(Speller& s) {
    std::string exponent = aligned(s, 1);
    const bool number = s.number_in(1).has_value() && exponent == *s.number_in(1);
    if (number && exponent.ends_with(".0")) exponent.resize(exponent.size() - 2);
    std::string power = fmt::format("torch.pow({}, {})", s.in(0), exponent);
    // The result has the first operand's dtype, whatever the exponent's.
    if (s.dtype(0) != s.dtype(1)) {
        if (!number) power = fmt::format("torch.pow({}, {})", s.in(0), s.in(1));
        power += fmt::format(".to({})", dtype_text(s.dtype(0)));
    }
    s.give(power);
}

void sum(Speller& s) {
    std::string all;
    for (size_t k = 0; k < s.input_count(); ++k) all += (k > 0 ? " + " : "") + s.in(k);
    s.give(all);
}

SpellRule fold(const char* function) {
    return [=](Speller& s) {
        std::string all = s.in(0);
        for (size_t k = 1; k < s.input_count(); ++k)
            all = fmt::format("torch.{}({}, {})", function, all, s.in(k));
        s.give(all);
    };
}

void where(Speller& s) {
    const auto yes = s.number_in(1), no = s.number_in(2);
    const bool numbers = yes && no && s.result_dtype() == DType::kF32 &&
                         s.shape(0).size() == s.result_shape().size() && s.constant(0) == nullptr;
    if (numbers) return s.give(fmt::format("torch.where({}, {}, {})", s.in(0), *yes, *no));
    s.give(fmt::format("torch.where({}, {}, {})", s.in(0), s.number_or_in(1), s.number_or_in(2)));
}

void add_unary(SpellTable& table) {
    table[OpType::kRelu] = plain_module("nn.ReLU", "relu");
    table[OpType::kSigmoid] = plain_module("nn.Sigmoid", "sigmoid");
    table[OpType::kTanh] = plain_module("nn.Tanh", "tanh");
    table[OpType::kHardSwish] = plain_module("nn.Hardswish", "hardswish");
    table[OpType::kSoftplus] = plain_module("nn.Softplus", "softplus");
    table[OpType::kLeakyRelu] = leaky_relu;
    table[OpType::kElu] = elu;
    table[OpType::kGelu] = gelu;
    table[OpType::kHardSigmoid] = hard_sigmoid;
    table[OpType::kClip] = clip;
    table[OpType::kErf] = function("erf");
    table[OpType::kExp] = function("exp");
    table[OpType::kLog] = function("log");
    table[OpType::kAbs] = function("abs");
    table[OpType::kSign] = function("sign");
    table[OpType::kReciprocal] = function("reciprocal");
    table[OpType::kFloor] = function("floor");
    table[OpType::kCeil] = function("ceil");
    table[OpType::kRound] = function("round");
    table[OpType::kSin] = function("sin");
    table[OpType::kCos] = function("cos");
    table[OpType::kSqrt] = function("sqrt");
    table[OpType::kNeg] = sign_in_front("-");
    table[OpType::kNot] = sign_in_front("~");
    table[OpType::kCast] = cast;
    table[OpType::kDropout] = dropout;
    table[OpType::kIdentity] = identity;
}

}  // namespace

void add_elementwise_spelling(SpellTable& table) {
    add_unary(table);
    table[OpType::kAdd] = infix("+");
    table[OpType::kSub] = infix("-");
    table[OpType::kMul] = infix("*");
    table[OpType::kEqual] = infix("==");
    table[OpType::kLess] = infix("<");
    table[OpType::kGreater] = infix(">");
    table[OpType::kLessOrEqual] = infix("<=");
    table[OpType::kGreaterOrEqual] = infix(">=");
    table[OpType::kAnd] = infix("&");
    table[OpType::kOr] = infix("|");
    table[OpType::kDiv] = div;
    table[OpType::kMod] = mod;
    table[OpType::kPow] = pow;
    table[OpType::kSum] = sum;
    table[OpType::kMax] = fold("maximum");
    table[OpType::kMin] = fold("minimum");
    table[OpType::kWhere] = where;
}

}  // namespace smeaton::pytorch
