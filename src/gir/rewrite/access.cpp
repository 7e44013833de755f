#include "gir/rewrite/access.h"

#include <algorithm>

#include "gir/layout.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

bool runs_along(const Program& program, const Slice& s, Name var) {
    if (s.at.empty()) return false;
    int innermost = static_cast<int>(s.at.size()) - 1;
    if (const Buffer* buffer = program.find_buffer(s.target)) innermost = dim_along(*buffer);
    if (innermost < 0) return false;
    for (size_t i = 0; i < s.at.size(); ++i) {
        const Coord& c = s.at[i];
        if (c.index && uses(*c.index, var)) return false;
        if (c.affine.coefficient(var) != (static_cast<int>(i) == innermost ? 1 : 0)) return false;
    }
    return true;
}

int64_t block_along(const Program& program, const Slice& s, Name var) {
    const Buffer* buffer = program.find_buffer(s.target);
    if (!buffer) return 0;
    for (const PhysicalDim& p : physical_dims(*buffer))
        if (p.mod != 0 && s.at[static_cast<size_t>(p.dim)].affine.uses(var)) return p.mod * p.div;
    return 0;
}

const Op* only_mma(const Block& block) {
    const Op* found = nullptr;
    int count = 0;
    for_each_op(block, [&](const Op& op) {
        if (op.kind != OpKind::Mma) return;
        found = &op;
        ++count;
    });
    return count == 1 ? found : nullptr;
}

Extents extents_in(const Block& block) {
    Extents extents;
    auto note = [&](Name n, const Dim& d) {
        if (!d.is_const()) return;
        int64_t& most = extents[n];
        most = std::max(most, d.value());
    };
    for_each_stmt(block, [&](const Stmt& s) {
        if (auto* p = std::get_if<Parallel>(&s.node)) note(p->axis, p->extent);
        if (auto* f = std::get_if<For>(&s.node)) note(f->axis, f->extent);
        if (auto* o = std::get_if<Op>(&s.node))
            for (const NamedDim& d : o->dims) note(d.name, d.extent);
    });
    return extents;
}

}  // namespace smeaton::gir::rewrite
