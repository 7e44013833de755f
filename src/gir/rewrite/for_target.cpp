#include "gir/rewrite/for_target.h"

#include "gir/rewrite/claim.h"
#include "gir/rewrite/fuse.h"
#include "gir/rewrite/layout_choice.h"
#include "gir/rewrite/tile.h"

namespace smeaton::gir::rewrite {

Program for_target(Program program, const Target& target, Rules rules) {
    rules = sized_for(target, std::move(rules));
    program = fuse(std::move(program), rules);
    program = choose_layouts(std::move(program), target, rules);
    program = add_borders(std::move(program), target, rules);
    program = tile(program, target);
    return claim_residents(std::move(program), target, rules);
}

}  // namespace smeaton::gir::rewrite
