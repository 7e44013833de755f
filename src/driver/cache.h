// `cache`: compiled kernels in the user's cache folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace smeaton::driver {

struct CacheRow {
    std::string file;
    int64_t bytes = 0;
    int64_t last_used = 0;  ///< seconds since the epoch
    std::string model;      ///< that it was last used for; empty: not known
};

struct CacheResult {
    std::string folder;
    std::vector<CacheRow> entries;  ///< most recently used first, after trimming
    int64_t bytes = 0;
    int64_t removed_bytes = 0;
};

/// trim_to_bytes < 0: only shows. Measured machine files stay.
CacheResult look_at_cache(const std::string& folder, int64_t trim_to_bytes);

}  // namespace smeaton::driver
