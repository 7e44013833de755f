#include "gir/rewrite/spell/lines.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/rewrite/test_programs.h"

namespace smeaton::gir::rewrite {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Sorts of 16 keys take 128 bytes of lines, and twice that with what the keys lead along.
Target with_scratchpad(int64_t bytes, int parts = 1) {
    Target t = common_cpu(64, 32, 1);
    TargetLevel pad{"l1"};
    pad.next = "dram";
    pad.software_managed = true;
    pad.capacity = bytes;
    pad.parts = parts;
    t.levels = {t.levels.front(), pad, t.levels.back()};
    t.levels.front().next = "l1";
    return t;
}

std::string spelled_for(const Target& target, const std::string& body) {
    const Program p = program_of(R"(program p
  buffer x: dram f32[i: 128] input
  buffer a: dram f32[i: 16] output
  buffer b: dram f32[i: 16] output
  buffer m: dram i32[i: 16] output
  buffer n: dram i32[i: 16] output
  run k(x -> a, b, m, n)

kernel k(x -> a, b, m, n)
)" + body);
    const Program made = spell(p, target);
    EXPECT_EQ(find_faults(made, {capacities(target)}), std::vector<std::string>{}) << print(made);
    EXPECT_TRUE(means_the_same(p, made));
    return print(made);
}

const char* const kFills = R"(  move a[i] <- x[i] over i: 16
  move b[i] <- x[i+16] over i: 16
  iota m[i] <- i over i: 16
  iota n[i] <- i over i: 16
)";
/// Lives beside all lines.
const char* const kTile = R"(  let t: l1 f32[i: 48]
  move t[i] <- x[i] over i: 48
)";
const char* const kFirst = "sort desc a[i], m[i] along i over i: 16\n";
const char* const kSecond =
    "  sort desc b[i], n[i] along i over i: 16\n  move a[i] <- t[i] over i: 16\n";

TEST(Lines, those_of_a_sort_before_leave_less_room) {
    const std::string one =
        std::string(kTile) + kFills + "  " + kFirst + "  move a[i] <- t[i] over i: 16\n";
    EXPECT_THAT(spelled_for(with_scratchpad(512), one), HasSubstr("keys: l1"));
    const std::string both =
        spelled_for(with_scratchpad(512), std::string(kTile) + kFills + "  " + kFirst + kSecond);
    EXPECT_THAT(both, HasSubstr("keys: l1"));
    EXPECT_THAT(both, HasSubstr("keys_2: dram"));
    EXPECT_THAT(both, Not(HasSubstr("keys_2: l1")));
}

TEST(Lines, those_of_a_block_that_has_ended_do_not) {
    const std::string text =
        spelled_for(with_scratchpad(512),
                    std::string(kTile) + kFills + "  for twice: 2\n    " + kFirst + kSecond);
    EXPECT_THAT(text, HasSubstr("keys: l1"));
    EXPECT_THAT(text, HasSubstr("keys_2: l1"));
}

TEST(Lines, parts_of_a_copy_that_lie_in_other_parts_of_the_level_take_no_room) {
    auto beside_a_copy_of = [](int elements) {
        return spelled_for(with_scratchpad(512, 2), fmt::format("{0}"
                                                                R"(  for r: 2
    copy row: l1 f32[i: {1}] depth 2 <- x[r*32+i]
    move a[i] <- row[i] over i: 16
    {2}    move b[i] <- row[i+16] over i: 16
)",
                                                                kFills, elements, kFirst));
    };
    EXPECT_THAT(beside_a_copy_of(64), HasSubstr("keys: l1"));
    EXPECT_THAT(beside_a_copy_of(65), HasSubstr("keys: dram"));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
