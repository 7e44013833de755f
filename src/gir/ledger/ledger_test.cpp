#include "gir/ledger/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "gir/common_cpu.h"
#include "gir/interp/interp.h"
#include "gir/ledger/count.h"
#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::gir {
namespace {

std::map<Name, Tensor> random_inputs(const Program& p, int64_t index_limit,
                                     const Bindings& bindings = {}) {
    std::map<Name, Tensor> inputs;
    std::mt19937 rng(7);
    Bindings all = interp::bindings_of(p, bindings);
    for (const Buffer& b : p.buffers) {
        if (b.lifetime != Lifetime::Input) continue;
        std::vector<int64_t> shape;
        for (const NamedDim& d : b.dims) shape.push_back(d.extent.bind(all).value());
        Tensor t(b.dtype, shape);
        for (int64_t i = 0; i < t.elements(); ++i) {
            if (tensor::is_float(b.dtype))
                t.set_from_double(i, static_cast<double>(rng() % 1000) / 250.0 - 2);
            else
                t.set_from_int(i, static_cast<int64_t>(rng()) % index_limit);
        }
        inputs[b.name] = t;
    }
    return inputs;
}

interp::Result counted(const Program& p, const Levels& levels, int64_t index_limit = 2,
                       const Bindings& bindings = {}) {
    interp::Options options;
    options.count = true;
    options.levels = levels;
    options.bindings = bindings;
    return interp::run(p, random_inputs(p, index_limit, bindings), options);
}

/// The ledger of all steps, which must be what the interpreter counts.
Ledger checked_ledger(const std::string& text, int64_t index_limit = 2) {
    Program p = parse_program(text, "test");
    Levels levels = levels_used(p);
    Ledger l = ledger(p, levels);
    interp::Result r = counted(p, levels, index_limit);
    EXPECT_EQ(traffic_at(l).str(), r.traffic.str()) << text;
    if (!r.once_traffic.levels.empty()) {
        EXPECT_EQ(traffic_at(ledger(p, levels, true)).str(), r.once_traffic.str());
    }
    return l;
}

/// Besides: what crosses the outermost level is what must.
Ledger compulsory_ledger(const std::string& text, int64_t index_limit = 2) {
    Ledger l = checked_ledger(text, index_limit);
    Compulsory c = compulsory(parse_program(text, "test"), l);
    EXPECT_EQ(l.levels.front().read_bytes, c.read_bytes);
    EXPECT_EQ(l.levels.front().write_bytes, c.write_bytes);
    return l;
}

TEST(Ledger, residual_add_and_relu_moves_what_it_must) {
    Ledger l = compulsory_ledger(R"(program p
  buffer a: dram f32[i: 640] input
  buffer b: dram f32[i: 640] input
  buffer y: dram f32[i: 640] output
  run add_relu(a, b -> y)

kernel add_relu(a, b -> y)
  parallel i: 10 core
    let t: reg f32[v: 64 lanes]
    binary add t[v] <- a[i*64+v], b[i*64+v]
    unary relu t[v] <- t[v]
    move y[i*64+v] <- t[v]
)");
    EXPECT_EQ(l.read_bytes("dram"), Dim(2 * 640 * 4));
    EXPECT_EQ(l.write_bytes("dram"), Dim(640 * 4));
    EXPECT_EQ(l.operations.at({LedgerClass::Add, DType::kF32}), Dim(640));
    EXPECT_EQ(l.parallel_width, Dim(10));
    EXPECT_EQ(run_bytes(*l.find("dram")), 256);
    EXPECT_EQ(str(l),
              "dram: read 5120 write 2560 run 256\n"
              "reg: read 10240 write 7680 run 256\n"
              "ops: f32 move 640, f32 add 640, f32 compare 640\n"
              "parallel 10\n");
}

TEST(Ledger, softmax_reads_and_writes_once) {
    Ledger l = compulsory_ledger(R"(program p
  buffer x: dram f32[r: 12, v: 40] input
  buffer y: dram f32[r: 12, v: 40] output
  run softmax(x -> y)

kernel softmax(x -> y)
  parallel r: 12 core
    let row: l1 f32[v: 40 lanes]
    let m: reg f32[]
    move row[v] <- x[r,v]
    reduce max m[] <- row[v]
    binary sub row[v] <- row[v], m[]
    unary exp row[v] <- row[v]
    reduce add m[] <- row[v]
    binary div row[v] <- row[v], m[]
    move y[r,v] <- row[v]
)");
    EXPECT_EQ(l.operations.at({LedgerClass::Special, DType::kF32}), Dim(480));
    // l1: what comes from dram, and the row read by each of six ops.
    EXPECT_EQ(l.read_bytes("l1"), Dim(480 * 4 * 7));
}

TEST(Ledger, gemm_with_claims_charges_a_panel_once_per_entry) {
    Ledger l = checked_ledger(R"(program p
  buffer x: dram f32[m: 14, k: 10] input
  buffer w: dram f32[k: 10, n: 24] input
  buffer bias: dram f32[n: 24] input
  buffer wp: dram f32[k: 10, n: 24] temp [n/8, k, n%8]
  buffer y: dram f32[m: 14, n: 24] output
  once run pack(w -> wp)
  run fc(x, wp, bias -> y)

kernel pack(w -> wp)
  move wp[k,n] <- w[k,n] over k: 10, n: 24

kernel fc(x, wp, bias -> y)
  claim xs: l2 f32[m: 14, k: 10] <- x[m,k]
  parallel n0: 3 core
    claim panel: l2 f32[k: 10, n: 8] <- wp[k,n0*8+n]
    for m0: 2
      let acc: reg f32[m: 6, n: 8 lanes]
      move acc[m,n] <- bias[n0*8+n]
      mma acc[m,n] += xs[m0*6+m,k] * panel[k,n]
      unary erf y[m0*6+m,n0*8+n] <- acc[m,n]
    let tail: reg f32[m: 2, n: 8 lanes]
    fill tail[m,n] <- 0.0
    mma tail[m,n] += xs[m+12,k] * panel[k,n]
    move y[m+12,n0*8+n] <- tail[m,n]
)");
    EXPECT_EQ(l.read_bytes("dram"), Dim(4 * (14 * 10 + 10 * 24 + 2 * 24)));
    EXPECT_EQ(l.write_bytes("dram"), Dim(4 * 14 * 24));
    EXPECT_EQ(l.operations.at({LedgerClass::Fma, DType::kF32}), Dim(14 * 10 * 24));
}

TEST(Ledger, a_claim_above_a_parallel_is_charged_once_per_unit) {
    std::string text = R"(program p
  buffer x: dram f32[k: 10] input
  buffer y: dram f32[i: 6, k: 10] output
  run k(x -> y)

kernel k(x -> y)
  claim xs: l2 f32[k: 10] <- x[k]
  parallel i: 6 core
    unary exp y[i,k] <- xs[k]
)";
    Program p = parse_program(text, "test");
    Levels levels{{{"dram", -1, {}}, {"l3", 0, {}}, {"l2", 1, "core"}, {"reg", 2, "core"}},
                  {{"core", 4}}};
    Ledger l = ledger(p, levels);
    EXPECT_EQ(l.read_bytes("dram"), Dim(4 * 40));
    EXPECT_EQ(l.read_bytes("l3"), Dim(4 * 40));
    EXPECT_EQ(l.read_bytes("l2"), Dim(6 * 40));
    EXPECT_EQ(traffic_at(l).str(), counted(p, levels).traffic.str());
}

TEST(Ledger, units_that_share_a_level_share_its_copies) {
    auto dram_bytes = [](const std::string& loops) {
        std::string text = R"(program p
  buffer x: dram f32[k: 10] input
  buffer y: dram f32[i: 6, k: 10] output
  run k(x -> y)

kernel k(x -> y)
  copy xs: shared f32[k: 10] <- x[k]
)" + loops;
        Levels levels{{{"dram", -1, {}}, {"shared", 0, "cluster"}, {"reg", 1, "core"}},
                      {{"cluster", 3}, {"core", 6}}};
        return ledger(parse_program(text, "test"), levels).read_bytes("dram");
    };
    EXPECT_EQ(dram_bytes("  parallel i: 6 core\n    move y[i,k] <- xs[k]\n"), Dim(3 * 40));
    EXPECT_EQ(dram_bytes("  parallel i: 3 core\n    move y[i,k] <- xs[k]\n"), Dim(2 * 40));
    EXPECT_EQ(dram_bytes("  parallel c: 2 cluster\n    parallel i: 3 core\n"
                         "      move y[c*3+i,k] <- xs[k]\n"),
              Dim(2 * 40));
}

TEST(Ledger, levels_of_a_target_hold_what_a_program_names_besides) {
    auto names = [](const std::string& buffer_level, const std::string& tile_level) {
        Program p = parse_program(
            "program p\n  buffer x: memory f32[k: 10] input\n  buffer y: " + buffer_level +
                " f32[k: 10] output\n  run k(x -> y)\n\nkernel k(x -> y)\n"
                "  let t: " +
                tile_level + " f32[k: 10]\n  move t[k] <- x[k]\n  move y[k] <- t[k]\n",
            "test");
        const Levels levels = levels_of(common_cpu(), p);
        EXPECT_EQ(ledger(p, levels).read_bytes("memory"), Dim(40));
        EXPECT_EQ(ledger_of_named(*kernels(p)[0], p, levels).find("l2"), nullptr);
        EXPECT_EQ(ledger_of_named(*kernels(p)[0], p, levels).read_bytes("memory"), Dim(40));
        std::string all;
        for (const Levels::Level& l : levels.list) {
            all += l.name.str() + " ";
            EXPECT_LT(l.parent, levels.index(l.name));
        }
        return all;
    };
    EXPECT_EQ(names("memory", "l1"), "memory l3 l2 l1 reg ");
    EXPECT_EQ(names("dram", "l1"), "memory dram l3 l2 l1 reg ");
    EXPECT_EQ(names("memory", "local"), "memory l3 l2 l1 reg local ");
}

TEST(Ledger, convolution_counts_only_the_taps_inside) {
    Ledger l = checked_ledger(R"(program p
  buffer x: memory f32[n: 1, c: 3, h: 9, w: 8] input
  buffer w: memory f32[k: 4, c: 3, r: 3, s: 3] input
  buffer y: memory f32[n: 1, k: 4, h: 5, w: 4] output
  run conv(x, w -> y)

kernel conv(x, w -> y)
  parallel n: 1, k: 4, oh: 5, ow: 4 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[n,c,oh*2+r-1,ow*2+s-1] within (0 <= oh*2+r-1 < 9, 0 <= ow*2+s-1 < 8) else 0.0 * w[k,c,r,s] over c: 3, r: 3, s: 3
    move y[n,k,oh,ow] <- acc[]
)");
    // Rows: 13 of 15 taps inside; columns: 11 of 12.
    EXPECT_EQ(l.operations.at({LedgerClass::Fma, DType::kF32}), Dim(4 * 3 * 13 * 11));
    EXPECT_EQ(l.multiply_adds, Dim(4 * 3 * 15 * 12));  // as if the zeros lay in a border
    EXPECT_EQ(arithmetic(l), 2.0 * 4 * 3 * 15 * 12);
    EXPECT_EQ(l.buffers.at("x").read_bytes, Dim(4 * 4 * 3 * 13 * 11));
    EXPECT_EQ(l.buffers.at("w").read_bytes, Dim(4 * 4 * 5 * 4 * 27));
}

TEST(Ledger, a_ring_brings_in_only_what_is_new) {
    Ledger l = checked_ledger(R"(program p
  buffer x: dram f32[c: 4, h: 12, w: 10] temp [c/4, 1+h+1, 1+w+1, c%4] border 0.0
  buffer src: dram f32[c: 4, h: 12, w: 10] input
  buffer w: dram f32[k: 8, c: 4, r: 3, s: 3] input
  buffer y: dram f32[k: 8, h: 12, w: 10] output
  once run block(src -> x)
  run conv(x, w -> y)

kernel block(src -> x)
  move x[c,h,w] <- src[c,h,w] over c: 4, h: 12, w: 10

kernel conv(x, w -> y)
  claim ws: l2 f32[k: 8, c: 4, r: 3, s: 3] <- w[k,c,r,s]
  parallel oh0: 3 core
    for oh1: 4
      claim rows: l2 f32[c: 4, r: 3, w: 12] ring(oh1) <- x[c,oh0*4+oh1+r-1,w-1]
      for ow: 2
        let acc: reg f32[p: 5, k: 8 lanes]
        fill acc[p,k] <- 0.0
        for r: 3, s: 3
          mma acc[p,k] += rows[c,r,ow*5+p+s] * ws[k,c,r,s]
        move y[k,oh0*4+oh1,ow*5+p] <- acc[p,k]
)");
    EXPECT_EQ(l.multiply_adds, Dim(8 * 4 * 36 * 30));
    // Per parallel iteration 3 rows, then one more each: 6 rows of 12 pixels and 4 channels.
    EXPECT_EQ(l.buffers.at("x").read_bytes, Dim(3 * 6 * 12 * 4 * 4));
}

TEST(Ledger, padded_and_strided_rings_and_copies) {
    for (std::string ring : {"", " ring(b)"}) {
        checked_ledger(
            R"(program p
  buffer x: dram f32[h: 20, w: 6] input
  buffer y: dram f32[a: 2, b: 5, w: 6] output
  run k(x -> y)

kernel k(x -> y)
  parallel a: 2 core
    for b: 5
      copy halo: l1 f32[r: 5, w: 8])" +
            ring + R"( <- x[a*10+b*2+r-1,w-1] within (0 <= a*10+b*2+r-1 < 20, 0 <= w-1 < 6) else 0.0
      copy plain: l1 f32[r: 2, w: 6])" +
            ring + R"( <- x[a*10+b*2+r,w]
      let cast: l1 f64[r: 2]
      unary cast cast[r] <- x[a*10+b*2+r,0]
      let t: reg f32[w: 6 lanes]
      reduce add t[w] <- halo[r,w+1] over r: 5
      reduce add t[w] += plain[r,w] over r: 2
      move y[a,b,w] <- t[w]
)");
    }
}

TEST(Ledger, parts_in_flight_bring_in_no_more) {
    for (std::string ring : {"", " ring(b)"}) {
        auto text = [&](const std::string& depth) {
            return R"(program p
  buffer x: dram f32[h: 20, w: 6] input
  buffer y: dram f32[a: 2, b: 5, w: 6] output
  run k(x -> y)

kernel k(x -> y)
  parallel a: 2 core
    for b: 5
      copy rows: l1 f32[r: 2, w: 6])" +
                   ring + depth + R"( <- x[a*10+b+r,w]
      reduce add y[a,b,w] <- rows[r,w]
)";
        };
        Ledger one = checked_ledger(text("")), three = checked_ledger(text(" depth 3"));
        EXPECT_EQ(str(one), str(three));
        EXPECT_EQ(one.buffers.at("x").read_bytes, Dim((ring.empty() ? 10 : 6) * 2 * 6 * 4));
    }
}

TEST(Ledger, a_resident_buffer_is_charged_where_it_stays) {
    Ledger l = checked_ledger(R"(program p
  buffer x: dram f32[i: 8, j: 4] input
  buffer t: dram f32[i: 8, j: 4] temp resident l3
  buffer y: dram f32[i: 8, j: 4] output
  run first(x -> t)
  run second(t -> y)

kernel first(x -> t)
  parallel i: 8 core
    unary exp t[i,j] <- x[i,j] over j: 4

kernel second(t -> y)
  parallel i: 8 core
    claim row: l1 f32[j: 4] <- t[i,j]
    move y[i,j] <- row[j]
)");
    EXPECT_EQ(l.read_bytes("dram"), Dim(128));
    EXPECT_EQ(l.write_bytes("dram"), Dim(128));
    EXPECT_EQ(l.read_bytes("l3"), Dim(256));
    EXPECT_EQ(l.write_bytes("l3"), Dim(256));
}

TEST(Ledger, gather_is_charged_what_it_asks_for) {
    Ledger l = compulsory_ledger(R"(program p
  buffer table: dram f32[v: 100, e: 16] input
  buffer ids: dram i64[i: 7] input
  buffer y: dram f32[i: 7, e: 16] output
  run g(ids, table -> y)

kernel g(ids, table -> y)
  parallel i: 7 core
    move y[i,e] <- table[ids[i],e] over e: 16
)",
                                 100);
    EXPECT_EQ(l.buffers.at("table").read_bytes, Dim(7 * 16 * 4));
    EXPECT_EQ(l.buffers.at("ids").read_bytes, Dim(7 * 8));
}

TEST(Ledger, gather_within_bounds_asks_for_indices_inside_only) {
    checked_ledger(R"(program p
  buffer table: dram f32[v: 100, e: 6] input
  buffer ids: dram i64[i: 7, j: 2] input
  buffer y: dram f32[i: 9, e: 6] output
  run g(ids, table -> y)

kernel g(ids, table -> y)
  parallel i0: 3 core
    move y[i0*3+i,e] <- table[ids[i0*3+i,1],e] within (i0*3+i < 7, e < 5) else 0.0 over i: 3, e: 6
  scatter add y[ids[i,0],0] <- 1.0 over i: 7
)",
                   9);
}

TEST(Ledger, transposes_cost_input_and_output) {
    Ledger l = compulsory_ledger(R"(program p
  buffer x: dram f32[a: 49, b: 58, c: 2] input
  buffer y: dram f32[a: 49, c: 2, b: 58] output
  run t(x -> y)

kernel t(x -> y)
  parallel a: 49 core
    move y[a,c,b] <- x[a,b,c] over b: 58, c: 2
)");
    EXPECT_EQ(l.levels.front().runs[0].run_bytes, Dim(58 * 2 * 4));
}

TEST(Ledger, a_transposing_run_is_one_element_long) {
    Program p = parse_program(R"(program p
  buffer x: dram f32[a: 8, b: 4] input
  buffer y: dram f32[b: 4, a: 8] output
  run t(x -> y)

kernel t(x -> y)
  parallel b: 4 core
    move y[b,a] <- x[a,b] over a: 8
)",
                              "test");
    Ledger l = ledger(p);
    EXPECT_EQ(l.levels[0].runs[0].run_bytes, Dim(4));
    EXPECT_EQ(l.levels[0].runs[1].run_bytes, Dim(32));
}

TEST(Ledger, clipped_loops_masks_sorts_and_selects) {
    checked_ledger(R"(program p
  buffer x: memory f32[i: 13, j: 13] input
  buffer y: memory f32[i: 13, j: 13] output
  run k(x -> y)

kernel k(x -> y)
  parallel i0: 4 any
    for i1: 4 to 13-i0*4
      let keep: local bool[j: 13]
      let at: local i64[j: 13]
      let row: local f32[j: 13]
      fill row[j] <- 0.0
      iota at[j] <- j
      binary le keep[j] <- at[j], 5
      move row[j] <- x[i0*4+i1,j] within (0 <= i0*4+i1-j) else -inf
      select row[j] <- keep[j], row[j], 0.0
      sort desc row[j], at[j] along j
      for j0: 13 from i0, i1*2 to i0*4+i1+1
        reduce max row[0] += x[i0*4+i1,j0+j] within (j0+j < 13) else -inf over j: 3
      move y[i0*4+i1,j] within (j < 12) <- row[j]
)");
}

TEST(Ledger, zeros_and_ones_of_a_constant_tile_are_free) {
    Ledger l = checked_ledger(R"(program p
  buffer x: dram f32[i: 5, j: 3] input
  buffer y: dram f32[i: 5, k: 4] output
  run k(x -> y)

kernel k(x -> y)
  let t: reg f32[k: 4, j: 3] = f32[4,3](1.0, 0.0, -1.0, 0.5, 0.0, 0.0, 0.25, 1.0, 0.0, 0.0, 0.0, 0.0)
  parallel i: 5 core
    let acc: reg f32[k: 4 lanes]
    fill acc[k] <- 0.0
    mma acc[k] += x[i,j] * t[k,j]
    move y[i,k] <- acc[k]
)");
    EXPECT_EQ(l.operations.at({LedgerClass::Fma, DType::kF32}), Dim(5 * 2));
    EXPECT_EQ(l.operations.at({LedgerClass::Add, DType::kF32}), Dim(5 * 3));
}

TEST(Ledger, half_and_four_bit_types_count_their_bytes) {
    checked_ledger(R"(program p
  buffer x: dram i4[i: 7] input
  buffer h: dram f16[i: 7] input
  buffer y: dram f32[i: 7] output
  run k(x, h -> y)

kernel k(x, h -> y)
  let t: reg f32[i: 7]
  let g: reg f32[i: 7]
  unary cast t[i] <- x[i]
  unary cast g[i] <- h[i]
  binary mul y[i] <- t[i], g[i]
)");
}

TEST(Ledger, a_symbolic_extent_gives_a_formula) {
    std::string text = R"(program p
  param N
  buffer x: dram f32[n: N, c: 6] input
  buffer w: dram f32[c: 6, k: 5] input
  buffer y: dram f32[n: N, k: 5] output
  buffer z: dram f32[n: N + 2] output
  run fc(x, w -> y, z)

kernel fc(x, w -> y, z)
  claim ws: l2 f32[c: 6, k: 5] <- w[c,k]
  parallel n0: floor((N + 7)/8) core
    let acc: reg f32[n: 8, k: 5 lanes]
    fill acc[n,k] <- 0.0
    mma acc[n,k] += x[n0*8+n,c] within (n0*8+n < N) else 0.0 * ws[c,k]
    move y[n0*8+n,k] within (n0*8+n < N) <- acc[n,k]
  parallel i: N + 2 core
    move z[i] <- x[i-1,0] within (0 <= i-1 < N) else 0.0
)";
    Program p = parse_program(text, "test");
    Levels levels = levels_used(p);
    Ledger l = ledger(p, levels);
    EXPECT_EQ(l.buffers.at("x").read_bytes, Dim::symbol("N") * Dim(28));
    EXPECT_EQ(l.buffers.at("y").write_bytes, Dim::symbol("N") * Dim(20));
    EXPECT_EQ(l.operations.at({LedgerClass::Fma, DType::kF32}), Dim::symbol("N") * Dim(30));
    for (int64_t n : {1, 7, 8, 9, 64, 65}) {
        Bindings at{{"N", n}};
        EXPECT_EQ(traffic_at(l, at).str(), counted(p, levels, 2, at).traffic.str()) << "N = " << n;
    }
}

TEST(Ledger, a_symbolic_bound_without_a_formula_says_so) {
    Program p = parse_program(R"(program p
  param N
  param M
  buffer x: dram f32[n: N] input
  buffer y: dram f32[n: N] output
  run k(x -> y)

kernel k(x -> y)
  parallel n: N core
    move y[n] <- x[n] within (n < M) else 0.0
)",
                              "test");
    EXPECT_THROW(ledger(p), UserError);
}

TEST(CountPoints, equals_enumeration_on_random_boxes) {
    std::mt19937 rng(3);
    auto pick = [&](int64_t lo, int64_t hi) {
        return lo + static_cast<int64_t>(rng() % static_cast<uint64_t>(hi - lo + 1));
    };
    for (int round = 0; round < 2000; ++round) {
        int n = static_cast<int>(pick(1, 4));
        std::vector<Dim> extents;
        std::vector<int> variables;
        for (int v = 0; v < n; ++v) {
            extents.push_back(Dim(pick(0, 6)));
            variables.push_back(v);
        }
        std::vector<BoxBound> bounds;
        for (int64_t b = pick(0, 3); b > 0; --b) {
            BoxBound bound;
            for (int v = 0; v < n; ++v)
                if (int64_t k = pick(-3, 3)) bound.terms.emplace_back(v, k);
            if (pick(0, 3) > 0) bound.lo = Dim(pick(-6, 6));
            if (pick(0, 3) > 0) bound.hi = Dim(pick(-6, 12));
            bounds.push_back(bound);
        }
        int64_t expected = 0;
        std::vector<int64_t> at(static_cast<size_t>(n), 0);
        int64_t total = 1;
        for (const Dim& e : extents) total *= e.value();
        for (int64_t i = 0; i < total; ++i) {
            int64_t rest = i;
            for (size_t v = at.size(); v-- > 0;) {
                at[v] = rest % extents[v].value();
                rest /= extents[v].value();
            }
            bool inside = true;
            for (const BoxBound& b : bounds) {
                int64_t sum = 0;
                for (const auto& [v, k] : b.terms) sum += k * at[static_cast<size_t>(v)];
                inside =
                    inside && (!b.lo || sum >= b.lo->value()) && (!b.hi || sum < b.hi->value());
            }
            expected += inside;
        }
        ASSERT_EQ(count_points(extents, variables, bounds), Dim(expected)) << "round " << round;
    }
}

}  // namespace
}  // namespace smeaton::gir
