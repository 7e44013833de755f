#include "gir/rewrite/claim/parts.h"

#include <gmock/gmock.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

using testing::HasSubstr;
using testing::Not;

Target with_scratchpad(int64_t bytes) {
    Target t = common_cpu(64, 32, 2);
    TargetLevel sram{"sram"};
    sram.next = "dram";
    sram.scope = "core";
    sram.software_managed = true;
    sram.capacity = bytes;
    t.levels = {t.levels.front(), sram, t.levels.back()};
    t.levels.front().next = "sram";
    return t;
}

Program copied(const std::string& body) {
    return program_of(R"(program p
  buffer x: dram f32[i: 8, j: 16] input
  buffer w: dram f32[j: 16] input
  buffer y: dram f32[i: 8, j: 16] output
  run k(x, w -> y)

kernel k(x, w -> y)
)" + body);
}

std::string after(const Program& p, int64_t bytes) {
    Kernel k = *kernels(p)[0];
    k.body = in_parts(k.body, p, with_scratchpad(bytes));
    Program changed = map_kernels(
        p, [&](const KernelPtr&) { return std::make_shared<const Kernel>(with_uses(k)); });
    EXPECT_TRUE(find_faults(changed, {capacities(with_scratchpad(bytes))}).empty());
    return print(changed);
}

const char* const kRows = R"(  for i: 8
    copy row: sram f32[j: 16] <- x[i,j]
    unary neg y[i,j] <- row[j]
)";

TEST(Parts, a_copy_runs_ahead_where_two_parts_have_room) {
    EXPECT_THAT(after(copied(kRows), 128), HasSubstr("row: sram f32[j: 16] depth 2 <- x[i,j]"));
    EXPECT_THAT(after(copied(kRows), 127), Not(HasSubstr("depth")));
}

TEST(Parts, those_that_bring_in_most_have_the_room_first) {
    Program p = copied(R"(  for i: 8
    copy half: sram f32[j: 8] <- x[i,j]
    copy row: sram f32[j: 16] <- x[i,j]
    binary add y[i,j] <- row[j], half[j] over j: 8
    unary neg y[i,j+8] <- row[j+8] over j: 8
)");
    EXPECT_THAT(after(p, 160), HasSubstr("row: sram f32[j: 16] depth 2"));
    EXPECT_THAT(after(p, 160), HasSubstr("half: sram f32[j: 8] <-"));
    EXPECT_THAT(after(p, 192), HasSubstr("half: sram f32[j: 8] depth 2"));
}

TEST(Parts, nothing_runs_ahead_of_what_it_depends_on) {
    const int64_t room = 4096;
    // The same in every iteration; before all loops; of a tile that the loop fills.
    EXPECT_THAT(after(copied(R"(  for i: 8
    copy row: sram f32[j: 16] <- w[j]
    unary neg y[i,j] <- row[j]
)"),
                      room),
                Not(HasSubstr("depth")));
    EXPECT_THAT(after(copied(R"(  copy all: sram f32[i: 8, j: 16] <- x[i,j]
  for i: 8
    unary neg y[i,j] <- all[i,j] over j: 16
)"),
                      room),
                Not(HasSubstr("depth")));
    EXPECT_THAT(after(copied(R"(  for i: 8
    let t: dram f32[a: 8, j: 16]
    move t[a,j] <- x[a,j]
    copy row: sram f32[j: 16] <- t[i,j]
    unary neg y[i,j] <- row[j]
)"),
                      room),
                Not(HasSubstr("depth")));
}

TEST(Parts, iterations_that_units_share_out_need_a_next_one_on_the_same_unit) {
    auto rows = [](int64_t n) {
        return copied("  parallel i: " + std::to_string(n) + R"( core
    copy row: sram f32[j: 16] <- x[i,j]
    unary neg y[i,j] <- row[j]
)");
    };
    EXPECT_THAT(after(rows(4), 4096), HasSubstr("depth 2"));
    EXPECT_THAT(after(rows(2), 4096), Not(HasSubstr("depth")));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
