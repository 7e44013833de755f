#include "base/shared_bandwidth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/error.h"

namespace smeaton {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

FlowPath over(std::vector<int> links, double most = kInfinity) {
    FlowPath path;
    for (int l : links) path.links.push_back(LinkId{l});
    path.most_bytes_per_s = most;
    return path;
}

// Links of 10 and 4. A crosses both, B the first, C the second. The second is full at 2 each; then
// B takes what is left of the first.
TEST(MaxMinRates, AFlowIsHeldByItsNarrowestShare) {
    EXPECT_THAT(max_min_rates({10, 4}, {over({0, 1}), over({0}), over({1})}), ElementsAre(2, 8, 2));
}

TEST(MaxMinRates, AFlowThatCanTakeLittleLeavesTheRest) {
    EXPECT_THAT(max_min_rates({9}, {over({0}, 1), over({0}), over({0})}), ElementsAre(1, 4, 4));
    EXPECT_THAT(max_min_rates({}, {over({}, 7)}), ElementsAre(7));
    EXPECT_THROW(max_min_rates({}, {over({})}), InternalError);
}

TEST(MaxMinRates, ALinkThatIsCrossedTwiceIsChargedTwice) {
    EXPECT_THAT(max_min_rates({9}, {over({0, 0}), over({0})}), ElementsAre(3, 3));
}

/// Pours water drop by drop: each drop raises all flows that are not yet held.
std::vector<double> poured(const std::vector<double>& capacity, const std::vector<FlowPath>& flows,
                           double drop) {
    std::vector<double> rates(flows.size(), 0), used(capacity.size(), 0);
    std::vector<bool> held(flows.size(), false);
    while (std::find(held.begin(), held.end(), false) != held.end()) {
        std::vector<double> wanted = used;
        for (size_t f = 0; f < flows.size(); ++f)
            if (!held[f])
                for (LinkId l : flows[f].links) wanted[static_cast<size_t>(l.v)] += drop;
        for (size_t f = 0; f < flows.size(); ++f) {
            if (held[f]) continue;
            held[f] =
                rates[f] + drop > flows[f].most_bytes_per_s ||
                std::any_of(flows[f].links.begin(), flows[f].links.end(), [&](LinkId l) {
                    return wanted[static_cast<size_t>(l.v)] > capacity[static_cast<size_t>(l.v)];
                });
            if (held[f]) continue;
            rates[f] += drop;
            for (LinkId l : flows[f].links) used[static_cast<size_t>(l.v)] += drop;
        }
    }
    return rates;
}

TEST(MaxMinRates, AgreeWithWaterPouredDropByDrop) {
    std::mt19937 random(3);
    for (int round = 0; round < 200; ++round) {
        std::vector<double> capacity(1 + random() % 5);
        for (double& c : capacity) c = 1 + static_cast<double>(random() % 100) / 10;
        std::vector<FlowPath> flows(1 + random() % 8);
        for (FlowPath& f : flows) {
            for (size_t l = 0; l < capacity.size(); ++l)
                if (random() % 2 == 0) f.links.push_back(LinkId{static_cast<int32_t>(l)});
            if (f.links.empty() || random() % 4 == 0)
                f.most_bytes_per_s = 1 + static_cast<double>(random() % 50) / 10;
        }
        const double drop = 1e-3;
        const std::vector<double> expected = poured(capacity, flows, drop);
        const std::vector<double> rates = max_min_rates(capacity, flows);
        // A drop that no longer fits is spilt at each link that a flow crosses.
        for (size_t f = 0; f < flows.size(); ++f)
            ASSERT_THAT(rates[f], DoubleNear(expected[f], 40 * drop)) << round << ", flow " << f;
    }
}

// 1 TB/s is a byte per picosecond. A: 100 bytes, alone from 0. B: 100 bytes from 50 on. They share
// from 50: A's other 50 take until 150; B has moved 50 by then and is alone: until 200.
TEST(SharedBandwidth, RatesChangeWhenFlowsStartAndEnd) {
    EventQueue queue;
    SharedBandwidth net(queue);
    const LinkId link = net.add_link("link", 1e12);
    std::vector<TimePs> ends;
    auto note = [&] { ends.push_back(queue.now_ps()); };
    const FlowId a = net.start(100, over({0}), note);
    queue.at(50, [&] { net.start(100, over({0}), note); });
    queue.at(60, [&] { EXPECT_DOUBLE_EQ(net.rate_bytes_per_s(a), 0.5e12); });
    queue.run();
    EXPECT_THAT(ends, ElementsAre(150, 200));
    EXPECT_DOUBLE_EQ(net.carried_bytes(link), 200);
    EXPECT_EQ(net.active(), 0u);
}

// Ring of three links of 1 byte/ps, each flow over two of them: every link carries two flows, each
// at a half. All of 30 bytes end at 60.
TEST(SharedBandwidth, FlowsOverARingShareEveryLink) {
    EventQueue queue;
    SharedBandwidth net(queue);
    for (const char* name : {"ab", "bc", "ca"}) net.add_link(name, 1e12);
    std::vector<TimePs> ends;
    for (int i = 0; i < 3; ++i)
        net.start(30, over({i, (i + 1) % 3}), [&] { ends.push_back(queue.now_ps()); });
    queue.run();
    EXPECT_THAT(ends, ElementsAre(60, 60, 60));
}

TEST(SharedBandwidth, AFlowOfNothingArrivesNowAndOneStartedFromAnEndGoesOn) {
    EventQueue queue;
    SharedBandwidth net(queue);
    net.add_link("link", 1e12);
    TimePs end = -1;
    net.start(0, over({0}), [&] {
        EXPECT_EQ(queue.now_ps(), 0);
        net.start(7, over({0}, 0.5e12), [&] { end = queue.now_ps(); });
    });
    queue.run();
    EXPECT_EQ(end, 14);
}

// What crosses a link is conserved, and no link carries more than it can.
TEST(SharedBandwidth, ConservesBytesUnderRandomLoad) {
    std::mt19937 random(11);
    EventQueue queue;
    SharedBandwidth net(queue);
    std::vector<double> capacity, expected(4, 0);
    for (int l = 0; l < 4; ++l) {
        capacity.push_back(1e11 * (1 + static_cast<double>(random() % 9)));
        net.add_link("l", capacity.back());
    }
    int ended = 0;
    for (int i = 0; i < 500; ++i) {
        std::vector<int> links;
        for (int l = 0; l < 4; ++l)
            if (random() % 2 == 0) links.push_back(l);
        if (links.empty()) links.push_back(0);
        const auto bytes = static_cast<double>(random() % 1000);
        for (int l : links) expected[static_cast<size_t>(l)] += bytes;
        queue.at(static_cast<TimePs>(random() % 200000),
                 [&net, &ended, links, bytes] { net.start(bytes, over(links), [&] { ++ended; }); });
    }
    const auto end = static_cast<double>(queue.run());
    EXPECT_EQ(ended, 500);
    for (size_t l = 0; l < 4; ++l) {
        const double carried = net.carried_bytes(LinkId{static_cast<int32_t>(l)});
        EXPECT_NEAR(carried, expected[l], 1e-6 * expected[l]);
        EXPECT_LE(carried, capacity[l] * end / 1e12 * (1 + 1e-9));
    }
}

}  // namespace
}  // namespace smeaton
