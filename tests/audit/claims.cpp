#include "claims.h"

#include <algorithm>
#include <set>

#include "gir/ledger/levels.h"
#include "gir/walk.h"

namespace smeaton::audit {

namespace {

/// The target's chain with the levels of what was left as lowered: memory around all, local tiles
/// between the innermost cache and the registers.
gir::Levels whole_chain(const gir::Target& target) {
    gir::Levels levels = gir::levels_of(target);
    levels.list.insert(levels.list.begin(), {"memory", -1, {}});
    levels.list.insert(levels.list.end() - 1, {"local", 0, {}});
    for (size_t i = 0; i < levels.list.size(); ++i) levels.list[i].parent = static_cast<int>(i) - 1;
    return levels;
}

std::set<Name> claimed_levels(const gir::Kernel& kernel) {
    std::set<Name> levels;
    gir::for_each_stmt(kernel.body, [&](const gir::Stmt& s) {
        if (auto* let = std::get_if<gir::Let>(&s.node); let && let->kind == gir::TileKind::Claim)
            levels.insert(let->tile.level);
    });
    return levels;
}

}  // namespace

std::vector<Boundary> boundaries(const gir::Program& program, const gir::Kernel& kernel,
                                 const gir::Target& target, gir::interp::Memory memory) {
    gir::interp::AgreementOptions o;
    o.levels = whole_chain(target);
    for (const gir::TargetLevel& l : target.levels)
        if (&l != &target.registers() && &l != &target.outermost())
            o.caches.push_back({l.name, l.capacity.bytes(), l.line_bytes});
    o.registers = target.registers().name;
    int64_t iterations = gir::interp::sampled_iterations(kernel);
    o.warm = std::max<int64_t>(iterations / 4, 1);
    o.count = std::max<int64_t>(iterations / 8, 1);
    std::set<Name> claimed = claimed_levels(kernel);
    std::vector<Boundary> out;
    for (const gir::interp::Agreement& a :
         gir::interp::claims_against_caches(kernel, program, memory, o))
        out.push_back({a, claimed.count(a.inside) > 0 || a.outside == target.outermost().name});
    return out;
}

}  // namespace smeaton::audit
