#include "gir/verify/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::gir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

tensor::ConstantTable any_constants() {
    auto zeros = [](std::vector<int64_t> shape) { return Tensor(DType::kF32, std::move(shape)); };
    return {{1, zeros({768, 3072})}, {2, zeros({3072})},        {3, zeros({64, 64, 3, 3})},
            {4, zeros({64})},        {5, zeros({64, 3, 7, 7})}, {6, zeros({1000, 64})}};
}

TEST(VerifyGir, every_example_is_sound) {
    for (const auto& entry : std::filesystem::directory_iterator(SMEATON_SOURCE_DIR "/tests/gir")) {
        if (entry.path().extension() != ".gir") continue;
        std::ifstream in(entry.path());
        std::stringstream text;
        text << in.rdbuf();
        Program p = parse_program(text.str(), entry.path().filename(), any_constants());
        EXPECT_THAT(find_faults(p), IsEmpty()) << entry.path();
    }
}

/// Faults of a kernel k over buffers a, b (inputs), q (integer input), y, z (outputs) of 64 x 8.
std::vector<std::string> faults_of(const std::string& body, const VerifyOptions& options = {}) {
    std::string head = R"(program p
  param N
  param S = 4
  buffer a: dram f32[i: 64, j: 8] input
  buffer b: dram f32[i: 64, j: 8] input
  buffer q: dram i64[i: 64] input
  buffer t: dram f32[i: 64, j: 8] temp
  buffer c16: dram f32[i: 58, j: 8] temp [1+i/16+1, j, i%16]
  buffer z16: dram f32[i: 58, j: 8] temp [1+i/16+1, j, i%16] border 0.0
  buffer y: dram f32[i: 64, j: 8] output
)";
    std::string kernel;
    std::stringstream lines(body);
    for (std::string line; std::getline(lines, line);) kernel += "  " + line + "\n";
    // The kernel's lists of buffers come from its body; a second kernel fills what is left.
    Kernel k = with_uses(parse_kernel("kernel k( -> )\n" + kernel, "k"));
    Program p = parse_program(head + R"(  run before(a -> t, c16, z16)
  run after(t -> y)

kernel before(a -> t, c16, z16)
  move t[i,j] <- a[i,j] over i: 64, j: 8
  move c16[i,j] <- a[i,j] over i: 58, j: 8
  move z16[i,j] <- a[i,j] over i: 58, j: 8

kernel after(t -> y)
  move y[i,j] <- t[i,j] over i: 64, j: 8
)",
                              "p");
    p.steps.insert(p.steps.begin() + 1, Step{RunStep{std::make_shared<const Kernel>(k)}});
    return find_faults(p, options);
}

std::string fault_of(const std::string& body) {
    std::vector<std::string> faults = faults_of(body);
    return faults.empty() ? "none" : faults[0];
}

TEST(VerifyGir, names_are_declared_before_their_use) {
    EXPECT_THAT(fault_of("move y[i,j] <- x[i,j] over i: 64, j: 8"),
                HasSubstr("kernel k: `move y[i,j] <- x[i,j] over i: 64, j: 8`: x is no buffer"));
    EXPECT_THAT(fault_of("move u[v] <- a[v,0] over v: 8\nlet u: l1 f32[v: 8]"),
                HasSubstr("u is no buffer and no tile in scope"));
    EXPECT_THAT(fault_of("for r: 2\n  let u: l1 f32[]\n  fill u[] <- 0.0\nmove y[0,0] <- u[]"),
                HasSubstr("u is no buffer and no tile in scope"))
        << "a tile lives to the end of its block";
    EXPECT_THAT(fault_of("move y[i,e] <- a[i,e] over i: 64"),
                HasSubstr("e is no axis, dim or param"));
    EXPECT_THAT(fault_of("fill y[i,j] <- 0.0 over i: M, j: 8"),
                HasSubstr("parameter M is not declared"));
    EXPECT_THAT(fault_of("for r: 4 to m+1\n  fill y[r,0] <- 0.0"), HasSubstr("m is no axis"));
    EXPECT_EQ(fault_of("fill y[i+S,j] <- 0.0 over i: 60, j: 8"), "none");
}

TEST(VerifyGir, names_hide_nothing) {
    EXPECT_THAT(fault_of("for r: 2, r: 3\n  fill y[r,r] <- 0.0"),
                HasSubstr("'r' is empty or hides"));
    EXPECT_THAT(fault_of("let u: l1 f32[]\nlet u: l1 f32[]"), HasSubstr("'u' is empty or hides"));
    EXPECT_THAT(fault_of("let a: l1 f32[]"), HasSubstr("a buffer has the same name"));
    EXPECT_THAT(fault_of("for i: 64\n  fill y[i,j] <- 0.0 over i: 64, j: 8"),
                HasSubstr("the dim i has the name of an axis"));
    EXPECT_EQ(fault_of("for r: 2\n  let u: l1 f32[]\nfor r: 2\n  let u: l1 f32[]"), "none");
}

TEST(VerifyGir, ranks_agree) {
    EXPECT_THAT(fault_of("fill y[i] <- 0.0 over i: 64"),
                HasSubstr("1 coordinates for y, which has 2"));
    EXPECT_THAT(fault_of("let u: l1 f32[v: 8]\nfill u[] <- 0.0"), HasSubstr("0 coordinates for u"));
}

TEST(VerifyGir, ops_have_the_form_of_their_kind) {
    EXPECT_THAT(fault_of("fill y[i,0] <- a[i,0] over i: 64"), HasSubstr("fill takes a literal"));
    EXPECT_THAT(fault_of("unary add y[i,0] <- a[i,0] over i: 64"),
                HasSubstr("add takes 2 operands"));
    EXPECT_THAT(fault_of("let s: reg f32[]\nreduce sub s[] <- a[i,0] over i: 64"),
                HasSubstr("sub does not reduce"));
    EXPECT_THAT(fault_of("let s: reg f32[]\nmma s[] <- a[i,0] * b[i,0] over i: 64"),
                HasSubstr("mma accumulates"));
    EXPECT_THAT(fault_of("move y[i,0] += a[i,0] over i: 64"), HasSubstr("only reduce and mma"));
    EXPECT_THAT(fault_of("move y[i,0] <- a[i,j] over i: 64, j: 8"),
                HasSubstr("the dim j is not in what it writes"));
    EXPECT_THAT(
        fault_of("let s: reg f32[]\nfill s[] <- 0.0\nmma s[] += a[i,0] * b[i,0] over i: 64, e: 3"),
        HasSubstr("the dim e is not in any operand"));
    EXPECT_THAT(fault_of("move y[q[i],0] <- a[i,0] over i: 64"), HasSubstr("only scatter stores"));
    EXPECT_THAT(fault_of("scatter add y[i,0] <- a[i,0] over i: 64"), HasSubstr("wants a computed"));
    EXPECT_THAT(fault_of("sort asc t[i,0] along e over i: 64"), HasSubstr("the dim to sort along"));
    EXPECT_THAT(fault_of("let c: l1 f32[v: 2] = f32[3](1.0, 2.0, 3.0)"),
                HasSubstr("another dtype or shape"));
    EXPECT_THAT(fault_of("parallel r: 2 core\n  claim c: l1 f32[v: 2] ring(q) <- a[r+v,0]"),
                HasSubstr("ring(q) names no enclosing loop"));
}

TEST(VerifyGir, dtypes_follow_the_scalar_list) {
    std::string tiles =
        "let f: reg f32[]\nlet i: reg i64[]\nlet o: reg bool[]\nlet h: reg f8e5m2[]\n"
        "fill f[] <- 1.0\nfill i[] <- 1\nfill o[] <- 1\nfill h[] <- 1\n";
    auto fault = [&](const std::string& op) { return fault_of(tiles + op); };
    EXPECT_THAT(fault("move f[] <- i[]"), HasSubstr("i is i64, expected f32"));
    EXPECT_THAT(fault("unary exp i[] <- i[]"), HasSubstr("exp takes floats, not i64"));
    EXPECT_THAT(fault("binary idiv f[] <- f[], f[]"), HasSubstr("idiv takes integers, not f32"));
    EXPECT_THAT(fault("binary div i[] <- i[], 2"), HasSubstr("div takes floats, not i64"));
    EXPECT_THAT(fault("binary and i[] <- i[], i[]"), HasSubstr("result is bool"));
    EXPECT_THAT(fault("binary lt f[] <- f[], f[]"), HasSubstr("the result is bool"));
    EXPECT_THAT(fault("binary lt o[] <- o[], o[]"), HasSubstr("lt takes numbers, not bool"));
    EXPECT_THAT(fault("binary add h[] <- h[], h[]"), HasSubstr("add takes numbers, not f8e5m2"));
    EXPECT_THAT(fault("binary add i[] <- i[], 0.5"), HasSubstr("literal 0.5 does not fit i64"));
    EXPECT_THAT(fault("select f[] <- i[], f[], f[]"), HasSubstr("i is i64, expected bool"));
    EXPECT_THAT(fault("iota f[] <- 3"), HasSubstr("iota gives integers"));
    EXPECT_THAT(fault("check f[] \"x\""), HasSubstr("neither bool nor an integer"));
    EXPECT_THAT(fault("move f[] <- a[o[],0]"), HasSubstr("computed coordinate o is no integer"));
    EXPECT_THAT(fault("mma i[] += f[] * f[]"), HasSubstr("sums products of f32 in i64"));
    EXPECT_EQ(fault("unary cast f[] <- h[]\nbinary eq o[] <- o[], o[]\nunary isnan o[] <- f[]\n"
                    "binary max f[] <- f[], 0\nselect i[] <- o[], i[], 3\ncheck i[] \"x\""),
              "none");
}

TEST(VerifyGir, slices_stay_inside_their_targets) {
    EXPECT_THAT(fault_of("move y[i,j] <- a[i+1,j] over i: 64, j: 8"),
                HasSubstr("coordinate 0 of a runs from 1 to 64, it has 0 to 63"));
    EXPECT_THAT(fault_of("for r: 8\n  move y[r*8+v-1,0] <- 0.0 over v: 8"),
                HasSubstr("coordinate 0 of y runs from -1 to 62"));
    EXPECT_THAT(fault_of("let u: l1 f32[v: 7]\nfill u[v] <- 0.0 over v: 8"),
                HasSubstr("coordinate 0 of u runs from 0 to 7, it has 0 to 6"));
    EXPECT_THAT(fault_of("fill y[i,0] <- 0.0 over i: 2*N"), HasSubstr("coordinate 0 of y runs"))
        << "unbound parameters are tried";
    EXPECT_THAT(fault_of("move y[i,0] <- t[q[i+1],0] over i: 64"),
                HasSubstr("coordinate 0 of q runs from 1 to 64"));
}

TEST(VerifyGir, bounds_of_slices_and_loops_are_taken_into_account) {
    EXPECT_EQ(fault_of("move y[i,j] <- a[i+1,j] within (i+1 < 64) else 0.0 over i: 64, j: 8"),
              "none");
    EXPECT_EQ(
        fault_of(
            "move y[i,j] <- a[i*2+j-3,j] within (0 <= i*2+j-3 < 64) else 0.0 over i: 64, j: 8"),
        "none");
    EXPECT_THAT(
        fault_of(
            "move y[i,j] <- a[i*2+j-3,j] within (0 <= i*2+j-3 < 65) else 0.0 over i: 64, j: 8"),
        HasSubstr("coordinate 0 of a runs from 0 to 64"));
    EXPECT_EQ(fault_of("for r: 70 from 3 to 67\n  fill y[r-3,j] <- 0.0 over j: 8"), "none");
    EXPECT_THAT(fault_of("for r: 70 from 2 to 67\n  fill y[r-3,j] <- 0.0 over j: 8"),
                HasSubstr("coordinate 0 of y runs from -1 to 63"));
    EXPECT_EQ(fault_of("for r: 8\n  for s: 100 to r*2+3\n    fill y[r*2+s,0] <- 0.0"), "none")
        << "two conditions together: r*2+s <= r*4+2 <= 30";
    EXPECT_EQ(fault_of("for r: 0\n  fill y[99,0] <- 0.0"), "none") << "nothing happens";
}

TEST(VerifyGir, borders_are_read_only_where_they_have_a_value) {
    EXPECT_EQ(fault_of("move y[i,0] <- z16[i-16,0] over i: 64"), "none");
    EXPECT_EQ(fault_of("move y[i,0] <- z16[i+16,0] over i: 64"), "none");
    EXPECT_THAT(fault_of("move y[i,0] <- z16[i+17,0] over i: 64"), HasSubstr("it has -16 to 79"));
    EXPECT_THAT(fault_of("move y[i,0] <- c16[i,0] over i: 64"),
                HasSubstr("reaches its border, which has no value"));
}

TEST(VerifyGir, parallel_iterations_write_different_elements) {
    EXPECT_THAT(fault_of("parallel r: 8 core\n  fill y[j,0] <- 0.0 over j: 8"),
                HasSubstr("iterations of parallel r write the same elements of y"));
    EXPECT_THAT(fault_of("parallel r: 8 core\n  fill y[r*7+v,0] <- 0.0 over v: 8"),
                HasSubstr("iterations of parallel r write the same elements of y"));
    EXPECT_THAT(fault_of("let s: l2 f32[]\nparallel r: 8 core\n  fill s[] <- 0.0"),
                HasSubstr("write the same elements of s"));
    EXPECT_THAT(fault_of("parallel r: 2, s: 3 core\n  fill y[r*2+s,0] <- 0.0"),
                HasSubstr("iterations of parallel r write"));
    EXPECT_EQ(fault_of("parallel r: 8 core\n  fill y[r*8+v,0] <- 0.0 over v: 8"), "none");
    EXPECT_EQ(fault_of("parallel r: 8, s: 8 core\n  fill y[r+s*8,0] <- 0.0"), "none");
    EXPECT_EQ(fault_of("parallel r: 1 core\n  fill y[v,0] <- 0.0 over v: 8"), "none");
    EXPECT_EQ(
        fault_of("parallel r: 8 core\n  let s: l1 f32[]\n  fill s[] <- 0.0\n  move y[r,0] <- s[]"),
        "none");
    EXPECT_EQ(fault_of("for r: 8\n  fill y[j,0] <- 0.0 over j: 8"), "none") << "serial loops may";
    EXPECT_EQ(fault_of("parallel r: 8 core\n  fill y[r+v*8,0] <- 0.0 over v: 8"), "none");
    EXPECT_EQ(
        fault_of("parallel r: 20 core\n  fill y[r*4+v,0] within (r*4+v < 64) <- 0.0 over v: 4"),
        "none");
}

TEST(VerifyGir, parallel_iterations_do_not_read_what_others_write) {
    EXPECT_THAT(fault_of("parallel r: 63 core\n  binary add t[r,0] <- t[r+1,0], t[r,0]"),
                HasSubstr("iterations of parallel r write and read the same elements of t"));
    EXPECT_EQ(fault_of("parallel r: 64 core\n  binary add t[r,0] <- t[r,0], t[r,1]"), "none");
    EXPECT_EQ(fault_of("parallel r: 32 core\n  move t[r,0] <- t[r+32,0]"), "none");
    EXPECT_EQ(fault_of("parallel r: 64 core\n  move t[r,0] <- a[r,0]\n"
                       "parallel r: 63 core\n  move y[r,0] <- t[r+1,0]"),
              "none")
        << "two loops one after the other are a barrier";
}

TEST(VerifyGir, scatters_that_may_collide_are_not_parallel) {
    EXPECT_THAT(fault_of("parallel r: 64 core\n  scatter add t[q[r],j] <- a[r,j] over j: 8"),
                HasSubstr("may scatter to the same elements of t"));
    EXPECT_EQ(fault_of("parallel r: 64 core\n  scatter set t[q[r],j] <- a[r,j] unique over j: 8"),
              "none");
    EXPECT_EQ(fault_of("parallel r: 8 core\n  scatter add t[q[i],r] <- a[i,r] over i: 64"), "none");
}

TEST(VerifyGir, what_is_read_was_written) {
    EXPECT_THAT(fault_of("let u: l1 f32[v: 8]\nmove y[0,v] <- u[v]"),
                HasSubstr("u is read before anything is written to it"));
    EXPECT_THAT(fault_of("let u: reg f32[]\nmma u[] += a[i,0] * b[i,0] over i: 64"),
                HasSubstr("u is read before anything"))
        << "accumulating reads";
    EXPECT_THAT(fault_of("let u: l1 f32[v: 8]\nfill u[v] <- 0.0 over v: 7\nmove y[0,v] <- u[v]"),
                HasSubstr("it reads elements of u that nothing has written"));
    EXPECT_THAT(fault_of("let u: l1 f32[v: 64]\nfill u[v] <- 0.0 over v: 8\n"
                         "fill u[v+16] <- 0.0 over v: 8\nmove y[v,0] <- u[v] over v: 24"),
                HasSubstr("it reads elements of u that nothing has written"));
    EXPECT_EQ(fault_of("let u: l1 f32[v: 64]\nfor r: 8\n  fill u[r*8+v] <- 0.0 over v: 8\n"
                       "move y[v,0] <- u[v]"),
              "none");
    EXPECT_EQ(fault_of("let u: l1 f32[v: 8]\nfill u[v] <- 0.0\n"
                       "move y[0,v] <- u[v+1] within (v+1 < 8) else 0.0 over v: 8"),
              "none");
    EXPECT_THAT(fault_of("move y[i,j] <- y[i,j] over i: 64, j: 8"),
                HasSubstr("y is read before anything is written to it"));
}

TEST(VerifyGir, claims_are_left_alone) {
    std::string claim = "claim c: l2 f32[i: 64, j: 8] <- t[i,j]\n";
    EXPECT_EQ(fault_of(claim + "move y[i,j] <- c[i,j]"), "none");
    EXPECT_THAT(fault_of(claim + "move t[i,j] <- c[i,j]"),
                HasSubstr("it writes t while c claims it"));
    EXPECT_THAT(fault_of(claim + "fill c[i,j] <- 0.0"), HasSubstr("c is a claim or constant"));
    EXPECT_THAT(fault_of("claim c: l2 i64[i: 64] <- t[i,0]"), HasSubstr("the dtype of its source"));
    EXPECT_THAT(fault_of("claim c: l2 f32[i: 65] <- t[i,0] within (i < 64) else 0.0"),
                HasSubstr("does not pad"));
    EXPECT_EQ(fault_of("copy c: l2 f32[i: 64] <- t[i,0]\nmove t[i,0] <- c[i]"), "none")
        << "a copy is no claim";
}

TEST(VerifyGir, a_copy_in_parts_is_of_what_its_loop_leaves_alone) {
    EXPECT_THAT(fault_of("copy c: l2 f32[i: 64] depth 2 <- t[i,0]"),
                HasSubstr("needs a loop around it"));
    EXPECT_THAT(
        fault_of("for r: 8\n  for q: 2\n    copy c: l2 f32[i: 8] ring(r) depth 2 <- t[r+i,0]"),
        HasSubstr("its parts are of the loop q around it, its ring is r"));
    std::string copy = "for r: 8\n  copy c: l2 f32[i: 8] depth 2 <- t[r*8+i,0]\n";
    EXPECT_EQ(fault_of(copy + "  move y[r,i] <- c[i]"), "none");
    EXPECT_THAT(fault_of(copy + "  move t[r*8+i,0] <- c[i]"),
                HasSubstr("it writes t while parts of c are copied from it"));
    EXPECT_THAT(fault_of(copy + "  fill c[i] <- 0.0"),
                HasSubstr("iterations of r share parts of c"));
    EXPECT_THAT(fault_of("for r: 8\n  let u: l2 f32[i: 8]\n  fill u[i] <- 0.0\n"
                         "  copy c: l1 f32[i: 8] depth 2 <- u[i]\n  move y[r,i] <- c[i]"),
                HasSubstr("iterations of r share its parts, and each fills u anew"));
}

TEST(VerifyGir, what_a_tile_is_and_what_it_has_agree) {
    Program p = parse_program(R"(program p
  buffer a: dram f32[i: 4] input
  buffer y: dram f32[i: 4] output
  run k(a -> y)

kernel k(a -> y)
  move y[i] <- a[i] over i: 4
)",
                              "p");
    auto fault = [&](const Let& let) {
        Kernel k = *kernels(p)[0];
        k.body.insert(k.body.begin(), stmt(let));
        p.steps[0].node = RunStep{std::make_shared<const Kernel>(k), false};
        return find_faults(p).at(0);
    };
    Let let{Tile{"c", "l1", DType::kF32, {}, -1}};
    let.kind = TileKind::Claim;
    EXPECT_THAT(fault(let), HasSubstr("a claim or copy has a source"));
}

TEST(VerifyGir, what_lives_together_fits_its_level) {
    VerifyOptions options;
    options.capacity_bytes = {{"l1", 1024}};
    auto faults = [&](const std::string& body) { return faults_of(body, options); };
    EXPECT_THAT(faults("let u: l1 f32[v: 128]\nlet w: l1 f32[v: 128]"), IsEmpty());
    EXPECT_THAT(faults("let u: l1 f32[v: 128]\nfor r: 2\n  let w: l1 f32[v: 129]"),
                ElementsAre("kernel k: let w: 1028 bytes live at l1, which holds 1024"));
    EXPECT_THAT(faults("for r: 2\n  let u: l1 f32[v: 200]\nfor r: 2\n  let u: l1 f32[v: 200]"),
                IsEmpty());
    EXPECT_THAT(faults("let u: l2 f32[v: 4096]"), IsEmpty());
    EXPECT_THAT(faults("for r: 8\n  copy u: l1 f32[v: 64] depth 5 <- t[v,0]"),
                ElementsAre(HasSubstr("1280 bytes live at l1")));
    EXPECT_THAT(faults("for r: 8\n  copy u: l1 f32[v: 32] ring(r) depth 29 <- t[r*8+v,0] within "
                       "(r*8+v < 64) else 0.0"),
                IsEmpty())
        << "32 + 28 * 8 elements";
}

std::vector<std::string> program_faults(const std::string& text) {
    return find_faults(parse_program(text, "p"));
}

TEST(VerifyGir, buffers_and_layouts_make_sense) {
    auto fault = [](const std::string& buffer) {
        auto faults = program_faults(
            "program p\n  param N\n  buffer x: dram f32[4] input\n  buffer " + buffer + "\n");
        return faults.empty() ? std::string("none") : faults[0];
    };
    EXPECT_EQ(fault("b: dram f32[c: 58, h: 4] temp [c/16, 1+h+1, c%16]"), "none");
    EXPECT_EQ(fault("b: dram f32[n: 1, c: 64] temp [c/16, c/4%4, c%4]"), "none");
    EXPECT_THAT(fault("b: dram f32[c: 64] temp [c/16, c%8]"), HasSubstr("does not tile dim c"));
    EXPECT_THAT(fault("b: dram f32[c: 64] temp [c/16]"), HasSubstr("does not tile dim c"));
    EXPECT_THAT(fault("b: dram f32[c: 64, h: 2] temp [c]"), HasSubstr("does not tile dim h"));
    EXPECT_THAT(fault("b: dram f32[c: 64] temp [c/16, 1+c%16]"), HasSubstr("outermost piece"));
    EXPECT_THAT(fault("b: dram f32[c: 64, c: 2] temp"), HasSubstr("two dims are called c"));
    EXPECT_THAT(fault("b: dram f32[c: -1] temp"), HasSubstr("extent -1 is negative"));
    EXPECT_THAT(fault("b: dram f32[c: M] temp"), HasSubstr("parameter M is not declared"));
    EXPECT_THAT(fault("x: dram f32[4] temp"), HasSubstr("used twice"));
    EXPECT_EQ(fault("b: dram f32[2, 2] temp alias of x"), "none");
    EXPECT_THAT(fault("b: dram f32[5] temp alias of x"), HasSubstr("element count of x"));
    EXPECT_THAT(fault("b: dram f32[4] temp alias of w"),
                HasSubstr("alias of w, which is no buffer"));
    EXPECT_THAT(fault("b: dram f32[4] temp alias of b"), HasSubstr("run in a ring"));
    EXPECT_THAT(fault("b: dram f32[2] weight data f32[1](1.0)"),
                HasSubstr("another dtype or shape"));
    EXPECT_THAT(fault("b: dram f32[1] temp data f32[1](1.0)"),
                HasSubstr("only weights and states"));
    EXPECT_THAT(fault("b: dram f32[1] output resident l3"), HasSubstr("only a temp may claim"));
    EXPECT_THAT(fault("b: dram f32[1] output"), HasSubstr("no step writes this output"));
}

TEST(VerifyGir, steps_write_before_they_read) {
    std::string head = R"(program p
  param K
  buffer c: memory bool[] input
  buffer n: memory i64[] input
  buffer x: memory f32[4] input
  buffer w: memory f32[4] weight data f32[4](1.0, 2.0, 3.0, 4.0)
  buffer s: memory f32[4] state
  buffer t: memory f32[4] temp
  buffer y: memory f32[4] output
)";
    std::string kernels = R"(
kernel fill_t( -> t)
  fill t[i] <- 0.0 over i: 4
kernel xt(x -> t)
  move t[i] <- x[i] over i: 4
kernel wt(w -> t)
  move t[i] <- w[i] over i: 4
kernel ty(t -> y)
  move y[i] <- t[i] over i: 4
kernel yx(y -> x)
  move x[i] <- y[i] over i: 4
kernel yw(y -> w)
  move w[i] <- y[i] over i: 4
)";
    auto faults = [&](const std::string& steps) {
        // Only the kernels that the steps run.
        std::string used;
        std::stringstream lines(kernels);
        bool keep = false;
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with("kernel"))
                keep = steps.find("run " + line.substr(7)) != std::string::npos;
            if (keep) used += line + "\n";
        }
        auto list = program_faults(head + steps + used);
        return list.empty() ? std::string("none") : list[0];
    };
    EXPECT_EQ(faults("  run xt(x -> t)\n  run ty(t -> y)\n"), "none");
    EXPECT_THAT(faults("  run ty(t -> y)\n  run xt(x -> t)\n"),
                HasSubstr("kernel ty: t is read before any step writes it"));
    EXPECT_THAT(faults("  branch c\n    then\n      run xt(x -> t)\n    else\n  run ty(t -> y)\n"),
                HasSubstr("t is read before any step writes it"));
    EXPECT_EQ(faults("  branch c\n    then\n      run xt(x -> t)\n    else\n      run wt(w -> t)\n"
                     "  run ty(t -> y)\n"),
              "none");
    EXPECT_THAT(faults("  repeat n while c\n    run xt(x -> t)\n  run ty(t -> y)\n"),
                HasSubstr("t is read before any step writes it"));
    EXPECT_EQ(faults("  run fill_t( -> t)\n  repeat n while c carry x to s\n    run xt(x -> t)\n"
                     "  run ty(t -> y)\n"),
              "none");
    EXPECT_THAT(faults("  run fill_t( -> t)\n  repeat n carry t to x\n    run ty(t -> y)\n"),
                HasSubstr("it carries into x"));
    EXPECT_THAT(faults("  once run xt(x -> t)\n  run ty(t -> y)\n"),
                HasSubstr("a once step reads x, which is not known at load"));
    EXPECT_EQ(faults("  once run wt(w -> t)\n  run ty(t -> y)\n"), "none");
    EXPECT_THAT(faults("  run fill_t( -> t)\n  run ty(t -> y)\n  run yx(y -> x)\n"),
                HasSubstr("it writes the input x"));
    EXPECT_THAT(faults("  run fill_t( -> t)\n  run ty(t -> y)\n  run yw(y -> w)\n"),
                HasSubstr("it writes the weight w"));
    EXPECT_THAT(faults("  branch n\n    then\n    else\n"),
                HasSubstr("n is no buffer of one bool"));
    EXPECT_THAT(faults("  settle K from x\n"), HasSubstr("x is no buffer of one integer"));
    EXPECT_THAT(faults("  settle M from n\n"), HasSubstr("parameter M is not declared"));
}

TEST(VerifyGir, resident_buffers_fit_together_while_they_live) {
    Program p = parse_program(R"(program p
  buffer x: dram f32[256] input
  buffer s: dram f32[256] temp resident l3
  buffer t: dram f32[256] temp resident l3
  buffer y: dram f32[256] output
  run xs(x -> s)
  run st(s -> t)
  run ty(t -> y)
kernel xs(x -> s)
  move s[i] <- x[i] over i: 256
kernel st(s -> t)
  move t[i] <- s[i] over i: 256
kernel ty(t -> y)
  move y[i] <- t[i] over i: 256
)",
                              "p");
    EXPECT_THAT(find_faults(p, {{{"l3", 2048}}}), IsEmpty());
    EXPECT_THAT(find_faults(p, {{{"l3", 2047}}}),
                ElementsAre("kernel st: 2048 bytes live at l3, which holds 2047"));
}

TEST(VerifyGir, names_the_pass_and_counts_the_rest) {
    Program p = parse_program(R"(program p
  buffer y: dram f32[4] output
  run k( -> y)
kernel k( -> y)
  fill y[i+1] <- 0.0 over i: 4
  fill y[i+2] <- 0.0 over i: 4
)",
                              "p");
    try {
        verify(p, "fuse");
        FAIL();
    } catch (const InternalError& error) {
        EXPECT_STREQ(
            error.what(),
            "after fuse: kernel k: `fill y[i+1] <- 0.0 over i: 4`: coordinate 0 of y runs from "
            "1 to 4, it has 0 to 3 (and 1 more)");
    }
}

}  // namespace
}  // namespace smeaton::gir
