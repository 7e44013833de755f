#include "driver/parallel/tasks.h"

#include <gtest/gtest.h>

#include "driver/regions.h"
#include "gir/text/parse.h"
#include "machine/read.h"

namespace smeaton::driver {
namespace {

// Two kernels write halves of one buffer, a third reads all of it, a fourth only the first half;
// the last overwrites what the first two read.
constexpr const char* kProgram = R"(program halves
  buffer x: memory f32[8] input
  buffer w: memory f32[8] temp
  buffer y: memory f32[16] temp
  buffer z: memory f32[16] output
  buffer h: memory f32[8] output
  run fill(x -> w)
  run low(w -> y)
  run high(w -> y)
  run all(y -> z)
  run first(y -> h)
  run again(x -> w)

kernel fill(x -> w)
  move w[j] <- x[j] over j: 8

kernel low(w -> y)
  move y[j] <- w[j] over j: 8

kernel high(w -> y)
  for o: 2
    move y[o*4 + j + 8] <- w[o*4 + j] over j: 4

kernel all(y -> z)
  move z[j] <- y[j] over j: 16

kernel first(y -> h)
  move h[j] <- y[j] over j: 8

kernel again(x -> w)
  move w[j] <- x[j] over j: 8
)";

std::vector<std::string> edges_of(const schedule::TaskGraph& tasks) {
    std::vector<std::string> out;
    for (const schedule::Edge& e : tasks.edges)
        out.push_back(fmt::format("{} {} {}", tasks.at(e.from).name, tasks.at(e.to).name, e.bytes));
    return out;
}

TEST(Tasks, KernelsWaitWhereTheyTouchTheSameBytes) {
    gir::Program program = gir::parse_program(kProgram, "halves.gir");
    schedule::TaskGraph tasks = kernel_tasks(program);
    EXPECT_EQ(edges_of(tasks), (std::vector<std::string>{
                                   "fill low 32", "fill high 32", "low all 32", "high all 32",
                                   "low first 32", "fill again 0", "low again 0", "high again 0"}));
    EXPECT_EQ(tasks.tasks[1].output_bytes, 32);
}

TEST(Tasks, AMessageIsTheHandOffAndTheBytesFromTheSharedLevel) {
    machine::Machine m =
        machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/server-cpu.yaml");
    double nothing = message_us(m, 0);
    EXPECT_EQ(nothing, m.handoff->spin_ns.value * 1e-3);
    EXPECT_GT(message_us(m, 1e5), nothing);
    // More than the private caches hold would have come from there anyhow.
    EXPECT_EQ(message_us(m, 1e9), message_us(m, 1e10));
    m.handoff.reset();
    EXPECT_ANY_THROW(message_us(m, 0));
}

}  // namespace
}  // namespace smeaton::driver
