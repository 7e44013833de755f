#include "run/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace smeaton::run {

std::vector<int> allowed_cores() {
    std::vector<int> cores;
    // Masks larger than the fixed cpu_set_t occur on large servers.
    for (int limit = 1024; limit <= 1 << 16; limit *= 4) {
        cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(limit));
        size_t size = CPU_ALLOC_SIZE(static_cast<size_t>(limit));
        CPU_ZERO_S(size, set);
        bool ok = sched_getaffinity(0, size, set) == 0;
        for (int i = 0; ok && i < limit; ++i)
            if (CPU_ISSET_S(static_cast<size_t>(i), size, set)) cores.push_back(i);
        CPU_FREE(set);
        if (ok) break;
    }
    if (cores.empty()) cores.push_back(0);
    return cores;
}

namespace {

/// CPUs paid for by one cgroup folder; 0: no limit stated.
double quota_of(const std::string& folder) {
    std::ifstream v2(folder + "/cpu.max");
    std::string quota;
    double period = 0;
    if (v2 >> quota >> period)
        return quota == "max" || period <= 0 ? 0 : std::atof(quota.c_str()) / period;
    std::ifstream q(folder + "/cpu.cfs_quota_us"), p(folder + "/cpu.cfs_period_us");
    double us = 0;
    if (q >> us && p >> period && us > 0 && period > 0) return us / period;
    return 0;
}

/// The tightest limit from this process's cgroup up to the root.
double cgroup_quota() {
    double least = 0;
    auto take = [&](std::string root, std::string path) {
        for (;;) {
            double q = quota_of(root + path);
            if (q > 0 && (least == 0 || q < least)) least = q;
            if (path.empty() || path == "/") break;
            path = path.substr(0, path.rfind('/'));
        }
    };
    std::ifstream in("/proc/self/cgroup");
    for (std::string line; std::getline(in, line);) {
        size_t first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        std::string controllers = line.substr(first + 1, second - first - 1),
                    path = line.substr(second + 1);
        if (controllers.empty())
            take("/sys/fs/cgroup", path);
        else if (("," + controllers + ",").find(",cpu,") != std::string::npos)
            take("/sys/fs/cgroup/" + controllers, path), take("/sys/fs/cgroup/cpu", path);
    }
    return least;
}

}  // namespace

int usable_cores() {
    int cores = static_cast<int>(allowed_cores().size());
    double quota = cgroup_quota();
    if (quota > 0) cores = std::min(cores, static_cast<int>(std::ceil(quota - 1e-6)));
    return std::max(1, cores);
}

std::string host_isa() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512cd");
    if (avx512 && __builtin_cpu_supports("avx512bf16")) return "avx512bf16";
    if (avx512) return "avx512";
    if (avx2) return "avx2";
#endif
    return "plain";
}

const std::string& cpu_identity() {
    static const std::string text = [] {
        std::ifstream in("/proc/cpuinfo");
        std::string out;
        for (std::string line; std::getline(in, line) && !line.empty();)
            for (const char* key :
                 {"vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU part"})
                if (line.rfind(key, 0) == 0) out += line + "\n";
        return out;
    }();
    return text;
}

}  // namespace smeaton::run
