#include "gir/rewrite/engine.h"

#include <gtest/gtest.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/for_target.h"
#include "gir/rewrite/merge.h"
#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

// A product whose rows are summed: merged, the product is no form that tiles any more. Then a
// Relu of the sums by themselves and one of the product's input.
const char* kProductAndSum = R"(program rows
  buffer a: memory f32[m: 64, k: 24] input
  buffer b: memory f32[k: 24, n: 40] input
  buffer p: memory f32[m: 64, n: 40] temp
  buffer s: memory f32[m: 64] temp
  buffer y: memory f32[m: 64] output
  run product(a, b -> p)
  run sums(p -> s)
  run relu(s -> y)

kernel product(a, b -> p)
  parallel m: 64, n: 40 any
    let t: local f32[]
    fill t[] <- 0.0
    mma t[] += a[m,k] * b[k,n] over k: 24
    move p[m,n] <- t[]

kernel sums(p -> s)
  parallel m: 64 any
    let t: local f32[]
    fill t[] <- 0.0
    reduce add t[] <- p[m,n] over n: 40
    move s[m] <- t[]

kernel relu(s -> y)
  parallel i: 64 any
    let t: local f32[]
    unary relu t[] <- s[i]
    move y[i] <- t[]
)";

int64_t contractions(const Kernel& kernel) {
    int64_t count = 0;
    for_each_op(kernel.body, [&](const Op& op) { count += op.kind == OpKind::Mma ? 1 : 0; });
    return count;
}

// A kernel costs one, and with a contraction beside a reduction `both`.
Oracle oracle_with(double both, int* asked = nullptr) {
    return [=](const Program&, const Kernel& kernel, Region*) {
        if (asked) ++*asked;
        bool reduces = false;
        for_each_op(kernel.body,
                    [&](const Op& op) { reduces = reduces || op.kind == OpKind::Reduce; });
        return contractions(kernel) > 0 && reduces ? both : 1.0;
    };
}

Rules rules_with(double both, std::vector<RuleLog>* log = nullptr, int* asked = nullptr) {
    Rules rules;
    rules.oracle = oracle_with(both, asked);
    rules.log = log;
    rules.verify = true;
    return sized_for(common_cpu(), std::move(rules));
}

std::vector<std::string> refusals(const std::vector<RuleLog>& log) {
    std::vector<std::string> out;
    for (const RuleLog& e : log)
        if (!e.refused.empty()) out.push_back(e.rule + ": " + e.what + ": " + e.refused);
    return out;
}

TEST(Engine, a_merge_that_costs_more_is_refused_and_listed_once) {
    std::vector<RuleLog> log;
    const Program program = program_of(kProductAndSum);
    const Program kept = shaped_for(program, common_cpu(), rules_with(50, &log));
    EXPECT_EQ(kept.steps.size(), 2u) << print(kept);
    EXPECT_TRUE(means_the_same(program, kept));
    // The sums have taken in the Relu before.
    EXPECT_EQ(refusals(log), std::vector<std::string>{
                                 "merge-loops: sums into product over p: the price would rise "
                                 "from 2.00 to 50.00 us"});
}

TEST(Engine, a_merge_that_costs_less_is_taken) {
    std::vector<RuleLog> log;
    const Program program = program_of(kProductAndSum);
    const Program merged = shaped_for(program, common_cpu(), rules_with(1.5, &log));
    EXPECT_EQ(merged.steps.size(), 1u) << print(merged);
    EXPECT_TRUE(means_the_same(program, merged));
    EXPECT_TRUE(refusals(log).empty());
}

TEST(Engine, with_nobody_to_ask_what_may_cost_more_is_refused) {
    std::vector<RuleLog> log;
    Rules rules;
    rules.log = &log;
    EXPECT_EQ(shaped_for(program_of(kProductAndSum), common_cpu(), rules).steps.size(), 2u);
    ASSERT_EQ(refusals(log).size(), 1u);
    EXPECT_NE(refusals(log)[0].find("nobody to ask"), std::string::npos);
}

TEST(Engine, equal_kernels_are_priced_once) {
    int asked = 0;
    const Rules rules = rules_with(50, nullptr, &asked);
    const Program program = program_of(kProductAndSum);
    shaped_for(program, common_cpu(), rules);
    const int once = asked;
    EXPECT_GT(once, 0);
    shaped_for(program, common_cpu(), rules);
    EXPECT_EQ(asked, once);
}

TEST(Engine, questions_are_answered_again_by_another_oracle) {
    std::vector<Question> questions;
    Rules rules = rules_with(50);
    rules.questions = &questions;
    shaped_for(program_of(kProductAndSum), common_cpu(), rules);
    ASSERT_EQ(questions.size(), 1u);
    EXPECT_FALSE(questions[0].pays);
    EXPECT_FALSE(pays(questions[0], rules_with(50)));
    EXPECT_TRUE(pays(questions[0], rules_with(1.5)));
}

using Sums = std::map<Name, std::pair<int64_t, int64_t>>;

void add(Sums& sums, const Effect& e, int64_t sign) {
    for (const LevelBytes& row : e.levels) {
        sums[row.level].first += sign * row.read_bytes;
        sums[row.level].second += sign * row.write_bytes;
    }
}

TEST(Engine, the_log_adds_up_to_the_difference_of_the_ledgers) {
    const Target target = common_cpu();
    const Program lowered = program_of(kProductAndSum);
    std::vector<RuleLog> log;
    const Rules rules = rules_with(50, &log);
    const Program done = for_target(lowered, target, rules);
    Sums logged, really;
    for (const RuleLog& e : log) {
        if (!e.refused.empty()) continue;
        add(logged, e.before, -1);
        add(logged, e.after, 1);
    }
    add(really, effect_of(lowered, rules, Prices::Kind::Tiled), -1);
    add(really, effect_of(done, rules, Prices::Kind::Standing), 1);
    EXPECT_EQ(logged, really);
    EXPECT_LT(really.at("dram").first, 0);   // claims read less from memory
    EXPECT_LT(really.at("dram").second, 0);  // the sums stay in a tile
}

TEST(Engine, a_rule_that_is_skipped_changes_nothing_and_the_program_means_the_same) {
    const Program program = program_of(kProductAndSum);
    for (const std::string& rule : rule_names()) {
        std::vector<RuleLog> log;
        Rules rules = rules_with(50, &log);
        rules.skip = {rule};
        const Program done = for_target(program, common_cpu(), rules);
        EXPECT_TRUE(means_the_same(program, done)) << "without " << rule;
        for (const RuleLog& e : log) EXPECT_NE(e.rule, rule) << e.what;
    }
}

TEST(Engine, tiling_is_logged_by_rule_and_kernel) {
    std::vector<RuleLog> log;
    for_target(program_of(kProductAndSum), common_cpu(), rules_with(50, &log));
    std::map<std::string, std::string> rule_of;
    for (const RuleLog& e : log)
        if (e.tiling && rule_of.count(e.what) == 0) rule_of[e.what] = e.rule;
    EXPECT_EQ(rule_of.at("product"), "tile-contraction");
    EXPECT_EQ(rule_of.at("sums"), "vectorize");
}

}  // namespace
}  // namespace smeaton::gir::rewrite
