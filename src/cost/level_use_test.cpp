#include "cost/level_use.h"

#include <gmock/gmock.h>

#include "gir/common_cpu.h"
#include "gir/text/parse.h"

namespace smeaton::cost {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

gir::Target with_scratchpads() {
    gir::Target t = gir::common_cpu();
    gir::TargetLevel sums{"obuf"}, all{"sram"};
    sums.next = all.next = "dram";
    sums.software_managed = all.software_managed = true;
    sums.roles = {gir::OperandRole::Acc};
    sums.capacity = all.capacity = 1 << 20;
    t.levels.insert(t.levels.begin() + 1, {sums, all});
    return t;
}

gir::Program program_with(const std::string& tile) {
    return gir::parse_program(R"(program p
  buffer x: dram f32[i: 6, v: 16] input
  buffer y: dram f32[i: 6, v: 16] output
  run k(x -> y)

kernel k(x -> y)
  let t: )" + tile + R"( f32[v: 16]
  parallel i: 6 core
    move y[i,v] <- x[i,v]
)",
                              "test");
}

TEST(LevelUse, says_of_each_empty_scratchpad_why_it_is) {
    EXPECT_THAT(unused_levels(program_with("l1"), with_scratchpads()),
                ElementsAre(AllOf(HasSubstr("level obuf"), HasSubstr("there are none")),
                            AllOf(HasSubstr("level sram (1048576 bytes"), HasSubstr("fits it"))));
    EXPECT_THAT(unused_levels(program_with("sram"), with_scratchpads()),
                ElementsAre(HasSubstr("level obuf")));
}

}  // namespace
}  // namespace smeaton::cost
