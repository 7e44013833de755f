#include "sim/events/events.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/error.h"
#include "cost/target.h"
#include "gir/rewrite/for_target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "machine/query.h"
#include "machine/read.h"
#include "sim/simulate.h"

namespace smeaton::sim::events {
namespace {

using machine::Machine;

std::string path_of(const std::string& file) {
    return std::string(SMEATON_SOURCE_DIR) + "/" + file;
}

Machine shipped(const std::string& name) {
    return machine::read_machine_file(path_of("machines/" + name + ".yaml"));
}

gir::Program spelled(const std::string& text, const Machine& m) {
    return gir::rewrite::spell(gir::parse_program(text, "test.gir"), cost::target_of(m));
}

// An 8 x 8 array at 1 GHz, 8 bytes a cycle from memory, no latencies; buffers keep pace.
const char* const kChip = R"(name: chip
clock_ghz: 1
levels:
  - name: reg
    next: dram
    managed: software
    roles: [vector]
    capacity: 4KiB
  - name: ibuf
    next: dram
    managed: software
    roles: [a]
    capacity: 64KiB
    read_gb_s: {one: 1000000}
    write_gb_s: {one: 1000000}
    depth: 1
  - name: wbuf
    next: dram
    managed: software
    roles: [b]
    capacity: 64KiB
    read_gb_s: {one: 1000000}
    write_gb_s: {one: 1000000}
  - name: obuf
    next: dram
    managed: software
    roles: [acc]
    capacity: 64KiB
    read_gb_s: {one: 1000000}
    write_gb_s: {one: 1000000}
    depth: 2
  - name: dram
    managed: software
    capacity: 1GiB
    read_gb_s: {one: 8}
    write_gb_s: {one: 1000000}
units:
  - name: array
    kind: systolic
    rows: 8
    columns: 8
    dataflow: weight_stationary
    rates:
      - {op: fma, dtype: f32}
  - name: simd
    kind: vector
    vector_bits: 256
    registers: 32
    rates:
      - {op: fma, dtype: f32, per_cycle: 8}
      - {op: add, dtype: f32, per_cycle: 8}
      - {op: add, dtype: i32, per_cycle: 8}
      - {op: mul, dtype: f32, per_cycle: 8}
      - {op: mul, dtype: i32, per_cycle: 8}
      - {op: gather, dtype: f32, per_cycle: 1}
)";

Machine chip(const std::vector<std::pair<std::string, std::string>>& changes = {}) {
    std::string text = kChip;
    for (const auto& [from, to] : changes) {
        size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        text.replace(at, from.size(), to);
    }
    return machine::parse_machine(text, "chip.yaml");
}

// Ten tiles of 64 rows: 2048 bytes each take 256 cycles to come, 64 + 14 to compute.
const char* const kTiles = R"(program tiles
  buffer a: dram f32[t: 10, m: 64, k: 8] input
  buffer b: dram f32[k: 8, n: 8] input
  buffer y: dram f32[t: 10, m: 64, n: 8] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  copy bt: wbuf f32[k: 8, n: 8] <- b[k,n]
  for t: 10
    copy at: ibuf f32[m: 64, k: 8] <- a[t,m,k]
    let acc: obuf f32[m: 64, n: 8 lanes]
    fill acc[m,n] <- 0.0
    mma acc[m,n] += at[m,k] * bt[k,n] over k: 8
    move y[t,m,n] <- acc[m,n]
)";

TEST(Events, a_single_buffer_is_filled_when_its_readers_are_done) {
    Machine m = chip();
    ProgramEvents events = simulate(spelled(kTiles, m), m);
    // The weights come first, beside the first tile: 256 and 2048 bytes over 8 bytes a cycle.
    const double weights = 32, tile = 256, compute = 64 + 14;
    EXPECT_NEAR(events.time_us * 1e3, weights + 10 * (tile + compute), 0.1);
    EXPECT_NEAR(events.busy_us["array"] * 1e3, 10 * compute, 0.1);
}

TEST(Events, a_double_buffer_is_filled_while_it_is_read) {
    Machine m = chip({{"depth: 1", "depth: 2"}});
    ProgramEvents events = simulate(spelled(kTiles, m), m);
    EXPECT_NEAR(events.time_us * 1e3, 32 + 10 * 256 + 64 + 14, 0.1);
    // Where computing takes longer, the transfers hide behind it.
    m = chip({{"depth: 1", "depth: 2"}, {"read_gb_s: {one: 8}", "read_gb_s: {one: 64}"}});
    events = simulate(spelled(kTiles, m), m);
    EXPECT_NEAR(events.time_us * 1e3, 4 + 32 + 10 * 78, 0.1);
}

TEST(Events, a_copy_that_asks_for_depth_has_it_on_any_level) {
    Machine m = chip({{"    depth: 1\n", ""}});
    std::string text = kTiles;
    EXPECT_NEAR(simulate(spelled(text, m), m).time_us * 1e3, 32 + 10 * (256 + 78), 0.1);
    text.insert(text.find("<- a[t"), "depth 2 ");
    EXPECT_NEAR(simulate(spelled(text, m), m).time_us * 1e3, 32 + 10 * 256 + 78, 0.1);
}

TEST(Events, a_port_is_shared_by_all_that_cross_it) {
    // Both operands over ports of their own: the slower one counts; over memory: their sum.
    const char* text = R"(program p
  buffer a: dram f32[m: 64, k: 8] input
  buffer b: dram f32[k: 8, n: 64] input
  buffer y: dram f32[m: 64, n: 64] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  copy at: ibuf f32[m: 64, k: 8] <- a[m,k]
  copy bt: wbuf f32[k: 8, n: 64] <- b[k,n]
  let acc: obuf f32[m: 64, n: 64 lanes]
  fill acc[m,n] <- 0.0
  mma acc[m,n] += at[m,k] * bt[k,n] over k: 8
  move y[m,n] <- acc[m,n]
)";
    const double compute = 64 * 8 + 14;
    Machine m = chip();
    EXPECT_NEAR(simulate(spelled(text, m), m).time_us * 1e3, 2 * 256 + compute, 0.1);
    m = chip({{"read_gb_s: {one: 8}", "read_gb_s: {one: 1000000}"},
              {"    depth: 1\n", "    depth: 1\n    port_gb_s: 4\n"}});
    EXPECT_NEAR(simulate(spelled(text, m), m).time_us * 1e3, 512 + compute, 0.1);
}

TEST(Events, a_clipped_loop_takes_the_turns_that_are_left) {
    const char* text = R"(program p
  buffer x: dram f32[i: 64] input
  buffer y: dram f32[i: 64] output
  run k(x -> y)

kernel k(x -> y)
  for i0: 4
    for i1: 4 to 3-i0
      let t: reg f32[v: 8 lanes]
      binary add t[v] <- x[v], 1.0
      move y[v] <- t[v]
)";
    Machine m = chip();
    ProgramEvents events = simulate(spelled(text, m), m);
    ASSERT_EQ(events.kernels.size(), 1u);
    EXPECT_EQ(events.kernels[0].tasks, 2 * (3 + 2 + 1));
    EXPECT_EQ(events.kernels[0].read_bytes["dram"], 6 * 32);
}

// Behind w (and c) there is one element: rows lie in one piece, and none of them is gathered, which
// would take a cycle each.
TEST(Events, a_dim_of_one_element_behind_the_lanes_takes_no_room) {
    const char* text = R"(program p
  buffer x: dram f32[n: 1, c: 64, h: 1, w: 1] input
  buffer y: dram f32[n: 1, c: 64, h: 1, w: 1] output
  buffer z: dram f32[n: 1, c: 1, h: 10, w: 30] output [n, 1+h+1, 1+w+1, c] border 0.0
  buffer b: dram bf16[i: 1024] output
  run border_z_h( -> z)
  run narrow( -> b)
  run more(x -> y)

kernel border_z_h( -> z)
  fill z[0,0,-1,w-1] <- 0.0 over w: 32
  fill z[0,0,10,w-1] <- 0.0 over w: 32

kernel narrow( -> b)
  fill b[i] <- 0.0 over i: 1024

kernel more(x -> y)
  binary add y[0,c,0,0] <- x[0,c,0,0], 1.0 over c: 64
)";
    const Machine m =
        chip({{"{one: 8}\n    write_gb_s: {one: 1000000}", "{one: 8}\n    write_gb_s: {one: 16}"}});
    const gir::Program program = spelled(text, m);
    const ProgramEvents events = simulate(program, m);
    const ProgramCost closed = sim::simulate(program, m);
    // Two rows of 32 elements, and 1024 of two bytes, written at 16 bytes a cycle; 64 read at 8.
    const double cycles[] = {2 * 32 * 4 / 16, 1024 * 2 / 16, 64 * 4 / 8};
    for (size_t k = 0; k < 3; ++k) {
        EXPECT_NEAR(events.kernels.at(k).time_us * 1e3, cycles[k], 0.1) << events.kernels[k].name;
        EXPECT_NEAR(closed.kernels.at(k).time_us.value * 1e3, cycles[k], 0.1)
            << closed.kernels[k].name;
    }
}

TEST(Events, machines_that_it_cannot_walk_are_refused_with_the_reason) {
    Machine cpu = shipped("edge-cpu");
    try {
        simulate(gir::parse_program(kTiles, "tiles.gir"), cpu);
        FAIL();
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("level l1 of machine edge-cpu is a cache"),
                  std::string::npos)
            << error.what();
    }
}

TEST(Events, the_timeline_is_that_of_the_run) {
    Machine m = chip();
    ProgramEvents events = simulate(spelled(kTiles, m), m, {true});
    double array_us = 0, last_us = 0;
    for (const TimelineSlice& s : events.timeline) {
        if (events.units[static_cast<size_t>(s.unit)] == "array") array_us += s.time_us;
        last_us = std::max(last_us, s.start_us + s.time_us);
    }
    EXPECT_NEAR(array_us, events.busy_us["array"], 1e-9);
    EXPECT_NEAR(last_us, events.time_us, 1e-9);
}

// ---- arrays, register by register ----

struct Matrix {
    int rows, columns;
    std::vector<int> values;
    int at(int r, int c) const {  // zero outside: edge tiles are padded
        return r < rows && c < columns ? values[static_cast<size_t>(r * columns + c)] : 0;
    }
};

/// One tile after another streams through R x C cells; a value moves one cell a cycle. `held` are
/// the values in the cells, by tile; `streams` what enters row i of the array, by step. Counts the
/// cycles until the last sum has left and adds what leaves column j at step s to `out(s, j)`.
template <class Held, class Stream, class Out>
int stream_past_held(int rows, int columns, int steps, Held held, Stream stream, Out out) {
    std::vector<int> right(static_cast<size_t>(rows * columns), 0), down = right;
    auto cell = [&](int i, int j) { return static_cast<size_t>(i * columns + j); };
    int left_at_bottom = 0, cycle = 0;
    for (; left_at_bottom < steps * columns; ++cycle) {
        std::vector<int> next_right = right, next_down = down;
        for (int i = 0; i < rows; ++i)
            for (int j = 0; j < columns; ++j) {
                int step = cycle - i - j;
                int in = j == 0 ? (cycle - i >= 0 && cycle - i < steps ? stream(cycle - i, i) : 0)
                                : right[cell(i, j - 1)];
                int sum = i == 0 ? 0 : down[cell(i - 1, j)];
                bool live = step >= 0 && step < steps;
                next_right[cell(i, j)] = in;
                next_down[cell(i, j)] = live ? sum + in * held(step, i, j) : 0;
                if (live && i == rows - 1) {
                    out(step, j, next_down[cell(i, j)]);
                    ++left_at_bottom;
                }
            }
        right = next_right;
        down = next_down;
    }
    return cycle;
}

/// a[m,k] b[k,n]; gives cycles, checks the product.
int weights_stay(const Matrix& a, const Matrix& b, int rows, int columns) {
    int k_tiles = (a.columns + rows - 1) / rows, n_tiles = (b.columns + columns - 1) / columns;
    std::map<std::pair<int, int>, int> sums;
    auto k0 = [&](int step) { return step / a.rows / n_tiles * rows; };
    auto n0 = [&](int step) { return step / a.rows % n_tiles * columns; };
    int cycles = stream_past_held(
        rows, columns, a.rows * k_tiles * n_tiles,
        [&](int step, int i, int j) { return b.at(k0(step) + i, n0(step) + j); },
        [&](int step, int i) { return a.at(step % a.rows, k0(step) + i); },
        [&](int step, int j, int sum) {
            sums[{step % a.rows, n0(step) + j}] += sum;
        });
    for (int r = 0; r < a.rows; ++r)
        for (int c = 0; c < b.columns; ++c) {
            int want = 0;
            for (int k = 0; k < a.columns; ++k) want += a.at(r, k) * b.at(k, c);
            EXPECT_EQ((sums[{r, c}]), want);
        }
    return cycles;
}

Matrix transposed(const Matrix& m) {
    Matrix t{m.columns, m.rows, {}};
    for (int c = 0; c < m.columns; ++c)
        for (int r = 0; r < m.rows; ++r) t.values.push_back(m.at(r, c));
    return t;
}

/// Inputs stay: the transposed product with its weights staying.
int inputs_stay(const Matrix& a, const Matrix& b, int rows, int columns) {
    return weights_stay(transposed(b), transposed(a), rows, columns);
}

/// Sums stay: a moves right, b moves down, each cell adds up one result of the tile at hand.
int sums_stay(const Matrix& a, const Matrix& b, int rows, int columns) {
    const int depth = a.columns;
    int m_tiles = (a.rows + rows - 1) / rows, n_tiles = (b.columns + columns - 1) / columns;
    const int steps = m_tiles * n_tiles * depth;
    auto cell = [&](int i, int j) { return static_cast<size_t>(i * columns + j); };
    std::vector<int> right(static_cast<size_t>(rows * columns), 0), down = right, sum = right;
    int results = 0, cycle = 0;
    for (; results < m_tiles * n_tiles * rows * columns; ++cycle) {
        std::vector<int> next_right = right, next_down = down;
        for (int i = 0; i < rows; ++i)
            for (int j = 0; j < columns; ++j) {
                auto enters = [&](int behind, bool of_a) {
                    int step = cycle - behind;
                    if (step < 0 || step >= steps) return 0;
                    int tile = step / depth, k = step % depth;
                    return of_a ? a.at(tile / n_tiles * rows + i, k)
                                : b.at(k, tile % n_tiles * columns + j);
                };
                int left = j == 0 ? enters(i, true) : right[cell(i, j - 1)];
                int above = i == 0 ? enters(j, false) : down[cell(i - 1, j)];
                next_right[cell(i, j)] = left;
                next_down[cell(i, j)] = above;
                int step = cycle - i - j;
                if (step < 0 || step >= steps) continue;
                if (step % depth == 0) sum[cell(i, j)] = 0;
                sum[cell(i, j)] += left * above;
                if (step % depth < depth - 1) continue;
                ++results;
                int tile = step / depth, r = tile / n_tiles * rows + i,
                    c = tile % n_tiles * columns + j, want = 0;
                for (int k = 0; k < depth; ++k) want += a.at(r, k) * b.at(k, c);
                EXPECT_EQ(sum[cell(i, j)], want);
            }
        right = next_right;
        down = next_down;
    }
    return cycle;
}

TEST(Events, arrays_take_the_cycles_of_a_model_with_every_register) {
    uint64_t state = 5;
    auto below = [&](int n) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<int>((state >> 33) % static_cast<uint64_t>(n));
    };
    auto random = [&](int rows, int columns) {
        Matrix m{rows, columns, {}};
        for (int i = 0; i < rows * columns; ++i) m.values.push_back(below(9) - 4);
        return m;
    };
    for (int trial = 0; trial < 60; ++trial) {
        int rows = 2 + below(7), columns = 2 + below(7);
        int m = 1 + below(12), n = 1 + below(12), k = 1 + below(12);
        Matrix a = random(m, k), b = random(k, n);
        std::string text = fmt::format(R"(program p
  buffer a: dram f32[m: {0}, k: {2}] input
  buffer b: dram f32[k: {2}, n: {1}] input
  buffer y: dram f32[m: {0}, n: {1}] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  copy at: ibuf f32[m: {0}, k: {2}] <- a[m,k]
  copy bt: wbuf f32[k: {2}, n: {1}] <- b[k,n]
  let acc: obuf f32[m: {0}, n: {1}]
  fill acc[m,n] <- 0.0
  mma acc[m,n] += at[m,k] * bt[k,n] over k: {2}
  move y[m,n] <- acc[m,n]
)",
                                       m, n, k);
        for (auto [dataflow, cycles] :
             {std::pair{"weight_stationary", weights_stay(a, b, rows, columns)},
              {"output_stationary", sums_stay(a, b, rows, columns)},
              {"input_stationary", inputs_stay(a, b, rows, columns)}}) {
            Machine array =
                chip({{"rows: 8", fmt::format("rows: {}", rows)},
                      {"columns: 8", fmt::format("columns: {}", columns)},
                      {"weight_stationary", dataflow},
                      {"fma, dtype: f32, per_cycle: 8", "fma, dtype: f32, per_cycle: 1"}});
            ProgramEvents events = simulate(spelled(text, array), array);
            EXPECT_NEAR(events.busy_us["array"] * 1e3, cycles, 1e-6)
                << dataflow << " " << rows << " x " << columns << ", " << m << " " << n << " " << k;
        }
    }
}

TEST(Events, a_ring_fetches_what_the_closed_form_says_is_new) {
    // Windows of 1 to 4 rows, whose rows lie 1 or 2 apart, that move by 0 to 4 rows.
    for (int rows = 1; rows <= 4; ++rows)
        for (int apart = 1; apart <= 2; ++apart)
            for (int move = 0; move <= 4; ++move) {
                std::string text = fmt::format(R"(program p
  buffer x: dram f32[h: 64, w: 16] input
  buffer y: dram f32[i: 10, w: 16] output
  run k(x -> y)

kernel k(x -> y)
  for i: 10
    copy t: ibuf f32[r: {}, w: 16] ring(i) <- x[i*{}+r*{},w]
    let s: reg f32[w: 16 lanes]
    binary add s[w] <- t[0,w], 1.0
    move y[i,w] <- s[w]
)",
                                               rows, move, apart);
                Machine m = chip();
                gir::Program program = spelled(text, m);
                const ProgramEvents events = simulate(program, m);
                const ProgramCost closed = sim::simulate(program, m);
                double bytes = -1;
                for (const cost::LevelCost& level : closed.kernels.at(0).levels)
                    if (level.name == "dram") bytes = level.read_bytes;
                EXPECT_NEAR(events.kernels.at(0).read_bytes.at("dram"), bytes, 1e-6 * bytes)
                    << rows << " rows " << apart << " apart, moved by " << move;
            }
}

// One convolution whose windows reach outside the image, by how the zeros there come about; in the
// last the sum is rounded up to tiles of two channels.
TEST(Events, multiply_adds_are_the_same_however_zeros_beside_an_image_come_about) {
    const std::string at = "x[oh+r-1,ow+s-1,c]", kernel = "f[r,s,c,k]", all = "c: 3";
    const std::string inside = " within (0 <= oh+r-1 < 6, 0 <= ow+s-1 < 5) else 0.0";
    const std::string border = "[1+h+1, 1+w+1, c] border 0.0", copy = R"(
    copy t: ibuf f32[h: 3, w: 7, c: 3] <- x[oh+h-1,w-1,c])",
                      panel = R"(
    let p: ibuf f32[r: 3, s: 3, ow: 5, c: 3]
    move p[r,s,ow,c] <- )";
    const struct {
        std::string layout, before, a, b, c;
    } roads[] = {
        {"", "", at + inside, kernel, all},
        {border, "", at, kernel, all},
        {border, copy, "t[r,ow+s,c]", kernel, all},
        {"", copy + " within (0 <= oh+h-1 < 6, 0 <= w-1 < 5) else 0.0", "t[r,ow+s,c]", kernel, all},
        {"", panel + at + inside + " over ow: 5, r: 3, s: 3, c: 3", "p[r,s,ow,c]", kernel, all},
        {"", "\n    for c0: 2",
         "x[oh+r-1,ow+s-1,c0*2+c] within (0 <= oh+r-1 < 6, 0 <= ow+s-1 < 5, c0*2+c < 3) else 0.0",
         "f[r,s,c0*2+c,k] within (c0*2+c < 3) else 0.0", "c: 2"},
    };
    const Machine m = chip();
    for (const auto& road : roads) {
        const std::string text = fmt::format(R"(program p
  buffer src: dram f32[h: 6, w: 5, c: 3] input
  buffer x: dram f32[h: 6, w: 5, c: 3] temp {}
  buffer f: dram f32[r: 3, s: 3, c: 3, k: 8] input
  buffer y: dram f32[h: 6, w: 5, k: 8] output
  run put(src -> x)
  run conv(x, f -> y)

kernel put(src -> x)
  move x[h,w,c] <- src[h,w,c] over h: 6, w: 5, c: 3

kernel conv(x, f -> y)
  for oh: 6
    let acc: obuf f32[ow: 5, k: 8 lanes]
    fill acc[ow,k] <- 0.0{}
    {}mma acc[ow,k] += {} * {} over r: 3, s: 3, {}
    move y[oh,ow,k] <- acc[ow,k]
)",
                                             road.layout, road.before, road.c == all ? "" : "  ",
                                             road.a, road.b, road.c);
        const gir::Program program = spelled(text, m);
        const double macs = 6 * 5 * 8 * 3 * 3 * 3;
        EXPECT_EQ(simulate(program, m).kernels.at(1).macs, macs) << text;
        EXPECT_EQ(sim::simulate(program, m).kernels.at(1).macs, macs) << text;
    }
}

// ---- against the closed form ----

class BesideTheClosedForm : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {
};

/// A product in tiles, its loops of random lengths, its operands brought in at random depths, some
/// far ahead of their use; a vector op row by row on what comes out.
std::string random_product(const std::function<int(int)>& below) {
    const int m = 8 << below(3), n = 8 << below(3), k = 8 << below(3);
    const int i = 1 + below(9), j = 1 + below(9), l = i + below(32);
    auto depth = [&] { return below(2) == 0 ? "" : "depth 2 "; };
    const bool hoisted = below(2) == 0, clipped = below(3) == 0;
    std::string text = fmt::format(R"(program p
  buffer a: dram f32[m: {0}, k: {2}] input
  buffer b: dram f32[k: {2}, n: {1}] input
  buffer y: dram f32[m: {0}, n: {1}] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  for i: {3}
)",
                                   i * m, j * n, l * k, i);
    if (hoisted)
        text += fmt::format("    copy at: ibuf f32[m: {}, q: {}] {}<- a[i*{}+m,q]\n", m, l * k,
                            depth(), m);
    text += fmt::format(R"(    for j: {}
      let acc: obuf f32[m: {}, n: {} lanes]
      fill acc[m,n] <- 0.0
      for l: {}{}
)",
                        j, m, n, l, clipped ? fmt::format(" to {}-i", l) : "");
    if (!hoisted)
        text += fmt::format("        copy at: ibuf f32[m: {0}, k: {1}] {2}<- a[i*{0}+m,l*{1}+k]\n",
                            m, k, depth());
    text += fmt::format(R"(        copy bt: wbuf f32[k: {0}, n: {1}] {2}<- b[l*{0}+k,j*{1}+n]
        mma acc[m,n] += at[m,{3}] * bt[k,n] over k: {0}
      for r: {4}
        let t: reg f32[v: {1} lanes]
        binary add t[v] <- acc[r,v], 1.0
        move y[i*{4}+r,j*{1}+v] <- t[v]
)",
                        k, n, depth(), hoisted ? fmt::format("l*{}+k", k) : "k", m);
    return text;
}

TEST(Events, random_products_take_as_long_in_closed_form) {
    uint64_t state = 11;
    auto below = [&](int n) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<int>((state >> 33) % static_cast<uint64_t>(n));
    };
    for (const char* name : {"systolic-chip", "simdit-inference-01", "simdit-training-08"}) {
        const Machine m = shipped(name);
        const double cycle_us = 1e-3 / machine::clock_of(m, m.units.front()).value;
        for (int trial = 0; trial < 40; ++trial) {
            const std::string text = random_product(below);
            const gir::Program program = spelled(text, m);
            const double events = simulate(program, m).kernels.at(0).time_us;
            const double closed = sim::simulate(program, m).kernels.at(0).time_us.value;
            EXPECT_NEAR(closed, events, std::max(0.02 * events, 100 * cycle_us)) << name << "\n"
                                                                                 << text;
        }
    }
}

// What runs ahead drifts by a little in each turn until it has no more room: hundreds of turns go
// otherwise than the first ones.
TEST(Events, turns_that_drift_take_as_long_in_closed_form) {
    const Machine m = shipped("sparse-array");
    for (const int64_t turns : {175, 346, 1000}) {
        const gir::Program program = gir::parse_program(fmt::format(R"(program p
  buffer a: dram f32[i: {0}] input
  buffer b: dram f32[i: {0}] input
  buffer y: dram f32[i: {0}] output
  run sum(a, b -> y)

kernel sum(a, b -> y)
  parallel i0: {1} core
    let t: reg f32[i: 64 lanes]
    let a_in: reg f32[i: 64 lanes]
    move a_in[i] <- a[i0*64+i] spelled lanes i by 64 unrolled i
    let b_in: reg f32[i: 64 lanes]
    move b_in[i] <- b[i0*64+i] spelled lanes i by 64 unrolled i
    binary add t[i] <- a_in[i], b_in[i] spelled lanes i by 64 unrolled i
    move y[i0*64+i] <- t[i] spelled lanes i by 64 unrolled i
)",
                                                                    64 * turns, turns),
                                                        "sum");
        const double closed_us = sim::simulate(program, m).kernels.at(0).time_us.value;
        const double events_us = simulate(program, m).kernels.at(0).time_us;
        EXPECT_NEAR(closed_us, events_us, 0.02 * events_us) << turns;
    }
}

// Sums are read for the last time in a turn of which much is to come: the next ones are filled
// meanwhile.
TEST(Events, a_part_is_free_when_its_last_reader_has_done_with_it) {
    const Machine m = shipped("systolic-chip");
    const gir::Program program = spelled(R"(program p
  buffer a: dram f32[m: 128, k: 64] input
  buffer b: dram f32[k: 64, n: 640] input
  buffer z: dram f32[m: 128, n: 640] input
  buffer y: dram f32[m: 128, n: 640] output
  run mm(a, b, z -> y)

kernel mm(a, b, z -> y)
  copy at: ibuf f32[m: 128, k: 64] <- a[m,k]
  copy bt: wbuf f32[k: 64, n: 640] <- b[k,n]
  for j: 20
    let acc: obuf f32[m: 128, n: 32 lanes]
    fill acc[m,n] <- 0.0
    mma acc[m,n] += at[m,k] * bt[k,j*32+n] over k: 64
    for r: 8
      let t: reg f32[s: 16, v: 32 lanes]
      binary mul t[s,v] <- acc[r*16+s,v], 0.125
      let u: reg f32[s: 16, v: 32 lanes]
      binary add u[s,v] <- t[s,v], z[r*16+s,j*32+v]
      move y[r*16+s,j*32+v] <- u[s,v]
)",
                                         m);
    const double events_us = simulate(program, m).kernels.at(0).time_us;
    EXPECT_NEAR(sim::simulate(program, m).kernels.at(0).time_us.value, events_us, 1e-3 * events_us);
}

// Whatever moves rows to where they are wanted reads the indices that say where they lie.
TEST(Events, indices_of_rows_that_are_fetched_are_read_in_both) {
    const Machine m = chip({{"    depth: 1\n", "    depth: 1\n    port_gb_s: 4\n"}});
    const gir::Program program = spelled(R"(program p
  buffer table: dram f32[i: 1000, e: 64] input
  buffer ids: dram i64[t: 32] input
  buffer y: dram f32[t: 32, e: 64] output
  run embed(ids, table -> y)

kernel embed(ids, table -> y)
  copy id: obuf i64[t: 32] <- ids[t]
  let rows: ibuf f32[t: 32, e: 64 lanes]
  move rows[t,e] <- table[id[t],e]
  move y[t,e] <- rows[t,e]
)",
                                         m);
    const double moved = 32 * 64 * 4, ids = 32 * 8;
    const KernelRow events = simulate(program, m).kernels.at(0);
    EXPECT_EQ(events.read_bytes.at("obuf"), ids);
    EXPECT_EQ(events.read_bytes.at("dram"), moved + ids);
    const cost::KernelCost closed = sim::simulate(program, m).kernels.at(0);
    for (const cost::LevelCost& level : closed.levels)
        EXPECT_EQ(level.read_bytes, events.read_bytes.at(level.name)) << level.name;
    EXPECT_NEAR(closed.time_us.value, events.time_us, 1e-6 * events.time_us);
}

// Bytes at every level and multiply-adds are equal, and so is the time, to 2 % or 100 cycles.
TEST_P(BesideTheClosedForm, bytes_work_and_time_are_equal) {
    auto [machine, file] = GetParam();
    Machine m = shipped(machine);
    std::ifstream in(path_of(file));
    std::stringstream text;
    text << in.rdbuf();
    gir::Program program =
        gir::rewrite::for_target(gir::parse_program(text.str(), file), cost::target_of(m));
    ProgramCost closed = sim::simulate(program, m);
    ProgramEvents events = simulate(program, m);
    std::map<std::string, KernelRow> rows;
    for (const KernelRow& row : events.kernels) rows[row.name] = row;
    ASSERT_EQ(rows.size(), closed.kernels.size());
    for (const cost::KernelCost& k : closed.kernels) {
        KernelRow& row = rows.at(k.name);
        for (const cost::LevelCost& level : k.levels) {
            EXPECT_NEAR(row.read_bytes[level.name], level.read_bytes, 1e-6 * level.read_bytes)
                << k.name << " " << level.name;
            EXPECT_NEAR(row.written_bytes[level.name], level.write_bytes, 1e-6 * level.write_bytes)
                << k.name << " " << level.name;
        }
        EXPECT_NEAR(row.macs, k.macs, 1e-9 * k.macs) << k.name;
        // Never below what the busiest unit or level takes alone.
        EXPECT_GE(row.time_us, std::max(k.compute_us.value, k.data_us.value) * (1 - 1e-6))
            << k.name;
        const double off_us = std::abs(row.time_us - k.time_us.value);
        const double cycle_us = 1e-3 / machine::clock_of(m, m.units.front()).value;
        EXPECT_LE(off_us, std::max(0.02 * row.time_us, 100 * cycle_us))
            << machine << ", " << k.name << ": closed " << k.time_us.value << " us, by events "
            << row.time_us << " us";
    }
}

INSTANTIATE_TEST_SUITE_P(
    Blocks, BesideTheClosedForm,
    ::testing::Combine(
        ::testing::Values("simdit-inference-01", "simdit-inference-03", "simdit-training-01",
                          "simdit-training-08", "tpu-like", "eyeriss-like", "systolic-chip"),
        ::testing::Values("tests/blocks/resnet_block.gir", "tests/blocks/bert_layer.gir")));

}  // namespace
}  // namespace smeaton::sim::events
