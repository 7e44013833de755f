// Scratchpads that shrink: as long as one holds the least that its unit works on, arrays are fed
// from it, in tiles as small as it takes; a smaller one is refused by its key.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "cost/kernel_cost.h"
#include "cost/target.h"
#include "gir/interp/interp.h"
#include "gir/rewrite/for_target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"
#include "gir/walk.h"
#include "machine/query.h"
#include "machine/read.h"
#include "machine/settings.h"
#include "machine/shipped.h"
#include "machine/verify.h"
#include "machine/words.h"
#include "sim/simulate.h"

namespace smeaton::driver {
namespace {

using machine::Machine;

// A convolution, its weights' gradient, a window of each channel by itself, and a product whose
// results lie along its rows.
const char* const kContractions = R"(program p
  buffer x: memory f32[h: 16, w: 16, c: 40] input
  buffer k: memory f32[r: 3, s: 3, c: 40, o: 72] weight
  buffer d: memory f32[r: 3, s: 3, c: 40] weight
  buffer y: memory f32[h: 14, w: 14, o: 72] output
  buffer g: memory f32[r: 3, s: 3, c: 40, o: 72] output
  buffer z: memory f32[h: 14, w: 14, c: 40] output
  buffer t: memory f32[o: 72, h: 16, w: 16] output
  run conv(x, k -> y)
  run gradient(x, y -> g)
  run depthwise(x, d -> z)
  run across(x, k -> t)

kernel conv(x, k -> y) from conv
  parallel h: 14, w: 14, o: 72 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[h+r,w+s,c] * k[r,s,c,o] over c: 40, r: 3, s: 3
    move y[h,w,o] <- acc[]

kernel gradient(x, y -> g) from gradient
  parallel r: 3, s: 3, c: 40, o: 72 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[h+r,w+s,c] * y[h,w,o] over h: 14, w: 14
    move g[r,s,c,o] <- acc[]

kernel depthwise(x, d -> z) from depthwise
  parallel h: 14, w: 14, c: 40 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[h+r,w+s,c] * d[r,s,c] over r: 3, s: 3
    move z[h,w,c] <- acc[]

kernel across(x, k -> t) from across
  parallel o: 72, h: 16, w: 16 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[h,w,c] * k[1,1,c,o] over c: 40
    move t[o,h,w] <- acc[]
)";

/// The machine with another capacity, or what is said against it.
std::optional<Machine> with_capacity(const Machine& m, const std::string& level, double bytes,
                                     std::string& refusal) {
    Machine other = m;
    for (const machine::Setting& s : machine::settings_of(m))
        if (s.key == "levels." + level + ".capacity") s.set(other, bytes);
    try {
        machine::verify(other, "m.yaml");
    } catch (const UserError& error) {
        refusal = error.what();
        return std::nullopt;
    }
    return other;
}

std::vector<std::string> scratchpads_of(const Machine& m) {
    std::vector<std::string> names;
    for (size_t l = 1; l + 1 < m.levels.size(); ++l)
        if (m.levels[l].managed == machine::Managed::Software) names.push_back(m.levels[l].name);
    return names;
}

void fill(gir::Program& program, std::map<Name, tensor::Tensor>& inputs) {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> values(-1, 1);
    for (gir::Buffer& b : program.buffers) {
        std::vector<int64_t> shape;
        for (const gir::NamedDim& d : b.dims) shape.push_back(d.extent.value());
        tensor::Tensor t(b.dtype, shape);
        for (float& v : t.mutable_as<float>()) v = values(random);
        if (b.lifetime == gir::Lifetime::Weight) b.data = t;
        if (b.lifetime == gir::Lifetime::Input) inputs[b.name] = t;
    }
}

TEST(ScratchpadsThatShrink, feed_arrays_until_they_are_refused_by_their_key) {
    gir::Program program = gir::parse_program(kContractions, "contractions");
    std::map<Name, tensor::Tensor> inputs;
    fill(program, inputs);
    for (const std::string& name : machine::shipped_names()) {
        const Machine shipped = machine::read_machine_file(name);
        for (const std::string& level : scratchpads_of(shipped)) {
            std::string refusal;
            double bytes = machine::find_level(shipped, level)->capacity_bytes.value;
            for (;; bytes = std::floor(bytes / 2)) {
                const std::optional<Machine> m = with_capacity(shipped, level, bytes, refusal);
                if (!m) break;
                const gir::Target target = cost::target_of(*m);
                const gir::Program tiled = gir::rewrite::for_target(program, target);
                EXPECT_EQ(gir::find_faults(tiled, {gir::capacities(target)}),
                          std::vector<std::string>{})
                    << name << " " << level << " " << bytes;
                for (const gir::KernelPtr& kernel : gir::kernels(tiled))
                    for (const cost::Unfed& u : cost::model_kernel(tiled, *kernel, *m).unfed)
                        ADD_FAILURE()
                            << name << " " << level << " " << bytes << ": " << kernel->name.str()
                            << " reads its operand '" << machine::text(u.role) << "' in memory";
                EXPECT_GT(sim::simulate(tiled, *m).time_us.value, 0);
            }
            EXPECT_THAT(refusal, testing::HasSubstr("levels." + level + ".capacity")) << name;
            EXPECT_GE(bytes, 1);
        }
    }
}

// At the least that is taken, too.
TEST(ScratchpadsThatShrink, change_no_result) {
    gir::Program program = gir::parse_program(kContractions, "contractions");
    std::map<Name, tensor::Tensor> inputs;
    fill(program, inputs);
    const gir::interp::Result want = gir::interp::run(program, inputs);
    const Machine shipped = machine::read_machine_file("simdit-inference-01");
    for (const std::string level : {"ibuf", "wbuf", "obuf"}) {
        std::string refusal;
        std::optional<Machine> least = shipped;
        double bytes = 4096;
        while (auto m = with_capacity(shipped, level, bytes, refusal)) {
            least = std::move(m);
            bytes = std::floor(bytes / 2);
        }
        const gir::Program tiled = gir::rewrite::for_target(program, cost::target_of(*least));
        gir::interp::Options interpret;
        interpret.levels = cost::levels_of(*least);
        const gir::interp::Result got = gir::interp::run(tiled, inputs, interpret);
        for (const auto& [name, tensor] : want.outputs)
            for (int64_t i = 0; i < tensor.elements(); ++i)
                ASSERT_NEAR(tensor.at_as_double(i), got.outputs.at(name).at_as_double(i), 1e-3)
                    << level << " " << name.str() << " " << i;
    }
}

TEST(ScratchpadsThatShrink, are_refused_where_an_array_would_be_fed_from_memory) {
    // As no tiling leaves it: the first operand stands in memory.
    std::string refusal;
    const Machine shipped = machine::read_machine_file("systolic-chip");
    const Machine m = with_capacity(shipped, "ibuf", 4096, refusal).value();
    const gir::Program program = gir::rewrite::spell(gir::parse_program(R"(program p
  buffer a: dram f32[m: 64, k: 32] input
  buffer b: dram f32[k: 32, n: 32] input
  buffer y: dram f32[m: 64, n: 32] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  copy bt: wbuf f32[k: 32, n: 32] <- b[k,n]
  let acc: obuf f32[m: 64, n: 32 lanes]
  fill acc[m,n] <- 0.0
  mma acc[m,n] += a[m,k] * bt[k,n] over k: 32
  move y[m,n] <- acc[m,n]
)",
                                                                        "test.gir"),
                                                     cost::target_of(m));
    try {
        sim::simulate(program, m);
        FAIL();
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(),
                    testing::AllOf(testing::HasSubstr("levels.ibuf.capacity"),
                                   testing::HasSubstr("a tile has 4096 bytes"),
                                   testing::HasSubstr("8192 bytes of its operand 'a'"),
                                   testing::HasSubstr("kernel mm")));
    }
}

}  // namespace
}  // namespace smeaton::driver
