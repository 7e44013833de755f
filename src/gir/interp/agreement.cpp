#include "gir/interp/agreement.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace smeaton::gir::interp {

double Agreement::error() const {
    int64_t ledger = ledger_read_bytes + ledger_write_bytes;
    int64_t trace = trace_read_bytes + trace_write_bytes;
    if (ledger == 0) return trace == 0 ? 0 : 1;
    return static_cast<double>(std::abs(trace - ledger)) / static_cast<double>(ledger);
}

static Traffic counted(const Kernel& kernel, const Program& program, Memory& memory,
                       const AgreementOptions& o, IterationRange range) {
    Options options;
    options.bindings = o.bindings;
    options.count = true;
    options.levels = o.levels;
    options.range = range;
    Traffic traffic;
    run_kernel(kernel, program, memory, options, &traffic);
    return traffic;
}

std::vector<Agreement> claims_against_caches(const Kernel& kernel, const Program& program,
                                             Memory& memory, const AgreementOptions& o) {
    int64_t iterations = sampled_iterations(kernel, bindings_of(program, o.bindings));
    bool sampled = iterations > 0;
    int64_t start = sampled ? std::min(o.first + o.warm, iterations - 1) : 0;
    IterationRange measured;
    if (sampled) measured = {start, std::min(o.count, iterations - start)};

    CacheSimulator caches(o.caches);
    caches.ignore_tiles_at(o.registers);
    caches.warm_until(start);
    Options options;
    options.bindings = o.bindings;
    options.levels = o.levels;
    options.trace = &caches;
    if (sampled) options.range = {o.first, start - o.first + measured.count};
    run_kernel(kernel, program, memory, options);

    // A ring finds what the iteration before the sample left.
    int64_t before = sampled ? std::min<int64_t>(start, 1) : 0;
    IterationRange with_before = measured;
    if (sampled) with_before = {start - before, measured.count + before};
    Traffic all = counted(kernel, program, memory, o, with_before);
    Traffic above;
    if (sampled) above = counted(kernel, program, memory, o, {start - before, before});
    std::vector<Agreement> out;
    for (const CacheCounts& c : caches.counts()) {
        int parent = o.levels.list[static_cast<size_t>(o.levels.index(c.level))].parent;
        SMEATON_CHECK(parent >= 0, "no level around cache {}", c.level);
        Agreement a;
        a.inside = c.level;
        a.outside = o.levels.list[static_cast<size_t>(parent)].name;
        a.ledger_read_bytes = all.at(a.outside).read_bytes - above.at(a.outside).read_bytes;
        a.ledger_write_bytes = all.at(a.outside).write_bytes - above.at(a.outside).write_bytes;
        a.trace_read_bytes = c.read_misses * c.line_bytes;
        a.trace_write_bytes = c.dirtied * c.line_bytes;
        out.push_back(a);
    }
    return out;
}

}  // namespace smeaton::gir::interp
