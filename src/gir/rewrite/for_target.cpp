#include "gir/rewrite/for_target.h"

#include "gir/rewrite/claim.h"
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

Program for_target(Program program, const Target& target, Rules rules) {
    rules = sized_for(target, std::move(rules));
    program = fuse(std::move(program), rules);
    program = choose_layouts(std::move(program), target, rules);
    program = add_borders(std::move(program), target, rules);
    program = tile(program, target);
    program = claim_residents(std::move(program), target, rules);
    return is_bound(program) ? spell(std::move(program), target) : program;
}

}  // namespace smeaton::gir::rewrite
