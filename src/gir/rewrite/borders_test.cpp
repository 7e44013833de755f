#include "gir/rewrite/borders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "gir/common_cpu.h"
#include "gir/interp/interp.h"
#include "gir/memory/arena.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"

namespace smeaton::gir::rewrite {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Temps a and b share a place in the arena, and so do b and c; a and c have a border.
Program program(const std::string& a = "[1+i+1, 1+j+2, c] border -1.5") {
    return parse_program(R"(program chain
  buffer x: memory f32[i: 5, j: 6, c: 3] input
  buffer a: memory f32[i: 5, j: 6, c: 3] temp )" +
                             a + R"(
  buffer b: memory f32[i: 5, j: 6, c: 3] temp
  buffer c: memory f32[i: 5, j: 6, c: 3] temp [i, 1+j+1, c] border 2.0
  buffer y: memory f32[i: 5, j: 6, c: 3] output
  run one(x -> a)
  run two(a -> b)
  run three(b -> c)
  run four(c -> y)

kernel one(x -> a)
  move a[i,j,c] <- x[i,j,c] over i: 5, j: 6, c: 3

kernel two(a -> b)
  binary add b[i,j,c] <- a[i-1,j+2,c], a[i+1,j-1,c] over i: 5, j: 6, c: 3

kernel three(b -> c)
  move c[i,j,c2] <- b[i,j,c2] over i: 5, j: 6, c2: 3

kernel four(c -> y)
  binary mul y[i,j,c2] <- c[i,j-1,c2], c[i,j+1,c2] over i: 5, j: 6, c2: 3
)",
                         "test");
}

TEST(Borders, that_others_overwrite_are_set_by_steps) {
    const Program with = set_borders(program());
    EXPECT_THAT(find_faults(with), IsEmpty());
    const std::string text = print(with);
    EXPECT_THAT(text,
                HasSubstr("  run border_a_i( -> a)\n  run border_a_j( -> a)\n  run one(x -> a)"));
    EXPECT_THAT(text, HasSubstr(R"(kernel border_a_i( -> a)
  fill a[-1,j-1,c] <- -1.5 over j: 9, c: 3
  fill a[5,j-1,c] <- -1.5 over j: 9, c: 3
)"));
    EXPECT_THAT(text, HasSubstr(R"(kernel border_a_j( -> a)
  fill a[i,-1,c] <- -1.5 over i: 5, c: 3
  fill a[i,j+6,c] <- -1.5 over i: 5, j: 2, c: 3
)"));
    EXPECT_THAT(text, HasSubstr("run border_c_j( -> c)\n  run three(b -> c)"));
    for (const char* name : {"a", "c"}) EXPECT_TRUE(is_set_by_step(with, Name(name)));
    EXPECT_THAT(plan_arena_with_borders(with).needs_border_fill, IsEmpty());
    EXPECT_EQ(print(set_borders(with)), text) << "nothing is left to do";
}

TEST(Borders, are_filled_whole) {
    const Program with = spell(set_borders(program()), common_cpu());
    interp::Memory memory =
        interp::make_memory(with, {{Name("x"), Tensor(DType::kF32, {5, 6, 3})}});
    const interp::Storage& a = memory.at(Name("a"));
    interp::Storage whole = interp::make_storage(a.dtype, a.elements);
    interp::fill_border(with.buffer(Name("a")), whole);
    interp::poison(a.dtype, a.data, a.elements);
    for (const Step& s : with.steps) {
        const auto& run = std::get<RunStep>(s.node);
        if (run.kernel->name.str().starts_with("border_a"))
            interp::run_kernel(*run.kernel, with, memory);
    }
    EXPECT_EQ(std::memcmp(a.data, whole.data, static_cast<size_t>(a.bytes())), 0);
}

TEST(Borders, that_nobody_overwrites_need_no_step) {
    Program alone = program();
    alone.steps.resize(1);
    EXPECT_THAT(print(set_borders(alone)), Not(HasSubstr("border_a_i")));
}

TEST(Borders, without_steps_have_bytes_of_their_own) {
    const ArenaPlan shared = plan_arena(program()), own = plan_arena_with_borders(program());
    EXPECT_THAT(shared.needs_border_fill, Not(IsEmpty()));
    EXPECT_THAT(own.needs_border_fill, IsEmpty());
    EXPECT_GT(own.arena_bytes, shared.arena_bytes);
    MemoryOptions any_order;  // whatever has ended before what, nobody comes near them
    any_order.before = [](int i, int j) { return i < j; };
    for (const ArenaPlan& plan : {own, plan_arena_with_borders(program(), any_order)})
        for (const ArenaEntry& e : plan.entries)
            for (const ArenaEntry& other : plan.entries)
                EXPECT_TRUE(&e == &other || e.offset + e.bytes <= other.offset ||
                            other.offset + other.bytes <= e.offset);
    EXPECT_EQ(plan_arena_with_borders(set_borders(program())).arena_bytes, shared.arena_bytes);
}

}  // namespace
}  // namespace smeaton::gir::rewrite
