#include "driver/cache.h"

#include "run/cache.h"

namespace smeaton::driver {

CacheResult look_at_cache(const std::string& folder, int64_t trim_to_bytes) {
    CacheResult result;
    result.folder = folder.empty() ? run::default_cache_folder() : folder;
    if (trim_to_bytes >= 0) result.removed_bytes = run::trim_cache(result.folder, trim_to_bytes);
    for (const run::CacheEntry& e : run::cache_entries(result.folder)) {
        result.entries.push_back({e.file, e.bytes, e.last_used, e.label});
        result.bytes += e.bytes;
    }
    return result;
}

}  // namespace smeaton::driver
