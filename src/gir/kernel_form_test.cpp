#include "gir/kernel_form.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/walk.h"

namespace smeaton::gir {
namespace {

using ::testing::ElementsAre;

/// Two kernels, each `parallel I: 8 { let T; binary add T <- A[I], LITERAL; move B[I] <- T }`.
Program two(const std::string& literal = "1.0", const std::string& layout = "",
            const std::string& second_read = "b") {
    return parse_program(fmt::format(R"(program p
  buffer a: dram f32[n: 8] input
  buffer b: dram f32[n: 8] temp
  buffer c: dram f32[n: 8] temp{1}
  run first(a -> b)
  run second({2} -> c)

kernel first(a -> b) from Add_0
  parallel i: 8 any
    let t: local f32[]
    binary add t[] <- a[i], 1.0 from Add_0
    move b[i] <- t[]

kernel second({2} -> c) from Add_1
  parallel j: 8 any
    let u: local f32[]
    binary add u[] <- {2}[j], {0} from Add_1
    move c[j] <- u[]
)",
                                     literal, layout, second_read),
                         "test");
}

bool alike(const Program& program) {
    const std::vector<KernelPtr> all = kernels(program);
    return form_of(*all[0], program) == form_of(*all[1], program);
}

TEST(KernelForm, NamesDoNotCountAndAllElseDoes) {
    EXPECT_FALSE(alike(two())) << "one reads an input, the other a temp";
    Program same = two();
    same.buffer("a").lifetime = Lifetime::Temp;
    EXPECT_TRUE(alike(same));
    Program literal = two("2.0");
    literal.buffer("a").lifetime = Lifetime::Temp;
    EXPECT_FALSE(alike(literal));
    Program layout = two("1.0", " [n/4, n%4]");
    layout.buffer("a").lifetime = Lifetime::Temp;
    EXPECT_FALSE(alike(layout));
    Program dtype = same;
    dtype.buffer("a").dtype = DType::kF64;
    EXPECT_FALSE(alike(dtype));
}

TEST(KernelForm, KnowsWhichBuffersShareBytes) {
    Program program = two();
    program.buffer("a").lifetime = Lifetime::Temp;
    program.buffer("c").alias_of = "b";
    EXPECT_FALSE(alike(program));
}

/// A rewrite that claims what the kernel reads: `claim A_l2: l2 … <- A[n]`.
KernelPtr claimed(const Program& program, const KernelPtr& kernel) {
    const Name source = kernel->reads.front();
    Let let;
    let.tile = {Name(source.str() + "_l2"), "l2", DType::kF32, program.buffer(source).dims, -1};
    let.source = Slice{source, {Coord(Affine(Name("n")))}, {}};
    let.kind = TileKind::Claim;
    Kernel next = *kernel;
    next.body.insert(next.body.begin(), stmt(let));
    return std::make_shared<const Kernel>(with_uses(next));
}

TEST(MapForms, RewritesEqualKernelsOnceAndNamesWhatItMadeAsIfItHadDoneBoth) {
    Program program = two();
    program.buffer("a").lifetime = Lifetime::Temp;
    std::vector<std::string> rewritten, applied;
    const Program once = map_forms(
        program,
        [&](const KernelPtr& k) {
            rewritten.push_back(k->name.str());
            return claimed(program, k);
        },
        [&](const KernelPtr&, const KernelPtr& after) { applied.push_back(after->name.str()); });
    EXPECT_THAT(rewritten, ElementsAre("first"));
    EXPECT_THAT(applied, ElementsAre("first", "second"));
    const Program both =
        map_kernels(program, [&](const KernelPtr& k) { return claimed(program, k); });
    EXPECT_EQ(print(once), print(both));
}

TEST(MapForms, ANameThatIsInUseInTheOtherKernelMakesItRewriteThatToo) {
    Program program = two();
    program.buffer("a").lifetime = Lifetime::Temp;
    program = map_kernels(program, [](const KernelPtr& k) {
        if (k->name != Name("second")) return k;
        Kernel next = *k;
        next.body = rename_targets(next.body, {{"u", "b_l2"}});
        return std::make_shared<const Kernel>(next);
    });
    int calls = 0;
    map_forms(program, [&](const KernelPtr& k) {
        ++calls;
        return claimed(program, k);
    });
    EXPECT_EQ(calls, 2);
}

TEST(MapForms, ANameThatIsABufferOfTheProgramMakesItRewriteThatToo) {
    Program program = two();
    program.buffer("a").lifetime = Lifetime::Temp;
    Buffer other = program.buffer("c");
    other.name = "b_l2";
    program.buffers.push_back(other);
    int calls = 0;
    map_forms(program, [&](const KernelPtr& k) {
        ++calls;
        return claimed(program, k);
    });
    EXPECT_EQ(calls, 2);
}

TEST(MapForms, AKernelThatARewriteLeavesAloneStaysTheSameObject) {
    Program program = two();
    program.buffer("a").lifetime = Lifetime::Temp;
    const Program same = map_forms(program, [](const KernelPtr& k) { return k; });
    EXPECT_EQ(kernels(same)[0], kernels(program)[0]);
    EXPECT_EQ(kernels(same)[1], kernels(program)[1]);
}

}  // namespace
}  // namespace smeaton::gir
