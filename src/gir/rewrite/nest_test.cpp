#include "gir/rewrite/nest.h"

#include <gtest/gtest.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/test_programs.h"
#include "gir/rewrite/tile.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

/// Can eight turns that each do this with a total be taken at once? x, w and ids are read.
bool absorbed(const std::string& body) {
    const Program program = program_of(R"(program p
  buffer x: memory f32[i: 8] input
  buffer w: memory f32[j: 4] input
  buffer ids: memory i64[j: 4] input
  buffer total: memory f32[j: 4] output
  buffer y: memory f32[i: 8] output
  run k(x, w, ids -> total, y)

kernel k(x, w, ids -> total, y)
  move total[j] <- w[j] over j: 4
  for i: 8
    move y[i] <- x[i]
)" + body);
    const StmtPtr& loop = kernels(program)[0]->body.back();
    return absorb(*body_of(*loop), "i", Dim(8), false).has_value();
}

TEST(Absorb, what_goes_on_from_turn_to_turn_keeps_its_loop) {
    EXPECT_TRUE(absorbed("    move total[j] <- w[j] over j: 4\n"));
    EXPECT_FALSE(absorbed("    reduce add total[0] += w[j] over j: 4\n"));
    EXPECT_FALSE(absorbed("    scatter add total[ids[j]] <- w[j] over j: 4\n"));
    EXPECT_FALSE(absorbed("    binary add total[j] <- total[j], w[j] over j: 4\n"));
    EXPECT_FALSE(
        absorbed("    let t: local f32[j: 4]\n    move t[j] <- total[j] over j: 4\n"
                 "    binary add total[j] <- t[j], w[j] over j: 4\n"));
}

// A scatter takes several turns at once, which the sum beside it does not.
TEST(Absorb, sums_beside_a_scatter_are_as_many_as_before) {
    const Program program = program_of(R"(program p
  buffer x: memory f32[o: 2, i: 8] input
  buffer w: memory f32[o: 2, j: 4] input
  buffer ids: memory i64[i: 8] input
  buffer total: memory f32[o: 2, j: 4] output
  buffer y: memory f32[o: 2, k: 8] output
  run k(total, w, x, ids -> total, y)

kernel k(total, w, x, ids -> total, y)
  parallel o: 2 core
    fill total[o,j] <- 0.0 over j: 4
    fill y[o,k] <- 0.0 over k: 8
    for i: 8
      binary add total[o,j] <- total[o,j], w[o,j] over j: 4
      scatter add y[o,ids[i]] <- x[o,i]
)");
    Target chip = common_cpu(64, 32, 1);
    chip.levels[1].next = chip.outermost().name;
    chip.levels[1].software_managed = true;
    chip.levels = {chip.registers(), chip.levels[1], chip.outermost()};
    EXPECT_TRUE(means_the_same(program, tile(program, chip)));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
