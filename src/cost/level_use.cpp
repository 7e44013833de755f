#include "cost/level_use.h"

#include <fmt/format.h>

#include <set>

#include "gir/walk.h"

namespace smeaton::cost {
namespace {

struct Inventory {
    std::set<Name> levels;  ///< of tiles
    bool contracts = false;
};

Inventory inventory_of(const gir::Program& program) {
    Inventory found;
    for (const gir::KernelPtr& kernel : gir::kernels(program)) {
        gir::for_each_stmt(kernel->body, [&](const gir::Stmt& s) {
            if (auto* let = std::get_if<gir::Let>(&s.node)) found.levels.insert(let->tile.level);
        });
        gir::for_each_op(kernel->body, [&](const gir::Op& op) {
            found.contracts = found.contracts || op.kind == gir::OpKind::Mma;
        });
    }
    return found;
}

std::string reason(const gir::TargetLevel& level, const Inventory& found) {
    using Role = gir::OperandRole;
    if (!level.takes(Role::Vector)) {
        if (!found.contracts) return "it takes operands of contractions only, and there are none";
        if (!level.takes(Role::A) && !level.takes(Role::B))
            return "it takes sums of contractions only, and those are kept elsewhere: in "
                   "registers, or where the shapes of the machine's units say";
    }
    return "nothing that is read more than once, or kept between two passes over it, fits it";
}

}  // namespace

std::vector<std::string> unused_levels(const gir::Program& tiled, const gir::Target& target) {
    Inventory found = inventory_of(tiled);
    std::vector<std::string> sentences;
    for (const gir::TargetLevel& level : target.levels) {
        if (!target.is_scratchpad(level) || found.levels.count(level.name) > 0) continue;
        sentences.push_back(
            fmt::format("level {} ({} bytes, managed by software) holds nothing: {}", level.name,
                        level.capacity.bytes(), reason(level, found)));
    }
    return sentences;
}

}  // namespace smeaton::cost
