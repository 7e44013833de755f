#include <gtest/gtest.h>

#include "check.h"
#include "model/grad/rule.h"

namespace smeaton::grad_test {
namespace {

TEST(Gradients, agree_with_differences) {
    for (uint64_t seed : {1, 2, 3})
        for (const Case& c : cases(seed)) {
            SCOPED_TRACE(c.name + "\n" + c.body);
            try {
                EXPECT_EQ(disagreement(c, seed), "");
            } catch (const std::exception& error) {
                ADD_FAILURE() << error.what();
            }
        }
}

TEST(Gradients, every_rule_has_a_case) {
    std::set<model::OpType> used;
    for (const Case& c : cases(1)) used.merge(operators_of(c));
    for (size_t i = 1; i < model::gradient_table().size(); ++i) {
        const auto op = static_cast<model::OpType>(i);
        if (model::gradient_row(op).rule == nullptr) continue;
        EXPECT_TRUE(used.contains(op)) << model::name(op) << " has a rule and no case";
    }
}

}  // namespace
}  // namespace smeaton::grad_test
