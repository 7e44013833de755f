#include "gir/interp/cache.h"

#include <gtest/gtest.h>

#include "gir/ledger/ledger.h"
#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::gir::interp {
namespace {

Region region(uint64_t address) {
    return {"x", "dram", address, 1 << 20, false};
}

TEST(CacheSimulator, keeps_the_most_recently_used_lines) {
    CacheSimulator cache({{"l1", 4 * 64, 64}});
    auto touch = [&](int64_t line) { cache.access(region(0), line * 64, 4, false); };
    for (int64_t line : {0, 1, 2, 3}) touch(line);
    EXPECT_EQ(cache.counts()[0].read_misses, 4);
    touch(0);
    touch(4);  // pushes out 1, the oldest
    touch(0);
    EXPECT_EQ(cache.counts()[0].read_misses, 5);
    touch(1);
    EXPECT_EQ(cache.counts()[0].read_misses, 6);
}

TEST(CacheSimulator, counts_dirty_lines_that_are_pushed_out) {
    CacheSimulator cache({{"l1", 2 * 64, 64}, {"l2", 8 * 64, 64}});
    cache.access(region(0), 0, 64, true);
    for (int64_t line : {1, 2, 3}) cache.access(region(0), line * 64, 64, false);
    EXPECT_EQ(cache.counts()[0].write_misses, 1);
    EXPECT_EQ(cache.counts()[0].write_backs, 1);
    EXPECT_EQ(cache.counts()[1].read_misses, 3);
    EXPECT_EQ(cache.counts()[1].write_backs, 0);
}

TEST(CacheSimulator, an_access_across_a_line_touches_both) {
    CacheSimulator cache({{"l1", 1024, 64}});
    cache.access(region(4096), 60, 8, false);
    EXPECT_EQ(cache.counts()[0].read_misses, 2);
}

// The claims of a tiled GEMM against caches of the sizes that they count on.
TEST(CacheSimulator, a_trace_agrees_with_the_ledger_where_claims_fit) {
    Program p = parse_program(R"(program p
  buffer x: dram f32[m: 96, k: 128] input
  buffer w: dram f32[k: 128, n: 512] weight [n/32, k, n%32]
  buffer y: dram f32[m: 96, n: 512] output
  run fc(x, w -> y)

kernel fc(x, w -> y)
  claim xs: l2 f32[m: 96, k: 128] <- x[m,k]
  parallel n0: 16 core
    claim panel: l1 f32[k: 128, n: 32] <- w[k,n0*32+n]
    for m0: 16
      let acc: reg f32[m: 6, n: 32 lanes]
      fill acc[m,n] <- 0.0
      for k: 128
        mma acc[m,n] += xs[m0*6+m,k] * panel[k,n]
      move y[m0*6+m,n0*32+n] <- acc[m,n]
)",
                              "test");
    p.buffer("w").data = Tensor(DType::kF32, {128, 512});
    std::map<Name, Tensor> inputs{{"x", Tensor(DType::kF32, {96, 128})}};
    Memory memory = make_memory(p, inputs);
    CacheSimulator caches({{"l1", 32 << 10, 64}, {"l2", 128 << 10, 64}});
    caches.ignore_tiles_at("reg");
    caches.warm_until(4);
    Options options;
    options.trace = &caches;
    const Kernel& k = *kernels(p)[0];
    run_kernel(k, p, memory, options);
    // Twelve of sixteen panels after warming up: the panel itself; x is in l2 by then.
    CacheCounts l1 = caches.counts()[0], l2 = caches.counts()[1];
    EXPECT_EQ(l2.read_misses * 64, 12 * 128 * 32 * 4);
    EXPECT_EQ(l2.write_misses * 64, 12 * 96 * 32 * 4);
    Ledger l = ledger(k, p);
    double panels = 12.0 / 16.0;
    double from_dram = static_cast<double>(l.buffers.at("w").read_bytes.value()) * panels;
    EXPECT_NEAR(static_cast<double>(l2.read_misses * 64), from_dram, 0.15 * from_dram);
    // l1 misses: panels from dram, and x from l2 once per panel.
    double from_l2 = panels * (512 * 128 * 4 + 16 * 96 * 128 * 4);
    EXPECT_NEAR(static_cast<double>(l1.read_misses * 64), from_l2, 0.15 * from_l2);
}

}  // namespace
}  // namespace smeaton::gir::interp
