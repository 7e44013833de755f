#include "gir/interp/agreement.h"

#include <gtest/gtest.h>

#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::gir::interp {
namespace {

AgreementOptions machine() {
    AgreementOptions o;
    o.levels.list = {{"dram", -1, {}}, {"l2", 0, "core"}, {"l1", 1, "core"}, {"reg", 2, "core"}};
    o.caches = {{"l1", 32 << 10, 64}, {"l2", 1 << 20, 64}};
    return o;
}

Memory zeros(const Program& p) {
    std::map<Name, Tensor> inputs;
    for (const Buffer& b : p.buffers) {
        if (b.lifetime != Lifetime::Input) continue;
        std::vector<int64_t> shape;
        for (const NamedDim& d : b.dims) shape.push_back(d.extent.value());
        inputs[b.name] = Tensor(b.dtype, shape);
    }
    return make_memory(p, inputs);
}

// The convolution of the examples at a quarter of its height: rows in a ring, weights claimed.
TEST(Agreement, a_convolution_with_a_ring_of_rows) {
    Program p = parse_program(R"(program p
  buffer wp: dram f32[k: 32, c: 32, r: 3, s: 3] temp [k/16, c/16, r, s, c%16, k%16]
  buffer x: dram f32[c: 32, h: 28, w: 56] temp [c/16, 1+h+1, 1+w+1, c%16] border 0.0
  buffer y: dram f32[k: 32, h: 28, w: 56] output
  run conv(wp, x -> y)

kernel conv(wp, x -> y)
  claim ws: l2 f32[k: 32, c: 32, r: 3, s: 3] <- wp[k,c,r,s]
  parallel oh0: 4 core
    for oh1: 7
      claim rows: l2 f32[c: 32, r: 3, w: 58] ring(oh1) <- x[c,oh0*7+oh1+r-1,w-1]
      for k0: 2, ow: 4
        let acc: reg f32[p: 14, k: 16 lanes]
        fill acc[p,k] <- 0.0
        for r: 3, s: 3
          mma acc[p,k] += rows[c,r,ow*14+p+s] * ws[k0*16+k,c,r,s]
        move y[k0*16+k,oh0*7+oh1,ow*14+p] <- acc[p,k]
)",
                              "test");
    Memory memory = zeros(p);
    AgreementOptions o = machine();
    o.warm = 1;
    o.count = 1;
    std::vector<Agreement> rows = claims_against_caches(*kernels(p)[0], p, memory, o);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[1].inside, Name("l2"));
    EXPECT_EQ(rows[1].outside, Name("dram"));
    // Nine rows are charged per iteration; two of them the caches still have from the one before.
    EXPECT_EQ(rows[1].ledger_read_bytes, 9 * 58 * 32 * 4);
    EXPECT_EQ(rows[1].ledger_write_bytes, 7 * 56 * 32 * 4);
    EXPECT_EQ(rows[1].trace_read_bytes, 7 * 58 * 32 * 4);
    // Rows of y end within lines that the iteration before has written to.
    EXPECT_LE(rows[1].trace_write_bytes, rows[1].ledger_write_bytes);
    EXPECT_GE(rows[1].trace_write_bytes * 20, rows[1].ledger_write_bytes * 19);
    EXPECT_LT(rows[1].error(), 0.17);
}

TEST(Agreement, a_false_claim_shows) {
    // The claimed panel of 4 MB does not fit a cache of 1 MB.
    Program p = parse_program(R"(program p
  buffer w: dram f32[k: 1024, n: 1024] input
  buffer x: dram f32[m: 4, k: 1024] input
  buffer y: dram f32[m: 4, n: 1024] output
  run k(w, x -> y)

kernel k(w, x -> y)
  claim ws: l2 f32[k: 1024, n: 1024] <- w[k,n]
  parallel m: 4 core
    let acc: l1 f32[n: 1024 lanes]
    fill acc[n] <- 0.0
    for k: 1024
      mma acc[n] += x[m,k] * ws[k,n]
    move y[m,n] <- acc[n]
)",
                              "test");
    Memory memory = zeros(p);
    AgreementOptions o = machine();
    o.count = 1;
    std::vector<Agreement> rows = claims_against_caches(*kernels(p)[0], p, memory, o);
    EXPECT_GT(rows[1].error(), 10);
}

TEST(Agreement, a_kernel_of_two_nests_is_run_whole) {
    Program p = parse_program(R"(program p
  buffer x: dram f32[i: 64, j: 16] input
  buffer y: dram f32[i: 64, j: 16] output
  buffer z: dram f32[i: 64, j: 16] output
  run k(x -> y, z)

kernel k(x -> y, z)
  claim xs: l2 f32[i: 64, j: 16] <- x[i,j]
  parallel i: 64 core
    move y[i,j] <- xs[i,j] over j: 16
  parallel i: 64 core
    move z[i,j] <- xs[i,j] over j: 16
)",
                              "test");
    Memory memory = zeros(p);
    std::vector<Agreement> rows = claims_against_caches(*kernels(p)[0], p, memory, machine());
    EXPECT_EQ(rows[1].ledger_read_bytes, 4096);
    EXPECT_EQ(rows[1].trace_read_bytes, 4096);
    EXPECT_EQ(rows[1].ledger_write_bytes, 8192);
    EXPECT_EQ(rows[1].error(), 0);
}

}  // namespace
}  // namespace smeaton::gir::interp
