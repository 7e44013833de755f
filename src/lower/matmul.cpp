// MatMul and Gemm: one mma over rows and columns.
#include "lower/rules.h"
#include "lower/window.h"

namespace smeaton::lower {

using model::OpType;

void einsum(NodeContext&);  // einsum.cpp

namespace {

// Numpy matmul: batch dims broadcast; a vector on either side loses its added dim in the result.
void matmul(NodeContext& node) {
    const Buf a = widened(node, node.in(0)), b = widened(node, node.in(1));
    const Buf y = node.out(0);
    if (a.rank() == 0 || b.rank() == 0) node.refuse("operands must have at least one dim");
    const bool row = a.rank() == 1, column = b.rank() == 1;
    const int64_t depth = a.shape.back();
    if (depth != (column ? b.shape[0] : b.shape[b.shape.size() - 2]))
        node.refuse("inner extents {} and {} differ", depth,
                    b.shape[column ? 0 : b.shape.size() - 2]);

    KernelBuilder k(node);
    const size_t batch_rank = y.shape.size() - (row ? 0 : 1) - (column ? 0 : 1);
    const Index batch = k.parallel_all(
        Shape(y.shape.begin(), y.shape.begin() + static_cast<std::ptrdiff_t>(batch_rank)), "b");
    const Affine m = k.parallel("m", row ? 1 : a.shape[a.shape.size() - 2]);
    const Affine n = k.parallel("n", column ? 1 : b.shape.back());
    const Affine c = k.dim("k", depth);
    const auto batched = [&](const Buf& operand, size_t matrix_dims) {
        Index index;
        const size_t own = operand.shape.size() - matrix_dims;
        for (size_t d = 0; d < own; ++d)
            index.push_back(operand.shape[d] == 1 ? Affine(0) : batch[batch_rank - own + d]);
        return index;
    };
    Index ai = batched(a, row ? 1 : 2), bi = batched(b, column ? 1 : 2), yi = batch;
    if (!row) ai.push_back(m), yi.push_back(m);
    ai.push_back(c);
    bi.push_back(c);
    if (!column) bi.push_back(n), yi.push_back(n);

    const Val acc = k.tile("acc", a.dtype);
    k.fill(acc, literal(0, a.dtype));
    k.mma(acc, k.at(a, ai), k.at(b, bi));
    k.store(k.at(y, yi), acc);
    k.done();
}

// y = alpha * op(a) * op(b) + beta * c, c broadcast to y.
void gemm(NodeContext& node) {
    const double alpha = node.attr_float("alpha", 1), beta = node.attr_float("beta", 1);
    const bool trans_a = node.attr("transA", 0) != 0, trans_b = node.attr("transB", 0) != 0;
    const Buf a = widened(node, node.in(0)), b = widened(node, node.in(1));
    if (a.rank() != 2 || b.rank() != 2) node.refuse("operands must be matrices");
    const int64_t depth = a.shape[trans_a ? 0 : 1];
    if (depth != b.shape[trans_b ? 1 : 0])
        node.refuse("inner extents {} and {} differ", depth, b.shape[trans_b ? 1 : 0]);
    const bool has_c = node.has_in(2) && beta != 0;
    if ((alpha != 1 || (has_c && beta != 1)) && !tensor::is_float(a.dtype))
        node.refuse("alpha and beta other than 1 need floating point operands");

    const Buf y = node.out(0);
    KernelBuilder k(node);
    const Affine m = k.parallel("m", y.shape[0]), n = k.parallel("n", y.shape[1]);
    const Affine c = k.dim("k", depth);
    const bool start_from_c = has_c && alpha == 1 && beta == 1;
    Val acc = k.tile("acc", a.dtype);
    if (start_from_c) {
        k.store(acc, k.broadcast(node.in(2), {m, n}));
    } else {
        k.fill(acc, literal(0, a.dtype));
    }
    k.mma(acc, k.at(a, trans_a ? Index{c, m} : Index{m, c}),
          k.at(b, trans_b ? Index{n, c} : Index{c, n}));
    if (alpha != 1) acc = k.binary(Fn::mul, acc, k.lit(alpha, a.dtype));
    if (has_c && !start_from_c) {
        Val added = k.load(k.broadcast(node.in(2), {m, n}));
        if (beta != 1) added = k.binary(Fn::mul, added, k.lit(beta, a.dtype));
        acc = k.binary(Fn::add, acc, added);
    }
    k.store(k.at(y, {m, n}), acc);
    k.done();
}

}  // namespace

void add_matmul_rules(RuleTable& t) {
    t[OpType::kMatMul] = matmul;
    t[OpType::kGemm] = gemm;
    t[OpType::kEinsum] = einsum;
}

}  // namespace smeaton::lower
