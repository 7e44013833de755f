// Do a kernel's claims hold in real caches? What its ledger charges to a run of consecutive
// parallel iterations, beside what warm LRU caches of a machine's sizes fetch for the same
// iterations.
#pragma once

#include <vector>

#include "gir/interp/cache.h"
#include "gir/interp/interp.h"

namespace smeaton::gir::interp {

/// One boundary: what passes into cache `inside` from the level around it.
struct Agreement {
    Name inside;
    Name outside;
    int64_t ledger_read_bytes = 0, ledger_write_bytes = 0;
    int64_t trace_read_bytes = 0, trace_write_bytes = 0;

    /// |trace - ledger| / ledger of reads and writes together; 0 when both are 0.
    double error() const;
};

struct AgreementOptions {
    Levels levels;                   ///< must name the caches and what lies around each
    std::vector<CacheLevel> caches;  ///< innermost first, named as in levels
    Name registers = "reg";          ///< tiles there are no memory
    int64_t first = 0;               ///< iteration of the outermost parallel nest to start at
    int64_t warm = 1;                ///< iterations run before counting
    int64_t count = 4;               ///< iterations counted
    Bindings bindings;
};

/// By cache, innermost first. Claims above the nest are fetched before the sample. A kernel that
/// cannot be sampled (sampled_iterations) is run whole through cold caches, and its whole ledger
/// stands beside that. Runs on `memory`.
std::vector<Agreement> claims_against_caches(const Kernel&, const Program&, Memory&,
                                             const AgreementOptions&);

}  // namespace smeaton::gir::interp
