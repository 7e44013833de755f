// Base facts of the CPU that this process runs on; reads files, measures nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace smeaton::machine {

struct CacheFacts {
    int level = 0;  ///< 1: data cache of the core
    int64_t bytes = 0;
    int64_t line_bytes = 64;
    int64_t shared_by_cores = 1;  ///< usable cores that share one instance, at most
    int64_t instances = 1;        ///< that the usable cores reach
    int64_t ways = 0;             ///< lines of one set; 0: not told
    friend bool operator==(const CacheFacts&, const CacheFacts&) = default;
};

struct CpuFeatures {
    std::string model;             ///< as the system names it
    std::vector<std::string> isa;  ///< spelled as compilers' -m flags: "avx512f", "fma"; sorted
    int vector_bits = 128;         ///< widest float vector usable
    int vector_registers = 16;
    std::vector<CacheFacts> caches;  ///< data and unified, innermost first
    std::vector<int> cpus;           ///< allowed by affinity
    std::vector<int> core_cpus;      ///< of those, one per physical core
    double cpu_quota = 0;            ///< cgroup limit in CPUs; 0: none
    int cores =
        1;  ///< usable at once: the first so many of core_cpus; the quota, rounded down, bounds it
    int64_t memory_bytes = 0;  ///< physical, or the cgroup's limit where that is less

    bool has(std::string_view feature) const;
};

/// Reads CPUID, sysfs, /proc and the cgroup's files. UserError where a needed one is unreadable.
CpuFeatures cpu_features();

// ---- parts, for tests
// ------------------------------------------------------------------------------

/// "0-3,8" -> 0 1 2 3 8. UserError naming `what` for other text.
std::vector<int> parse_cpu_list(std::string_view text, const std::string& what);
/// "150000 100000" -> 1.5; "max 100000" -> 0.
double parse_cpu_max(std::string_view text);
/// "32K", "1024K", "36608K", "8M" -> bytes; 0 for other text.
int64_t parse_cache_size(std::string_view text);
/// The least CPU quota of a cgroup v2 path and its parents below `root`; 0: none.
double cgroup2_quota(const std::string& root, std::string path);

}  // namespace smeaton::machine
