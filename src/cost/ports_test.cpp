#include "cost/ports.h"

#include <gtest/gtest.h>

#include "cost/target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/walk.h"
#include "machine/query.h"
#include "machine/read.h"

namespace smeaton::cost {
namespace {

TEST(Ports, copies_stores_and_what_vector_ops_ask_cross_the_ports_on_their_way) {
    machine::Machine m = machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) +
                                                    "/machines/simdit-training-08.yaml");
    const char* text = R"(program p
  buffer a: dram f32[m: 64, k: 64] input
  buffer b: dram f32[k: 64, n: 64] input
  buffer z: dram f32[m: 64, n: 64] input
  buffer y: dram f32[m: 64, n: 64] output
  run mm(a, b, z -> y)

kernel mm(a, b, z -> y)
  copy bt: wbuf f32[k: 64, n: 64] <- b[k,n]
  for half: 2
    copy at: ibuf f32[m: 32, k: 64] <- a[half*32+m,k]
    let acc: obuf f32[m: 32, n: 64 lanes]
    fill acc[m,n] <- 0.0
    mma acc[m,n] += at[m,k] * bt[k,n] over k: 64
    let t: obuf f32[m: 32, n: 64 lanes]
    binary add t[m,n] <- acc[m,n], z[half*32+m,n]
    move y[half*32+m,n] <- t[m,n]
)";
    gir::Program p = gir::rewrite::spell(gir::parse_program(text, "p"), target_of(m));
    std::map<std::string, double> bytes = port_bytes(
        nest_of(p, *gir::kernels(p).front()), m, shapes_of(m, *machine::main_vector_unit(m)),
        {"wbuf", "ibuf", "obuf", "vmem", "dram", "reg"});
    const double tile = 64 * 64 * 4;
    EXPECT_EQ(bytes["wbuf"], tile);
    EXPECT_EQ(bytes["ibuf"], tile);
    EXPECT_EQ(bytes["obuf"], tile);  // the results; sums stay
    EXPECT_EQ(bytes["vmem"], tile);  // z, which the vector unit asks for itself
}

}  // namespace
}  // namespace smeaton::cost
