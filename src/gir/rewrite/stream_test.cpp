#include "gir/rewrite/stream.h"

#include "gir/rewrite/nest.h"
#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

// The variance of each column, and what is subtracted from the mean is written as well.
const char* const kVariance = R"(program p
  buffer x: memory f32[r: 6, s: 5, c: 4] input
  buffer d: memory f32[r: 6, s: 5, c: 4] output
  buffer y: memory f32[c: 4] output
  run variance(x -> d, y)

kernel variance(x -> d, y)
  parallel c: 4 any
    let row: local f32[r: 6, s: 5]
    parallel r: 6 any
      parallel s: 5 any
        let t: local f32[]
        binary sub t[] <- x[r,s,c], 3.0
        move d[r,s,c] <- t[]
        let q: local f32[]
        binary mul q[] <- t[], t[]
        move row[r,s] <- q[]
    let m: local f32[]
    reduce add m[] <- row[v,w] over v: 6, w: 5
    let n: local f32[]
    binary div n[] <- m[], 30.0
    move y[c] <- n[]
)";

Program summed(const std::string& text) {
    Program p = program_of(text);
    return map_kernels(std::move(p), [](const KernelPtr& k) {
        Kernel next = *k;
        next.body = sum_as_it_comes(k->body);
        return std::make_shared<const Kernel>(with_uses(std::move(next)));
    });
}

bool keeps_a_row(const Program& p) {
    bool row = false;
    for (const KernelPtr& k : kernels(p))
        for_each_stmt(k->body, [&](const Stmt& s) {
            auto* let = std::get_if<Let>(&s.node);
            row = row || (let && !let->tile.dims.empty());
        });
    return row;
}

TEST(Stream, a_sum_takes_terms_as_they_come) {
    const Program p = program_of(kVariance), made = summed(kVariance);
    EXPECT_TRUE(means_the_same(p, made));
    EXPECT_TRUE(keeps_a_row(p));
    EXPECT_FALSE(keeps_a_row(made));
}

TEST(Stream, what_is_read_again_keeps_its_row) {
    std::string text = kVariance;
    const std::string use = "    move y[c] <- n[]\n";
    text.replace(text.find(use), use.size(), "    binary add n[] <- n[], row[2,3]\n" + use);
    const Program p = program_of(text), made = summed(text);
    EXPECT_TRUE(means_the_same(p, made));
    EXPECT_TRUE(keeps_a_row(made));
    // A sum over a part of it.
    text = kVariance;
    text.replace(text.find("over v: 6, w: 5"), 15, "over v: 5, w: 5");
    EXPECT_TRUE(keeps_a_row(summed(text)));
}

TEST(Stream, a_nest_that_reads_what_the_one_before_wrote_joins_it) {
    const char* text = R"(program p
  buffer x: memory f32[r: 6, c: 4] input
  buffer y: memory f32[c: 4] output
  buffer z: memory f32[r: 6, c: 4] output
  run k(x -> z, y)

kernel k(x -> z, y)
  parallel c: 4 any
    let row: local f32[r: 6]
    parallel r: 6 any
      let t: local f32[]
      binary sub t[] <- x[r,c], 3.0
      move row[r] <- t[]
    let m: local f32[]
    fill m[] <- 0.0
    let f: local f32[]
    fill f[] <- 2.0
    for q: 6
      let u: local f32[]
      binary mul u[] <- row[q], f[]
      move z[q,c] <- u[]
      reduce add m[] += u[]
    move y[c] <- m[]
)";
    const Program p = program_of(text), made = summed(text);
    EXPECT_TRUE(means_the_same(p, made));
    EXPECT_FALSE(keeps_a_row(made));
    // What the second needs depends on all of the first.
    std::string late = text;
    late.replace(late.find("    fill f[] <- 2.0\n"), 20, "    move f[] <- row[5]\n");
    EXPECT_TRUE(means_the_same(program_of(late), summed(late)));
    EXPECT_TRUE(keeps_a_row(summed(late)));
    // Another element than that of its turn.
    std::string other = text;
    other.replace(other.find("row[q]"), 6, "row[5-q]");
    EXPECT_TRUE(means_the_same(program_of(other), summed(other)));
    EXPECT_TRUE(keeps_a_row(summed(other)));
}

TEST(Stream, rows_that_hold_the_same_are_one) {
    const std::string text = R"(program p
  buffer x: memory f32[r: 6, c: 4] input
  buffer y: memory f32[c: 4] output
  buffer z: memory f32[c: 4] output
  run k(x -> y, z)

kernel k(x -> y, z)
  parallel c: 4 any
    let row: local f32[r: 6]
    let row_2: local f32[r: 6]
    parallel r: 6 any
      let t: local f32[]
      binary sub t[] <- x[r,c], 3.0
      move row[r] <- t[]
      move row_2[r] <- t[]
    let m: local f32[]
    reduce max m[] <- row[5-v] over v: 6
    move y[c] <- m[]
    let n: local f32[]
    reduce min n[] <- row_2[v] over v: 6
    move z[c] <- n[]
)";
    auto rows = [](const Program& p) {
        int n = 0;
        for (const KernelPtr& k : kernels(p))
            for_each_stmt(k->body, [&](const Stmt& s) {
                auto* let = std::get_if<Let>(&s.node);
                n += let && !let->tile.dims.empty() ? 1 : 0;
            });
        return n;
    };
    std::string turned = text;  // declared in the other order
    turned.replace(turned.find("let row:"), 8, "let row_2:");
    turned.replace(turned.find("let row_2: local f32[r: 6]\n    parallel"), 10, "let row:");
    for (const std::string& same : {text, turned}) {
        const Program made = summed(same);
        EXPECT_TRUE(means_the_same(program_of(same), made));
        EXPECT_EQ(rows(made), 1) << same;
    }
    // Another place, another value, a value that changes in between.
    for (const auto& [from, to] :
         {std::pair{"row_2[r] <- t[]", "row_2[5-r] <- t[]"},
          {"row_2[r] <- t[]", "row_2[r] <- x[r,c]"},
          {"      move row_2[r]", "      binary add t[] <- t[], 1.0\n      move row_2[r]"}}) {
        std::string other = text;
        other.replace(other.find(from), std::string(from).size(), to);
        EXPECT_TRUE(means_the_same(program_of(other), summed(other)));
        EXPECT_EQ(rows(summed(other)), 2) << other;
    }
}

TEST(Stream, operands_come_to_tiles_first_each_once) {
    const char* text = R"(program p
  buffer x: memory f32[r: 6, c: 4] input
  buffer s: memory f32[c: 4] input
  buffer y: memory f32[r: 6, c: 4] output
  run k(x, s -> y)

kernel k(x, s -> y)
  parallel r: 6 any
    parallel c: 4 any
      let t: local f32[]
      binary mul t[] <- x[r,c], s[c]
      binary add t[] <- t[], x[r,c]
      move y[r,c] <- t[]
)";
    const Program p = program_of(text);
    const Program made = map_kernels(p, [&](const KernelPtr& k) {
        LoopNest nest = nest_of(k->body[0], true);
        std::set<Name> taken = declared_names(k->body);
        nest.body = bring_operands(p, nest.body, "c", {"r"}, taken);
        Kernel next = *k;
        next.body = build(nest);
        return std::make_shared<const Kernel>(with_uses(std::move(next)));
    });
    EXPECT_TRUE(means_the_same(p, made));
    int moves_of_x = 0, reads_of_s = 0;
    for_each_op(kernels(made)[0]->body, [&](const Op& op) {
        for_each_slice(op, [&](const Slice& slice, bool) {
            if (slice.target == Name("x")) {
                ++moves_of_x;
                EXPECT_EQ(op.kind, OpKind::Move);
            }
            reads_of_s += slice.target == Name("s");
        });
    });
    EXPECT_EQ(moves_of_x, 1);
    EXPECT_EQ(reads_of_s, 1) << "what does not change with the rows is no matter";
}

}  // namespace
}  // namespace smeaton::gir::rewrite
