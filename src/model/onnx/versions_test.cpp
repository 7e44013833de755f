#include "model/onnx/versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smeaton::model::onnx {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Versions, every_operator_of_the_list_has_versions) {
#define X(op, family) \
    EXPECT_FALSE(versions_of(#op).empty()) << #op << " has no row in versions.cpp";
    SMEATON_OPS(X)
#undef X
}

TEST(Versions, the_newest_version_up_to_the_opset_is_in_force) {
    EXPECT_THAT(versions_of("Softmax"), ElementsAre(1, 11, 13));
    EXPECT_EQ(since_version("Softmax", 6), 1);
    EXPECT_EQ(since_version("Softmax", 12), 11);
    EXPECT_EQ(since_version("Softmax", 27), 13);
    EXPECT_EQ(since_version("Gelu", 19), std::nullopt);
    EXPECT_EQ(since_version("Gelu", 20), 20);
    EXPECT_THAT(versions_of("Frobnicate"), IsEmpty());
}

TEST(Versions, the_first_and_the_last_row_are_found) {
    EXPECT_FALSE(versions_of("Abs").empty());
    EXPECT_FALSE(versions_of("Xor").empty());
}

TEST(Versions, an_operator_that_changed_by_opset_6_is_refused_in_older_files) {
    EXPECT_EQ(resolve_op("ai.onnx", "Add", 6).op, OpType::kAdd);
    EXPECT_THAT(resolve_op("ai.onnx", "Add", 5).unsupported_reason, HasSubstr("older"));
    EXPECT_EQ(resolve_op("ai.onnx", "Transpose", 2).op, OpType::kTranspose);
}

}  // namespace

}  // namespace smeaton::model::onnx
