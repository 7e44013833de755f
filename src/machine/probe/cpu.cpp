#include "machine/probe/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace smeaton::machine {
namespace {

std::optional<std::string> read_line(const std::string& path) {
    std::ifstream in(path);
    std::string line;
    if (!in || !std::getline(in, line)) return std::nullopt;
    return line;
}

#if defined(__x86_64__)
struct Registers {
    unsigned a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
    Registers r;
    if (!__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d)) return {};
    return r;
}

/// What the operating system saves on a task switch (XCR0); 0 when it cannot be asked.
uint64_t saved_state() {
    if (!(cpuid(1, 0).c >> 27 & 1)) return 0;
    unsigned low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return static_cast<uint64_t>(high) << 32 | low;
}

std::vector<std::string> isa_features() {
    Registers one = cpuid(1, 0), seven = cpuid(7, 0), seven1 = cpuid(7, 1);
    Registers extended = cpuid(0x80000001, 0);
    uint64_t state = saved_state();
    bool ymm = (state & 0x6) == 0x6, zmm = (state & 0xe6) == 0xe6;
    bool tiles = (state & 0x60000) == 0x60000;
    struct Row {
        const char* name;
        unsigned bits;
        int bit;
        bool saved;
    };
    const Row rows[] = {
        {"sse2", one.d, 26, true},        {"sse3", one.c, 0, true},
        {"ssse3", one.c, 9, true},        {"sse4.1", one.c, 19, true},
        {"sse4.2", one.c, 20, true},      {"popcnt", one.c, 23, true},
        {"lzcnt", extended.c, 5, true},   {"bmi", seven.b, 3, true},
        {"bmi2", seven.b, 8, true},       {"avx", one.c, 28, ymm},
        {"f16c", one.c, 29, ymm},         {"fma", one.c, 12, ymm},
        {"avx2", seven.b, 5, ymm},        {"avxvnni", seven1.a, 4, ymm},
        {"avx512f", seven.b, 16, zmm},    {"avx512dq", seven.b, 17, zmm},
        {"avx512cd", seven.b, 28, zmm},   {"avx512bw", seven.b, 30, zmm},
        {"avx512vl", seven.b, 31, zmm},   {"avx512vbmi", seven.c, 1, zmm},
        {"avx512vbmi2", seven.c, 6, zmm}, {"avx512vnni", seven.c, 11, zmm},
        {"avx512bf16", seven1.a, 5, zmm}, {"avx512fp16", seven.d, 23, zmm},
        {"amx-bf16", seven.d, 22, tiles}, {"amx-tile", seven.d, 24, tiles},
        {"amx-int8", seven.d, 25, tiles},
    };
    std::vector<std::string> result;
    for (const Row& row : rows)
        if (row.saved && (row.bits >> row.bit & 1)) result.push_back(row.name);
    std::sort(result.begin(), result.end());
    return result;
}

struct CpuidCache {
    int level;
    int64_t bytes, line_bytes, ways;
};

/// Deterministic cache parameters: leaf 4 (Intel) or 0x8000001d (AMD). For systems whose sysfs
/// shows no caches.
std::vector<CpuidCache> cpuid_caches() {
    std::vector<CpuidCache> result;
    for (unsigned leaf : {4u, 0x8000001du}) {
        for (unsigned i = 0; i < 8; ++i) {
            Registers r = cpuid(leaf, i);
            unsigned type = r.a & 31;
            if (type == 0) break;
            if (type == 2) continue;  // instructions
            int64_t line = (r.b & 0xfff) + 1, parts = (r.b >> 12 & 0x3ff) + 1;
            int64_t ways = (r.b >> 22) + 1, sets = static_cast<int64_t>(r.c) + 1;
            result.push_back(
                {static_cast<int>(r.a >> 5 & 7), line * parts * ways * sets, line, ways});
        }
        if (!result.empty()) break;
    }
    return result;
}
#else
struct CpuidCache {
    int level;
    int64_t bytes, line_bytes, ways;
};
std::vector<std::string> isa_features() {
    return {};
}
std::vector<CpuidCache> cpuid_caches() {
    return {};
}
#endif

const std::string kCpuFolder = "/sys/devices/system/cpu/";

std::vector<int> allowed_cpus() {
    // The kernel's set may be wider than cpu_set_t; grow until it fits.
    for (int count = 1024; count <= 1 << 20; count *= 4) {
        cpu_set_t* set = CPU_ALLOC(count);
        size_t size = CPU_ALLOC_SIZE(count);
        std::vector<int> result;
        bool known = sched_getaffinity(0, size, set) == 0;
        for (int cpu = 0; known && cpu < count; ++cpu)
            if (CPU_ISSET_S(cpu, size, set)) result.push_back(cpu);
        CPU_FREE(set);
        if (known) return result;
    }
    throw UserError("sched_getaffinity does not say which CPUs this process may use");
}

/// Group of each cpu under one sysfs list file; a cpu whose file is missing is a group of its own.
std::map<int, std::vector<int>> groups(const std::vector<int>& cpus, const std::string& file) {
    std::map<int, std::vector<int>> result;
    for (int cpu : cpus) {
        std::string path = kCpuFolder + "cpu" + std::to_string(cpu) + "/" + file;
        std::optional<std::string> list = read_line(path);
        int leader = list ? parse_cpu_list(*list, path).at(0) : cpu;
        result[leader].push_back(cpu);
    }
    return result;
}

std::vector<CacheFacts> cache_facts(const std::vector<int>& core_cpus) {
    std::vector<CacheFacts> result;
    for (int index = 0; index < 16; ++index) {
        std::string tail = "cache/index" + std::to_string(index) + "/";
        std::string folder = kCpuFolder + "cpu" + std::to_string(core_cpus.at(0)) + "/" + tail;
        std::optional<std::string> type = read_line(folder + "type"),
                                   level = read_line(folder + "level"),
                                   size = read_line(folder + "size"),
                                   line = read_line(folder + "coherency_line_size"),
                                   ways = read_line(folder + "ways_of_associativity");
        if (!type || !level || !size) break;
        int64_t bytes = parse_cache_size(*size);
        if (*type == "Instruction" || bytes == 0) continue;
        CacheFacts facts{
            std::atoi(level->c_str()),          bytes, line ? std::atoi(line->c_str()) : 64, 1, 0,
            ways ? std::atoi(ways->c_str()) : 0};
        for (const auto& [leader, members] : groups(core_cpus, tail + "shared_cpu_list")) {
            facts.shared_by_cores =
                std::max<int64_t>(facts.shared_by_cores, static_cast<int64_t>(members.size()));
            ++facts.instances;
        }
        result.push_back(facts);
    }
    if (result.empty())
        for (const CpuidCache& c : cpuid_caches()) {
            // Without sysfs nothing says who shares: the usual, last level shared, others private.
            int64_t cores = static_cast<int64_t>(core_cpus.size());
            bool shared = c.level >= 3;
            result.push_back(
                {c.level, c.bytes, c.line_bytes, shared ? cores : 1, shared ? 1 : cores, c.ways});
        }
    if (result.empty())
        throw UserError("neither {}cpu*/cache nor CPUID describes this CPU's caches", kCpuFolder);
    std::stable_sort(result.begin(), result.end(),
                     [](const CacheFacts& a, const CacheFacts& b) { return a.level < b.level; });
    return result;
}

double cgroup1_quota() {
    std::optional<std::string> quota = read_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
                               period = read_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!quota || !period || std::atof(quota->c_str()) <= 0) return 0;
    return std::atof(quota->c_str()) / std::atof(period->c_str());
}

/// Path of this process in the unified cgroup hierarchy; "/" when it does not say.
std::string cgroup2_path() {
    std::ifstream in("/proc/self/cgroup");
    for (std::string line; std::getline(in, line);)
        if (line.rfind("0::", 0) == 0) return line.substr(3);
    return "/";
}

int64_t memory_limit() {
    int64_t bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
    for (const std::string& file : {std::string("/sys/fs/cgroup") + cgroup2_path() + "/memory.max",
                                    std::string("/sys/fs/cgroup/memory.max"),
                                    std::string("/sys/fs/cgroup/memory/memory.limit_in_bytes")})
        if (std::optional<std::string> text = read_line(file); text && *text != "max")
            if (int64_t limit = std::atoll(text->c_str()); limit > 0)
                bytes = std::min(bytes, limit);
    return bytes;
}

std::string cpu_model() {
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);)
        if (line.rfind("model name", 0) == 0) {
            size_t start = line.find(": ");
            if (start != std::string::npos) return line.substr(start + 2);
        }
    return "unknown CPU";
}

}  // namespace

bool CpuFeatures::has(std::string_view feature) const {
    return std::find(isa.begin(), isa.end(), feature) != isa.end();
}

std::vector<int> parse_cpu_list(std::string_view text, const std::string& what) {
    std::vector<int> result;
    const char* at = text.data();
    const char* end = at + text.size();
    auto number = [&]() -> int {
        int value = 0;
        auto [rest, error] = std::from_chars(at, end, value);
        if (error != std::errc() || value < 0)
            throw UserError("{}: expected a list of CPUs such as 0-3,8, got '{}'", what, text);
        at = rest;
        return value;
    };
    while (true) {
        int first = number(), last = first;
        if (at != end && *at == '-') {
            ++at;
            last = number();
        }
        for (int cpu = first; cpu <= last; ++cpu) result.push_back(cpu);
        if (at == end || *at != ',') break;
        ++at;
    }
    if (at != end)
        throw UserError("{}: expected a list of CPUs such as 0-3,8, got '{}'", what, text);
    return result;
}

double parse_cpu_max(std::string_view text) {
    std::istringstream in{std::string(text)};
    std::string quota;
    double period = 0;
    if (!(in >> quota >> period) || quota == "max" || period <= 0) return 0;
    return std::atof(quota.c_str()) / period;
}

int64_t parse_cache_size(std::string_view text) {
    int64_t value = 0;
    auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value <= 0) return 0;
    std::string_view unit(rest, text.data() + text.size() - rest);
    if (unit == "K") return value << 10;
    if (unit == "M") return value << 20;
    if (unit == "G") return value << 30;
    return unit.empty() ? value : 0;
}

double cgroup2_quota(const std::string& root, std::string path) {
    double least = 0;
    while (true) {
        if (std::optional<std::string> text = read_line(root + path + "/cpu.max")) {
            double quota = parse_cpu_max(*text);
            if (quota > 0 && (least == 0 || quota < least)) least = quota;
        }
        size_t slash = path.rfind('/');
        if (path.empty() || slash == std::string::npos) return least;
        path.resize(slash);
    }
}

CpuFeatures cpu_features() {
    CpuFeatures features;
    features.model = cpu_model();
    features.isa = isa_features();
    if (features.has("avx512f")) {
        features.vector_bits = 512;
        features.vector_registers = 32;
    } else if (features.has("avx2") && features.has("fma")) {
        features.vector_bits = 256;
    }
    features.cpus = allowed_cpus();
    for (const auto& [leader, members] : groups(features.cpus, "topology/thread_siblings_list"))
        features.core_cpus.push_back(members.front());
    std::sort(features.core_cpus.begin(), features.core_cpus.end());
    double quota = cgroup2_quota("/sys/fs/cgroup", cgroup2_path());
    double old_quota = cgroup1_quota();
    if (old_quota > 0 && (quota == 0 || old_quota < quota)) quota = old_quota;
    features.cpu_quota = quota;
    features.cores = static_cast<int>(features.core_cpus.size());
    // Rounded down: a thread that has only part of a CPU stalls all others at the next barrier.
    if (quota > 0)
        features.cores = std::clamp(static_cast<int>(std::floor(quota + 0.01)), 1, features.cores);
    const auto& all = features.core_cpus;
    features.caches = cache_facts({all.begin(), all.begin() + features.cores});
    features.memory_bytes = memory_limit();
    return features;
}

}  // namespace smeaton::machine
