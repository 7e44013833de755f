// What a spelled program says is what is emitted and what is charged: a person changes one word of
// the text, and code and cost change with it, the result does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/error.h"
#include "cost/kernel_cost.h"
#include "cost/target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"
#include "gir/walk.h"
#include "machine/read.h"
#include "run/cpu.h"
#include "run_emitted.h"

namespace smeaton::emitted {
namespace {

using cost::Work;

std::string spelled_text() {
    std::ifstream in(SMEATON_SOURCE_DIR "/tests/gir/spelled.gir");
    return std::string(std::istreambuf_iterator<char>(in), {});
}

gir::Program parsed(const std::string& text) {
    return gir::parse_program(text, "spelled.gir");
}

std::string code_of(const gir::Program& p, const std::string& isa = "avx512") {
    std::string code = emit::emit_program(p, {emit::isa_named(isa), 1, {}}).units.at(0);
    return code.substr(code.find("extern \"C\""));
}

Work work_of(const gir::Program& p, const std::string& kernel) {
    static const machine::Machine server =
        machine::read_machine_file(SMEATON_SOURCE_DIR "/machines/server-cpu.yaml");
    for (const gir::KernelPtr& k : gir::kernels(p))
        if (k->name == Name(kernel)) return cost::model_kernel(p, *k, server, {1, 0}).busiest;
    throw std::logic_error(kernel);
}

std::string without_spelling(const std::string& text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        size_t end = text.find('\n', at);
        std::string line = text.substr(at, end - at);
        at = end + 1;
        bool chosen = line.find("prefetch") != std::string::npos ||
                      line.find("let merged") != std::string::npos;
        if (chosen) continue;
        out += line.substr(0, line.find(" spelled")) + "\n";
    }
    return out;
}

TEST(Spelling, is_chosen_for_a_program_that_leaves_it_open) {
    gir::Program open = parsed(without_spelling(spelled_text()));
    EXPECT_EQ(gir::print(gir::rewrite::spell(open, target_of(emit::isa_named("avx512")))),
              spelled_text());
}

TEST(Spelling, that_stands_is_kept) {
    std::string text = spelled_text();
    text.replace(text.find("sums 4"), 6, "sums 2");
    EXPECT_EQ(gir::print(gir::rewrite::spell(parsed(text), target_of(emit::isa_named("avx512")))),
              text);
}

/// A turn of so many rows, with what is said of it.
std::string turn_of(int rows, const std::string& said) {
    return fmt::format(R"(program p
  buffer x: dram f32[r: {0}, c: 40] input
  buffer y: dram f32[c: 40, r: {0}] output
  run t(x -> y)

kernel t(x -> y)
  parallel c: 40 core
    move y[c,r] <- x[r,c] over r: {0}{1}
)",
                       rows, said);
}

// An instruction that gathers loads each lane, also those that do not count.
TEST(Spelling, of_elements_apart_is_what_the_machine_does_sooner) {
    auto spelling = [](double gathers, double inserts, int rows) {
        gir::Target target = target_of(emit::isa_named("avx512"));
        target.gathers_per_cycle = gathers;
        target.inserts_per_cycle = inserts;
        const std::string text = gir::print(gir::rewrite::spell(parsed(turn_of(rows, "")), target));
        const size_t at = text.find(" by 16"), end = text.find(" unrolled", at);
        return text.substr(at + 6, end - at - 6);
    };
    EXPECT_EQ(spelling(1, 1, 16), " gathered x");
    EXPECT_EQ(spelling(1, 2, 16), "");
    EXPECT_EQ(spelling(0, 1, 16), "");
    EXPECT_EQ(spelling(1, 0, 13), " gathered x");
    EXPECT_EQ(spelling(2, 1, 24), " gathered x");
    EXPECT_EQ(spelling(2, 1, 23), " gathered x whole");
    EXPECT_EQ(spelling(2, 1, 7), "");
}

// Between lanes that are few elements apart lies what a cache has brought anyway.
TEST(Spelling, of_lanes_few_elements_apart_is_whole_vectors_of_all) {
    auto spelling = [](int stride, double inserts, const char* dtype = "f32") {
        gir::Target target = target_of(emit::isa_named("avx512"));
        target.inserts_per_cycle = inserts;
        const gir::Program p = parsed(fmt::format(R"(program p
  buffer x: dram {1}[r: {0}] input
  buffer y: dram {1}[r: 40] output
  run t(x -> y)

kernel t(x -> y)
  move y[r] <- x[r*{2}] over r: 40
)",
                                                  stride * 40, dtype, stride));
        const std::string text = gir::print(gir::rewrite::spell(p, target));
        const size_t at = text.find(" by 16");
        return text.substr(at + 6, text.find(" unrolled", at) - at - 6);
    };
    EXPECT_EQ(spelling(2, 1), " strided x by 2");
    EXPECT_EQ(spelling(7, 1), " strided x by 7");
    EXPECT_EQ(spelling(12, 1), " gathered x whole");  // 6 cycles of loads, 11 of shuffles
    EXPECT_EQ(spelling(4, 2), " strided x by 4");
    EXPECT_EQ(spelling(7, 2), "");
    EXPECT_EQ(spelling(3, 1, "i32"), " strided x by 3");
    EXPECT_EQ(spelling(3, 1, "f64"), "");
    EXPECT_EQ(spelling(3, 1, "i8"), "");
}

// An index is read by itself, wherever it lies.
TEST(Spelling, of_indices_apart_is_nothing) {
    const std::string text = R"(program p
  buffer ids_9: dram i32[r: 80] input
  buffer x: dram f32[r: 9] input
  buffer y: dram f32[r: 40] output
  run k(x, ids_9 -> y)

kernel k(x, ids_9 -> y)
  move y[r] <- x[ids_9[r*2]] over r: 40)";
    const gir::Target target = target_of(emit::isa_named("avx512"));
    EXPECT_THAT(gir::print(gir::rewrite::spell(parsed(text), target)),
                testing::HasSubstr(" spelled lanes r by 16 unrolled r"));
    const gir::Program said = parsed(text + " spelled lanes r by 16 strided ids_9 by 2 unrolled r");
    EXPECT_THAT(gir::find_faults(said), testing::Contains(testing::HasSubstr("ids_9 is not read")));
}

// Row -1 of the indices is there for no lane.
TEST(Spelling, an_index_is_not_read_where_all_lanes_are_outside) {
    for (const char* lanes : {"r", "r*2"}) {
        const gir::Program p = parsed(fmt::format(R"(program p
  buffer x: dram f32[k: 5, r: 8] input
  buffer ids_5: dram i32[i: 16] input
  buffer y: dram f32[i: 17, r: 4] output
  run k(x, ids_5 -> y)

kernel k(x, ids_5 -> y)
  parallel i: 17 core
    move y[i,r] <- x[ids_5[i-1],{}] within (4 <= i*4+r) else 1.0 over r: 4
)",
                                                  lanes));
        const gir::Program spelled = gir::rewrite::spell(p, target_of(emit::isa_named("plain")));
        EXPECT_THAT(code_of(spelled, "plain"), testing::ContainsRegex("if \\(.* != 0\\)"));
        EXPECT_THAT(compare(spelled, random_inputs(p, 1), "plain").differences, testing::IsEmpty());
    }
}

/// Of x every stride-th element, within bounds where there are some.
gir::Program every(int stride, const std::string& said, int before = 0) {
    const std::string at = fmt::format("r*{}-{}", stride, before);
    return parsed(fmt::format(R"(program p
  buffer x: dram f32[r: {0}] input
  buffer y: dram f32[r: 40] output
  run t(x -> y)

kernel t(x -> y)
  move y[r] <- x[{1}]{2} over r: 40 spelled lanes r by {3}
)",
                              stride * 39 + 1 - before, at,
                              before > 0 ? fmt::format(" within (0 <= {}) else -1.0", at) : "",
                              said));
}

TEST(Spelling, strided_is_what_is_strided) {
    for (const auto& [isa, lanes] : {std::pair("plain", 4), {"avx2", 8}, {"avx512", 16}})
        for (int stride = 2; stride <= lanes; ++stride)
            for (int before : {0, 3}) {
                const gir::Program p =
                    every(stride, fmt::format("{0} strided x by {1}", lanes, stride), before);
                EXPECT_THAT(code_of(p, isa), testing::HasSubstr(fmt::format("every{}_", stride)));
                const std::string host = run::host_isa();
                if (host == "plain" && lanes > 4) continue;
                if (host == "avx2" && lanes > 8) continue;
                EXPECT_THAT(compare(p, random_inputs(p, 1), isa).differences, testing::IsEmpty())
                    << isa << ' ' << stride << ' ' << before;
            }
}

// Lanes outside are not read, and the others come without a test each where all are inside.
TEST(Spelling, elements_apart_in_a_mask_come_at_once_where_it_is_full) {
    const gir::Program p = every(9, "4", 3);
    EXPECT_THAT(code_of(p, "plain"), testing::HasSubstr("apart_f32("));
    EXPECT_THAT(compare(p, random_inputs(p, 1), "plain").differences, testing::IsEmpty());
}

TEST(Spelling, gathered_is_what_is_gathered) {
    auto code = [](int rows, const char* said) {
        return code_of(parsed(turn_of(rows, fmt::format(" spelled lanes r by 16{}", said))));
    };
    using testing::HasSubstr;
    using testing::Not;
    EXPECT_THAT(code(21, ""), Not(HasSubstr("gather_f32")));
    EXPECT_THAT(code(21, " gathered x"), HasSubstr("gather_f32(x_ + 640, 40, 31ULL"));
    EXPECT_THAT(code(21, " gathered x whole"),
                testing::AllOf(HasSubstr("gather_f32(x_, 40, 65535ULL"), HasSubstr("[680]")));
}

// One test stands for all lanes where no bound lies along them.
TEST(Spelling, elements_apart_within_bounds_of_other_dims_are_tested_once) {
    std::string text = turn_of(16, " spelled lanes r by 4");
    text.replace(text.find("x[r,c]"), 6, "x[r,c] within (2 <= c) else 0.0");
    const gir::Program p = parsed(text);
    const std::string code = code_of(p, "plain");
    const size_t first = code.find(" ? ");
    ASSERT_NE(first, std::string::npos) << code;
    EXPECT_EQ(code.find(" ? ", first + 1), std::string::npos) << code;
    EXPECT_THAT(compare(p, random_inputs(p, 1), "plain").differences, testing::IsEmpty());
}

TEST(Spelling, of_what_no_code_reads_so_is_refused_by_the_emitter) {
    const std::string gathered = turn_of(16, " spelled lanes r by 4 gathered x");
    EXPECT_THROW(code_of(parsed(gathered), "plain"), UserError);
    std::string integers = gathered;
    for (size_t at; (at = integers.find("f32")) != std::string::npos;)
        integers.replace(at, 3, "i32");
    EXPECT_THROW(code_of(parsed(integers)), UserError);
    EXPECT_THROW(code_of(every(3, "4 strided x by 2"), "plain"), UserError);
    EXPECT_THROW(code_of(every(3, "4 strided x by 3"), "avx2"), UserError);
}

struct Edit {
    const char* name;
    const char* kernel;
    const char* from;
    const char* to;
    const char* gone;  ///< in the code before, not after
    const char* come;  ///< in the code after, not before
    bool (*charged)(const Work& before, const Work& after);
};

const Edit kEdits[] = {
    {"another_lane", "turn", "lanes r by 16 gathered g loop c", "lanes c by 16 unrolled c loop r",
     "for (i64 l = 0; l < 25; ++l)", "ldn_f32(x_3 + 32, 5)",
     [](const Work& a, const Work& b) {
         return a.gathered == 5 * 400 && b.gathered == 0 && b.inserted == 5 * 400 &&
                b.loads == a.loads + 400;
     }},
    {"narrower_vectors", "rank", "over r: 40, c: 200 spelled lanes c by 16",
     "over r: 40, c: 200 spelled lanes c by 8", "", "x_ + l*8;",
     [](const Work& a, const Work& b) { return b.loads == a.loads + 40 * (25 - 13); }},
    {"written_out", "rank", "over r: 40, c: 200 spelled lanes c by 16",
     "over r: 40, c: 200 spelled lanes c by 16 unrolled c", "", "y_ + 176) = *(const uf32*)",
     [](const Work& a, const Work& b) { return b.loop_turns == a.loop_turns - 40 * 13 + 40; }},
    {"elements", "rank", "over r: 40, c: 200 spelled lanes c by 16 loop r",
     "over r: 40, c: 200 spelled loop r, c", "", "for (i64 c = 0; c < 200; ++c)",
     [](const Work& a, const Work& b) { return b.loads == a.loads + 40 * (200 - 13); }},
    {"order", "turn", "loop c, r", "loop r, c",
     "for (i64 c = 0; c < 2; ++c) {\n        f32* const x_ = x + c*16;",
     "for (i64 r = 0; r < 25; ++r) {\n        f32* const x_ = x + r*592;",
     [](const Work& a, const Work& b) { return b.loop_turns == a.loop_turns; }},
    {"not_turned", "turn", "over c: 32, r: 400 spelled turning r, c by 16 loop c, r",
     "over c: 32, r: 400 spelled lanes r by 16 loop c", "swap1_f32", "for (i64 c = 0; c < 32; ++c)",
     [](const Work& a, const Work& b) {
         return b.gathered == a.gathered && b.inserted == a.inserted + 32 * 400;
     }},
    {"not_gathered", "turn", " gathered g", "", "gather_f32(", "(vf32){",
     [](const Work& a, const Work& b) {
         return b.gathered == 0 && b.inserted == a.inserted + 5 * 400;
     }},
    {"fewer_sums", "greatest", "sums 4", "sums 2", "sum4 = max_vf32(sum4", "",
     [](const Work& a, const Work& b) { return b.loop_turns == a.loop_turns; }},
    {"other_parts", "add_up", "part 20", "part 50", "first += 20", "first += 50",
     [](const Work& a, const Work& b) { return b.loads == a.loads; }},
    {"shorter_turns", "add_rows", "turn 8", "turn 2", "sum8", "for (i64 l = 0; l < 6; ++l)",
     [](const Work& a, const Work& b) { return b.loop_turns == a.loop_turns / 2 * 7; }},
    {"no_prefetch", "product",
     "        prefetch w at n0*16384+m0*2048+k0*4+16384 lines 1 by 16 to l2\n", "",
     "__builtin_prefetch", "", [](const Work& a, const Work& b) { return b.loads == a.loads; }},
    {"prefetch_nearer", "product", "to l2", "to l1", ", 0, 2);", ", 0, 3);",
     [](const Work& a, const Work& b) { return b.loads == a.loads; }},
    {"a_copy", "product", "    for m0: 8\n",
     "    copy rows: l1 f32[m: 48, k: 512] depth 2 <- x[m,k]\n    for m0: 8\n", "",
     "for (i64 m = 0; m < 48; ++m)",
     [](const Work& a, const Work& b) {
         return b.loads == a.loads && b.waited_bytes.at("dram") == 1.0 * 48 * 512 * 4 &&
                b.asked_read_bytes.at("dram") == a.asked_read_bytes.at("dram") + 3.0 * 48 * 512 * 4;
     }},
    {"a_loop_in_steps", "product", "for k0: 512", "for k0: 512 unroll 4", "",
     "#pragma GCC unroll 4", [](const Work& a, const Work& b) { return b.loads == a.loads; }},
};

class Edits : public testing::TestWithParam<Edit> {};

TEST_P(Edits, show_in_code_and_cost_and_not_in_the_result) {
    const Edit& e = GetParam();
    std::string text = spelled_text();
    const gir::Program before = parsed(text);
    size_t at = text.find(e.from);
    ASSERT_NE(at, std::string::npos) << e.from;
    text.replace(at, std::string(e.from).size(), e.to);
    const gir::Program after = parsed(text);
    EXPECT_THAT(gir::find_faults(after), testing::IsEmpty());
    std::string old_code = code_of(before), new_code = code_of(after);
    if (*e.gone != 0) {
        EXPECT_THAT(old_code, testing::HasSubstr(e.gone));
        EXPECT_THAT(new_code, testing::Not(testing::HasSubstr(e.gone)));
    }
    if (*e.come != 0) {
        EXPECT_THAT(old_code, testing::Not(testing::HasSubstr(e.come)));
        EXPECT_THAT(new_code, testing::HasSubstr(e.come));
    }
    EXPECT_TRUE(e.charged(work_of(before, e.kernel), work_of(after, e.kernel)));
    if (run::host_isa().rfind("avx512", 0) != 0) GTEST_SKIP() << "no AVX-512 here to run it";
    EXPECT_THAT(compare(after, random_inputs(after, 1), "avx512").differences, testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Texts, Edits, testing::ValuesIn(kEdits),
                         [](const auto& i) { return std::string(i.param.name); });

TEST(Spelling, that_cannot_be_is_a_fault) {
    auto fault = [](const char* from, const char* to) {
        std::string text = spelled_text();
        text.replace(text.find(from), std::string(from).size(), to);
        std::vector<std::string> faults = gir::find_faults(parsed(text));
        return faults.empty() ? std::string() : faults[0];
    };
    using testing::HasSubstr;
    EXPECT_THAT(fault("unrolled c sums 4", "sums 4 part 3"), HasSubstr("parts are of"));
    EXPECT_THAT(fault("turn 8 loop r", "turn 8"),
                HasSubstr("r is to be lanes, unrolled or a loop"));
    EXPECT_THAT(fault("fill acc[m,n] <- 0.0 spelled lanes n by 16 unrolled m, n",
                      "fill acc[m,n] <- 0.0 spelled lanes n by 16 unrolled n loop m"),
                HasSubstr("addressed by the loop m"));
    EXPECT_THAT(fault("through merged_keys", "through keys_of_mine"),
                HasSubstr("from tile to tile"));
    EXPECT_THAT(fault("through merged_keys", "through keys"), HasSubstr("merged into itself"));
    EXPECT_THAT(fault("turning r, c by 16", "turning r, c by 3"),
                HasSubstr("whole number of blocks"));
    EXPECT_THAT(fault("turning r, c by 16", "turning r, c by 0"), HasSubstr("at least 1"));
    EXPECT_THAT(fault("by 16 loop c, r", "by 16 loop c"), HasSubstr("r is to be a loop"));
    EXPECT_THAT(fault("turning r, c by 16", "turning r, r by 16"), HasSubstr("along two dims"));
    EXPECT_THAT(fault("turn 8 loop r", "turn 4294967296 loop r"), HasSubstr("at most"));
    EXPECT_THAT(fault("gathered g", "gathered t"), HasSubstr("t is not read"));
    EXPECT_THAT(fault("gathered g", "gathered g, g whole"), HasSubstr("gathered or strided, once"));
    EXPECT_THAT(fault("gathered g", "gathered g strided g by 7"),
                HasSubstr("gathered or strided, once"));
    EXPECT_THAT(fault("gathered g", "strided g by 17"), HasSubstr("up to as many as there are"));
    EXPECT_THAT(fault("gathered g", "strided g by 1"), HasSubstr("two elements apart, or more"));
    EXPECT_THAT(fault("spelled lanes n by 16 unrolled m, n\n      for",
                      "spelled gathered acc unrolled m, n\n      for"),
                HasSubstr("want a dim to lie along"));
    EXPECT_THAT(fault("prefetch w at", "prefetch g at"), HasSubstr("no buffer of its kernel"));
}

TEST(Spelling, of_blocks_that_cannot_be_turned_is_refused_by_the_emitter) {
    for (const char* to : {"turning r, c by 8", "turning c, r by 16"}) {
        std::string text = spelled_text();
        const std::string from = "turning r, c by 16";
        text.replace(text.find(from), from.size(), to);
        EXPECT_THAT(gir::find_faults(parsed(text)), testing::IsEmpty()) << to;
        EXPECT_THROW(code_of(parsed(text)), UserError) << to;
    }
}

TEST(Spelling, of_a_scatter_keeps_the_order_of_its_dims) {
    auto faults = [](const std::string& how) {
        const gir::Program p = parsed(R"(program p
  buffer at: dram i64[r: 4, c: 3] input
  buffer x: dram f32[r: 4, c: 3] input
  buffer y: dram f32[r: 9] output
  run k(x, at -> y)

kernel k(x, at -> y)
  fill y[i] <- 0.0 over i: 9 spelled loop i
  scatter set y[at[r,c]] <- x[r,c] over r: 4, c: 3 spelled )" +
                                      how + "\n");
        return gir::find_faults(p);
    };
    EXPECT_THAT(faults("loop r, c"), testing::IsEmpty());
    EXPECT_THAT(faults("lanes c by 16 unrolled r, c"), testing::IsEmpty());
    EXPECT_THAT(faults("loop c, r"), testing::ElementsAre(testing::HasSubstr("in their order")));
    EXPECT_THAT(faults("lanes c by 16 unrolled r"),
                testing::ElementsAre(testing::HasSubstr("in their order")));
}

TEST(Spelling, of_a_move_of_a_number_turns_nothing) {
    const gir::Program open = parsed(R"(program p
  buffer y: dram f32[r: 32, c: 32] output
  run k( -> y)

kernel k( -> y)
  move y[r,c] <- 1.0 over r: 32, c: 32
)");
    const gir::Program spelled = gir::rewrite::spell(open, target_of(emit::isa_named("avx512")));
    EXPECT_THAT(gir::print(spelled), testing::Not(testing::HasSubstr("turning")));
}

TEST(Parallels, with_only_claims_between_are_shared_out_as_one_range) {
    const gir::Program p = parsed(R"(program p
  buffer x: dram f32[i: 3, j: 4, c: 16] input
  buffer y: dram f32[i: 3, j: 4, c: 16] output
  run k(x -> y)

kernel k(x -> y)
  parallel i: 3 core
    claim row: l1 f32[j_1: 4, c_1: 16] <- x[i,j_1,c_1]
    parallel j: 4 core
      move y[i,j,c] <- row[j,c] over c: 16 spelled lanes c by 4
)");
    const emit::EmittedProgram emitted = emit::emit_program(p, {emit::isa_named("plain"), 1, {}});
    ASSERT_EQ(emitted.kernels.at(0).phases.size(), 1u);
    EXPECT_EQ(emitted.kernels[0].phases[0].range, 12);
    EXPECT_TRUE(compare(p, random_inputs(p, 1), "plain").differences.empty());
}

TEST(Spelling, of_vectors_wider_than_the_machine_s_is_refused_by_the_emitter) {
    EXPECT_THROW(code_of(parsed(spelled_text()), "avx2"), UserError);
}

}  // namespace
}  // namespace smeaton::emitted
