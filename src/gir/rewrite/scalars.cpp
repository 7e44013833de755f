#include "gir/rewrite/scalars.h"

#include <cmath>

#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

Op as_unary(Op op, ScalarFn fn) {
    op.kind = OpKind::Unary;
    op.fn = fn;
    op.srcs.resize(1);
    return op;
}

Op cheaper_pow(const Op& op, double exponent) {
    Op next = op;
    if (exponent == 1) {
        next.kind = OpKind::Move;
        next.fn = ScalarFn::copy;
        next.srcs.resize(1);
    } else if (exponent == 2) {
        next.fn = ScalarFn::mul;
        next.srcs[1] = next.srcs[0];
    } else if (exponent == -1) {
        return as_unary(next, ScalarFn::reciprocal);
    }
    // pow(x, 0.5) is not sqrt(x) at -inf and -0; those are worth more than the cycles.
    return next;
}

// A product with the reciprocal is off by at most an ulp, and exact for powers of two.
Op cheaper_div(const Op& op, double divisor) {
    double reciprocal = 1 / divisor;
    if (divisor == 0 || !std::isfinite(divisor) || !std::isnormal(static_cast<float>(reciprocal)))
        return op;
    Op next = op;
    next.fn = ScalarFn::mul;
    next.srcs[1] = Literal::of(reciprocal);
    return next;
}

Op cheaper(const Op& op, bool is_float) {
    if (op.kind != OpKind::Binary || !is_float || op.srcs.size() != 2) return op;
    auto* right = std::get_if<Literal>(&op.srcs[1]);
    if (!right || !std::holds_alternative<Slice>(op.srcs[0])) return op;
    if (op.fn == ScalarFn::pow) return cheaper_pow(op, right->as_double());
    if (op.fn == ScalarFn::div) return cheaper_div(op, right->as_double());
    return op;
}

}  // namespace

Program simplify_scalars(Program program, const Rules& rules) {
    if (!rules.on("simplify-scalars")) return program;
    const Program before = program;
    return map_kernels(std::move(program), [&](const KernelPtr& kernel) {
        std::map<Name, DType> tiles;
        for_each_stmt(kernel->body, [&](const Stmt& s) {
            if (auto* let = std::get_if<Let>(&s.node)) tiles[let->tile.name] = let->tile.dtype;
        });
        auto is_f32 = [&](Name target) {
            auto tile = tiles.find(target);
            return (tile != tiles.end() ? tile->second : before.buffer(target).dtype) ==
                   DType::kF32;
        };
        Block body =
            map_ops(kernel->body, [&](const Op& op) { return cheaper(op, is_f32(op.dst.target)); });
        if (body == kernel->body) return kernel;
        rules.note("simplify-scalars", kernel->name.str());
        Kernel next = *kernel;
        next.body = body;
        return std::make_shared<const Kernel>(with_uses(next));
    });
}

}  // namespace smeaton::gir::rewrite
