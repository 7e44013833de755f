#include "gir/rewrite/lives.h"

#include <gmock/gmock.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

using testing::HasSubstr;
using testing::Not;

Target with_scratchpad(int64_t bytes) {
    Target t = common_cpu(64, 32, 1);
    TargetLevel sram{"sram"};
    sram.next = "dram";
    sram.software_managed = true;
    sram.capacity = bytes;
    t.levels = {t.levels.front(), sram, t.levels.back()};
    t.levels.front().next = "sram";
    return t;
}

// Two rows one after the other, then one that is read beside both.
const char* const kRows = R"(program p
  buffer x: dram f32[i: 3, j: 16] input
  buffer y: dram f32[i: 3, j: 16] output
  run k(x -> y)

kernel k(x -> y)
  let a: sram f32[j: 16]
  unary neg a[j] <- x[0,j]
  move y[0,j] <- a[j]
  let b: sram f32[j: 16]
  unary neg b[j] <- x[1,j]
  let c: sram f32[j: 16]
  binary add c[j] <- b[j], x[2,j]
  move y[1,j] <- b[j]
  move y[2,j] <- c[j]
)";

std::string after(int64_t bytes, const std::string& text = kRows) {
    const Program p = program_of(text);
    const Target target = with_scratchpad(bytes);
    std::set<Name> taken = declared_names(kernels(p)[0]->body);
    Kernel k = *kernels(p)[0];
    k.body = with_short_lives(k.body, target, taken);
    const Program changed = map_kernels(
        p, [&](const KernelPtr&) { return std::make_shared<const Kernel>(with_uses(k)); });
    EXPECT_TRUE(find_faults(changed, {capacities(target)}).empty()) << print(changed);
    return print(changed);
}

TEST(Lives, a_tile_that_is_done_with_gives_its_room_to_the_next) {
    EXPECT_EQ(live_bytes(kernels(program_of(kRows))[0]->body, with_scratchpad(0).level("sram")),
              192);
    const std::string text = after(128);
    EXPECT_THAT(text, HasSubstr("for once: 1\n    let a: sram"));
    EXPECT_THAT(text, HasSubstr("for once_2: 1\n    let b: sram"));
    EXPECT_THAT(text, Not(HasSubstr("once_3")));  // b and c are read together
}

TEST(Lives, a_tile_that_is_read_to_the_end_stays_around_those_that_are_not) {
    std::string text = kRows;
    text.replace(text.find("  let a:"), 0, "  let all: sram f32[j: 16]\n  move all[j] <- x[0,j]\n");
    text.replace(text.find("move y[2,j] <- c[j]"), 19, "binary add y[2,j] <- c[j], all[j]");
    const std::string cut = after(192, text);
    EXPECT_THAT(cut,
                HasSubstr("  let all: sram f32[j: 16]\n  move all[j] <- x[0,j]\n  for once: 1"));
}

// Of a level in parts, each holds what lives at once; what is being filled lies in another.
TEST(Lives, a_copy_in_parts_counts_once_in_each_part_of_the_level) {
    const Block body = kernels(program_of(R"(program p
  buffer x: dram f32[i: 3, j: 16] input
  buffer y: dram f32[i: 3, j: 16] output
  run k(x -> y)

kernel k(x -> y)
  for i: 3
    let a: sram f32[j: 16]
    copy row: sram f32[j: 16] depth 2 <- x[i,j]
    unary neg a[j] <- row[j]
    move y[i,j] <- a[j]
)"))[0]
                           ->body;
    TargetLevel level = with_scratchpad(0).level("sram");
    EXPECT_EQ(live_bytes(body, level), 3 * 64);
    level.parts = 2;
    EXPECT_EQ(live_bytes(body, level), 2 * 64);
}

TEST(Lives, where_all_have_room_nothing_changes) {
    EXPECT_THAT(after(192), Not(HasSubstr("once")));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
