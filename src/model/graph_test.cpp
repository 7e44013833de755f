#include "model/graph.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace smeaton::model {
namespace {

TEST(OpList, every_operator_reads_back_by_its_name) {
    for (int i = 1; i <= static_cast<int>(OpType::kIf); ++i) {
        auto op = static_cast<OpType>(i);
        EXPECT_EQ(op_named(name(op)), op);
    }
    EXPECT_EQ(name(OpType::kConv), "Conv");
    EXPECT_EQ(family(OpType::kGatherND), OpFamily::Index);
    EXPECT_EQ(op_named("unsupported"), std::nullopt);
    EXPECT_EQ(op_named("conv"), std::nullopt);
    EXPECT_THROW(family(OpType::kUnsupported), InternalError);
}

TEST(Attributes, give_the_default_only_when_absent) {
    Node node;
    node.name = "Conv_1";
    node.op_name = "Conv";
    node.attributes = {{"group", int64_t{3}}, {"mode", std::string("x")}, {"alpha", 0.5}};
    EXPECT_EQ(attribute_int(node, "group", 1), 3);
    EXPECT_EQ(attribute_int(node, "other", 1), 1);
    EXPECT_EQ(attribute_float(node, "alpha", 1.0), 0.5);
    EXPECT_EQ(attribute_string(node, "mode", ""), "x");
    EXPECT_EQ(attribute_ints(node, "pads", {1, 2}), (std::vector<int64_t>{1, 2}));
    EXPECT_TRUE(has_attribute(node, "mode"));
    EXPECT_FALSE(has_attribute(node, "pads"));
}

TEST(Attributes, a_wrong_type_names_node_and_attribute) {
    Node node;
    node.name = "Conv_1";
    node.op_name = "Conv";
    node.attributes = {{"group", 1.5}};
    try {
        attribute_int(node, "group", 1);
        FAIL();
    } catch (const UserError& error) {
        EXPECT_STREQ(error.what(),
                     "node Conv_1 (Conv): attribute group must be an integer, found a float");
    }
}

}  // namespace
}  // namespace smeaton::model
