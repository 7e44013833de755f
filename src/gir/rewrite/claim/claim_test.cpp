#include "gir/rewrite/claim/claim.h"

#include <gmock/gmock.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/test_programs.h"

namespace smeaton::gir::rewrite {
namespace {

using testing::HasSubstr;
using testing::Not;

Target with_scratchpad() {
    Target t = common_cpu(64, 32, 1);
    TargetLevel l2{"l2"};
    l2.next = "dram";
    l2.software_managed = true;
    l2.capacity = 4096;
    t.levels = {t.levels.front(), l2, t.levels.back()};
    t.levels.front().next = "l2";
    return t;
}

// What is done with rows of half a line.
std::string claimed(const Target& target, const std::string& op) {
    const Program p = program_of(R"(program p
  buffer x: dram f32[i: 50, v: 8] input
  buffer s: dram f32[v: 8] input
  buffer y: dram f32[i: 50, v: 8] output
  run k(s, x -> y)

kernel k(s, x -> y)
  parallel i: 50 core
    let t: reg f32[v: 8 lanes]
    )" + op + R"(
    binary sub y[i,v] <- x[i,v], t[v] over v: 8
)");
    const Program after = claim_residents(p, target, {});
    EXPECT_TRUE(means_the_same(p, after));
    return print(after);
}

const char* const kComputes = "unary neg t[v] <- s[v]";
const char* const kMoves = "move t[v] <- s[v]";

TEST(Claims, LessThanALineIsCopiedWhereAUnitComputesWithIt) {
    const std::string text = claimed(with_scratchpad(), kComputes);
    EXPECT_THAT(text, HasSubstr("  copy s_l2: l2 f32[v_2: 8] <- s[v_2]\n  parallel i: 50"));
    EXPECT_THAT(text, HasSubstr("unary neg t[v] <- s_l2[v]"));
}

TEST(Claims, LessThanALineThatIsOnlyMovedOnIsRead) {
    EXPECT_THAT(claimed(with_scratchpad(), kMoves), Not(HasSubstr("copy s_l2")));
}

TEST(Claims, CachesKeepWholeLines) {
    EXPECT_THAT(claimed(common_cpu(64, 32, 1), kComputes), Not(HasSubstr("claim s_")));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
