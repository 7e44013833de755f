// Caches fed with an address trace: do the claims of a ledger agree with what a cache would do?
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "gir/interp/interp.h"

namespace smeaton::gir::interp {

struct CacheLevel {
    Name name;
    int64_t capacity_bytes = 0;
    int64_t line_bytes = 64;
};

/// Lines that a fully associative cache with least-recently-used replacement had to fetch, and
/// dirty lines it wrote back. A write miss allocates the line and is counted apart, so that a
/// reader may charge its fetch or not (a store of a whole line needs none).
struct CacheCounts {
    Name level;
    int64_t reads = 0, writes = 0;  ///< line accesses that reached this level
    int64_t read_misses = 0, write_misses = 0, write_backs = 0;
    int64_t dirtied = 0;  ///< lines that were clean or absent and were written: each goes out once
    int64_t line_bytes = 64;
};

/// Inclusive chain, innermost first: what misses in one level goes to the next.
class CacheSimulator : public TraceSink {
public:
    explicit CacheSimulator(std::vector<CacheLevel> innermost_first);
    ~CacheSimulator() override;

    /// Tiles at these levels are no memory traffic (registers).
    void ignore_tiles_at(Name level) { ignored_.insert(level); }
    /// Counts start at this iteration; what came before warms the caches up.
    void warm_until(int64_t iteration) { warm_until_ = iteration; }

    bool wants(const Region&) override;
    void access(const Region&, int64_t byte_offset, int64_t bytes, bool write) override;
    void iteration(int64_t index) override;
    void fetching_into(Name level) override;
    /// Zeroes the counts, keeps the contents.
    void reset_counts();
    /// By level, innermost first.
    std::vector<CacheCounts> counts() const;

private:
    struct Level;
    std::vector<std::unique_ptr<Level>> levels_;
    std::set<Name> ignored_;
    int64_t warm_until_ = 0;
    bool warming_ = false;
    size_t innermost_ = 0;  // level that accesses come to first
};

}  // namespace smeaton::gir::interp
