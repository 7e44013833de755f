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

/// Another rewrite: `move A_l1 <- A[n]` before all else.
KernelPtr moved(const Program& program, const KernelPtr& kernel) {
    Kernel next = *claimed(program, kernel);
    next.body = rename_targets(
        next.body, {{kernel->reads.front().str() + "_l2", kernel->reads.front().str() + "_l1"}});
    return std::make_shared<const Kernel>(with_uses(next));
}

TEST(Twins, WhatIsMadeOfTheFirstIsMadeOfTheTwinByName) {
    Program program = two();
    program.buffer("a").lifetime = Lifetime::Temp;
    const KernelPtr first = kernels(program)[0], second = kernels(program)[1];
    const KernelForm from = form_of(*first, program), to = form_of(*second, program);
    Twin twin{claimed(program, first), from.buffers, to.buffers, {}};
    const std::optional<Kernel> other = renamed(*twin.first, from, to, *second, {}, &twin.names);
    ASSERT_TRUE(other);
    EXPECT_TRUE(same(other->body, claimed(program, second)->body));

    const KernelForm known = form_of(*twin.first, program), own = form_of(*other, program);
    const KernelForm derived = form_of(twin, known);
    EXPECT_EQ(derived.hash, own.hash);
    EXPECT_EQ(derived.vars, own.vars);
    EXPECT_EQ(derived.tiles, own.tiles);
    EXPECT_EQ(derived.buffers, own.buffers);
    EXPECT_EQ(derived.origins, own.origins);

    const auto named = std::make_shared<const Kernel>(*other);
    Renaming names;
    const std::optional<Kernel> again =
        renamed(*moved(program, twin.first), twin, *named, {}, &names);
    ASSERT_TRUE(again);
    EXPECT_TRUE(same(again->body, moved(program, named)->body));
    EXPECT_EQ(names.targets.at("a_l1"), Name("b_l1"));
    EXPECT_FALSE(renamed(*moved(program, twin.first), twin, *named, {"b_l1"}, &names))
        << "a buffer has the name";
}

}  // namespace
}  // namespace smeaton::gir
