// Gradients of contractions, as contractions: the gradient of one operand contracts that of the
// result with the other operands, without a transposed copy of anything.
#include <algorithm>

#include "base/error.h"
#include "model/grad/rule.h"
#include "model/shape/einsum.h"

namespace smeaton::model {

namespace {

/// Letters for labels 0, 1, ...
std::string letters(const std::vector<int>& labels) {
    std::string text;
    for (int label : labels) {
        SMEATON_CHECK(label < 52, "{} dims are more than an equation has letters for", label + 1);
        text += static_cast<char>(label < 26 ? 'a' + label : 'A' + label - 26);
    }
    return text;
}

/// A term of a contraction: a value and the label of each of its dims.
struct Term {
    Expr value;
    std::vector<int> labels;
};

/// Without the dims of size 1 whose label is larger elsewhere: they broadcast, and an equation
/// says so by leaving them out.
Term without_broadcast(const Term& term, const Sizes& sizes) {
    Term out{term.value, {}};
    Sizes shape;
    const Sizes own = term.value.shape();
    for (size_t d = 0; d < own.size(); ++d) {
        if (own[d] == 1 && sizes[static_cast<size_t>(term.labels[d])] != 1) continue;
        out.labels.push_back(term.labels[d]);
        shape.push_back(own[d]);
    }
    out.value = reshape(term.value, shape);
    return out;
}

bool has(const std::vector<int>& labels, int label) {
    return std::find(labels.begin(), labels.end(), label) != labels.end();
}

/// 1 where the first index is the second.
Expr identity_matrix(Composer& c, int64_t n, DType dtype) {
    const Expr rows = reshape(c.positions(n), {n, 1}), columns = c.positions(n);
    const Expr one = c.number(1, dtype);
    return where(equal(rows, columns), one, 0.0);
}

/// sum over all labels that `target` lacks of the product of `terms`, of shape `shape`. A label
/// twice in `target` fills the diagonal; a label of `target` that no term has repeats.
Expr contract(std::vector<Term> terms, const std::vector<int>& target, const Sizes& shape,
              Sizes sizes) {
    std::vector<int> all, kept;
    for (Term& term : terms) {
        term = without_broadcast(term, sizes);
        all.insert(all.end(), term.labels.begin(), term.labels.end());
    }
    Sizes with_ones;
    for (size_t d = 0; d < target.size(); ++d) {
        int label = target[d];
        if (shape[d] != 1 && has(kept, label)) {  // the diagonal
            const int second = static_cast<int>(sizes.size());
            sizes.push_back(shape[d]);
            const Expr diagonal =
                identity_matrix(*terms[0].value.composer, shape[d], terms[0].value.dtype());
            terms.push_back({diagonal, {label, second}});
            all.push_back(second);
            label = second;
        }
        const bool there = has(all, label) && !(shape[d] == 1 && has(kept, label)) &&
                           (shape[d] != 1 || sizes[static_cast<size_t>(label)] == 1);
        if (there) kept.push_back(label);
        with_ones.push_back(there ? shape[d] : 1);
    }
    std::string equation;
    std::vector<Expr> values;
    for (const Term& term : terms) {
        equation += (values.empty() ? "" : ",") + letters(term.labels);
        values.push_back(term.value);
    }
    return expand(reshape(einsum(equation + "->" + letters(kept), values), with_ones), shape);
}

void contraction(Pullback& p, const std::vector<std::vector<int>>& operands,
                 const std::vector<int>& result, const Sizes& sizes) {
    for (size_t k = 0; k < operands.size(); ++k) {
        if (!p.wants(k)) continue;
        std::vector<Term> terms = {{p.grad(), result}};
        for (size_t other = 0; other < operands.size(); ++other)
            if (other != k) terms.push_back({p.in(other), operands[other]});
        p.give(k, contract(terms, operands[k], p.in_shape(k), sizes));
    }
}

// Batch dims are labels 0, 1, ... aligned at the end; then row, column, depth.
void matmul(Pullback& p) {
    const Sizes a = p.in_shape(0), b = p.in_shape(1);
    const auto batch_rank = static_cast<int>(std::max({a.size(), b.size(), size_t{2}}) - 2);
    const int row = batch_rank, column = batch_rank + 1, depth = batch_rank + 2;
    std::vector<std::vector<int>> operands(2);
    std::vector<int> result;
    Sizes sizes(static_cast<size_t>(batch_rank) + 3, 1);
    for (int d = 0; d < batch_rank; ++d) {
        for (size_t k = 0; k < 2; ++k) {
            const Sizes& own = k == 0 ? a : b;
            const int at = d - batch_rank + static_cast<int>(own.size()) - 2;
            if (at < 0) continue;
            operands[k].push_back(d);
            int64_t& size = sizes[static_cast<size_t>(d)];
            if (own[static_cast<size_t>(at)] != 1) size = own[static_cast<size_t>(at)];
        }
        result.push_back(d);
    }
    if (a.size() > 1) operands[0].push_back(row), result.push_back(row);
    operands[0].push_back(depth);
    operands[1].push_back(depth);
    if (b.size() > 1) operands[1].push_back(column), result.push_back(column);
    sizes[static_cast<size_t>(row)] = a.size() > 1 ? a[a.size() - 2] : 1;
    sizes[static_cast<size_t>(column)] = b.size() > 1 ? b.back() : 1;
    sizes[static_cast<size_t>(depth)] = a.back();
    contraction(p, operands, result, sizes);
}

void einsum_gradient(Pullback& p) {
    const EinsumEquation equation = einsum_equation(p.view());
    contraction(p, equation.inputs, equation.output, *const_shape(equation.sizes));
}

/// a' = alpha op(a), so that da is alpha g op(b)^T, transposed where a was.
void gemm(Pullback& p) {
    const NodeView view = p.view();
    const double alpha = view.number("alpha", 1);
    const bool ta = view.attr("transA", 0) != 0, tb = view.attr("transB", 0) != 0;
    const Expr a = p.in(0), b = p.in(1), g = p.grad();
    const auto product = [&](Expr left, bool tl, Expr right, bool tr, const Sizes& shape) {
        return p.composer().node(
            OpType::kGemm, {left, right},
            {{"alpha", alpha}, {"transA", int64_t{tl}}, {"transB", int64_t{tr}}}, g.dtype(), shape);
    };
    if (p.wants(0))
        p.give(0, ta ? product(b, tb, g, true, a.shape()) : product(g, false, b, !tb, a.shape()));
    if (p.wants(1))
        p.give(1, tb ? product(g, true, a, ta, b.shape()) : product(a, !ta, g, false, b.shape()));
    if (p.wants(2)) p.give(2, g * view.number("beta", 1));
}

}  // namespace

void add_matmul_gradients(GradientTable& table) {
    row(table, OpType::kMatMul) = {matmul};
    row(table, OpType::kEinsum) = {einsum_gradient};
    row(table, OpType::kGemm) = {gemm};
}

}  // namespace smeaton::model
