#include "driver/simulate/pricer.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <memory>
#include <numeric>
#include <random>

#include "cost/least.h"
#include "driver/train/training_graph.h"
#include "machine/read.h"
#include "machine/settings.h"
#include "model/text/test_written.h"

namespace smeaton::driver {
namespace {

/// Three equal layers of a product, a sum with what came in, and a tanh; a softmax.
model::Graph layers() {
    model::Written g("x: f32[64,96]");
    std::string x = "x";
    for (int i = 0; i < 3; ++i) {
        const std::string a = g.node(fmt::format("MatMul({}, {}) since 13", x, g.weight({96, 96})));
        const std::string b = g.node(fmt::format("Add({}, {}) since 14", a, x));
        x = g.node(fmt::format("Tanh({}) since 13", b));
    }
    return g.graph(g.node(fmt::format("Softmax({}) {{axis: 1}} since 13", x)));
}

/// Convolutions with borders, a shortcut, one in groups, a pooled classifier.
model::Graph convolutions() {
    model::Written g("x: f32[1,8,28,28]");
    const std::string first =
        g.node("Conv(x, " + g.weight({64, 8, 3, 3}) + ") {pads: [1,1,1,1]} since 11");
    std::string x = g.node("Relu(" + first + ") since 14");
    for (int i = 0; i < 2; ++i) {
        const std::string wide =
            g.node("Conv(" + x + ", " + g.weight({128, 64, 1, 1}) + ") since 11");
        const std::string on = g.node("Relu(" + wide + ") since 14");
        const std::string each = g.node("Conv(" + on + ", " + g.weight({128, 1, 3, 3}) +
                                        ") {group: 128, pads: [1,1,1,1]} since 11");
        const std::string back =
            g.node("Conv(" + each + ", " + g.weight({64, 128, 1, 1}) + ") since 11");
        x = g.node("Add(" + back + ", " + x + ") since 14");
    }
    x = g.node("Conv(" + x + ", " + g.weight({96, 64, 3, 3}) +
               ") {strides: [2,2], pads: [1,1,1,1]} since 11");
    x = g.node("GlobalAveragePool(" + x + ") since 1");
    x = g.node("Flatten(" + x + ") since 13");
    x = g.node("MatMul(" + x + ", " + g.weight({96, 40}) + ") since 13");
    return g.graph(g.node("Softmax(" + x + ") {axis: 1} since 13"));
}

/// Attention of four heads over a long row of tokens, then a layer norm and a wide layer.
model::Graph attention() {
    model::Written g("x: f32[4,192,64]");
    auto projected = [&] { return g.node("MatMul(x, " + g.weight({64, 64}) + ") since 13"); };
    const std::string q = projected(), k = projected(), v = projected();
    const std::string turned = g.node("Transpose(" + k + ") {perm: [0,2,1]} since 13");
    const std::string scores = g.node("MatMul(" + q + ", " + turned + ") since 13");
    const std::string shares = g.node("Softmax(" + scores + ") {axis: -1} since 13");
    const std::string mixed = g.node("MatMul(" + shares + ", " + v + ") since 13");
    const std::string sum = g.node("Add(" + mixed + ", x) since 14");
    const std::string norm = g.node("LayerNormalization(" + sum + ", " + g.weight({64}) + ", " +
                                    g.weight({64}) + ") {axis: -1} since 17");
    const std::string wide = g.node("MatMul(" + norm + ", " + g.weight({64, 256}) + ") since 13");
    return g.graph(g.node("Tanh(" + wide + ") since 13"));
}

machine::Machine described(const std::string& name) {
    return machine::read_machine_file(fmt::format("{}/machines/{}.yaml", SMEATON_SOURCE_DIR, name));
}

/// The machine with every capacity scaled.
machine::Machine scaled(machine::Machine m, double factor) {
    for (machine::Level& level : m.levels) level.capacity_bytes.value *= factor;
    return m;
}

void expect_equal(const SimulateResult& a, const SimulateResult& b) {
    EXPECT_EQ(a.time_ms.value, b.time_ms.value);
    EXPECT_EQ(a.time_ms.high, b.time_ms.high);
    EXPECT_EQ(a.load_ms.value, b.load_ms.value);
    ASSERT_EQ(a.kernels.size(), b.kernels.size());
    for (size_t k = 0; k < a.kernels.size(); ++k) {
        EXPECT_EQ(a.kernels[k].name, b.kernels[k].name);
        EXPECT_EQ(a.kernels[k].ops, b.kernels[k].ops);
        EXPECT_EQ(a.kernels[k].time_us.value, b.kernels[k].time_us.value);
        EXPECT_EQ(a.kernels[k].bytes(), b.kernels[k].bytes());
        EXPECT_EQ(a.kernels[k].operand_bytes, b.kernels[k].operand_bytes);
    }
}

TEST(Pricer, SaysOfEveryMachineWhatSimulateSays) {
    const model::Graph graph = layers();
    Pricer pricer(graph, {}, {});
    // Forwards and back, more machines than are kept.
    std::vector<machine::Machine> machines;
    for (const char* name : {"server-cpu", "edge-cpu", "systolic-chip"})
        for (double factor : {1.0, 0.5, 4.0}) machines.push_back(scaled(described(name), factor));
    for (const machine::Machine& m : machines)
        expect_equal(pricer.price(m), simulate_model(graph, {}, {}, m, {}));
    for (auto m = machines.rbegin(); m != machines.rend(); ++m)
        expect_equal(pricer.price(*m, {1, 0}), simulate_model(graph, {}, {}, *m, {1, 0}));
}

/// Each level's capacity between a quarter and four times as large.
machine::Machine resized(machine::Machine m, std::mt19937& chance) {
    for (machine::Level& level : m.levels) {
        const double share = static_cast<double>(chance()) / std::mt19937::max();
        level.capacity_bytes.value =
            std::floor(level.capacity_bytes.value * std::exp2(4 * share - 2));
    }
    return m;
}

TEST(Pricer, SaysTheSameWhateverItPricedBefore) {
    std::mt19937 chance(20);
    for (const model::Graph& graph : {layers(), convolutions(), attention()}) {
        Pricer pricer(graph, {}, {});
        std::vector<machine::Machine> machines;
        for (const char* name : {"server-cpu", "edge-cpu", "systolic-chip"})
            for (int i = 0; i < 12; ++i) machines.push_back(resized(described(name), chance));
        std::vector<SimulateResult> fresh;
        for (const machine::Machine& m : machines)
            fresh.push_back(simulate_model(graph, {}, {}, m, {}));
        for (int turn = 0; turn < 3; ++turn) {
            std::vector<size_t> order(machines.size());
            std::iota(order.begin(), order.end(), size_t{0});
            std::shuffle(order.begin(), order.end(), chance);
            for (size_t i : order) expect_equal(pricer.price(machines[i]), fresh[i]);
        }
        ASSERT_FALSE(testing::Test::HasFailure());
    }
}

/// A chip of other arrays, lanes and bandwidths, its levels resized.
machine::Machine other_chip(std::mt19937& chance) {
    auto one_of = [&](double a, double b, double c) { return std::array{a, b, c}[chance() % 3]; };
    machine::Machine m = resized(described("systolic-chip"), chance);
    const std::map<std::string, double> numbers = {
        {"units.simd.lanes", one_of(8, 32, 64)},
        {"levels.dram.bandwidth_gb_s", one_of(2, 51.2, 400)},
        {"levels.vmem.bandwidth_gb_s", one_of(20, 320, 900)}};
    for (const machine::Setting& s : machine::settings_of(m))
        if (auto at = numbers.find(s.key); at != numbers.end()) s.set(m, at->second);
    for (machine::Unit& unit : m.units)
        if (unit.rows) unit.rows->value = one_of(8, 32, 64);
    return m;
}

TEST(Pricer, SaysTheSameWhateverComputesAndHowFastBytesCome) {
    std::mt19937 chance(23);
    for (const model::Graph& graph : {layers(), convolutions(), attention()}) {
        Pricer pricer(graph, {}, {});
        for (int i = 0; i < 12; ++i) {
            const machine::Machine m = other_chip(chance);
            expect_equal(pricer.price(m), simulate_model(graph, {}, {}, m, {}));
            // Of the sum of its kernels the order, and so the last digit, may be another.
            const double us = pricer.least_us(m, INFINITY);
            EXPECT_NEAR(us, pricer.another().least_us(m, INFINITY), 1e-12 * us);
        }
    }
}

TEST(Pricer, LeavesOutTheRulesThatTheSessionLeavesOut) {
    const model::Graph graph = layers();
    const machine::Machine m = described("server-cpu");
    SessionOptions session;
    session.skip = {"merge-loops", "claim-resident"};
    const SimulateResult without = Pricer(graph, {}, session).price(m);
    expect_equal(without, simulate_model(graph, {}, session, m, {}));
    EXPECT_GT(without.kernels.size(), Pricer(graph, {}, {}).price(m).kernels.size());
}

TEST(Pricer, NoMachineTakesLessThanTheLeast) {
    std::mt19937 chance(21);
    auto trained = [](const model::Graph& g) { return training_step(g, {}, {}, {}).shaped.graph; };
    for (const model::Graph& graph :
         {layers(), convolutions(), attention(), trained(layers()), trained(convolutions())}) {
        Pricer pricer(graph, {}, {});
        const cost::Least least = cost::least_of(pricer.lowered());
        EXPECT_GT(least.macs, 0);
        EXPECT_GT(least.read_bytes, 0);
        for (const char* name : {"server-cpu", "edge-cpu", "systolic-chip"})
            for (int i = 0; i < 4; ++i) {
                const machine::Machine m = resized(described(name), chance);
                EXPECT_LE(cost::least_us(least, m), pricer.cost(m).time_us.value) << name;
            }
    }
}

TEST(Pricer, KernelsByThemselvesTakeNoMoreThanTheMachineAndAlmostAsMuch) {
    std::mt19937 chance(22);
    for (const model::Graph& graph : {layers(), convolutions(), attention()}) {
        Pricer pricer(graph, {}, {});
        for (int i = 0; i < 24; ++i) {
            machine::Machine m = resized(described("systolic-chip"), chance);
            for (machine::Level& level : m.levels)
                if (i % 3 == 0 && level.depth) level.depth->value = 2;
            const double whole_us = pricer.another().cost(m).time_us.value;
            const double enough_us = pricer.least_us(m, whole_us / 2);
            EXPECT_GE(enough_us, whole_us / 2);
            EXPECT_LE(enough_us, whole_us);
            const double least_us = pricer.least_us(m, INFINITY);
            EXPECT_LE(least_us, whole_us);
            EXPECT_GE(least_us, 0.98 * whole_us);
        }
        EXPECT_EQ(pricer.least_us(described("server-cpu"), INFINITY), 0);  // caches pass bytes on
    }
}

TEST(Pricer, ARangeOfCapacitiesIsNoOtherMachine) {
    Pricer pricer(convolutions(), {}, {});
    machine::Machine m = described("systolic-chip");
    for (machine::Level& level : m.levels)
        level.capacity_bytes = machine::Number(level.capacity_bytes.value * 2, "set by hand");
    expect_equal(pricer.price(m), simulate_model(convolutions(), {}, {}, m, {}));
    EXPECT_EQ(pricer.cost(m).time_us.value, pricer.another().cost(m).time_us.value);
}

/// Pages of this process that are in memory.
int64_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    int64_t total = 0, resident = 0;
    in >> total >> resident;
    return resident * 4096;
}

TEST(Pricer, NoFigureDependsOnHowManyWorkOnIt) {
    std::mt19937 chance(5);
    for (const model::Graph& graph : {layers(), convolutions(), attention()}) {
        Pricer alone(graph, {}, {}), three(graph, {}, {});
        three.use(std::make_shared<Workers>(3));
        for (const char* name : {"server-cpu", "systolic-chip", "near-memory"})
            for (int i = 0; i < 4; ++i) {
                const double factor = std::exp2(static_cast<double>(chance() % 300) / 100 - 1);
                const machine::Machine m = scaled(described(name), factor);
                expect_equal(three.price(m), alone.price(m));
            }
    }
}

/// As the threads of a search do, each with a pricer of its own.
TEST(Pricer, SeveralPriceBesideEachOther) {
    std::mt19937 chance(6);
    std::vector<machine::Machine> machines;
    for (const char* name : {"server-cpu", "systolic-chip", "near-memory"})
        for (int i = 0; i < 3; ++i) machines.push_back(resized(described(name), chance));
    for (const model::Graph& graph : {layers(), convolutions(), attention()}) {
        const Pricer first(graph, {}, {});
        std::vector<SimulateResult> beside(3 * machines.size());
        Workers(3).each(3, [&](size_t of, size_t) {
            Pricer mine = first.another();
            for (size_t i = 0; i < machines.size(); ++i) {
                mine.least_us(machines[i], INFINITY);
                beside[of * machines.size() + i] = mine.price(machines[i]);
            }
        });
        for (size_t i = 0; i < beside.size(); ++i)
            expect_equal(beside[i], beside[i % machines.size()]);
        expect_equal(beside[0], simulate_model(graph, {}, {}, machines[0], {}));
    }
}

/// So little is kept that all goes at every look.
TEST(Pricer, WhatIsDroppedIsWorkedOutAgain) {
    std::mt19937 chance(9);
    const model::Graph graph = convolutions();
    Pricer all(graph, {}, {}), little(graph, {}, {});
    little.keep(1);
    for (int i = 0; i < 150; ++i) {
        const char* name = i % 3 == 0 ? "edge-cpu" : "systolic-chip";
        const double factor = std::exp2(static_cast<double>(chance() % 300) / 100 - 1);
        const machine::Machine m = scaled(described(name), factor);
        expect_equal(little.price(m), all.price(m));
    }
    EXPECT_LT(little.kept_bytes(), all.kept_bytes());
}

/// Bytes that this process has asked of glibc's heap and not given back.
double heap_bytes() {
    return static_cast<double>(mallinfo2().uordblks);
}

/// Sanitizers have a heap of their own.
bool heap_is_glibcs() {
    const double before = heap_bytes();
    const std::vector<std::string> some(1000);
    return heap_bytes() - before >= static_cast<double>(some.size() * sizeof some[0]);
}

/// Chips of one family and of others, machines with caches: what each takes, and the bound of it.
void price_many(Pricer& pricer, int count, std::mt19937& chance) {
    for (int i = 0; i < count; ++i) {
        const machine::Machine m = i % 3 == 0   ? resized(described("server-cpu"), chance)
                                   : i % 3 == 1 ? resized(described("systolic-chip"), chance)
                                                : other_chip(chance);
        pricer.least_us(m, INFINITY);
        pricer.price(m);
    }
}

TEST(Pricer, WhatItKeepsIsWhatTheHeapHas) {
    std::mt19937 chance(31);
    for (const model::Graph& graph : {layers(), convolutions(), attention()}) {
        Pricer pricer(graph, {}, {});
        price_many(pricer, 3, chance);  // names, and what else stays whatever comes
        if (!heap_is_glibcs()) GTEST_SKIP() << "another heap";
        const double before = heap_bytes() - pricer.kept_bytes();
        price_many(pricer, 60, chance);
        const double grown = heap_bytes() - before;
        EXPECT_NEAR(pricer.kept_bytes() / grown, 1, 0.15);
    }
}

/// The bound, and what is asked for between two looks at it.
TEST(Pricer, KeepsNoMoreThanItMay) {
    std::mt19937 chance(32);
    const model::Graph graph = convolutions();
    Pricer all(graph, {}, {}), some(graph, {}, {});
    some.keep(8e6);
    double most = 0, of_few = 0;
    for (int i = 0; i < 120; ++i) {
        const machine::Machine m = resized(described("systolic-chip"), chance);
        const double least_us = all.least_us(m, INFINITY);
        EXPECT_NEAR(some.least_us(m, INFINITY), least_us, 1e-12 * least_us);
        const SimulateResult priced = some.price(m);
        expect_equal(priced, all.price(m));
        if (i % 20 == 0) expect_equal(priced, simulate_model(graph, {}, {}, m, {}));
        if (i < 32) of_few = all.kept_bytes();
        most = std::max(most, some.kept_bytes());
    }
    EXPECT_LT(most, 8e6 + of_few);
    EXPECT_GT(all.kept_bytes(), most);
}

TEST(Pricer, MemoryStaysFlatOverManyMachines) {
    Pricer pricer(layers(), {}, {});
    const machine::Machine m = described("server-cpu");
    for (int i = 0; i < 50; ++i) pricer.price(scaled(m, 1 + i * 1e-3));
    const int64_t before = resident_bytes();
    if (before == 0) GTEST_SKIP() << "no /proc here";
    for (int i = 0; i < 500; ++i) pricer.price(scaled(m, 2 + i * 1e-3));
    EXPECT_LT(resident_bytes() - before, 8 << 20);
}

}  // namespace
}  // namespace smeaton::driver
