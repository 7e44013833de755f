#include "gir/rewrite/scopes.h"

#include <gmock/gmock.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/for_target.h"
#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

using testing::HasSubstr;
using testing::Not;

// Three clusters of two cores; those of a cluster share a scratchpad.
Target clusters() {
    Target t = common_cpu(64, 32, 6);
    t.scopes = {{"cluster", 3}, {"core", 2}};
    TargetLevel shared{"l2"};
    shared.next = "dram";
    shared.scope = "cluster";
    shared.software_managed = true;
    shared.capacity = 96 * 1024;
    t.levels = {t.levels.front(), shared, t.levels.back()};
    t.levels.front().next = "l2";
    return t;
}

std::string product(int64_t rows) {
    std::string n = std::to_string(rows);
    return "program p\n  buffer a: memory f32[m: " + n + R"(, k: 64] input
  buffer b: memory f32[k: 64, n: 32] input
  buffer y: memory f32[m: )" +
           n + R"(, n: 32] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  parallel m: )" +
           n + R"( any
    parallel n: 32 any
      let acc: local f32[]
      fill acc[] <- 0.0
      mma acc[] += a[m,k] * b[k,n] over k: 64
      move y[m,n] <- acc[]
)";
}

TEST(Scopes, iterations_go_to_clusters_and_their_cores) {
    const Program p = program_of(product(1440));
    const Program tiled = for_target(p, clusters());
    EXPECT_THAT(print(tiled), HasSubstr(": 3 cluster"));
    EXPECT_THAT(print(tiled), HasSubstr(" core\n"));
    EXPECT_TRUE(means_the_same(p, tiled));
    EXPECT_EQ(find_faults(tiled, {capacities(clusters())}), std::vector<std::string>{});
}

TEST(Scopes, what_cores_share_is_copied_for_each_cluster) {
    const Program tiled = for_target(program_of(product(1440)), clusters());
    EXPECT_THAT(print(tiled), HasSubstr("copy b_l2"));
    EXPECT_THAT(print(tiled), HasSubstr(": l2 f32["));
    // A flat machine has no such loop.
    EXPECT_THAT(print(for_target(program_of(product(1440)), common_cpu())),
                Not(HasSubstr("cluster")));
}

TEST(Scopes, an_axis_that_does_not_divide_stays_whole) {
    std::set<Name> taken;
    Target t = clusters();
    const Program p = program_of(R"(program p
  buffer x: dram f32[i: 7, v: 16] input
  buffer y: dram f32[i: 7, v: 16] output
  run k(x -> y)

kernel k(x -> y)
  parallel i: 7 core
    move y[i,v] <- x[i,v]
)");
    Block body = kernels(p).front()->body;
    EXPECT_EQ(nest_scopes(body, t, taken), body);
}

}  // namespace
}  // namespace smeaton::gir::rewrite
