#include "gir/ledger/levels.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "gir/walk.h"

namespace smeaton::gir {

int Levels::index(Name level) const {
    for (size_t i = 0; i < list.size(); ++i)
        if (list[i].name == level) return static_cast<int>(i);
    SMEATON_CHECK(false, "level {} is not among the levels that traffic is counted at", level);
}

bool Levels::inside(int level, int ancestor) const {
    for (; level >= 0; level = list[static_cast<size_t>(level)].parent)
        if (level == ancestor) return true;
    return false;
}

static Levels chain(const std::vector<Name>& outermost_first) {
    Levels levels;
    for (Name n : outermost_first)
        levels.list.push_back({n, static_cast<int>(levels.list.size()) - 1, false});
    return levels;
}

Levels levels_used(const Program& program, const std::vector<const Kernel*>& kernels) {
    static const char* const kUsualOrder[] = {"memory", "dram", "hbm",   "l3",
                                              "l2",     "l1",   "local", "reg"};
    std::set<Name> used;
    for (const Kernel* kernel : kernels) {
        for (const auto* names : {&kernel->reads, &kernel->writes}) {
            for (Name b : *names) {
                used.insert(program.buffer(b).level);
                used.insert(charged_level(program.buffer(b)));
            }
        }
        for_each_stmt(kernel->body, [&](const Stmt& s) {
            if (auto* let = std::get_if<Let>(&s.node)) used.insert(let->tile.level);
        });
    }
    std::vector<Name> order;
    for (Name level : kUsualOrder)
        if (used.erase(level) > 0) order.push_back(level);
    SMEATON_CHECK(used.empty(), "level {} has no usual place: the order of levels must be given",
                  *used.begin());
    return chain(order);
}

Levels levels_used(const Program& program) {
    std::vector<Kernel> list;
    for (const KernelPtr& k : kernels(program)) list.push_back(with_uses(*k));
    std::vector<const Kernel*> pointers;
    for (const Kernel& k : list) pointers.push_back(&k);
    return levels_used(program, pointers);
}

Levels levels_of(const Target& target) {
    Levels levels;
    for (auto it = target.levels.rbegin(); it != target.levels.rend(); ++it)
        levels.list.push_back({it->name, static_cast<int>(levels.list.size()) - 1, it->per_core});
    levels.units["core"] = target.cores;
    return levels;
}

Name charged_level(const Buffer& buffer) {
    return buffer.resident.empty() ? buffer.level : buffer.resident;
}

static int64_t units_of(const Levels& levels, const Parallel& p) {
    auto found = levels.units.find(p.scope);
    if (found == levels.units.end()) return 1;
    std::optional<int64_t> extent = p.extent.if_const();
    return extent ? std::min(*extent, found->second) : found->second;
}

int64_t tile_copies(const Levels& levels, const Let& let, const Block& rest_of_block) {
    if (!levels.list[static_cast<size_t>(levels.index(let.tile.level))].per_unit) return 1;
    int64_t copies = 1;
    for_each_stmt(rest_of_block, [&](const Stmt& s) {
        if (auto* p = std::get_if<Parallel>(&s.node))
            copies = std::max(copies, units_of(levels, *p));
    });
    return copies;
}

bool holds_source(const Let& let, DType source_dtype) {
    return let.source && !let.source->within && let.tile.dtype == source_dtype;
}

}  // namespace smeaton::gir
