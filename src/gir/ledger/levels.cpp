#include "gir/ledger/levels.h"

#include <algorithm>

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
        levels.list.push_back({n, static_cast<int>(levels.list.size()) - 1, {}});
    return levels;
}

std::set<Name> names_used(const Program& program, const std::vector<const Kernel*>& kernels) {
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
    return used;
}

Levels levels_used(const Program& program, const std::vector<const Kernel*>& kernels) {
    static const char* const kUsualOrder[] = {"memory", "dram", "hbm",   "l3",
                                              "l2",     "l1",   "local", "reg"};
    std::set<Name> used = names_used(program, kernels);
    std::vector<Name> order;
    for (Name level : kUsualOrder)
        if (used.erase(level) > 0) order.push_back(level);
    SMEATON_CHECK(used.empty(), "level {} has no usual place: the order of levels must be given",
                  *used.begin());
    return chain(order);
}

/// Calls `ask` with all kernels of the program, their uses filled in.
template <class Ask>
static auto of_all_kernels(const Program& program, Ask ask) {
    std::vector<Kernel> list;
    for (const KernelPtr& k : kernels(program)) list.push_back(with_uses(*k));
    std::vector<const Kernel*> pointers;
    for (const Kernel& k : list) pointers.push_back(&k);
    return ask(pointers);
}

Levels levels_used(const Program& program) {
    return of_all_kernels(program, [&](const auto& list) { return levels_used(program, list); });
}

Levels levels_of(const Target& target) {
    Levels levels;
    for (auto it = target.levels.rbegin(); it != target.levels.rend(); ++it)
        levels.list.push_back(
            {it->name, it->next.empty() ? -1 : levels.index(it->next), it->scope});
    // Cores that stand idle hold no copies; those at work fill one unit after the other.
    for (const TargetScope& s : target.scopes) {
        int64_t each = std::max<int64_t>(1, target.all_cores() / target.units(s.name));
        levels.units[s.name] = (target.cores + each - 1) / each;
    }
    levels.units[target.core_scope()] = target.cores;
    return levels;
}

Levels levels_of(const Target& target, const Program& program) {
    Levels levels = levels_of(target);
    const std::set<Name> used =
        of_all_kernels(program, [&](const auto& list) { return names_used(program, list); });
    if (used.count("local") > 0)
        levels.list.push_back({"local", static_cast<int>(levels.list.size()) - 1, {}});
    if (used.count("memory") == 0) return levels;
    if (Name& outermost = levels.list.front().name; used.count(outermost) == 0) {
        outermost = "memory";
    } else {
        for (Levels::Level& l : levels.list) ++l.parent;
        levels.list.insert(levels.list.begin(), {"memory", -1, {}});
    }
    return levels;
}

Name charged_level(const Buffer& buffer) {
    return buffer.resident.empty() ? buffer.level : buffer.resident;
}

static int64_t units_in(const Levels& levels, Name scope) {
    auto found = levels.units.find(scope);
    return found == levels.units.end() ? 1 : found->second;
}

/// Instances of a level of `scope` that the parallels of the block reach; `trips`, iterations of
/// those around.
static int64_t reached(const Levels& levels, Name scope, const Block& block, int64_t trips) {
    int64_t most = 1;
    for (const StmtPtr& s : block) {
        if (auto* f = std::get_if<For>(&s->node))
            most = std::max(most, reached(levels, scope, f->body, trips));
        auto* p = std::get_if<Parallel>(&s->node);
        if (!p) continue;
        int64_t units = units_in(levels, p->scope), owners = units_in(levels, scope);
        int64_t all = trips * p->extent.if_const().value_or(units);
        int64_t busy = std::min(all, units), sharers = std::max<int64_t>(1, units / owners);
        most = std::max(most, std::min(owners, (busy + sharers - 1) / sharers));
        // What is shared out inside a unit that owns the level stays there.
        if (p->scope != scope)
            most = std::max(most, reached(levels, scope, p->body, units > 1 ? all : trips));
    }
    return most;
}

int64_t tile_copies(const Levels& levels, const Let& let, const Block& rest_of_block) {
    Name scope = levels.list[static_cast<size_t>(levels.index(let.tile.level))].scope;
    return scope.empty() ? 1 : reached(levels, scope, rest_of_block, 1);
}

bool pads(const Let& let) {
    return let.kind == TileKind::Copy && let.source->within.has_value();
}

}  // namespace smeaton::gir
