#include "gir/rewrite/for_target.h"

#include "gir/rewrite/claim.h"
#include "gir/rewrite/fuse.h"
#include "gir/rewrite/layout_choice.h"
#include "gir/rewrite/tile.h"

namespace smeaton::gir::rewrite {

Program shaped_for(Program program, const Target&, const Rules& rules) {
    if (rules.on("fuse")) program = fuse(std::move(program), rules);
    if (!rules.on("layout")) return program;
    program = choose_layouts(std::move(program), rules);
    return add_borders(std::move(program), rules);
}

std::string shape_key(const Target&) {
    return "any";
}

Program tiled_for(Program program, const Target& target, const Rules& rules) {
    program = tile(program, target);
    return claim_residents(std::move(program), target, rules);
}

Program for_target(Program program, const Target& target, const Rules& rules) {
    return tiled_for(shaped_for(std::move(program), target, rules), target, rules);
}

}  // namespace smeaton::gir::rewrite
