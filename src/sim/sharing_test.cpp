// Threads that share the kernels of one program, and threads that each price programs of the same
// kernels: no figure depends on how many there are. Run under the thread sanitizer by `make tsan`.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/workers.h"
#include "cost/oracle.h"
#include "cost/target.h"
#include "gir/rewrite/for_target.h"
#include "gir/rewrite/kept.h"
#include "gir/text/parse.h"
#include "machine/read.h"
#include "sim/simulate.h"

namespace smeaton::sim {
namespace {

/// Equal layers of a product with a wide result, a tanh and a product back, and a softmax.
gir::Program layers(int count) {
    std::string buffers = "  buffer v0: memory f32[m: 64, k: 96] input\n", runs, kernels;
    for (int i = 0; i < count; ++i) {
        buffers += fmt::format(
            "  buffer w{0}: memory f32[k: 96, n: 256] weight\n"
            "  buffer u{0}: memory f32[n: 256, k: 96] weight\n"
            "  buffer t{0}: memory f32[m: 64, n: 256] temp\n"
            "  buffer v{1}: memory f32[m: 64, k: 96] temp\n",
            i, i + 1);
        runs += fmt::format(
            "  run wide{0}(v{0}, w{0} -> t{0})\n  run back{0}(t{0}, u{0} -> v{1})\n", i, i + 1);
        kernels += fmt::format(
            R"(
kernel wide{0}(v{0}, w{0} -> t{0}) from wide_{0}
  parallel m: 64, n: 256 any
    let s: local f32[]
    fill s[] <- 0
    mma s[] += v{0}[m,k] * w{0}[k,n] over k: 96
    unary tanh t{0}[m,n] <- s[]

kernel back{0}(t{0}, u{0} -> v{1}) from back_{0}
  parallel m: 64, k: 96 any
    let s: local f32[]
    fill s[] <- 0
    mma s[] += t{0}[m,n] * u{0}[n,k] over n: 256
    move v{1}[m,k] <- s[]
)",
            i, i + 1);
    }
    return gir::parse_program(fmt::format(R"(program layers
{0}  buffer y: memory f32[m: 64, k: 96] output
{1}  run softmax(v{2} -> y)
{3}
kernel softmax(v{2} -> y) from softmax
  parallel m: 64 any
    let most: local f32[]
    let row: local f32[k: 96]
    reduce max most[] <- v{2}[m,k] over k: 96
    binary sub row[k] <- v{2}[m,k], most[]
    unary exp row[k] <- row[k]
    reduce add most[] <- row[k]
    binary div y[m,k] <- row[k], most[]
)",
                                          buffers, runs, count, kernels),
                              "layers");
}

/// With caches, with arrays and scratchpads; each of three sizes.
std::vector<machine::Machine> machines() {
    std::vector<machine::Machine> all;
    for (const char* name : {"server-cpu", "systolic-chip"})
        for (double factor : {1.0, 0.5, 2.0}) {
            machine::Machine m = machine::read_machine_file(
                fmt::format("{}/machines/{}.yaml", SMEATON_SOURCE_DIR, name));
            for (machine::Level& level : m.levels) level.capacity_bytes.value *= factor;
            all.push_back(std::move(m));
        }
    return all;
}

/// Time of each kernel on each machine, by what is kept of the machines before it.
std::vector<double> times_on(const gir::Program& lowered, const std::vector<machine::Machine>& all,
                             Workers* workers) {
    std::vector<double> times;
    for (size_t i = 0; i < all.size();) {
        gir::rewrite::Rules rules;
        gir::Target target = cost::target_of(all[i]);
        rules.oracle = cost::oracle_on(target);
        rules.workers = workers;
        const gir::Program shaped = gir::rewrite::shaped_for(lowered, target, rules);
        gir::rewrite::KeptKernels kept_kernels(shaped);
        KeptModels kept_models(shaped);
        kept_models.twins = &kept_kernels.twins;
        rules.kept_kernels = &kept_kernels;
        for (const std::string name = all[i].name; i < all.size() && all[i].name == name; ++i) {
            target = cost::target_of(all[i]);
            rules.oracle = cost::oracle_on(target);
            const gir::Program tiled = gir::rewrite::tiled_for(shaped, target, rules);
            SimOptions options;
            options.kept = &kept_models;
            options.workers = workers;
            for (const cost::KernelCost& k : simulate(tiled, all[i], options).kernels)
                times.push_back(k.time_us.value);
        }
    }
    return times;
}

TEST(Sharing, NoFigureDependsOnHowManyShareTheKernels) {
    const gir::Program lowered = layers(6);
    const std::vector<machine::Machine> all = machines();
    const std::vector<double> alone = times_on(lowered, all, nullptr);
    EXPECT_GT(alone.size(), all.size() * 6);
    for (int threads : {2, 4}) {
        Workers workers(threads);
        EXPECT_EQ(times_on(lowered, all, &workers), alone);
    }
}

TEST(Sharing, SeveralPriceTheSameKernelsBesideEachOther) {
    const gir::Program lowered = layers(3);
    const std::vector<machine::Machine> all = machines();
    std::vector<std::vector<double>> times(4);
    Workers(4).each(times.size(),
                    [&](size_t i, size_t) { times[i] = times_on(lowered, all, nullptr); });
    for (const auto& of_one : times) EXPECT_EQ(of_one, times[0]);
    EXPECT_FALSE(times[0].empty());
}

}  // namespace
}  // namespace smeaton::sim
