#include "driver/explain.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cost/oracle.h"
#include "gir/common_cpu.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/for_target.h"
#include "gir/text/parse.h"

namespace smeaton::driver {
namespace {

using gir::rewrite::effect_of;
using gir::rewrite::Prices;

Explained explained(const std::string& file) {
    std::ifstream in(std::string(SMEATON_SOURCE_DIR) + "/" + file);
    std::stringstream text;
    text << in.rdbuf();
    const gir::Target target = gir::common_cpu(64, 32, 2);
    Explained e;
    gir::rewrite::Rules rules;
    rules.log = &e.log;
    rules.oracle = cost::oracle_on(target);
    rules = gir::rewrite::sized_for(target, std::move(rules));
    e.levels = {"dram", "l3", "l2", "l1"};
    gir::Program program = gir::parse_program(text.str(), file);
    e.lowered = effect_of(program, rules, Prices::Kind::Tiled);
    program = gir::rewrite::shaped_for(program, target, rules);
    e.shaped = effect_of(program, rules, Prices::Kind::Tiled);
    e.shaped_as_it_stands = effect_of(program, rules, Prices::Kind::Standing);
    program = gir::rewrite::tiled_for(program, target, rules);
    e.spelled = effect_of(program, rules, Prices::Kind::Standing);
    return e;
}

class Blocks : public ::testing::TestWithParam<const char*> {};

TEST_P(Blocks, rules_add_up_to_the_difference_in_bytes_and_in_time) {
    const Explanation e = explanation(explained(GetParam()), "all");
    ASSERT_EQ(e.parts.size(), 2u);
    size_t entries = 0;
    for (const RulePart& part : e.parts) {
        std::map<std::string, double> bytes;
        double us = 0;
        for (const RuleRow& row : part.rows) {
            for (const auto& [level, change] : row.change.bytes) bytes[level] += change;
            ASSERT_TRUE(row.change.us) << row.rule;
            us += *row.change.us;
            entries += static_cast<size_t>(row.taken + row.refused);
        }
        for (const std::string& level : e.levels)
            EXPECT_EQ(bytes[level], part.after.bytes.at(level) - part.before.bytes.at(level))
                << part.title << ", " << level;
        EXPECT_NEAR(us, *part.after.us - *part.before.us, 1e-6 * *part.before.us) << part.title;
        EXPECT_LT(*part.after.us, *part.before.us) << part.title;
    }
    EXPECT_EQ(entries, e.applications.size());
    EXPECT_LT(e.parts[1].after.bytes.at("dram"), 0.1 * e.parts[1].before.bytes.at("dram"));
}

INSTANTIATE_TEST_SUITE_P(All, Blocks,
                         ::testing::Values("tests/blocks/resnet_block.gir",
                                           "tests/blocks/bert_layer.gir"));

TEST(Explanation, lists_applications_only_where_all_are_wanted) {
    const Explained e = explained("tests/blocks/pooled_concat.gir");
    EXPECT_TRUE(explanation(e, "rules").applications.empty());
    EXPECT_EQ(explanation(e, "all").applications.size(), e.log.size());
}

}  // namespace
}  // namespace smeaton::driver
