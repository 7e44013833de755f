#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/error.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/walk.h"

namespace smeaton::gir {
namespace {

using testing::HasSubstr;

std::string read_text(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
}

/// Stands for every constant that an example names by hash.
tensor::ConstantTable any_constants() {
    auto zeros = [](std::vector<int64_t> shape) { return Tensor(DType::kF32, std::move(shape)); };
    return {{1, zeros({768, 3072})}, {2, zeros({3072})},        {3, zeros({64, 64, 3, 3})},
            {4, zeros({64})},        {5, zeros({64, 3, 7, 7})}, {6, zeros({1000, 64})}};
}

/// Constants of zeros hash to something else than the examples say; put the printed hashes back.
std::string with_hashes(std::string text) {
    for (const auto& [number, constant] : any_constants()) {
        std::string real = fmt::format("0x{:016x}", content_hash(constant));
        std::string given = fmt::format("0x{:016x}", number);
        size_t at = text.find(real);
        if (at != std::string::npos) text.replace(at, real.size(), given);
    }
    return text;
}

TEST(GirText, every_example_prints_what_it_parsed) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(SMEATON_SOURCE_DIR "/tests/gir")) {
        if (entry.path().extension() != ".gir") continue;
        std::string text = read_text(entry.path());
        Program p = parse_program(text, entry.path().filename(), any_constants());
        EXPECT_EQ(with_hashes(print(p)), text) << entry.path();
        Program again = parse_program(print(p), "again", large_constants(p));
        EXPECT_EQ(print(again), print(p)) << entry.path();
        std::vector<KernelPtr> a = kernels(p), b = kernels(again);
        ASSERT_EQ(a.size(), b.size());
        for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same(a[i]->body, b[i]->body));
        ++count;
    }
    EXPECT_GE(count, 7);
}

const Op& nth_op(const Kernel& k, size_t n) {
    static std::vector<Op> ops;
    ops.clear();
    for_each_op(k.body, [](const Op& op) { ops.push_back(op); });
    return ops.at(n);
}

TEST(GirText, dims_are_what_the_tiles_name_then_what_over_adds) {
    Kernel k = parse_kernel(R"(kernel k(a, b -> y)
  let t: reg f32[m: 6, n: 64 lanes]
  for i: 3
    mma t[m,n] += a[m,k] * b[k,n] over k: 768
    move t[m,n] <- a[m,n] over m: 2
    move y[i,m] <- t[i,m]
    move y[i,m] <- t[i,q] over only m: 4
)",
                            "k");
    using testing::ElementsAre;
    auto dim = [](const char* name, int64_t extent) { return NamedDim{name, Dim(extent)}; };
    EXPECT_THAT(nth_op(k, 0).dims, ElementsAre(dim("m", 6), dim("n", 64), dim("k", 768)));
    EXPECT_THAT(nth_op(k, 1).dims, ElementsAre(dim("n", 64), dim("m", 2)));
    EXPECT_THAT(nth_op(k, 2).dims, ElementsAre(dim("m", 64))) << "i is an axis, no dim";
    EXPECT_THAT(nth_op(k, 3).dims, ElementsAre(dim("m", 4)));
    EXPECT_THAT(print(k), HasSubstr("t[i,q] over only m: 4\n"));
}

TEST(GirText, nested_plain_loops_share_a_line_and_others_do_not) {
    Kernel k = parse_kernel(R"(kernel k(a -> y)
  parallel a: 2, b: N core
    parallel c: 2 unit
      for d: 2, e: 3
        for f: 4 unroll 2
          move y[0] <- a[0]
)",
                            "k");
    const auto* a = &std::get<Parallel>(k.body[0]->node);
    const auto* b = &std::get<Parallel>(a->body[0]->node);
    const auto* c = &std::get<Parallel>(b->body[0]->node);
    EXPECT_EQ(a->scope, Name("core"));
    EXPECT_EQ(b->extent, Dim::symbol("N"));
    EXPECT_EQ(c->scope, Name("unit"));
    const auto* d = &std::get<For>(c->body[0]->node);
    const auto* f = &std::get<For>(std::get<For>(d->body[0]->node).body[0]->node);
    EXPECT_EQ(f->unroll, 2);
    EXPECT_EQ(print(parse_kernel(print(k), "k")), print(k));
}

TEST(GirText, an_op_without_origins_has_those_of_the_op_before) {
    Kernel k = parse_kernel(R"(kernel k(a -> y) from A, "b/1"
  move y[0] <- a[0]
  move y[1] <- a[0] from C
  move y[2] <- a[0]
  move y[3] <- a[0] from nothing
)",
                            "k");
    EXPECT_EQ(nth_op(k, 0).origins, (Origins{"A", "b/1"}));
    EXPECT_EQ(nth_op(k, 2).origins, (Origins{"C"}));
    EXPECT_EQ(nth_op(k, 3).origins, Origins{});
}

TEST(GirText, literals_keep_their_kind) {
    Kernel k = parse_kernel(
        "kernel k( -> y)\n  fill y[0] <- -3\n  fill y[0] <- -3.0\n  fill y[0] <- -inf\n", "k");
    EXPECT_EQ(std::get<Literal>(nth_op(k, 0).srcs[0]), Literal::of_int(-3));
    EXPECT_EQ(std::get<Literal>(nth_op(k, 1).srcs[0]), Literal::of(-3.0));
    EXPECT_TRUE(std::isinf(std::get<Literal>(nth_op(k, 2).srcs[0]).f));
}

TEST(GirText, single_nodes_print_for_messages) {
    Kernel k = parse_kernel(R"(kernel k(x, ids -> y)
  let t: reg f32[v: 8]
  move t[v] <- x[ids[v]+1,v*2-3] within (0 <= v*2-3 < 7, v < N + 1, 2 <= v) else -inf
)",
                            "k");
    EXPECT_EQ(print(nth_op(k, 0)),
              "move t[v] <- x[ids[v]+1,v*2-3] within (0 <= v*2-3 < 7, v < N + 1, 2 <= v) else -inf"
              " over v: 8");
    EXPECT_EQ(print(std::get<Slice>(nth_op(k, 0).srcs[0])),
              "x[ids[v]+1,v*2-3] within (0 <= v*2-3 < 7, v < N + 1, 2 <= v) else -inf");
    EXPECT_EQ(affine_text(Affine(Name("a"), -1) + Affine(-2)), "-a-2");
    EXPECT_EQ(affine_text(Affine()), "0");
}

std::string error_of(const std::string& text) {
    try {
        parse_program(text, "p.gir");
    } catch (const UserError& error) {
        return error.what();
    }
    return "no error";
}

std::string kernel_error(const std::string& statement) {
    return error_of("program p\n  run k( -> )\nkernel k( -> )\n  " + statement + "\n");
}

TEST(GirText, malformed_text_is_refused_with_its_place) {
    EXPECT_EQ(error_of("prog p\n"), "p.gir:1:1: expected 'program', found 'prog'");
    EXPECT_EQ(error_of("program p\n  buffer x: dram f32[4] inputs\n"),
              "p.gir:2:25: expected input, output, weight, state or temp, found 'inputs'");
    EXPECT_EQ(error_of("program p\n  buffer x: dram f32[c: 4] temp [d]\n"),
              "p.gir:2:34: expected a dim of x, found 'd'");
    EXPECT_EQ(error_of("program p\n  buffer x: dram f32[c: 4] temp [c/0]\n"),
              "p.gir:2:36: expected a positive block, found '0'");
    EXPECT_EQ(error_of("program p\n  run k( -> )\n"), "p.gir:2:7: kernel k is not given below");
    EXPECT_EQ(error_of("program p\nkernel k( -> )\n"), "p.gir:2:8: no step runs kernel k");
    EXPECT_EQ(error_of("program p\n  run k(a -> )\nkernel k( -> )\n"),
              "p.gir:2:7: kernel k below reads or writes other buffers");
    EXPECT_EQ(error_of("program p\n  run k( -> )\nkernel k( -> )\nkernel k( -> )\n"),
              "p.gir:4:8: kernel k is given twice");
    EXPECT_EQ(error_of("program p\n  settle k of n\n"), "p.gir:2:12: expected 'from', found 'of'");
    EXPECT_EQ(error_of("program p\n  walk\n"),
              "p.gir:2:3: expected param, buffer or a step, found 'walk'");

    EXPECT_EQ(kernel_error("mov y[0] <- 1"), "p.gir:4:3: expected a statement, found 'mov'");
    EXPECT_EQ(kernel_error("unary rely y[0] <- 1.0"),
              "p.gir:4:9: expected a scalar function, found 'rely'");
    EXPECT_EQ(kernel_error("binary add y[0] <- 1.0"),
              "p.gir:4:25: expected ',', found the end of the line");
    EXPECT_EQ(kernel_error("let t: l1 f33[]"), "p.gir:4:13: expected a dtype, found 'f33'");
    EXPECT_THAT(kernel_error("let t: l1 f32[a: 2 lanes, b: 2 lanes]"), HasSubstr("found a second"));
    EXPECT_THAT(kernel_error("move y[a[0]+b[0]] <- 1"), HasSubstr("at most one slice"));
    EXPECT_THAT(kernel_error("move y[0] <- 1 over 3"), HasSubstr("a dim with its name"));
    EXPECT_THAT(kernel_error("for a: 2, b: 3 unroll 2"), HasSubstr("a loop of their own"));
    EXPECT_THAT(kernel_error("parallel a: 2"), HasSubstr("expected a scope"));
}

TEST(GirText, two_kernels_of_one_name_cannot_be_printed) {
    auto kernel = [](int64_t at) {
        Op op;
        op.kind = OpKind::Fill;
        op.dst = {"y", {Coord(at)}, {}};
        op.srcs = {Literal::of(1.0)};
        Kernel k;
        k.name = "k";
        k.body = {stmt(op)};
        return std::make_shared<const Kernel>(with_uses(k));
    };
    Program p;
    p.name = "p";
    p.steps = {{RunStep{kernel(0)}}, {RunStep{kernel(0)}}};
    EXPECT_NO_THROW(print(p));
    p.steps.push_back({RunStep{kernel(1)}});
    EXPECT_THROW(print(p), InternalError);
}

}  // namespace
}  // namespace smeaton::gir
