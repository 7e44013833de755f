#include "gir/rewrite/for_target.h"

#include "gir/rewrite/borders.h"
#include "gir/rewrite/claim/claim.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/fuse.h"
#include "gir/rewrite/layout_choice.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/rewrite/tile.h"

namespace smeaton::gir::rewrite {

static bool is_bound(const Program& program) {
    for (const Buffer& b : program.buffers)
        for (const NamedDim& d : b.dims)
            if (!d.extent.is_const()) return false;
    return true;
}

Program shaped_for(Program program, const Target& target, Rules rules) {
    rules = sized_for(target, std::move(rules));
    if (rules.on("fuse")) program = fuse(std::move(program), rules);
    if (!rules.on("layout")) return program;
    program = choose_layouts(std::move(program), target, rules);
    return add_borders(std::move(program), target, rules);
}

Program tiled_for(Program program, const Target& target, Rules rules) {
    rules = sized_for(target, std::move(rules));
    program = tile(program, target, rules);
    program = claimed_for(std::move(program), target, rules);
    if (!is_bound(program)) return program;
    return spelled_for(bordered_for(std::move(program), rules), target, rules);
}

Program claimed_for(Program program, const Target& target, const Rules& rules) {
    return applied("claim-resident", std::move(program), rules, Prices::Kind::Standing,
                   [&](Program p) { return claim_residents(std::move(p), target, rules); });
}

/// Of stages that cannot be left out.
static Rules unskipped(Rules rules) {
    rules.skip.clear();
    return rules;
}

Program bordered_for(Program program, const Rules& rules) {
    return applied("set-borders", std::move(program), unskipped(rules), Prices::Kind::Standing,
                   [&](Program p) { return set_borders(std::move(p), rules.kept_kernels); });
}

Program spelled_for(Program program, const Target& target, const Rules& rules) {
    return applied(
        "spell", std::move(program), unskipped(rules), Prices::Kind::Standing, [&](Program p) {
            return spell(std::move(p), target, rules.kept_kernels, nullptr, rules.workers);
        });
}

Program for_target(Program program, const Target& target, const Rules& rules) {
    return tiled_for(shaped_for(std::move(program), target, rules), target, rules);
}

}  // namespace smeaton::gir::rewrite
