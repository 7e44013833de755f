// Small spaces and networks for the tests of this folder.
#pragma once

#include <fstream>
#include <random>
#include <string>

#include "base/temporary_folder.h"
#include "search/simdit.h"

namespace smeaton::search {

/// A folder that goes with the test.
class TestFolder {
public:
    std::string write(const std::string& file, const std::string& text) const {
        std::ofstream(path(file)) << text;
        return path(file);
    }
    std::string path(const std::string& file) const { return folder_.path + "/" + file; }

private:
    TemporaryFolder folder_;
};

inline const char* const kTestBase = R"({"ARRAY_N": 4, "ARRAY_M": 8, "WGT_DATA_WIDTH": 8,
    "ACT_DATA_WIDTH": 8, "BIAS_WIDTH": 32, "ACC_WIDTH": 32, "WBUF_CAPACITY_BITS": 8192,
    "IBUF_CAPACITY_BITS": 32768, "OBUF_CAPACITY_BITS": 16384, "BBUF_CAPACITY_BITS": 1024,
    "SIMD_VMEM_CAPACITY_BITS": 16384, "PARAMBUF_AXI_DATA_WIDTH": 64, "IBUF_AXI_DATA_WIDTH": 64,
    "OBUF_AXI_DATA_WIDTH": 64, "SIMD_AXI_DATA_WIDTH": 64})";

/// A network of a few layers: a kernel that is cut into fractions, 3x3, 1x1, a product of one row.
inline std::vector<sim::simdit::Operation> test_network(int seed) {
    using sim::simdit::Kind;
    std::mt19937 random(static_cast<unsigned>(seed));
    auto pick = [&](std::initializer_list<int64_t> of) { return of.begin()[random() % of.size()]; };
    auto row = [](Kind kind, sim::simdit::Sizes sizes) {
        sim::simdit::Operation o;
        o.kind = kind, o.sizes = sizes, o.name = "node", o.op = "op";
        return o;
    };
    const int64_t c = pick({8, 12, 24, 40}), n = pick({1, 2}), hw = pick({7, 12, 14, 15});
    return {row(Kind::kConvolution, {n, c, hw, hw, 3, 7, 7, 2}),
            row(Kind::kRelu, {n, c, hw, hw}),
            row(Kind::kConvolution, {n, 2 * c, hw, hw, c, 3, 3, 1}),
            row(Kind::kMaxPool, {n, 2 * c, hw / 2, hw / 2, 1, 2, 2, 2}),
            row(Kind::kConvolution, {n, c, hw / 2, hw / 2, 2 * c, 1, 1, 1}),
            row(Kind::kAdd, {n, c, hw / 2, hw / 2}),
            row(Kind::kGemm, {1, pick({10, 30, 100}), 1, 1, pick({20, 90, 300}), 1, 1, 1})};
}

/// A few values of each of a few settings, and caps over them, at random.
inline std::string random_space(int seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    struct Choice {
        const char* key;
        std::vector<int> values;
    };
    const std::vector<Choice> all = {
        {"ARRAY_N", {2, 4, 8}},
        {"ARRAY_M", {4, 8, 16}},
        {"WBUF_CAPACITY_BITS", {2048, 4608, 8192, 12000, 30000}},
        {"IBUF_CAPACITY_BITS", {9000, 14400, 20000, 32768, 60000}},
        {"OBUF_CAPACITY_BITS", {8000, 12544, 16384, 40000}},
        {"BBUF_CAPACITY_BITS", {512, 1024, 2048}},
        {"SIMD_VMEM_CAPACITY_BITS", {8000, 12544, 16384, 40000}},
        {"PARAMBUF_AXI_DATA_WIDTH", {8, 16, 24, 64}},
        {"IBUF_AXI_DATA_WIDTH", {4, 16, 40, 64}},
        {"OBUF_AXI_DATA_WIDTH", {4, 16, 40, 64}},
        {"SIMD_AXI_DATA_WIDTH", {16, 32, 64, 200}},
    };
    std::string text = "base: base.json\ntechnology: 45nm\ndram_pj_per_byte: 160\nvary:\n";
    for (const Choice& choice : all) {
        if (random() % 3 == 0) continue;
        std::vector<int> values = choice.values;
        while (values.size() > 2 && random() % 2 == 0)
            values.erase(values.begin() + static_cast<long>(random() % values.size()));
        text += "  " + std::string(choice.key) + ": {values: [";
        for (size_t i = 0; i < values.size(); ++i)
            text += (i == 0 ? "" : ", ") + std::to_string(values[i]);
        text += "]}\n";
    }
    text +=
        "caps:\n  bits: {sum: {WBUF_CAPACITY_BITS: 1, IBUF_CAPACITY_BITS: 1, "
        "OBUF_CAPACITY_BITS: 2, SIMD_VMEM_CAPACITY_BITS: 2}, max: " +
        std::to_string(110000 + random() % 100000) + "}\n";
    return text +
           "  ports: {sum: {PARAMBUF_AXI_DATA_WIDTH: 1, IBUF_AXI_DATA_WIDTH: 1, "
           "OBUF_AXI_DATA_WIDTH: 1, SIMD_AXI_DATA_WIDTH: 1}, min: 60, max: " +
           std::to_string(260 + random() % 200) + "}\n";
}

}  // namespace smeaton::search
