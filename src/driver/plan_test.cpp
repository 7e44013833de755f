// From a program to what runs: written down and read back, in any arrangement the same bits.
#include "driver/plan.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "cost/target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/rewrite/tile.h"
#include "gir/text/parse.h"
#include "machine/read.h"
#include "run/cpu.h"
#include "run/dependence.h"
#include "run/executor.h"
#include "run/plan_text.h"

namespace smeaton::driver {
namespace {

// Two branches that meet.
const char* const kBranches = R"(program branches
  buffer x: memory f32[i: 40, j: 256] input
  buffer w: memory f32[i: 40, j: 256] weight
  buffer a: memory f32[i: 40, j: 256] temp
  buffer b: memory f32[i: 40, j: 256] temp
  buffer c: memory f32[i: 40, j: 256] temp
  buffer d: memory f32[i: 40, j: 256] temp
  buffer y: memory f32[i: 40, j: 256] output
  run k0(x -> a)
  run k1(a, w -> b)
  run k2(x -> c)
  run k3(c, x -> d)
  run k4(b, d -> y)

kernel k0(x -> a)
  parallel i: 40, j: 256 any
    unary exp a[i,j] <- x[i,j]

kernel k1(a, w -> b)
  parallel i: 40, j: 256 any
    binary mul b[i,j] <- a[i,j], w[i,j]

kernel k2(x -> c)
  parallel i: 40, j: 256 any
    unary neg c[i,j] <- x[39-i,j]

kernel k3(c, x -> d)
  parallel i: 40, j: 256 any
    binary sub d[i,j] <- c[i,j], x[i,j]

kernel k4(b, d -> y)
  parallel i: 40, j: 256 any
    binary add y[i,j] <- b[i,j], d[i,j]
)";

struct Emitted {
    gir::Program program;
    emit::EmittedProgram text;
    std::shared_ptr<run::Library> library;
};

const Emitted& branches() {
    static const Emitted emitted = [] {
        Emitted e;
        e.program = gir::parse_program(kBranches, "branches.gir");
        tensor::Tensor w(tensor::DType::kF32, {40, 256});
        for (int64_t i = 0; i < w.elements(); ++i)
            w.set_from_double(i, static_cast<double>(i % 13) / 8);
        e.program.buffer("w").data = w;
        const emit::Isa isa = emit::isa_named("plain");
        const gir::Target target = cost::target_of(machine::cpu_features(), "plain");
        e.program = gir::rewrite::spell(gir::rewrite::tile(e.program, target), target);
        e.text = emit::emit_program(e.program, {isa, 1, {}});
        run::CompileOptions compile;
        compile.flags = emit::compile_flags(isa);
        e.library = run::compile_cached(e.text.units, compile);
        return e;
    }();
    return emitted;
}

std::vector<float> output_of(run::Plan plan, int threads) {
    const Emitted& e = branches();
    std::vector<float> x(40 * 256), y(40 * 256);
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 101) / 50 - 1;
    run::Executor executor(run::link(std::move(plan), symbols_of(e.program, e.library)),
                           std::make_shared<run::Pool>(threads));
    void* externals[] = {x.data(), y.data()};
    for (int i = 0; i < 3; ++i) executor.run(externals);
    return y;
}

run::Plan plan_of(const PlanOptions& options) {
    return make_plan(branches().program, branches().text, options).plan;
}

TEST(MakePlan, what_it_makes_is_text_that_reads_back) {
    const run::Plan plan = plan_of({});
    EXPECT_TRUE(run::parse_plan(run::print(plan), "branches.plan") == plan) << run::print(plan);
    const std::vector<float> y = output_of(plan, 1);
    EXPECT_NE(y[300], 0.0f);
    EXPECT_EQ(output_of(run::parse_plan(run::print(plan), "branches.plan"), 2), y);
}

TEST(MakePlan, branches_run_side_by_side_in_memory_of_their_own) {
    const run::Plan list = plan_of({});
    PlanOptions options;
    options.arrangement = {{0, 2, 1, 3, 4}, {{0, 1}, {0, 1}, {1, 1}, {1, 1}, {0, 2}}, 2};
    const run::Plan beside = plan_of(options);
    EXPECT_EQ(beside.steps[2].after, std::vector<int>{});
    EXPECT_EQ(beside.steps[4].after, (std::vector<int>{1, 3}));
    EXPECT_GT(beside.arena_bytes, list.arena_bytes);
    const std::vector<float> y = output_of(list, 1);
    EXPECT_EQ(output_of(beside, 2), y);
    // One thread after another: the arena of list order, in the order of the arrangement.
    options.arrangement = {{}, {{0, 1}, {0, 1}, {0, 1}, {0, 1}, {0, 1}}, 1};
    const run::Plan alone = plan_of(options);
    EXPECT_EQ(alone.arena_bytes, list.arena_bytes);
    for (size_t b = 0; b < list.buffers.size(); ++b)
        EXPECT_TRUE(alone.buffers[b] == list.buffers[b]);
    EXPECT_EQ(output_of(alone, 1), y);
}

TEST(MakePlan, any_arrangement_gives_the_bits_of_list_order) {
    const std::vector<float> y = output_of(plan_of({}), 1);
    std::mt19937 random(5);
    auto below = [&](int n) { return static_cast<int>(random() % static_cast<uint32_t>(n)); };
    for (int i = 0; i < 30; ++i) {
        PlanOptions options;
        Arrangement& a = options.arrangement;
        a.threads = 1 + below(3);
        std::vector<int> left = {0, 1}, right = {2, 3};
        while (!left.empty() || !right.empty()) {
            std::vector<int>& from =
                right.empty() || (!left.empty() && below(2) == 0) ? left : right;
            a.order.push_back(from.front());
            from.erase(from.begin());
        }
        a.order.push_back(4);
        for (int k = 0; k < 5; ++k) {
            const int first = below(a.threads);
            a.teams.push_back({first, 1 + below(a.threads - first)});
        }
        const run::Plan plan = plan_of(options);
        EXPECT_EQ(output_of(plan, a.threads), y) << run::print(plan);
    }
}

TEST(MakePlan, an_arrangement_against_the_dependences_is_a_fault) {
    PlanOptions options;
    options.arrangement.order = {1, 0, 2, 3, 4};
    EXPECT_THROW(plan_of(options), InternalError);
    options.arrangement = {{}, {{1, 1}, {}, {}, {}, {}}, 1};
    EXPECT_THROW(plan_of(options), InternalError);
}

TEST(MakePlan, the_cost_model_says_how_long_steps_take) {
    const machine::Machine machine =
        machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/server-cpu.yaml");
    PlanOptions options;
    options.work_ns = step_work_ns(branches().program, machine);
    const run::Plan plan = plan_of(options);
    ASSERT_EQ(plan.steps.size(), options.work_ns.size());
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        EXPECT_EQ(plan.steps[i].work_ns, options.work_ns[i]);
        EXPECT_GT(plan.steps[i].work_ns, 0);
    }
    // An exponential is dearer than a change of sign.
    EXPECT_GT(plan.steps[0].work_ns, plan.steps[2].work_ns);
}

}  // namespace
}  // namespace smeaton::driver
