// The folder of compiled libraries: one file per key, whole or not there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace smeaton::run {

/// $XDG_CACHE_HOME/smeaton, else ~/.cache/smeaton. UserError when neither variable is set.
std::string default_cache_folder();
/// Makes the folder with its parents. UserError naming it when that fails or it cannot be written.
void make_cache_folder(const std::string& folder);

/// 128 bits of the bytes, as 32 hex digits; the same on every run and machine.
std::string digest(const std::string& bytes);

/// A sealed file ends with its own length and digest. Loading a cut-off library would crash the
/// process, so nothing is loaded unless the seal holds.
bool seal_holds(const std::string& path);
/// Seals `path` and moves it to `target`, replacing what is there at once.
void seal_and_move(const std::string& path, const std::string& target);
/// Marks the entry as used now (the least recently used go first when the folder is trimmed).
void touch(const std::string& path);

struct CacheEntry {
    std::string file;
    int64_t bytes = 0;
    int64_t last_used = 0;  ///< seconds since the epoch
    std::string label;      ///< what it was last used for; empty where nobody said
};
/// Notes beside a library what it is used for. Where that cannot be written it is left as it is: a
/// label is for a reader only.
void set_label(const std::string& library, const std::string& label);
/// Compiled libraries and kept timings in the folder, most recently used first; none when it does
/// not exist.
std::vector<CacheEntry> cache_entries(const std::string& folder);
/// Removes the least recently used entries until at most `cap_bytes` are left, and build folders
/// that no process works in. Gives the bytes removed.
int64_t trim_cache(const std::string& folder, int64_t cap_bytes);

}  // namespace smeaton::run
