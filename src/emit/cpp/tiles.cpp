#include "emit/cpp/tiles.h"

#include "gir/walk.h"
#include "tensor/dtype.h"

namespace smeaton::emit {

using gir::Block;

using gir::Slice;

namespace {

constexpr int64_t kRegisterVectors =
    64;  // more are refused by the verifier; here they go to memory
constexpr int64_t kRegisterScalars = 32;

bool small_enough(const gir::Tile& tile, const Isa& isa) {
    int64_t variables = 1;
    for (size_t d = 0; d < tile.dims.size(); ++d) {
        int64_t n = tile.dims[d].extent.value();
        variables *= static_cast<int>(d) == tile.lanes ? (n + isa.lanes() - 1) / isa.lanes() : n;
    }
    if (tile.level == Name("reg")) return variables <= kRegisterVectors;
    return variables <= (tile.lanes >= 0 ? 0 : tile.level == Name("local") ? kRegisterScalars : 1);
}

struct Scan {
    std::set<Name> unfit;

    void slice(const Slice& s, const std::vector<gir::NamedDim>& dims) {
        for (const gir::Coord& c : s.at) {
            if (c.index) {
                unfit.insert(s.target);
                slice(*c.index, dims);
            }
            for (const gir::Term& t : c.affine.terms) {
                bool is_dim = false;
                for (const gir::NamedDim& d : dims) is_dim = is_dim || d.name == t.var;
                if (!is_dim) unfit.insert(s.target);
            }
        }
    }

    void op(const gir::Op& op) {
        gir::for_each_slice(op, [&](const Slice& s, bool) {
            slice(s, op.dims);
            // The order of a scatter's dims must stay, so they are not unrolled out of it.
            if (op.kind == gir::OpKind::Scatter && !s.at.empty()) unfit.insert(s.target);
        });
        if (op.kind == gir::OpKind::Sort) {
            unfit.insert(op.dst.target);
            if (op.payload) unfit.insert(op.payload->target);
        }
    }

    void let(const gir::Let& let) {
        if (let.constant) unfit.insert(let.tile.name);
        if (!let.source) return;
        if (is_claim(let)) {
            unfit.insert(let.tile.name);
            unfit.insert(let.source->target);
            for (const gir::Coord& c : let.source->at)
                if (c.index) unfit.insert(c.index->target);
        } else {
            slice(*let.source, let.tile.dims);
        }
    }
};

}  // namespace

bool is_claim(const gir::Let& let) {
    return let.source && let.resident && !let.source->within && let.tile.level != Name("reg") &&
           let.tile.level != Name("local");
}

std::set<Name> register_tiles(const Block& block, const Isa& isa, const std::set<Name>& buffers) {
    Scan scan;
    std::set<Name> fit;
    gir::for_each_stmt(block, [&](const gir::Stmt& s) {
        if (auto* op = std::get_if<gir::Op>(&s.node)) scan.op(*op);
        if (auto* let = std::get_if<gir::Let>(&s.node)) {
            scan.let(*let);
            if (small_enough(let->tile, isa)) fit.insert(let->tile.name);
        }
        if (auto* check = std::get_if<gir::Check>(&s.node))
            if (auto* slice = std::get_if<Slice>(&check->condition))
                scan.slice(*slice, check->dims);
    });
    for (Name n : scan.unfit) fit.erase(n);
    for (Name n : buffers) fit.erase(n);
    return fit;
}

}  // namespace smeaton::emit
