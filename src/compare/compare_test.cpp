#include "compare/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "compare/adoption.h"
#include "compare/calibrate.h"
#include "compare/compression.h"
#include "compare/survey.h"

namespace smeaton::compare {
namespace {

/// Llama-3-8B.
Workload llama() {
    Workload w;
    w.model = "llama-3-8b";
    w.is_decoder = true;
    w.parameters = w.active_parameters = 8030261248.0;
    Decoder& d = w.decoder;
    d.products = {{4096, 4096, 1, 1, 64, false},
                  {4096, 1024, 1, 1, 64, false},
                  {4096, 14336, 1, 1, 64, false},
                  {14336, 4096, 1, 1, 32, false},
                  {4096, 128256, 1, 1, 1, true}};
    d.attention_width = 32 * 32 * 256;
    d.kv_elements = 2 * 32 * 8 * 128;
    d.layers = 32;
    d.width = 4096;
    d.heads = 32;
    d.kv_heads = 8;
    d.feed_forward = 14336;
    d.vocabulary = 128256;
    d.max_positions = 8192;
    return w;
}

Options options(const std::string& engine, const std::string& format) {
    Options o;
    o.engine = engine;
    o.format = format_named(format);
    o.costs = shipped_cost_inputs();
    o.calibrations = cost::shipped_calibrations();
    return o;
}

Traffic traffic(double at_once, double prompt = 512, double output = 128) {
    Traffic t;
    t.concurrency = at_once;
    t.prompt.mean = prompt;
    t.output.mean = output;
    return t;
}

DeviceRow row(const std::string& device, int count, const Options& o, const Traffic& t) {
    return row_of(llama(), t, {machine::read_device(device), count, device}, o);
}

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

TEST(Phases, DecodeOfOneReadsTheWeightsOnceAndPrefillIsTheFormula) {
    const Workload w = llama();
    Serving s;
    s.model = &w.decoder;
    s.rates = {989.4e12, 989.4e12, 66.9e12, 3350e9, 450e9};
    s.roofline = true;
    const PhaseTime d = decode(s, 1, 1024);
    const double linear = 7504658432.0;  // without the embedding and the norms
    EXPECT_NEAR(d.flops, 2 * linear + 4.0 * 32 * 32 * 128 * 1024, 1e3);
    EXPECT_NEAR(d.bytes, 2 * linear + 1025.0 * 131072, 6e6);
    EXPECT_DOUBLE_EQ(d.seconds, d.bytes / 3350e9);
    const PhaseTime p = prefill(s, 1, 1024);
    const double head = 4096.0 * 128256;
    EXPECT_NEAR(p.flops, 2 * 1024 * (linear - head) + 2 * head + 2.0 * 32 * 32 * 128 * 1024 * 1025,
                1e6);
    EXPECT_NEAR(p.seconds, p.flops / 989.4e12, 1e-9);
}

TEST(Phases, ExpertsThatAreReadFollowUniformRouting) {
    EXPECT_NEAR(experts_read(8, 2, 8), 7.2, 0.01);
    EXPECT_NEAR(experts_read(256, 8, 64), 222, 1);
    EXPECT_DOUBLE_EQ(experts_read(8, 2, 1), 2);
}

/// Mixtral-8x7B: 32 layers, 8 experts of which a token takes 2.
Workload mixtral() {
    Workload w = llama();
    Decoder& d = w.decoder;
    d.products = {{4096, 4096, 1, 1, 64, false},  {4096, 1024, 1, 1, 64, false},
                  {4096, 8, 1, 1, 32, false},     {4096, 14336, 8, 2, 64, false},
                  {14336, 4096, 8, 2, 32, false}, {4096, 32000, 1, 1, 1, true}};
    d.vocabulary = 32000;
    w.parameters = 46702792704.0;
    w.active_parameters = 12879925248.0;
    return w;
}

Serving served(const Workload& w, const Split& split) {
    Serving s;
    s.model = &w.decoder;
    s.rates = {989.4e12, 989.4e12, 66.9e12, 3350e9, 450e9};
    s.split = split;
    return s;
}

TEST(Experts, OnDevicesOfTheirOwnThereIsAPartOnEachAndTokensGoThereAndBack) {
    const Workload w = mixtral();
    const double experts = expert_elements(w.decoder);
    EXPECT_DOUBLE_EQ(experts, 8.0 * 3 * 4096 * 14336 * 32);
    // Four replicas with one set of experts: each device holds two of them, and the rest whole.
    const Capacity c = capacity(w, {}, {1, 1, 4, 4}, 80e9, memory_of_engine("vllm"), 1, 1024);
    EXPECT_NEAR(c.weights_bytes, 2 * (experts / 4 + w.parameters - experts), 1);
    const Capacity whole = capacity(w, {}, {1, 1, 1, 4}, 80e9, memory_of_engine("vllm"), 1, 1024);
    EXPECT_NEAR(whole.weights_bytes, 2 * w.parameters, 1);
    // Inside one replica experts lie whole or cut: the bytes are the same.
    EXPECT_DOUBLE_EQ(capacity(w, {}, {4, 1, 4, 1}, 80e9, {}, 1, 1024).weights_bytes,
                     capacity(w, {}, {4, 1, 1, 1}, 80e9, {}, 1, 1024).weights_bytes);
    // Two all-to-alls a layer of 64 tokens' states to two experts each: 3 steps of a quarter.
    const PhaseTime shared = decode(served(w, {1, 1, 4, 4}), 64, 1024);
    EXPECT_NEAR(shared.link_s, 2 * 32 * 3 * (64 * 2 * 4096 * 2.0 / 4) / 450e9, 1e-9);
    EXPECT_DOUBLE_EQ(decode(served(w, {1, 1, 1, 4}), 64, 1024).link_s, 0);
    // The busiest device has its part of the tokens of all four.
    Serving uneven = served(w, {1, 1, 4, 4});
    uneven.imbalance = 1.5;
    const PhaseTime slower = prefill(uneven, 16, 512),
                    even = prefill(served(w, {1, 1, 4, 4}), 16, 512);
    const double part = 2.0 * 2 * 3 * 4096 * 14336 * 32 * 16 * 512;
    EXPECT_NEAR(slower.flops - even.flops, 0.5 * part, 1e-6 * part);
    EXPECT_GT(slower.seconds, even.seconds);
}

TEST(Phases, WhatQuantisationLeavesAloneKeepsItsBits) {
    Workload w = llama();
    Serving s = served(w, {});
    s.bits = {4.25, 16, 16};
    const double narrow = decode(s, 1, 0).bytes;
    const double head = 4096.0 * 128256;
    for (Product& p : w.decoder.products) p.wide = p.head;
    w.decoder.wide_parameters = 2 * head;  // the embedding too
    EXPECT_NEAR(decode(s, 1, 0).bytes - narrow, head * (16 - 4.25) / 8, 1);
    const auto weights = [&] {
        return capacity(w, s.bits, {}, 80e9, memory_of_engine("vllm"), 1, 1024).weights_bytes;
    };
    EXPECT_NEAR(weights(), (w.parameters * 4.25 + 2 * head * (16 - 4.25)) / 8, 1);
    s.bits.weights = 16;
    const double sixteen = decode(s, 1, 0).bytes;
    for (Product& p : w.decoder.products) p.wide = false;
    EXPECT_DOUBLE_EQ(decode(s, 1, 0).bytes, sixteen);
}

TEST(Phases, LayersWithAWindowReadNoMoreThanThatAndTheOthersReadAll) {
    Workload w = llama();
    w.decoder.window = 128;
    w.decoder.window_layers = 16;  // of 32
    Serving s = served(w, {});
    const double context = 1024, token = w.decoder.kv_elements * 2;
    const double none = decode(s, 1, 0).bytes;
    EXPECT_NEAR(decode(s, 1, context).bytes - none, token * (context + 128) / 2, 1);
    EXPECT_DOUBLE_EQ(w.decoder.keys_seen(64), 64);
    w.decoder.window_layers = 32;
    EXPECT_NEAR(decode(s, 1, context).bytes - none, token * 128, 1);
}

TEST(Rows, ABetterDeviceFewerBitsAndAPromptThatIsShorterAreNeverSlower) {
    machine::Device base = machine::read_device("H100");
    auto step = [&](const machine::Device& d, const std::string& format, double batch,
                    double prompt) {
        return row_of(llama(), traffic(batch, prompt), {d, 1, "x"}, options("vllm", format))
            .tpot_ms->v.value;
    };
    for (double batch : {1.0, 16.0, 64.0}) {
        const double now = step(base, "fp16", batch, 512);
        for (const char* key : {"bandwidth_gb_s", "peak.fp16"}) {
            machine::Device better = base;
            auto& n = std::string(key) == "bandwidth_gb_s" ? better.numbers["bandwidth_gb_s"]
                                                           : better.peak["fp16"];
            n.number = machine::Number(n.number.value * 1.5, n.number.source);
            EXPECT_LE(step(better, "fp16", batch, 512), now * (1 + 1e-9)) << key;
        }
        EXPECT_LE(step(base, "fp8", batch, 512), now * (1 + 1e-9));
        EXPECT_LE(step(base, "fp16", batch, 128), now * (1 + 1e-9));
    }
}

TEST(Rows, MoreAtOnceNeverGivesFewerTokens) {
    double last = 0;
    for (double batch : {1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0}) {
        const double now =
            row("A100", 1, options("trtllm", "fp16"), traffic(batch)).throughput->v.value;
        EXPECT_GE(now, last * 0.999) << batch;
        last = now;
    }
}

TEST(Rows, NeverFasterThanTheRoofline) {
    for (const char* device : {"H100", "A100", "4090", "M1 Max", "MI300X"})
        for (double batch : {1.0, 8.0}) {
            Options o = options("", "fp16");
            const DeviceRow real = row(device, 1, o, traffic(batch));
            if (!real.fits) continue;
            o.roofline = true;
            const DeviceRow bound = row(device, 1, o, traffic(batch));
            ASSERT_TRUE(bound.fits) << device;
            EXPECT_GE(real.tpot_ms->v.low, bound.tpot_ms->v.low * (1 - 1e-9)) << device;
        }
}

TEST(Rows, AnIntervalHoldsItsValueAndUncalibratedOnesSaySo) {
    const DeviceRow gpu = row("MI300X", 1, options("vllm", "fp16"), traffic(4));
    const auto& v = gpu.tpot_ms->v;
    EXPECT_LE(v.low, v.value);
    EXPECT_LE(v.value, v.high);
    EXPECT_TRUE(std::count(gpu.tpot_ms->flags.begin(), gpu.tpot_ms->flags.end(), "uncalibrated"));
}

TEST(Capacity, SaysWhatIsOverByHowMuchAndWhatWouldDo) {
    const DeviceRow small = row("RTX 3080", 1, options("llama.cpp", "fp16"), traffic(1));
    EXPECT_FALSE(small.fits);
    EXPECT_TRUE(holds(small.why_not, "weights") && holds(small.why_not, "GiB") &&
                holds(small.why_not, "bits a weight"))
        << small.why_not;
    // A model of 16.06e9 bytes ran on a card of "16 GB".
    EXPECT_TRUE(row("RTX 4080", 1, options("llama.cpp", "fp16"), traffic(1)).fits);
    const DeviceRow many = row("RTX 4090", 1, options("vllm", "fp16"), traffic(1000));
    EXPECT_FALSE(many.fits);
    EXPECT_TRUE(holds(many.why_not, "sequences at once")) << many.why_not;
}

TEST(Refusals, EachNamesTheDeviceAndTheNumber) {
    const Options fp8 = options("vllm", "fp8");
    EXPECT_TRUE(holds(refusal([&] { row("A100", 1, fp8, traffic(1)); }), "peak.fp8"));
    EXPECT_TRUE(holds(refusal([&] { row("H100", 1, options("vllm", "fp16"), traffic(1, 9000)); }),
                      "8192 positions"));
    Options split = options("vllm", "fp16");
    split.split = Split{3, 1, 1, 1};
    EXPECT_TRUE(holds(refusal([&] { row("H100", 3, split, traffic(1)); }), "32 heads"));
    split.split = Split{2, 1, 1, 1};
    EXPECT_TRUE(holds(refusal([&] { row("H100", 4, split, traffic(1)); }), "takes 2 devices"));
    split.split = Split{1, 1, 4, 4};
    EXPECT_TRUE(holds(refusal([&] { row("H100", 4, split, traffic(1)); }), "no experts"));
    EXPECT_TRUE(holds(refusal([] { format_named("fp9"); }), "nearest"));
    EXPECT_TRUE(holds(refusal([] { parse_traffic("rate_per_s: 3\nprompt: 1\noutput: 1\n", "t"); }),
                      "arrivals in time"));
    EXPECT_TRUE(holds(refusal([] { parse_costs("capex_usd: 3\n", "c"); }), "without a date"));
    EXPECT_TRUE(holds(refusal([] { parse_costs("currency: EUR\n", "c"); }), "USD"));
}

TEST(Cost, TheExampleOfOwningAServer) {
    const machine::Device h100 = machine::read_device("H100");
    struct Line {
        double capex, life, r, kw, pue, price, u, expected;
    };
    for (const Line& l : {Line{269000, 5, 0.05, 6.0, 1.1, 0.05, 0.7, 0.120},
                          Line{269000, 4, 0.08, 8.0, 1.2, 0.083, 0.5, 0.228},
                          Line{322800, 3, 0.12, 10.2, 1.5, 0.15, 0.3, 0.666}}) {
        CostInputs in = shipped_cost_inputs();
        auto set = [&](const char* key, double v) {
            set_cost(in, std::string(key) + "=" + std::to_string(v));
        };
        in.mode = "own";
        set("capex_usd", l.capex);
        set("life_years", l.life);
        set("interest", l.r);
        set("power_kw", l.kw);
        set("pue", l.pue);
        set("electricity_usd_per_kwh", l.price);
        set("utilisation", l.u);
        const CostResult c = cost_of(in, {&h100, 8, 24524.9, 24524.9, 24524.9});
        ASSERT_TRUE(c.usd_per_mtoken) << c.refused;
        EXPECT_NEAR(c.usd_per_mtoken->v.value, l.expected, 0.0006);
    }
    EXPECT_NEAR(capital_recovery(0.08, 4), 0.3019, 1e-4);
    EXPECT_DOUBLE_EQ(capital_recovery(0, 4), 0.25);
}

TEST(Cost, RentIsAnIntervalAtTheCorners) {
    const machine::Device h200 = machine::read_device("H200");
    CostInputs in = shipped_cost_inputs();
    set_cost(in, "rent_usd_per_device_hour=2.5:4.75:7");
    for (auto [u, low, high] :
         {std::tuple{1.0, 0.177, 0.497}, {0.5, 0.355, 0.994}, {0.3, 0.592, 1.656}}) {
        set_cost(in, "utilisation=" + std::to_string(u));
        const CostResult c = cost_of(in, {&h200, 8, 31302.7, 31302.7, 31302.7});
        EXPECT_NEAR(c.usd_per_mtoken->v.low, low, 0.001);
        EXPECT_NEAR(c.usd_per_mtoken->v.high, high, 0.001);
    }
}

TEST(Cost, BreakEvenByFormulaIsWhereASearchFindsIt) {
    const double nre = 2e7, asic = 900, gpu = 25000;
    const double formula = *break_even(nre, gpu - asic);
    double low = 1, high = 1e9;
    for (int i = 0; i < 200; ++i) {
        const double n = (low + high) / 2;
        (nre / n + asic > gpu ? low : high) = n;
    }
    EXPECT_NEAR(formula, high, 1e-3);
    EXPECT_FALSE(break_even(nre, -1));
}

TEST(Cost, ADesignPaidOnceCrossesWhereTheCostOfBothIsTheSame) {
    const machine::Device asic = machine::read_device("Gaudi 3"),
                          gpu = machine::read_device("H100");
    CostInputs in = shipped_cost_inputs();
    in.mode = "own";
    set_cost(in, "capex_usd.Gaudi 3=2000");
    set_cost(in, "capex_usd.H100=30000");
    set_cost(in, "power_kw=1");
    set_cost(in, "nre_usd.Gaudi 3=20000000");
    const std::vector<CostCase> cases = {{&asic, 1, 1000, 1000, 1000}, {&gpu, 1, 1000, 1000, 1000}};
    const std::vector<Crossing> found = crossings(in, cases);
    ASSERT_EQ(found.size(), 1u);
    double low = 1, high = 1e9;
    for (int i = 0; i < 100; ++i) {
        const double n = (low + high) / 2;
        set_cost(in, "volume=" + std::to_string(n));
        const double ours = cost_of(in, cases[0]).usd_per_mtoken->v.value;
        (ours > cost_of(in, cases[1]).usd_per_mtoken->v.value ? low : high) = n;
    }
    EXPECT_NEAR(found[0].volume / high, 1, 1e-6);
}

TEST(Rows, AnFpgaWithoutAnOverlayHasTheBoundOfItsMemoryAlone) {
    const DeviceRow fpga = row("U280", 1, options("", "int4"), traffic(1));
    ASSERT_TRUE(fpga.fits) << fpga.why_not;
    EXPECT_FALSE(fpga.ttft_ms);
    EXPECT_NEAR(fpga.throughput->v.value, 460e9 / (7.5047e9 * 4.15625 / 8 + 577 * 131072.0), 3);
    EXPECT_TRUE(holds(fpga.throughput->flags.back(), "no overlay"));
    EXPECT_TRUE(holds(refusal([&] { row("Alveo V80", 1, options("", "int4"), traffic(1)); }),
                      "bandwidth_gb_s"));
}

TEST(Cost, AFlipIsWhereTheTwoCostTheSame) {
    const machine::Device a = machine::read_device("H100"), b = machine::read_device("H200");
    CostInputs in = shipped_cost_inputs();
    set_cost(in, "rent_usd_per_device_hour.H100=2:3:6");
    set_cost(in, "rent_usd_per_device_hour.H200=4");
    const std::vector<CostCase> cases = {{&a, 1, 1000, 1000, 1000}, {&b, 1, 1000, 1000, 1000}};
    const std::vector<Flip> found = flips(in, cases);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found[0].input, "rent_usd_per_device_hour." + a.name);
    EXPECT_NEAR(found[0].value, 4, 1e-6);
    EXPECT_EQ(found[0].to, b.name);
}

TEST(Energy, MeteredServersLieInsideAndRatedDevicesAreNoBound) {
    // MLPerf v4.1 closed-power: 8 x H200, GPUs capped at 350 W, 4775.3 W and 4722.6 W at the wall.
    const Power p = power(machine::read_device("H200"), 8, 1, 350);
    for (double metered : {4775.3, 4722.6}) {
        EXPECT_LE(p.wall_w->v.low, metered);
        EXPECT_GE(p.wall_w->v.high, metered);
        EXPECT_GT(metered, p.devices_w->v.high);
    }
    EXPECT_LE(p.wall_w->v.high / p.wall_w->v.low, 2);
    const Power full = power(machine::read_device("H200"), 8, 1, std::nullopt);
    EXPECT_LE(full.wall_w->v.high, 10200);
    EXPECT_LE(full.wall_w->v.high / full.wall_w->v.low, 2);
    EXPECT_FALSE(power(machine::read_device("MI210"), 1, 1, std::nullopt).wall_w);
}

Format with_zeros(const std::string& name, const std::string& zeros) {
    Format f = format_named(name);
    f.sparsity = parse_sparsity(zeros);
    return f;
}

TEST(Compression, RowsAnswerToShapesAndUnknownIsNotAcceptable) {
    Workload w = llama();
    const auto& all = shipped_compression_rows();
    ASSERT_EQ(rows_of_format(all, w, format_named("q4_k_m")).size(), 1u);
    EXPECT_NEAR(*rows_of_format(all, w, format_named("q4_k_m"))[0].loss_percent, 2.82, 1e-6);
    auto why = [&](const Format& f, double most, bool unknown) {
        return accuracy_refused(all, w, f, most, unknown);
    };
    EXPECT_EQ(why(format_named("q4_k_m"), 3, false), "");
    EXPECT_EQ(why(format_named("bf16"), 0, false), "");
    EXPECT_TRUE(holds(why(format_named("q2_k"), 3, false), "56.5"));
    EXPECT_TRUE(holds(why(format_named("q5_0"), 3, false), "unknown"));
    EXPECT_EQ(why(format_named("q5_0"), 3, true), "");
    // Of two methods with the same zeros the worse counts, and the better one is named.
    EXPECT_TRUE(holds(why(with_zeros("bf16", "2:4"), 3, false), "55.9"));
    EXPECT_TRUE(holds(why(with_zeros("bf16", "2:4"), 3, false), "distillation"));
    EXPECT_TRUE(holds(why(with_zeros("bf16", "1:4"), 3, false), "unknown"));
    // Fewer bits of the cache or of activations alone lose something too.
    Format cache = format_named("fp16");
    override_bits("kv=2", cache);
    EXPECT_TRUE(holds(why(cache, 50, false), "unknown"));
    // A model made smaller by training answers to its own shape, at 16 bits.
    w.decoder.width = 3072;
    w.decoder.feed_forward = 9216;
    EXPECT_TRUE(holds(why(format_named("bf16"), 3, false), "7.07"));
    EXPECT_EQ(why(format_named("bf16"), 10, false), "");
}

TEST(Compression, ZerosChangeBytesAndRatesWhereAUnitSkipsThem) {
    auto at = [&](const std::string& device, const std::string& zeros, double prompt) {
        Options o = options("vllm", "fp16");
        if (!zeros.empty()) o.format.sparsity = parse_sparsity(zeros);
        o.roofline = true;
        return row(device, 1, o, traffic(1, prompt));
    };
    const DeviceRow dense = at("H100", "", 512), pruned = at("H100", "2:4", 512);
    // Decode reads 9 of 16 bits of all weights but the head's.
    const double linear = 7504658432.0, head = 4096.0 * 128256, cache = 577.0 * 131072;
    const double bytes = (linear - head) * (16 + 2) / 2 / 8 + head * 2 + cache;
    EXPECT_NEAR(pruned.bound_ms->v.value, 1e3 * bytes / 3350e9, 0.01);
    EXPECT_LT(pruned.tpot_ms->v.value, dense.tpot_ms->v.value);
    // Prefill computes at twice the rate, attention apart.
    EXPECT_LT(pruned.ttft_ms->v.value, 0.56 * dense.ttft_ms->v.value);
    EXPECT_NEAR(pruned.capacity.weights_bytes,
                dense.capacity.weights_bytes - (linear - head) * (2 - 9.0 / 8), 1e3);
    // No unit: bytes at best, and the middle is that of dense weights.
    const DeviceRow none = at("V100S", "2:4", 512), was = at("V100S", "", 512);
    EXPECT_DOUBLE_EQ(none.tpot_ms->v.value, was.tpot_ms->v.value);
    EXPECT_LT(none.tpot_ms->v.low, was.tpot_ms->v.low);
    EXPECT_TRUE(std::any_of(none.tpot_ms->flags.begin(), none.tpot_ms->flags.end(),
                            [](const std::string& f) { return holds(f, "bytes at best"); }));
    // Zeros anywhere help nothing.
    EXPECT_DOUBLE_EQ(at("H100", "50%", 512).tpot_ms->v.value, dense.tpot_ms->v.value);
    EXPECT_TRUE(holds(refusal([] { parse_sparsity("4:2"); }), "N:M"));
    EXPECT_TRUE(holds(refusal([] { parse_sparsity("120%"); }), "N:M"));
}

TEST(Calibration, TermsThatAreNotThereAreRefused) {
    FittedTerms terms;
    add_terms("llama.cpp/16=memory,compute", terms);
    EXPECT_EQ(terms["llama.cpp/16"], (std::vector<std::string>{"memory", "compute"}));
    EXPECT_TRUE(holds(refusal([&] { add_terms("llama.cpp/16=memry", terms); }), "memory"));
    EXPECT_TRUE(holds(refusal([&] { add_terms("memory", terms); }), "ENGINE/WIDTH"));
}

TEST(Adoption, WhatAListDoesNotNameIsLackingOnlyWhereItIsComplete) {
    const std::vector<EngineList> lists = parse_engines(R"yaml(engines:
  - {engine: vllm, complete: true, models: [llama], source: s, date: 2026}
  - {engine: sglang, models: [llama], source: s, date: 2026}
  - {engine: onnxruntime, classes: [GPU], complete: true, operators: [MatMul], source: s, date: 2026}
)yaml",
                                                        "engines.yaml");
    machine::Device d = machine::read_device("H100");
    d.engines = {"vllm", "sglang", "onnxruntime", "trtllm"};
    Workload w = llama();
    w.model_type = "t5";
    w.op_names = {"MatMul", "Softmax"};
    std::vector<EngineFit> fits = engines_for(lists, w, d);
    EXPECT_EQ(fits[0].lacks, std::vector<std::string>{"t5"});
    EXPECT_FALSE(fits[1].known);
    EXPECT_EQ(fits[2].lacks, std::vector<std::string>{"Softmax"});
    EXPECT_FALSE(fits[3].known);
    w.model_type = "llama";
    fits = engines_for(lists, w, d);
    EXPECT_TRUE(fits[0].known && fits[0].lacks.empty() && fits[1].known);
    w.model_type.clear();
    EXPECT_EQ(engines_for(lists, w, d)[0].lacks, std::vector<std::string>{"ONNX graphs"});
}

TEST(Formats, GroupsOfWeightsAddTheirScalesAndTheWiderOperandDecidesThePeak) {
    Format f = format_named("fp16");
    override_bits("w=4,a=16,kv=8,group=128,scale=16,zero=4", f);
    EXPECT_DOUBLE_EQ(f.bits.weights, 4 + 20.0 / 128);
    EXPECT_EQ(f.bits.cache, 8);
    EXPECT_EQ(f.peak, "fp16");
    Format narrow = format_named("fp8");
    override_bits("w=4,a=4", narrow);
    EXPECT_EQ(narrow.peak, "fp4");
    EXPECT_TRUE(holds(refusal([&] { override_bits("x=3", f); }), "'x=3'"));
}

TEST(Survey, EachDesignHasANumberOrAReason) {
    const std::vector<SurveyRow> rows = shipped_survey_rows(default_ground());
    EXPECT_EQ(rows.size(), 24u);
    int numbers = 0;
    for (const SurveyRow& r : rows) {
        EXPECT_TRUE(r.tokens_per_s || !r.reason.empty()) << r.design.name;
        EXPECT_TRUE(r.tokens_per_s || !r.design.missing.empty()) << r.design.name;
        numbers += r.tokens_per_s.has_value() || r.gops_per_multiplier_ghz.has_value();
        if (!r.end_to_end_speedup) continue;
        EXPECT_LE(r.end_to_end_speedup->v.high, *r.design.speedup);
    }
    EXPECT_GE(numbers, 3);
    EXPECT_NEAR(amdahl(0.2, 162), 1.25, 0.01);
}

}  // namespace
}  // namespace smeaton::compare
