#include "machine/device.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "machine/query.h"
#include "machine/read.h"
#include "machine/shipped.h"

namespace smeaton::machine {
namespace {

std::string refusal(const std::function<void()>& of) {
    try {
        of();
    } catch (const UserError& error) {
        return error.what();
    }
    return "accepted";
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const char* const kMine = R"yaml(name: "Mine (one)"
class: ASIC
year: 2026
sources:
  sheet: "our data sheet"
peak:
  fp32: 10
  fp16: {value: 100, low: 90, high: 110, source: sheet, accumulate: fp32, confidence: vendor}
memory_gb: 16
bandwidth_gb_s: {value: 500, source: "sheet: page 2"}
blank:
  power_w: "not measured yet"
)yaml";

TEST(Device, AllThatShipAreReadAndAnswerToOneNameEach) {
    const std::vector<Device> all = shipped_devices();
    EXPECT_GE(all.size(), 43u);
    std::set<std::string> names;
    for (const Device& device : all) {
        EXPECT_TRUE(names.insert(device.name).second) << device.name;
        EXPECT_EQ(read_device(device.name).name, device.name);
        EXPECT_EQ(read_device(device.file).name, device.name);
        for (const std::string& alias : device.aliases) {
            EXPECT_TRUE(names.insert(alias).second) << alias;
            EXPECT_EQ(read_device(alias).name, device.name) << alias;
        }
        EXPECT_FALSE(device.device_class.empty()) << device.name;
        for (const auto& [key, number] : device.numbers)
            EXPECT_FALSE(number.number.source.empty()) << device.name << " " << key;
        for (const auto& [format, number] : device.peak) {
            EXPECT_FALSE(number.number.source.empty()) << device.name << " " << format;
            EXPECT_NE(number.confidence, Confidence::Unstated) << device.name << " " << format;
            EXPECT_FALSE(number.accumulate.empty()) << device.name << " " << format;
        }
    }
}

TEST(Device, NamesDoNotMindCaseBlanksAndHyphens) {
    EXPECT_EQ(read_device("h100 sxm5-80gb").name, "H100 SXM5 80GB");
    EXPECT_EQ(read_device("gb200").name, "GB200 (per GPU)");
}

TEST(Device, ANumberMayBePlainOrHaveARangeAndASource) {
    const Device device = parse_device(kMine, "mine.yaml");
    EXPECT_EQ(need(device, "peak.fp32", "x").number.value, 10);
    EXPECT_EQ(need(device, "peak.fp16", "x").number.low, 90);
    EXPECT_EQ(need(device, "peak.fp16", "x").confidence, Confidence::Vendor);
    EXPECT_EQ(need(device, "bandwidth_gb_s", "x").number.high, 500);
}

TEST(Device, WhatIsBlankIsRefusedWithTheDeviceAndTheNumber) {
    const Device device = parse_device(kMine, "mine.yaml");
    const std::string blank = refusal([&] { need(device, "power_w", "energy"); });
    EXPECT_TRUE(holds(blank, "Mine (one)") && holds(blank, "power_w") &&
                holds(blank, "not measured yet"))
        << blank;
    const std::string peak = refusal([&] { need_dense_peak(device, "fp8", "fp8 work"); });
    EXPECT_TRUE(holds(peak, "peak.fp8")) << peak;
}

TEST(Device, APeakForSparseWorkIsNoneForDenseWork) {
    std::string yaml = kMine;
    yaml.replace(yaml.find("fp32: 10"), 8, "fp32: {value: 10, sparse: \"2:4\"}");
    const Device device = parse_device(yaml, "mine.yaml");
    const std::string text = refusal([&] { need_dense_peak(device, "fp32", "this model"); });
    EXPECT_TRUE(holds(text, "2:4") && holds(text, "dense")) << text;
}

TEST(Device, UnknownKeysFormatsClassesAndUndatedMoneyAreRefused) {
    auto with = [](const std::string& line) {
        return refusal([&] { parse_device(kMine + line, "mine.yaml"); });
    };
    EXPECT_TRUE(holds(with("memory_gib: 3\n"), "nearest is 'memory_gb'"));
    EXPECT_TRUE(holds(with("price_usd: 100\n"), "has no date"));
    EXPECT_TRUE(holds(with("idle_w: {value: 3, source: nobody}\n"), "'nobody'"));
    EXPECT_TRUE(holds(with("clock_ghz: 0\n"), "implausible"));
    std::string wrong = kMine;
    wrong.replace(wrong.find("fp16"), 4, "fp17");
    EXPECT_TRUE(holds(refusal([&] { parse_device(wrong, "m"); }), "'fp17'"));
    EXPECT_TRUE(holds(refusal([&] { read_device("H1000"); }), "unknown"));
}

TEST(Device, ExpandsToOneUnitAndOneLevel) {
    const Machine machine = read_machine_file("H100");
    EXPECT_EQ(machine.levels.size(), 1u);
    EXPECT_EQ(machine.units.size(), 1u);
    EXPECT_EQ(machine.levels[0].capacity_bytes.value, 80.0 * (1 << 30));
    EXPECT_EQ(machine.levels[0].read->one_gb_s.value, 3350);
    EXPECT_NEAR(peak_gflops(machine, tensor::DType::kF16)->value, 989.4e3, 1);
    EXPECT_TRUE(holds(refusal([] { read_machine_file("WSE-3"); }), "peak.fp32"));
}

TEST(Device, APeakHasRatesForOtherSumsAndForZerosBesideIt) {
    const Device d = parse_device(R"yaml(name: both
class: GPU
peak:
  fp16: {value: 165, accumulate: fp32, also: [{value: 330, accumulate: fp16}, {value: 331, sparse: "2:4"}]}
  int8: {value: 400, sparse: "2:4", also: [{value: 200}]}
)yaml",
                                  "both.yaml");
    EXPECT_EQ(dense_peak(d, "fp16", "fp32")->number.value, 165);
    EXPECT_EQ(dense_peak(d, "fp16", "fp16")->number.value, 330);
    EXPECT_EQ(sparse_peak(d, "fp16", "2:4")->number.value, 331);
    EXPECT_EQ(sparse_peak(d, "fp16", "1:4"), nullptr);
    EXPECT_EQ(need_dense_peak(d, "int8", "a test").number.value, 200);
    EXPECT_EQ(sparse_peak(d, "int8", "2:4")->number.value, 400);
    EXPECT_EQ(dense_peak(d, "fp8", "fp32"), nullptr);
    EXPECT_TRUE(holds(refusal([] {
                          parse_device("name: x\npeak: {fp16: {value: 1, also: [{value: -1}]}}\n",
                                       "x.yaml");
                      }),
                      "peak.fp16.also"));
}

TEST(Device, WhatShipsBesideAPeakIsFasterThanIt) {
    int rates = 0;
    for (const Device& device : shipped_devices())
        for (const auto& [format, peak] : device.peak)
            for (const DeviceNumber& other : peak.also) {
                ++rates;
                EXPECT_GT(other.number.value, peak.number.value) << device.name << " " << format;
                EXPECT_FALSE(other.number.source.empty()) << device.name << " " << format;
            }
    EXPECT_GT(rates, 80);
}

TEST(Device, AFormatIsComputedInTheFastestOfThoseThatHoldIt) {
    const Device d = parse_device(R"yaml(name: both
class: GPU
peak:
  fp32: 20
  fp16: {value: 100, low: 80, high: 130, also: [{value: 180, sparse: "2:4"}]}
  fp8: 120
  int8: {value: 50, also: [{value: 200, sparse: "2:4"}]}
)yaml",
                                  "both.yaml");
    EXPECT_EQ(dense_rate(d, "int8", "fp32")->tera, (Interval{80, 100, 130}));
    EXPECT_EQ(dense_rate(d, "int8", "fp32")->format, "fp16");
    EXPECT_EQ(dense_rate(d, "fp8", "fp32")->tera, (Interval{120, 120, 130}));
    EXPECT_EQ(dense_rate(d, "fp8", "fp32")->format, "fp8");
    EXPECT_EQ(dense_rate(d, "bf16", "fp32")->format, "fp32");
    EXPECT_EQ(dense_rate(d, "fp4", "fp32")->format, "fp8");
    EXPECT_FALSE(dense_rate(d, "fp64", "fp32"));
    EXPECT_EQ(sparse_rate(d, "int8", "2:4")->tera.value, 200);
    EXPECT_EQ(sparse_rate(d, "fp8", "2:4")->tera.value, 180);
    EXPECT_FALSE(sparse_rate(d, "fp32", "2:4"));
    for (const std::string& format : device_formats())
        for (const std::string& holder : formats_that_hold(format))
            EXPECT_GE(format_bits(holder), format_bits(format)) << format << " in " << holder;
}

TEST(Device, ABaseHoldsWhereAFileHasNothing) {
    const Device d = parse_device("base: H100\nmemory_gb: 40\nnotes: [half of it]\n", "half.yaml");
    const Device base = read_device("H100");
    EXPECT_EQ(d.name, base.name);
    EXPECT_EQ(d.device_class, "GPU");
    EXPECT_EQ(find_number(d, "memory_gb")->number.value, 40);
    EXPECT_EQ(d.peak, base.peak);
    EXPECT_EQ(d.engines, base.engines);
    EXPECT_EQ(d.notes.back(), "half of it");
    EXPECT_TRUE(is_device_text("base: H100\n"));
}

TEST(Device, ANumberThatIsGivenTakesThePlaceOfABlank) {
    Device d = read_device("EPYC 9654");
    const std::string refused = refusal([&] { need(d, "memory_gb", "a model"); });
    EXPECT_TRUE(holds(refused, "--set memory_gb=") && holds(refused, "base: \"EPYC 9654"))
        << refused;
    set_number(d, "memory_gb", {256, 384, 512}, "a test");
    EXPECT_EQ(need(d, "memory_gb", "a model").number.high, 512);
    EXPECT_EQ(d.blank.count("memory_gb"), 0u);
    set_number(d, "peak.fp16", Interval::exact(3), "a test");
    EXPECT_EQ(need_dense_peak(d, "fp16", "a model").number.value, 3);
    EXPECT_TRUE(holds(refusal([&] { set_number(d, "memory_gb", Interval::exact(-1), "--set x"); }),
                      "--set x"));
    EXPECT_TRUE(is_device_key("peak.fp8") && is_device_key("link_gb_s"));
    EXPECT_FALSE(is_device_key("peak.fp9") || is_device_key("interest"));
}

}  // namespace
}  // namespace smeaton::machine
