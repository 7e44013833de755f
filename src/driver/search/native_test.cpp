// Searches by the native cost model: several threads, each with pricers of its own, find what one
// finds.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/output_file.h"
#include "base/temporary_folder.h"
#include "driver/search/search.h"
#include "model/onnx/write.h"
#include "model/text/test_written.h"

namespace smeaton::driver {
namespace {

/// Two layers with weights that training finds.
model::Graph layers() {
    model::Written g("x: f32[48,64]");
    const std::string a = g.node("MatMul(x, " + g.weight({64, 96}) + ") since 13");
    const std::string b = g.node("Tanh(" + a + ") since 13");
    const std::string c = g.node("MatMul(" + b + ", " + g.weight({96, 32}) + ") since 13");
    return g.graph(g.node("Softmax(" + c + ") {axis: 1} since 13"));
}

/// Two costly axes and two that points alike differ in.
const char* const kVary = R"(
vary:
  units.simd.lanes: {values: [8, 32]}
  levels.dram.bandwidth_gb_s: {values: [12.8, 51.2]}
  levels.wbuf.capacity: {values: [8192, 32768, 262144]}
  levels.vmem.capacity: {values: [16384, 1048576]}
)";

struct SmallSearch {
    TemporaryFolder folder;

    SmallSearch() {
        write_file(model(), model::onnx::write_model(layers()));
        write_file(space(), fmt::format("base: {}/machines/systolic-chip.yaml\n{}",
                                        SMEATON_SOURCE_DIR, kVary));
    }
    std::string model() const { return folder.path + "/layers.onnx"; }
    std::string space() const { return folder.path + "/space.yaml"; }

    SearchResult found(int threads, bool exhaustive) const {
        SearchRequest request;
        request.models = {model()};
        request.space_file = space();
        request.cost_model = "native";
        request.training = request.inference = true;
        request.threads = threads;
        request.exhaustive = exhaustive;
        request.resplit = true;
        request.log_file = fmt::format("{}/log-{}-{}.db", folder.path, threads, exhaustive);
        return search_space(request);
    }
};

void expect_same(const SearchResult& a, const SearchResult& b) {
    ASSERT_TRUE(a.found.best && b.found.best);
    EXPECT_EQ(a.found.best->point, b.found.best->point);
    EXPECT_EQ(a.found.best->evaluation.criteria, b.found.best->evaluation.criteria);
    ASSERT_EQ(a.found.front.size(), b.found.front.size());
    for (size_t i = 0; i < a.found.front.size(); ++i)
        EXPECT_EQ(a.found.front[i].evaluation.criteria, b.found.front[i].evaluation.criteria);
    ASSERT_EQ(a.resplit.size(), b.resplit.size());
    for (size_t i = 0; i < a.resplit.size(); ++i) {
        EXPECT_TRUE(a.resplit[i].proven && b.resplit[i].proven);
        EXPECT_EQ(a.resplit[i].objective, b.resplit[i].objective);
    }
}

TEST(NativeSearch, SeveralThreadsFindWhatOneFinds) {
    const SmallSearch small;
    const SearchResult every = small.found(3, true);
    EXPECT_EQ(every.found.evaluated, 24);
    expect_same(every, small.found(1, false));
    expect_same(every, small.found(3, false));
}

}  // namespace
}  // namespace smeaton::driver
