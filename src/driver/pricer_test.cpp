#include "driver/pricer.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <fstream>

#include "machine/read.h"
#include "model/text/text.h"

namespace smeaton::driver {
namespace {

/// Three equal layers of a product, a sum with what came in, and a tanh; a softmax.
model::Graph layers() {
    model::ConstantTable table;
    std::string text = "graph g\n  opset \"\" 17\n  input x: f32[64,96]\n", nodes, x = "x";
    for (int i = 0; i < 3; ++i) {
        tensor::Tensor w(tensor::DType::kF32, {96, 96});
        for (int64_t k = 0; k < w.elements(); ++k)
            w.set_from_double(k, static_cast<double>((k * 7 + i) % 13) / 13);
        const uint64_t hash = tensor::content_hash(w);
        table.emplace(hash, w);
        text += fmt::format("  const w{}: f32[96,96] hash 0x{:016x}\n", i, hash);
        nodes += fmt::format("  a{0} = MatMul({1}, w{0}) since 13 as m{0}\n", i, x);
        nodes += fmt::format("  b{0} = Add(a{0}, {1}) since 14 as s{0}\n", i, x);
        nodes += fmt::format("  c{0} = Tanh(b{0}) since 13 as t{0}\n", i);
        x = fmt::format("c{}", i);
    }
    nodes += fmt::format("  y = Softmax({}) {{axis: 1}} since 13 as softmax\n  output y\n", x);
    return model::parse(text + nodes, "test", table);
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

TEST(Pricer, LeavesOutTheRulesThatTheSessionLeavesOut) {
    const model::Graph graph = layers();
    const machine::Machine m = described("server-cpu");
    SessionOptions session;
    session.skip = {"merge-loops", "claim-resident"};
    const SimulateResult without = Pricer(graph, {}, session).price(m);
    expect_equal(without, simulate_model(graph, {}, session, m, {}));
    EXPECT_GT(without.kernels.size(), Pricer(graph, {}, {}).price(m).kernels.size());
}

/// Pages of this process that are in memory.
int64_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    int64_t total = 0, resident = 0;
    in >> total >> resident;
    return resident * 4096;
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
