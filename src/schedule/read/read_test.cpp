#include "schedule/read/read.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace smeaton::schedule {
namespace {

std::string message(const auto& body) {
    try {
        body();
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

TEST(Read, AJsonGraphHasDurationsKindsAndMessages) {
    TaskGraph g = read_json("g.json", R"({
        "cores": {"tc": 8, "vc": 2},
        "tasks": [{"name": "a", "durations_us": [4.0, null, 2], "holds": ["vc", "tc"]},
                  {"name": "b", "durations_us": [1], "holds": ["vc"], "output_bytes": 7}],
        "edges": [{"from": "a", "to": "b", "cost_us": 1.5, "bytes": 64}]})");
    EXPECT_EQ(g.tasks[0].holds, (std::vector<int>{0, 1}));
    EXPECT_TRUE(std::isinf(g.tasks[0].durations_us[1]));
    EXPECT_EQ(g.tasks[1].output_bytes, 7);
    EXPECT_EQ(g.edges[0].cost_us, 1.5);
    EXPECT_EQ(g.cores->total(), 10);
    EXPECT_EQ(g.cores->first(1), 8);
}

TEST(Read, MistakesInJsonAreNamed) {
    auto of = [](const char* text) { return message([&] { read_json("g.json", text); }); };
    EXPECT_EQ(
        of(R"({"tasks": [{"name": "a", "duration_us": [1]}]})"),
        "g.json: tasks[0]: there is no key 'duration_us'; there are name, durations_us, holds, "
        "output_bytes");
    EXPECT_EQ(of(R"({"tasks": [{"name": "a", "durations_us": [1]}],
                     "edges": [{"from": "a", "to": "b"}]})"),
              "g.json: edges[0]: 'to' names 'b', which is no task");
    EXPECT_EQ(of(R"({"tasks": [{"name": "a", "durations_us": [1], "holds": ["tc"]}]})"),
              "g.json: tasks[0] ('a'): there are no cores 'tc'; add them to 'cores' of the graph");
    EXPECT_NE(of("{\"tasks\": [").find("g.json: no JSON:"), std::string::npos);
    EXPECT_NE(of(R"({"tasks": [{"name": "a", "durations_us": [1e999]}]})").find("g.json: no JSON:"),
              std::string::npos);
    EXPECT_EQ(of(R"({"cores": {"tc": 5000}, "tasks": []})"),
              "g.json: cores.tc: expected a whole number from 1 to 4096");
    EXPECT_EQ(of(R"({"tasks": [{"name": "a", "durations_us": [1], "durations_us": [2]}]})"),
              "g.json: an object has the key 'durations_us' twice");
    EXPECT_EQ(of(R"({"tasks": [{"name": "", "durations_us": [1]}]})"),
              "g.json: tasks[0]: 'name' is to be a text of one line");
    EXPECT_EQ(of(R"({"tasks": [{"name": "a\nb", "durations_us": [1]}]})"),
              "g.json: tasks[0]: 'name' is to be a text of one line");
    EXPECT_EQ(of(R"({"tasks": [], "edges": 3})"), "g.json: the graph: 'edges' is to be a list");
}

TEST(Read, AStandardTaskGraphLosesItsDummies) {
    TaskGraph g = read_stg("x.stg", "  2\n 0 0 0\n 1 5 1 0\n 2 7 2 0 1\n 3 0 2 1 2\n# note 1 2\n");
    ASSERT_EQ(g.tasks.size(), 2u);
    EXPECT_EQ(g.tasks[1].name, "2");
    EXPECT_EQ(g.tasks[1].durations_us, (std::vector<double>{7}));
    ASSERT_EQ(g.edges.size(), 1u);
    EXPECT_EQ(g.edges[0].from.v, 0);
    EXPECT_EQ(g.edges[0].to.v, 1);
}

TEST(Read, RowsThatBreakOffAreNamedByTheirLine) {
    EXPECT_EQ(message([] { read_stg("x.stg", "2\n0 0 0\n1 5 1 9\n"); }),
              "x.stg:3: expected a predecessor (0 to 3), found '9'");
    EXPECT_EQ(message([] { read_td("x.td", "2\n1 5 1 2 3\n2 -4 0\n"); }),
              "x.td:3: expected a time from 0 on, found '-4'");
    EXPECT_EQ(message([] { read_td("x.td", "2\n1 5 1 2 3\n"); }),
              "x.td:3: expected the task's number 2, found the end of the file");
}

TEST(Read, ADavidovicGraphHasMessages) {
    TaskGraph g = read_td("x.td", "3\n1 5 2 2 4 3 6\n2 1 1 3 2\n3 2 0\n");
    ASSERT_EQ(g.edges.size(), 3u);
    EXPECT_EQ(g.edges[1].to.v, 2);
    EXPECT_EQ(g.edges[1].cost_us, 6);
}

}  // namespace
}  // namespace smeaton::schedule
