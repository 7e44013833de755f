#include "report/gantt.h"

#include <gmock/gmock.h>

namespace smeaton::report {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Tasks one after the other on one core.
std::string chart(const std::vector<std::string>& names) {
    schedule::TaskGraph graph;
    driver::Timeline timeline;
    for (const std::string& name : names) {
        graph.tasks.push_back({name, {1}});
        const double at = timeline.length_us++;
        timeline.spans.push_back({static_cast<int>(timeline.spans.size()), 0, at, at + 1});
    }
    return gantt(graph, schedule::cores_of_one_kind(1), timeline);
}

TEST(Gantt, ThePathThatAllNamesBeginWithIsLeftOut) {
    const std::string text = chart({"/model/h.1/attn/MatMul", "/model/h.1/mlp/MatMul"});
    EXPECT_THAT(text, HasSubstr("[attn/MatMul="));
    EXPECT_THAT(text, HasSubstr("[mlp/MatMul="));
}

TEST(Gantt, NamesAreNotCutWithinAPart) {
    EXPECT_THAT(chart({"matmul_1", "matmul_2"}), HasSubstr("[matmul_1="));
    EXPECT_THAT(chart({"a/b", "a/b"}), HasSubstr("[b="));
    EXPECT_THAT(chart({"a", "a/b"}), HasSubstr("[a/b="));
    EXPECT_THAT(chart({"a/b"}), HasSubstr("[a/b="));
    EXPECT_THAT(chart({"a/", "a/b"}), Not(HasSubstr("[=")));  // a name keeps something
}

}  // namespace
}  // namespace smeaton::report
