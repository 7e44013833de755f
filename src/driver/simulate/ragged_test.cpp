// Work whose extents are no multiple of what a unit takes at once costs hardly more than the same
// work at the next multiple.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <random>

#include "driver/simulate/simulate.h"
#include "machine/query.h"
#include "machine/read.h"
#include "model/text/text.h"

namespace smeaton::driver {
namespace {

constexpr double kMostRatio = 1.5;

/// A graph's text with constants of the shapes named in it ("64,3,3,3").
class GraphText {
public:
    std::string constant(const std::string& name, const std::vector<int64_t>& shape) {
        tensor::Tensor t(tensor::DType::kF32, shape);
        for (int64_t i = 0; i < t.elements(); ++i)
            t.set_from_double(i, static_cast<double>(i % 13) / 13);
        const uint64_t hash = tensor::content_hash(t);
        std::string dims;
        for (int64_t d : shape) dims += (dims.empty() ? "" : ",") + std::to_string(d);
        constants_.emplace(hash, t);
        return fmt::format("  const {}: f32[{}] hash 0x{:016x}\n", name, dims, hash);
    }
    model::Graph graph(const std::string& body) const {
        return model::parse("graph g\n  opset \"\" 17\n" + body + "  output y\n", "ragged",
                            constants_);
    }

private:
    model::ConstantTable constants_;
};

constexpr int64_t kRows = 50;

model::Graph softmax(int64_t extent) {
    return GraphText().graph(
        fmt::format("  input x: f32[{},{}]\n  y = Softmax(x) {{axis: 1}} since 13 as softmax\n",
                    kRows, extent));
}

model::Graph layer_norm(int64_t extent) {
    GraphText text;
    const std::string constants = text.constant("s", {extent}) + text.constant("b", {extent});
    return text.graph(
        fmt::format("  input x: f32[{},{}]\n{}"
                    "  y = LayerNormalization(x, s, b) {{axis: -1}} since 17 as ln\n",
                    kRows, extent, constants));
}

struct Convolution {
    int64_t in = 64, out = 64, height = 12, width = 12;
};

model::Graph convolution(const Convolution& c) {
    GraphText text;
    const std::string w = text.constant("w", {c.out, c.in, 3, 3});
    return text.graph(
        fmt::format("  input x: f32[1,{},{},{}]\n{}"
                    "  y = Conv(x, w) {{kernel_shape: [3,3], pads: [1,1,1,1]}} "
                    "since 11 as conv\n",
                    c.in, c.height, c.width, w));
}

double time_us(const model::Graph& graph, const machine::Machine& m) {
    return simulate_model(graph, {}, {}, m, {}).time_ms.value * 1e3;
}

/// What runs at some extent, and what a unit takes of it at once.
struct Work {
    std::string name;
    int64_t step = 1;
    std::function<model::Graph(int64_t)> at;
};

std::vector<Work> works_on(const machine::Machine& m) {
    const int64_t lanes =
        static_cast<int64_t>(machine::main_vector_unit(m)->vector_bits->value) / 32;
    int64_t rows = lanes, columns = lanes;
    for (const machine::Unit& unit : m.units)
        if (unit.rows) {
            rows = static_cast<int64_t>(unit.rows->value);
            columns = static_cast<int64_t>(unit.columns->value);
        }
    return {{"softmax", lanes, softmax},
            {"layer norm", lanes, layer_norm},
            {"convolution from channels", rows,
             [=](int64_t n) { return convolution({.in = n, .out = columns}); }},
            {"convolution to channels", columns,
             [=](int64_t n) { return convolution({.in = rows, .out = n}); }},
            {"convolution of width", lanes, [=](int64_t n) {
                 return convolution({.in = rows, .out = columns, .height = 4, .width = n});
             }}};
}

/// A chip of 256 lanes after the template of another.
machine::Machine wide_chip() {
    machine::Machine m = machine::read_machine_file("systolic-chip");
    constexpr double kWider = 8;
    m.name = "wide-chip";
    m.levels.front().capacity_bytes.value *= kWider;
    for (machine::Level& level : m.levels) {
        if (level.name == "dram" || !level.read) continue;
        level.read->one_gb_s.value *= kWider;
        level.write->one_gb_s.value *= kWider;
    }
    for (machine::Unit& unit : m.units) {
        if (!unit.vector_bits) continue;
        unit.vector_bits->value *= kWider;
        for (machine::Rate& rate : unit.rates)
            if (rate.op != machine::OpClass::Gather) rate.per_cycle->value *= kWider;
    }
    return m;
}

std::vector<machine::Machine> chips() {
    std::vector<machine::Machine> all;
    for (const char* name :
         {"systolic-chip", "simdit-inference-01", "simdit-inference-03", "simdit-training-01",
          "simdit-training-08", "tpu-like", "eyeriss-like"})
        all.push_back(machine::read_machine_file(name));
    all.push_back(wide_chip());
    return all;
}

void expect_even(const machine::Machine& m, const Work& work, const std::vector<int64_t>& extents) {
    std::map<int64_t, double> whole;
    for (int64_t extent : extents) {
        const int64_t next = (extent + work.step - 1) / work.step * work.step;
        if (next == extent) continue;
        auto [at, missing] = whole.try_emplace(next, 0);
        if (missing) at->second = time_us(work.at(next), m);
        EXPECT_LE(time_us(work.at(extent), m) / at->second, kMostRatio)
            << work.name << " " << extent << " against " << next << " on " << m.name;
    }
}

/// Of each work four extents; with SMEATON_LONG (tests/long/ragged.py: minutes) all.
TEST(Ragged, ExtentsCostNoMoreThanHalfAsMuchAgainAsTheNextMultiple) {
    constexpr int64_t kMost = 300;
    const bool whole = std::getenv("SMEATON_LONG") != nullptr;
    std::vector<int64_t> all(kMost);
    std::iota(all.begin(), all.end(), 1);
    std::mt19937 random(11);
    for (const machine::Machine& m : chips())
        for (const Work& work : works_on(m)) {
            // One beside a multiple, where what is left over is least, one that fills little of
            // the unit, and two anywhere.
            std::uniform_int_distribution<int64_t> anywhere(1, kMost);
            std::uniform_int_distribution<int64_t> little(1, std::max<int64_t>(1, work.step / 4));
            const int64_t multiple = anywhere(random) / work.step * work.step;
            const std::vector<int64_t> drawn = {multiple + 1, little(random), anywhere(random),
                                                anywhere(random)};
            expect_even(m, work, whole ? all : drawn);
        }
}

}  // namespace
}  // namespace smeaton::driver
