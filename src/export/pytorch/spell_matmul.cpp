// Products of matrices: nn.Linear where one side is a constant matrix. A bias that is added behind
// is joined to it in lines.cpp.
#include "export/pytorch/speller.h"

namespace smeaton::pytorch {

using model::OpType;

namespace {

Module linear_module(Speller& s, size_t weight, bool transpose) {
    const std::vector<int64_t>& shape = s.constant(weight)->shape();
    const int64_t in = transpose ? shape[0] : shape[1], out = transpose ? shape[1] : shape[0];
    Module m;
    m.type = "nn.Linear";
    m.base = "linear";
    m.named = true;
    m.arguments = {positional("in_features", text(in)), positional("out_features", text(out))};
    m.weights = {{"weight", s.node().inputs[weight],
                  transpose ? Weight::From::Transposed : Weight::From::Constant}};
    return m;
}

void matmul(Speller& s) {
    if (!s.is_weight(1) || s.shape(1).size() != 2)
        return s.give(fmt::format("{} @ {}", s.in(0), s.in(1)));
    Module m = linear_module(s, 1, true);
    m.arguments.push_back(keyword("bias", "False"));
    s.give(fmt::format("{}({})", s.module(m), s.in(0)));
}

std::string scaled(const std::string& x, double factor) {
    return factor == 1 ? x : fmt::format("{} * {}", literal(DType::kF32, factor), x);
}

void gemm(Speller& s) {
    const bool trans_a = s.attr("transA", 0) != 0, trans_b = s.attr("transB", 0) != 0;
    const double alpha = s.number("alpha", 1), beta = s.number("beta", 1);
    const bool bias = s.has(2);
    const Tensor* c = bias ? s.constant(2) : nullptr;
    const bool vector = bias && s.is_weight(2) && c->shape().size() == 1 && s.is_weight(1) &&
                        c->elements() == s.constant(1)->shape()[trans_b ? 0 : 1];
    if (s.is_weight(1) && !trans_a && alpha == 1 && (!bias || (vector && beta == 1))) {
        Module m = linear_module(s, 1, !trans_b);
        if (bias)
            m.weights.push_back({"bias", s.node().inputs[2]});
        else
            m.arguments.push_back(keyword("bias", "False"));
        return s.give(fmt::format("{}({})", s.module(m), s.in(0)));
    }
    std::string product =
        fmt::format("({}{} @ {}{})", s.in(0), trans_a ? ".T" : "", s.in(1), trans_b ? ".T" : "");
    if (!bias && alpha == 1) product = product.substr(1, product.size() - 2);
    product = scaled(product, alpha);
    if (bias) product += " + " + scaled(s.in(2), beta);
    s.give(product);
}

void einsum(Speller& s) {
    std::string equation;
    for (char c : s.text("equation", ""))
        if (c != ' ') equation += c;
    std::string operands;
    for (size_t k = 0; k < s.input_count(); ++k) operands += ", " + s.in(k);
    s.give(fmt::format("torch.einsum({}{})", string_text(equation), operands));
}

}  // namespace

void add_matmul_spelling(SpellTable& table) {
    table[OpType::kMatMul] = matmul;
    table[OpType::kGemm] = gemm;
    table[OpType::kEinsum] = einsum;
}

}  // namespace smeaton::pytorch
