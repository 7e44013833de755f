#include "cost/stall.h"

#include "gir/walk.h"

namespace smeaton::cost {

std::vector<Streamed> streamed_of(const gir::Kernel& kernel, const Nest& nest) {
    std::vector<Streamed> streamed(nest.arrays.size());
    auto of = [&](Name name) -> Streamed* {
        for (size_t i = 0; i < nest.arrays.size(); ++i)
            if (nest.arrays[i].name == name) return &streamed[i];
        return nullptr;
    };
    gir::for_each_op(nest.body, [&](const gir::Op& op) {
        if (op.kind != gir::OpKind::Mma) return;
        for (const gir::Operand& source : op.srcs)
            if (auto* slice = std::get_if<gir::Slice>(&source))
                if (Streamed* array = of(resolved(nest, *slice).target)) array->by_products = true;
    });
    gir::for_each_stmt(kernel.body, [&](const gir::Stmt& s) {
        if (auto* ahead = std::get_if<gir::Prefetch>(&s.node))
            if (Streamed* array = of(ahead->buffer)) array->ahead_to = ahead->level;
    });
    return streamed;
}

machine::Interval stall_ns(const machine::Machine& m, const Streamed& array, const Crossing& read,
                           int threads) {
    machine::Interval ns{0, 0, 0};
    if (!array.by_products) return ns;
    // From the innermost outwards: what crosses into a cache and not into the next one outwards
    // comes from that.
    for (const machine::Level& level : m.levels) {
        auto into = read.find(level.name);
        if (into == read.end()) continue;
        if (level.name == array.ahead_to.str()) break;
        const machine::Level* from = nullptr;
        for (const machine::Level& l : m.levels)
            if (l.name == level.next) from = &l;
        if (!from || !from->stall_ns) continue;
        // All that was brought there ahead comes from there.
        auto beyond = from->name == array.ahead_to.str() ? read.end() : read.find(from->name);
        const double bytes = into->second - (beyond == read.end() ? 0 : beyond->second);
        if (bytes > 0)
            ns = ns + from->stall_ns->interval() * (bytes / machine::kStallBytes / threads);
    }
    return ns;
}

}  // namespace smeaton::cost
