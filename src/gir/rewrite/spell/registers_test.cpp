#include "gir/rewrite/spell/registers.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

using testing::HasSubstr;

/// A tile that rows index by what is known only when the program runs, beside a copy of so many
/// elements in two parts; the scratchpad has 512 bytes.
std::string settled_beside(int elements) {
    Target target = common_cpu(64, 32, 1);
    target.levels = {target.levels[0], target.levels[1], target.levels.back()};
    target.levels[1].capacity = 512;
    target.levels[1].software_managed = true;
    target.levels[1].next = "dram";
    Program p = program_of(fmt::format(R"(program p
  buffer x: dram f32[i: 128] input
  buffer y: dram f32[i: 128] output
  run k(x -> y)

kernel k(x -> y)
  for r: 2
    copy row: l1 f32[i: {}] depth 2 <- x[r*16+i]
    let t: reg f32[i: 16]
    move t[i] <- row[i] over i: 16
    for i: 16
      move y[r*16+i] <- t[i]
)",
                                       elements));
    Kernel k = *kernels(p)[0];
    k.body = settle_tiles(k.body, target, false);
    p = map_kernels(p,
                    [&](const KernelPtr&) { return std::make_shared<const Kernel>(with_uses(k)); });
    EXPECT_EQ(find_faults(p, {capacities(target)}), std::vector<std::string>{}) << print(p);
    return print(p);
}

TEST(SettleTiles, all_parts_of_a_copy_take_room_of_a_level_that_is_one) {
    EXPECT_THAT(settled_beside(56), HasSubstr("t: l1"));
    EXPECT_THAT(settled_beside(57), HasSubstr("t: dram"));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
