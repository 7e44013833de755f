#include "gir/rewrite/scalars.h"

#include <cmath>
#include <set>

#include "gir/rewrite/engine.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

Op as_unary(Op op, ScalarFn fn) {
    op.kind = OpKind::Unary;
    op.fn = fn;
    op.srcs.resize(1);
    return op;
}

Op product(const Op& like, const Slice& dst, const Slice& a, const Slice& b) {
    Op op = like;
    op.fn = ScalarFn::mul;
    op.dst = dst;
    op.srcs = {a, b};
    return op;
}

// x^2, x^3, x^4 as products of a tile, so that x is still read once.
Block power(const Op& op, int exponent, const std::set<Name>& tiles, std::set<Name>& taken) {
    Block out;
    Slice base = std::get<Slice>(op.srcs[0]);
    bool in_place = base.target == op.dst.target;
    if (tiles.count(base.target) == 0 || base.within || (in_place && exponent == 3)) {
        Tile tile{fresh("base", taken), "local", DType::kF32, op.dims, -1};
        Op read = op;
        read.kind = OpKind::Move;
        read.fn = ScalarFn::copy;
        read.dst = Slice{tile.name, {}, {}};
        for (const NamedDim& d : op.dims) read.dst.at.emplace_back(Affine(d.name));
        read.srcs = {base};
        base = read.dst;
        out.push_back(stmt(Let{tile}));
        out.push_back(stmt(std::move(read)));
    }
    out.push_back(stmt(product(op, op.dst, base, base)));
    if (exponent > 2)
        out.push_back(stmt(product(op, op.dst, op.dst, exponent == 3 ? base : op.dst)));
    return out;
}

Op cheaper_pow(const Op& op, double exponent) {
    Op next = op;
    if (exponent == 1) {
        next.kind = OpKind::Move;
        next.fn = ScalarFn::copy;
        next.srcs.resize(1);
    } else if (exponent == -1) {
        return as_unary(next, ScalarFn::reciprocal);
    }
    // pow(x, 0.5) is not sqrt(x) at -inf and -0; those are worth more than the cycles.
    return next;
}

// The exponent of a pow that a few products replace; 0: none.
int small_power(const Op& op, const std::set<Name>& tiles) {
    if (op.kind != OpKind::Binary || op.fn != ScalarFn::pow || op.dst.within) return 0;
    auto* right = std::get_if<Literal>(&op.srcs[1]);
    if (!right || !std::holds_alternative<Slice>(op.srcs[0])) return 0;
    double exponent = right->as_double();
    if (exponent == 2) return 2;
    bool readable = tiles.count(op.dst.target) > 0;
    return readable && (exponent == 3 || exponent == 4) ? static_cast<int>(exponent) : 0;
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

Op cheaper(const Op& op, bool is_f32) {
    if (op.kind != OpKind::Binary || !is_f32 || op.srcs.size() != 2) return op;
    auto* right = std::get_if<Literal>(&op.srcs[1]);
    if (!right || !std::holds_alternative<Slice>(op.srcs[0])) return op;
    if (op.fn == ScalarFn::pow) return cheaper_pow(op, right->as_double());
    if (op.fn == ScalarFn::div) return cheaper_div(op, right->as_double());
    return op;
}

}  // namespace

static Program with_cheaper_scalars(Program program) {
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
        const std::set<Name> names = tiles_declared(kernel->body);
        std::set<Name> taken;  // filled where a new name is needed
        const auto names_taken = [&]() -> std::set<Name>& {
            if (!taken.empty()) return taken;
            taken = declared_names(kernel->body);
            for (const Buffer& b : before.buffers) taken.insert(b.name);
            return taken;
        };
        Block body = map_stmts(kernel->body, [&](const StmtPtr& s) -> Block {
            auto* op = std::get_if<Op>(&s->node);
            if (!op || !is_f32(op->dst.target)) return {s};
            if (int exponent = small_power(*op, names))
                return power(*op, exponent, names, names_taken());
            Op next = cheaper(*op, true);
            return {next == *op ? s : stmt(std::move(next))};
        });
        if (body == kernel->body) return kernel;
        Kernel next = *kernel;
        next.body = body;
        return std::make_shared<const Kernel>(with_uses(next));
    });
}

Program simplify_scalars(Program program, const Rules& rules) {
    return applied("simplify-scalars", std::move(program), rules, Prices::Kind::Tiled,
                   with_cheaper_scalars);
}

}  // namespace smeaton::gir::rewrite
