// Blocks of real models, tiled for machines they were not lowered for: every level holds what is
// put there, and the interpreter computes what it computed before.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

#include "cost/kernel_cost.h"
#include "cost/oracle.h"
#include "cost/target.h"
#include "gir/interp/interp.h"
#include "gir/rewrite/for_target.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"
#include "gir/walk.h"
#include "machine/read.h"

namespace smeaton::driver {
namespace {

std::string path_of(const std::string& file) {
    return std::string(SMEATON_SOURCE_DIR) + "/" + file;
}

gir::Program read_block(const std::string& file) {
    std::ifstream in(path_of(file));
    std::stringstream text;
    text << in.rdbuf();
    return gir::parse_program(text.str(), file);
}

tensor::Tensor random_tensor(const gir::Buffer& b, std::mt19937& random, float scale) {
    std::vector<int64_t> shape;
    for (const gir::NamedDim& d : b.dims) shape.push_back(d.extent.value());
    tensor::Tensor t(b.dtype, shape);
    std::uniform_real_distribution<float> values(-scale, scale);
    for (float& v : t.mutable_as<float>()) v = values(random);
    return t;
}

// Weights get data, inputs are returned.
std::map<Name, tensor::Tensor> feed(gir::Program& program) {
    std::mt19937 random(7);
    std::map<Name, tensor::Tensor> inputs;
    for (gir::Buffer& b : program.buffers) {
        if (b.lifetime == gir::Lifetime::Weight) b.data = random_tensor(b, random, 0.05f);
        if (b.lifetime == gir::Lifetime::Input) inputs[b.name] = random_tensor(b, random, 1);
    }
    return inputs;
}

double worst_difference(const tensor::Tensor& a, const tensor::Tensor& b) {
    double worst = 0, scale = 0;
    for (int64_t i = 0; i < a.elements(); ++i) {
        double x = a.at_as_double(i), y = b.at_as_double(i);
        scale = std::max(scale, std::abs(x));
        double difference = std::abs(x - y);
        worst = difference <= worst ? worst : difference;  // NaN goes through
    }
    return worst / scale;
}

class OtherMachine : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(OtherMachine, holds_the_block_and_computes_the_same) {
    auto [machine, file] = GetParam();
    machine::Machine described = machine::read_machine_file(path_of(machine));
    gir::Target target = cost::target_of(described);
    gir::Program program = read_block(file);
    std::map<Name, tensor::Tensor> inputs = feed(program);
    gir::Program other = gir::rewrite::for_target(program, target);
    EXPECT_EQ(gir::find_faults(other, {gir::capacities(target)}), std::vector<std::string>{});
    gir::interp::Options interpret;
    interpret.levels = cost::levels_of(described);
    gir::interp::Result want = gir::interp::run(program, inputs);
    gir::interp::Result got = gir::interp::run(other, inputs, interpret);
    for (const auto& [name, tensor] : want.outputs)
        EXPECT_LT(worst_difference(tensor, got.outputs.at(name)), 1e-5) << name.str();
}

INSTANTIATE_TEST_SUITE_P(
    Blocks, OtherMachine,
    ::testing::Values(std::tuple("machines/systolic-chip.yaml", "tests/blocks/resnet_block.gir"),
                      std::tuple("machines/systolic-chip.yaml", "tests/blocks/bert_layer.gir"),
                      std::tuple("machines/edge-cpu.yaml", "tests/blocks/resnet_block.gir")));

/// y[b, m, n] = the sum over k of x[b, k, m] * w[k, n] (or w[n, k]).
gir::Program product(int64_t b, int64_t m, int64_t n, int64_t k, bool turned) {
    const std::string w = turned ? "n: {n}, k: {k}" : "k: {k}, n: {n}";
    const std::string text = R"(program p
  buffer x: memory f32[b: {b}, k: {k}, m: {m}] input
  buffer w: memory f32[)" + w +
                             R"(] input
  buffer y: memory f32[b: {b}, m: {m}, n: {n}] output
  run f(x, w -> y)

kernel f(x, w -> y) from F
  parallel b: {b}, m: {m}, n: {n} any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[b,k,m] * w[)" +
                             (turned ? "n,k" : "k,n") + R"(] over k: {k}
    move y[b,m,n] <- acc[]
)";
    return gir::parse_program(fmt::format(fmt::runtime(text), fmt::arg("b", b), fmt::arg("m", m),
                                          fmt::arg("n", n), fmt::arg("k", k)),
                              "product");
}

// Tails in both dims: four sums stand in one block, and a panel of one lane beside them.
TEST(EveryChip, holds_contractions_whose_tails_are_ragged) {
    for (const char* name : {"eyeriss-like", "simdit-training-01", "simdit-inference-01",
                             "systolic-chip", "tpu-like"}) {
        const machine::Machine described = machine::read_machine_file(name);
        const gir::Target target = cost::target_of(described);
        for (auto [b, m, n] :
             {std::tuple(16, 1100, 27), std::tuple(1, 67, 197), std::tuple(1, 300, 1)})
            for (bool turned : {false, true}) {
                gir::Program program = product(b, m, n, b > 1 ? 1 : 5, turned);
                const std::map<Name, tensor::Tensor> inputs = feed(program);
                const gir::Program tiled = gir::rewrite::for_target(program, target);
                EXPECT_EQ(gir::find_faults(tiled, {gir::capacities(target)}),
                          std::vector<std::string>{})
                    << name << gir::print(tiled);
                gir::interp::Options interpret;
                interpret.levels = cost::levels_of(described);
                const gir::interp::Result want = gir::interp::run(program, inputs);
                const gir::interp::Result got = gir::interp::run(tiled, inputs, interpret);
                EXPECT_LT(worst_difference(want.outputs.at("y"), got.outputs.at("y")), 1e-5)
                    << name;
            }
    }
}

// A copy leaves room for the sums that are made beside it, in each part of a level in parts.
TEST(EveryChip, copies_leave_room_for_sums) {
    machine::Machine described = machine::read_machine_file("tpu-like");
    for (machine::Level& level : described.levels)
        if (level.name == "vmem") level.capacity_bytes.value = 64 << 10;
    const gir::Target target = cost::target_of(described);
    // x of one b fits one of two parts, it and the sums do not.
    gir::Program program = product(3, 150, 70, 50, false);
    feed(program);
    const gir::Program tiled = gir::rewrite::for_target(program, target);
    EXPECT_EQ(gir::find_faults(tiled, {gir::capacities(target)}), std::vector<std::string>{})
        << gir::print(tiled);
    EXPECT_THAT(gir::print(tiled), testing::ContainsRegex("copy x_vmem: .* depth 2 <- x"));
}

// On the chip every contraction reads its operands from the scratchpads of their roles.
TEST(SystolicChip, contractions_read_from_their_scratchpads) {
    gir::Target target =
        cost::target_of(machine::read_machine_file(path_of("machines/systolic-chip.yaml")));
    for (const char* file : {"tests/blocks/resnet_block.gir", "tests/blocks/bert_layer.gir"}) {
        gir::Program program = read_block(file);
        feed(program);
        for (const gir::KernelPtr& kernel :
             gir::kernels(gir::rewrite::for_target(program, target))) {
            std::map<Name, Name> level_of;
            gir::for_each_stmt(kernel->body, [&](const gir::Stmt& s) {
                if (auto* let = std::get_if<gir::Let>(&s.node))
                    level_of[let->tile.name] = let->tile.level;
            });
            gir::for_each_op(kernel->body, [&](const gir::Op& op) {
                if (op.kind != gir::OpKind::Mma) return;
                EXPECT_EQ(level_of[std::get<gir::Slice>(op.srcs[0]).target].str(), "ibuf")
                    << gir::print(op);
                EXPECT_EQ(level_of[std::get<gir::Slice>(op.srcs[1]).target].str(), "wbuf")
                    << gir::print(op);
                EXPECT_EQ(level_of[op.dst.target].str(), "obuf") << gir::print(op);
            });
        }
    }
}

/// The program tiled for the machine, which must hold it and compute what it computed before.
gir::Program tiled_and_checked(const char* machine, const std::string& text,
                               const gir::rewrite::Rules& rules = {}) {
    const machine::Machine described = machine::read_machine_file(machine);
    const gir::Target target = cost::target_of(described);
    gir::Program program = gir::parse_program(text, "test");
    const std::map<Name, tensor::Tensor> inputs = feed(program);
    gir::Program tiled = gir::rewrite::tiled_for(program, target, rules);
    EXPECT_EQ(gir::find_faults(tiled, {gir::capacities(target)}), std::vector<std::string>{})
        << gir::print(tiled);
    gir::interp::Options interpret;
    interpret.levels = cost::levels_of(described);
    const gir::interp::Result want = gir::interp::run(program, inputs);
    const gir::interp::Result got = gir::interp::run(tiled, inputs, interpret);
    for (const auto& [name, tensor] : want.outputs)
        EXPECT_LT(worst_difference(tensor, got.outputs.at(name)), 1e-5) << name.str();
    return tiled;
}

// Sums of all 64 rows would have room, but then the window would come anew for each of its taps.
TEST(SystolicChip, takes_so_many_rows_that_the_window_stays) {
    const std::string text = R"(program p
  buffer x: memory f32[h: 66, w: 66, c: 32] input
  buffer k: memory f32[r: 3, s: 3, c: 32, o: 8] weight
  buffer y: memory f32[h: 64, w: 64, o: 8] output
  run conv(x, k -> y)

kernel conv(x, k -> y) from conv
  parallel h: 64, w: 64, o: 8 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[h+r,w+s,c] * k[r,s,c,o] over c: 32, r: 3, s: 3
    move y[h,w,o] <- acc[]
)";
    for (const bool searched : {true, false}) {
        gir::rewrite::Rules rules;
        if (!searched) rules.skip = {"weigh-tiles"};
        const gir::Program tiled = tiled_and_checked("systolic-chip", text, rules);
        size_t copies = 0;
        for (const gir::KernelPtr& kernel : gir::kernels(tiled))
            gir::for_each_stmt(kernel->body, [&](const gir::Stmt& s) {
                auto* let = std::get_if<gir::Let>(&s.node);
                if (!let || !let->source || let->source->target != Name("x")) return;
                ++copies;
                for (const gir::Coord& c : let->source->at)
                    for (const gir::Term& t : c.affine.terms)  // of no tap
                        EXPECT_EQ(t.var.str().find_first_of("rs"), std::string::npos)
                            << gir::print(tiled);
            });
        EXPECT_GE(copies, 1U) << gir::print(tiled);
    }
}

// Of an array that contracts, a channel on its own takes one column: vectors of channels are
// faster.
TEST(EveryChip, leaves_depthwise_convolutions_to_the_vector_unit) {
    const std::string text = R"(program p
  buffer x: memory f32[h: 16, w: 16, c: 384] input
  buffer k: memory f32[r: 3, s: 3, c: 384] weight
  buffer y: memory f32[h: 14, w: 14, c: 384] output
  run depthwise(x, k -> y)

kernel depthwise(x, k -> y) from depthwise
  parallel h: 14, w: 14, c: 384 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[h+r,w+s,c] * k[r,s,c] over r: 3, s: 3
    move y[h,w,c] <- acc[]
)";
    for (const char* name : {"simdit-training-08", "systolic-chip", "tpu-like"}) {
        gir::rewrite::Rules rules;
        rules.oracle = cost::oracle_on(cost::target_of(machine::read_machine_file(name)));
        const gir::Program tiled = tiled_and_checked(name, text, rules);
        for (const gir::KernelPtr& kernel : gir::kernels(tiled))
            gir::for_each_stmt(kernel->body, [&](const gir::Stmt& s) {
                auto* let = std::get_if<gir::Let>(&s.node);
                if (!let || let->source) return;
                EXPECT_EQ(let->tile.level.str(), "reg") << name << gir::print(tiled);
            });
    }
}

// Results lie two apart, so that none of them runs along vectors: they are rows of the array's one
// column, and channels and taps are cut to what its scratchpads hold (18,432 bytes in all, of which
// a part of `ibuf` here holds 8,192).
TEST(EveryChip, feeds_an_array_of_one_column_whose_results_lie_apart) {
    for (const char* name : {"simdit-inference-01", "systolic-chip", "eyeriss-like"}) {
        const gir::Program tiled = tiled_and_checked(name, R"(program p
  buffer x: memory f32[c: 36, i: 172] input
  buffer k: memory f32[s: 256, c: 36] input
  buffer y: memory f32[i: 598] output
  run even(x, k -> y)
  run odd(x, k -> y)

kernel even(x, k -> y) from even
  parallel i: 299 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[c,i-s] within (0 <= i-s < 172) else 0.0 * k[s*2,c] over c: 36, s: 128
    move y[i*2] <- acc[]

kernel odd(x, k -> y) from odd
  parallel i: 299 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[c,i-s] within (0 <= i-s < 172) else 0.0 * k[s*2+1,c] over c: 36, s: 128
    move y[i*2+1] <- acc[]
)");
        const machine::Machine m = machine::read_machine_file(name);
        for (const gir::KernelPtr& kernel : gir::kernels(tiled))
            EXPECT_TRUE(cost::model_kernel(tiled, *kernel, m).unfed.empty())
                << name << gir::print(tiled);
    }
}

// One store runs along the pixels, the other along three channels.
TEST(SystolicChip, stores_to_two_layouts_along_vectors) {
    const gir::Program tiled = tiled_and_checked("systolic-chip", R"(program p
  buffer x: memory f32[c: 3, p: 200] input
  buffer y: memory f32[c: 3, p: 200] output
  buffer z: memory f32[p: 200, c: 3] output
  run both(x -> y, z)

kernel both(x -> y, z) from both
  parallel c: 3, p: 200 any
    let t: local f32[]
    unary relu t[] <- x[c,p]
    move y[c,p] <- t[]
    move z[p,c] <- t[]
)");
    for (const gir::KernelPtr& kernel : gir::kernels(tiled))
        gir::for_each_op(kernel->body, [&](const gir::Op& op) {
            if (op.fn != gir::ScalarFn::relu) return;
            EXPECT_FALSE(op.spelling->lanes.empty()) << gir::print(tiled);
        });
}

// Sums of pixels, channels innermost, each stored apart from the next: channels are lanes though
// they are no lanes of what is stored, nor perhaps of one operand.
TEST(SystolicChip, sums_along_vectors_what_is_stored_across_them) {
    for (const char* other : {"[h, w, c]", ""}) {
        const gir::Program tiled = tiled_and_checked("systolic-chip", std::string(R"(program p
  buffer x: memory f32[c: 70, h: 12, w: 9] input [h, w, c]
  buffer g: memory f32[c: 70, h: 12, w: 9] input )") + other + R"(
  buffer y: memory f32[c: 70, tap: 2] output
  run taps(x, g -> y)

kernel taps(x, g -> y) from taps
  parallel c: 70 any
    let row: local f32[h: 12, w: 9]
    parallel h: 12, w: 9 any
      let t: local f32[]
      binary mul t[] <- x[c,h,w], g[c,h,w]
      move row[h,w] <- t[]
    let m: local f32[]
    reduce add m[] <- row[v,w]
    move y[c,0] <- m[]
    move y[c,1] <- m[]
)");
        for (const gir::KernelPtr& kernel : gir::kernels(tiled))
            gir::for_each_op(kernel->body, [&](const gir::Op& op) {
                if (op.kind != gir::OpKind::Reduce && op.fn != gir::ScalarFn::mul) return;
                EXPECT_FALSE(op.spelling->lanes.empty()) << gir::print(tiled);
            });
    }
}

// What is stored inside runs along other lanes than what is read for each row alone.
TEST(SystolicChip, leaves_lanes_to_nests_inside) {
    const gir::Program tiled = tiled_and_checked("systolic-chip", R"(program p
  buffer x: memory f32[i: 14, j: 384] input
  buffer s: memory f32[i: 14] input
  buffer u: memory f32[i: 14] input
  buffer y: memory f32[i: 14, j: 384] output
  run rows(s, u, x -> y)

kernel rows(s, u, x -> y) from rows
  parallel i: 14 any
    let m: local f32[]
    binary add m[] <- s[i], u[i]
    parallel j: 384 any
      let t: local f32[]
      binary mul t[] <- x[i,j], s[i]
      let v: local f32[]
      binary mul v[] <- t[], u[i]
      let w: local f32[]
      binary add w[] <- v[], m[]
      move y[i,j] <- w[]
)");
    for (const gir::KernelPtr& kernel : gir::kernels(tiled))
        gir::for_each_op(kernel->body, [&](const gir::Op& op) {
            if (op.fn != gir::ScalarFn::mul) return;
            EXPECT_EQ(op.spelling->lanes, Name("j")) << gir::print(tiled);
        });
}

// Squares that are summed are not written to memory first, whether tiles are weighed or not.
TEST(SystolicChip, sums_what_comes) {
    for (const bool searched : {true, false}) {
        gir::rewrite::Rules rules;
        if (!searched) rules.skip = {"weigh-tiles"};
        const gir::Program tiled = tiled_and_checked("systolic-chip", R"(program p
  buffer x: memory f32[n: 4000, c: 64] input
  buffer y: memory f32[c: 64] output
  run squares(x -> y)

kernel squares(x -> y) from squares
  parallel c: 64 any
    let row: local f32[n: 4000]
    parallel n: 4000 any
      let t: local f32[]
      binary mul t[] <- x[n,c], x[n,c]
      move row[n] <- t[]
    let m: local f32[]
    reduce add m[] <- row[v] over v: 4000
    move y[c] <- m[]
)",
                                                     rules);
        for (const gir::KernelPtr& kernel : gir::kernels(tiled))
            gir::for_each_stmt(kernel->body, [&](const gir::Stmt& s) {
                auto* let = std::get_if<gir::Let>(&s.node);
                if (!let || let->source) return;
                EXPECT_EQ(let->tile.level.str(), "reg") << gir::print(tiled);
            });
    }
}

}  // namespace
}  // namespace smeaton::driver
