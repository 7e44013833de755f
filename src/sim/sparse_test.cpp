// Arrays that multiply N of each M weights, or skip zeros: in closed form and by events.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "cost/target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "machine/read.h"
#include "sim/events/events.h"
#include "sim/simulate.h"

namespace smeaton::sim {
namespace {

const char* const kChip = R"(name: chip
clock_ghz: 1
levels:
  - {{name: reg, next: dram, managed: software, roles: [vector], capacity: 4KiB}}
  - {{name: ibuf, next: dram, managed: software, roles: [a], capacity: 64KiB, read_gb_s: {{one: 1000}}, write_gb_s: {{one: 1000}}}}
  - {{name: wbuf, next: dram, managed: software, roles: [b], capacity: 64KiB, read_gb_s: {{one: 1000}}, write_gb_s: {{one: 1000}}, port_gb_s: 4}}
  - {{name: obuf, next: dram, managed: software, roles: [acc], capacity: 64KiB, read_gb_s: {{one: 1000}}, write_gb_s: {{one: 1000}}}}
  - {{name: dram, managed: software, capacity: 1GiB, read_gb_s: {{one: 64}}, write_gb_s: {{one: 64}}}}
units:
  - name: array
    kind: systolic
    rows: 8
    columns: 8
{}    rates:
      - {{op: fma, dtype: f32}}
  - name: simd
    kind: vector
    vector_bits: 256
    registers: 32
    rates:
      - {{op: add, dtype: f32, per_cycle: 8}}
      - {{op: mul, dtype: f32, per_cycle: 8}}
)";

const char* const kProduct = R"(program p
  buffer a: dram f32[m: 40, k: 32] input
  buffer b: dram f32[k: 32, n: 16] input
  buffer y: dram f32[m: 40, n: 16] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  copy at: ibuf f32[m: 40, k: 32] <- a[m,k]
  copy bt: wbuf f32[k: 32, n: 16] <- b[k,n]
  let acc: obuf f32[m: 40, n: 16]
  fill acc[m,n] <- 0.0
  mma acc[m,n] += at[m,k] * bt[k,n] over k: 32
  move y[m,n] <- acc[m,n]
)";

struct Both {
    cost::KernelCost closed;
    events::KernelRow walked;
    double array_us = 0;
};

Both both(const std::string& keys) {
    const machine::Machine m =
        machine::parse_machine(fmt::format(fmt::runtime(kChip), keys), "chip.yaml");
    const gir::Program p =
        gir::rewrite::spell(gir::parse_program(kProduct, "p.gir"), cost::target_of(m));
    events::ProgramEvents walked = events::simulate(p, m);
    return {simulate(p, m).kernels.at(0), walked.kernels.at(0), walked.busy_us["array"]};
}

double bytes_at(const cost::KernelCost& k, const std::string& level) {
    for (const cost::LevelCost& l : k.levels)
        if (l.name == level) return l.read_bytes + l.write_bytes;
    return 0;
}

TEST(Sparse, two_of_four_weights_take_half_the_steps_and_their_bytes_with_their_places) {
    const Both dense = both(""), sparse = both("    sparse_n: 2\n    sparse_m: 4\n");
    // 4 groups of 8 rows, then 2; two tiles of columns; 14 cycles to fill and drain.
    EXPECT_NEAR(dense.array_us * 1e3, 40 * 4 * 2 + 14, 1e-6);
    EXPECT_NEAR(sparse.array_us * 1e3, 40 * 2 * 2 + 14, 1e-6);
    EXPECT_NEAR(sparse.closed.array_us.value, sparse.array_us, 1e-9);
    const double weights = 32 * 16 * 4, kept = weights / 2 * (1 + 2.0 / 32);
    EXPECT_NEAR(bytes_at(dense.closed, "dram") - bytes_at(sparse.closed, "dram"), weights - kept,
                1e-6);
    for (const Both& b : {dense, sparse})
        for (const char* level : {"dram", "wbuf", "ibuf", "obuf"})
            EXPECT_NEAR(bytes_at(b.closed, level),
                        b.walked.read_bytes.at(level) + b.walked.written_bytes.at(level), 1e-6)
                << level;
    EXPECT_NEAR(sparse.closed.time_us.value, sparse.walked.time_us, 1e-3);
    EXPECT_EQ(sparse.closed.macs, dense.closed.macs) << "the model's";
}

TEST(Sparse, skipped_zeros_take_no_time) {
    const Both dense = both(""),
               skips = both("    nonzero_share: {value: 0.5, low: 0.25, high: 1}\n");
    EXPECT_NEAR(skips.array_us * 1e3, 40 * 4 * 2 * 0.5 + 14, 1e-6);
    EXPECT_NEAR(skips.closed.array_us.value, skips.array_us, 1e-9);
    EXPECT_NEAR(skips.closed.array_us.low * 1e3, 40 * 4 * 2 * 0.25 + 14, 1e-6);
    EXPECT_NEAR(skips.closed.array_us.high, dense.closed.array_us.value, 1e-9);
}

}  // namespace
}  // namespace smeaton::sim
