#include "machine/probe/apart.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <mutex>

#include "machine/probe/compute.h"

namespace smeaton::machine {

namespace {

// A block is some ten microseconds, so that of so many one is disturbed by nobody; shorter ones end
// before a core is up to its speed.
constexpr int64_t kIterations = 1000;
constexpr int kBlocks = 20;

struct Timed {
    ComputeLoop loop;
    double ns = std::numeric_limits<double>::infinity();

    void run() {
        const auto start = std::chrono::steady_clock::now();
        loop.run(kIterations);
        const std::chrono::duration<double, std::nano> took =
            std::chrono::steady_clock::now() - start;
        ns = std::min(ns, took.count());
    }
    double per_ns() const { return loop.elements_per_iteration * kIterations / ns; }
};

std::optional<ApartRates> measured(const CpuFeatures& here, int vector_bits) {
#if defined(__x86_64__)
    std::optional<Timed> gather, insert;
    for (const ComputeLoop& loop : compute_loops(here)) {
        if (loop.width_bits != vector_bits) continue;
        if (loop.op == OpClass::Gather) gather = Timed{loop};
        if (loop.op == OpClass::Insert) insert = Timed{loop};
    }
    if (!insert) return std::nullopt;
    Timed clock{clock_chain()};
    for (int block = 0; block < kBlocks; ++block) {
        clock.run();
        insert->run();
        if (gather) gather->run();
    }
    const double ghz = clock.per_ns();
    return ApartRates{gather ? gather->per_ns() / ghz : 0, insert->per_ns() / ghz};
#else
    (void)here, (void)vector_bits;
    return std::nullopt;
#endif
}

}  // namespace

std::optional<ApartRates> apart_rates(const CpuFeatures& here, int vector_bits) {
    static std::mutex mutex;
    static std::map<int, std::optional<ApartRates>> known;
    const std::lock_guard lock(mutex);
    auto at = known.find(vector_bits);
    if (at == known.end()) at = known.emplace(vector_bits, measured(here, vector_bits)).first;
    return at->second;
}

}  // namespace smeaton::machine
