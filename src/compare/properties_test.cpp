// What must hold for any device, engine and model: random ones, from a seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>

#include "base/error.h"
#include "compare/compare.h"

namespace smeaton::compare {
namespace {

struct Sizes {
    double layers, width, heads, kv_heads, inner, vocabulary, experts, active;
};

Workload decoder(const Sizes& z) {
    Workload w;
    w.model = "random";
    w.is_decoder = true;
    Decoder& d = w.decoder;
    const double head = z.width / z.heads, kv = z.kv_heads * head;
    d.products = {{z.width, z.width, 1, 1, 2 * z.layers, false},
                  {z.width, kv, 1, 1, 2 * z.layers, false},
                  {z.width, z.inner, z.experts, z.active, 2 * z.layers, false},
                  {z.inner, z.width, z.experts, z.active, z.layers, false},
                  {z.width, z.vocabulary, 1, 1, 1, true}};
    d.attention_width = z.layers * z.width * 2;
    d.kv_elements = 2 * z.layers * kv;
    d.layers = z.layers;
    d.width = z.width;
    d.heads = z.heads;
    d.kv_heads = z.kv_heads;
    d.feed_forward = z.inner;
    d.vocabulary = z.vocabulary;
    for (const Product& p : d.products) w.parameters += p.depth * p.columns * p.experts * p.times;
    w.parameters += z.width * z.vocabulary;
    w.active_parameters = w.parameters;
    return w;
}

/// One thing to be predicted.
struct Draw {
    machine::Device device;
    int count = 1;
    Sizes sizes;
    Options options;
    Traffic traffic;
    std::string text;
};

class Draws {
public:
    explicit Draws(unsigned seed) : make_(seed), devices_(machine::shipped_devices()) {
        costs_ = shipped_cost_inputs();
    }

    /// Devices in turn, their engines and none in turn.
    Draw next() {
        Draw d;
        d.device = devices_[drawn_ % devices_.size()];
        d.count = pick({1, 1, 2, 4, 8});
        const double head = pick({64, 128});
        d.sizes.kv_heads = pick({1, 2, 4, 8});
        d.sizes.heads = d.sizes.kv_heads * pick({1, 4, 8});
        d.sizes.width = d.sizes.heads * head;
        d.sizes.layers = pick({1, 12, 32, 80});
        d.sizes.inner = d.sizes.width * pick({2, 3, 4});
        d.sizes.vocabulary = pick({1000, 32000, 128256});
        const bool experts = below(3) == 0;
        d.sizes.experts = experts ? pick({8, 64}) : 1;
        d.sizes.active = experts ? 2 : 1;
        const size_t engine = drawn_++ / devices_.size() % (d.device.engines.size() + 1);
        d.options.engine = engine == d.device.engines.size() ? "" : d.device.engines[engine];
        const auto names = format_names();
        d.options.format = format_named(names[below(names.size())]);
        d.options.calibrations = cost::shipped_calibrations();
        d.options.costs = costs_;
        d.traffic.concurrency = pick({1, 2, 7, 16, 64});
        d.traffic.prompt.mean = pick({1, 100, 2000, 8000});
        d.traffic.output.mean = pick({1, 50, 1000});
        // One split, so that a change moves times and not how they are traded.
        int t = static_cast<int>(std::min<double>(d.count, pick({1, 2, 8})));
        while (std::fmod(d.sizes.heads, t) != 0) t /= 2;
        d.options.split = Split{t, 1, 1, d.count / t};
        d.text = d.device.name + "*" + std::to_string(d.count) + " " + d.options.engine + " " +
                 d.options.format.name + " h" + std::to_string(d.sizes.width) + " L" +
                 std::to_string(d.sizes.layers) + " B" + std::to_string(*d.traffic.concurrency) +
                 " T" + std::to_string(d.traffic.prompt.mean) + " O" +
                 std::to_string(d.traffic.output.mean);
        return d;
    }

    double times() { return 1 + static_cast<double>(1 + below(100)) / 50; }

private:
    size_t below(size_t n) { return make_() % n; }
    int pick(std::vector<int> of) { return of[below(of.size())]; }

    std::mt19937 make_;
    size_t drawn_ = 0;
    std::vector<machine::Device> devices_;
    CostInputs costs_;
};

std::optional<DeviceRow> row(const Draw& d) {
    try {
        const DeviceRow r =
            row_of(decoder(d.sizes), d.traffic, {d.device, d.count, d.device.name}, d.options);
        if (r.fits) return r;
    } catch (const UserError&) {
        // A number that the data sheet does not state: nothing to compare.
    }
    return std::nullopt;
}

constexpr double kFew = 1 + 1e-9;  // what rounding may do

/// All three ends.
void at_most(const Quantity& b, const Quantity& a, const std::string& what) {
    EXPECT_LE(b.v.low, a.v.low * kFew) << "low end, " << what;
    EXPECT_LE(b.v.value, a.v.value * kFew) << what;
    EXPECT_LE(b.v.high, a.v.high * kFew) << "high end, " << what;
}

/// Each engine that both have by itself: what fits better may run on more of them, and a row holds
/// the interval of all.
void never_slower(const Draw& than, const Draw& better, const char* by) {
    const auto a = row(than), b = row(better);
    if (!a || !b || a->batch != b->batch) return;
    const std::string what = std::string(by) + ": " + than.text;
    EXPECT_LE(b->bound_ms->v.value, a->bound_ms->v.value * kFew) << what;
    for (const EngineRow& one : a->engines)
        for (const EngineRow& other : b->engines) {
            if (one.engine != other.engine) continue;
            at_most(other.tpot_ms, one.tpot_ms, "tpot of " + one.engine + ", " + what);
            at_most(other.ttft_ms, one.ttft_ms, "ttft of " + one.engine + ", " + what);
            at_most(one.throughput, other.throughput, "tokens/s of " + one.engine + ", " + what);
        }
    if (a->engines.size() != b->engines.size()) return;
    at_most(*b->tpot_ms, *a->tpot_ms, "tpot, " + what);
    at_most(*a->throughput, *b->throughput, "tokens/s, " + what);
    if (a->ttft_ms && b->ttft_ms) at_most(*b->ttft_ms, *a->ttft_ms, "ttft, " + what);
}

void raise(machine::DeviceNumber& n, double k) {
    n.number.low *= k;
    n.number.value *= k;
    n.number.high *= k;
    for (machine::DeviceNumber& other : n.also) raise(other, k);
}

constexpr int kDraws = 4000;

TEST(Properties, MoreBandwidthOrFlopsAreNeverSlower) {
    Draws draws(1);
    int compared = 0;
    for (int i = 0; i < kDraws; ++i) {
        const Draw d = draws.next();
        compared += row(d).has_value();
        Draw memory = d, peaks = d, link = d;
        raise(memory.device.numbers["bandwidth_gb_s"], draws.times());
        const double k = draws.times();
        for (auto& [format, peak] : peaks.device.peak) raise(peak, k);
        if (link.device.numbers.contains("link_gb_s"))
            raise(link.device.numbers["link_gb_s"], draws.times());
        if (d.device.numbers.contains("bandwidth_gb_s")) never_slower(d, memory, "bandwidth");
        never_slower(d, peaks, "FLOPs");
        never_slower(d, link, "link");
    }
    EXPECT_GT(compared, kDraws / 4);
}

TEST(Properties, FewerBitsAreNeverSlower) {
    Draws draws(2);
    for (int i = 0; i < kDraws; ++i) {
        const Draw d = draws.next();
        for (double Bits::*at : {&Bits::weights, &Bits::activations, &Bits::cache}) {
            Draw fewer = d;
            fewer.options.format.bits.*at /= draws.times();
            never_slower(d, fewer, "bits");
        }
    }
}

/// All that a format may be made of instead, so that no operand has more bits.
bool is_narrower(const Format& a, const Format& b) {
    const auto& holders = machine::formats_that_hold(a.peak);
    return a.bits.weights <= b.bits.weights && a.bits.activations <= b.bits.activations &&
           a.bits.cache <= b.bits.cache &&
           std::find(holders.begin(), holders.end(), b.peak) != holders.end();
}

TEST(Properties, ANarrowerFormatIsNeverSlower) {
    Draws draws(7);
    for (int i = 0; i < kDraws / 4; ++i) {  // each against all formats
        const Draw d = draws.next();
        for (const std::string& name : format_names()) {
            Draw other = d;
            other.options.format = format_named(name);
            if (!is_narrower(other.options.format, d.options.format)) continue;
            never_slower(d, other, ("format " + name).c_str());
        }
    }
}

TEST(Properties, WeightsWithZerosAreNeverSlower) {
    Draws draws(8);
    for (int i = 0; i < kDraws; ++i) {
        const Draw d = draws.next();
        Draw pruned = d;
        pruned.options.format.sparsity = parse_sparsity("2:4");
        never_slower(d, pruned, "2:4");
    }
}

TEST(Properties, ASmallerModelIsNeverSlower) {
    Draws draws(3);
    for (int i = 0; i < kDraws; ++i) {
        const Draw d = draws.next();
        auto with = [&](auto change, const char* what) {
            Draw smaller = d;
            change(smaller.sizes);
            never_slower(d, smaller, what);
        };
        with([](Sizes& z) { z.layers = std::max(1.0, std::floor(z.layers / 2)); }, "layers");
        with([](Sizes& z) { z.inner /= 2; }, "feed-forward");
        with([](Sizes& z) { z.vocabulary /= 2; }, "vocabulary");
        with(
            [](Sizes& z) {
                z.width /= 2;
                z.inner /= 2;
            },
            "width");
        with([](Sizes& z) { z.kv_heads = 1; }, "key heads");
        with([](Sizes& z) { z.experts = z.active = 1; }, "experts");
        with(
            [](Sizes& z) {
                if (z.active > 1) z.active = 1;
            },
            "active experts");
    }
}

TEST(Properties, ABatchNeverGivesFewerTokensThanOneSequence) {
    Draws draws(4);
    for (int i = 0; i < kDraws; ++i) {
        const Draw d = draws.next();
        Draw one = d;
        one.traffic.concurrency = static_cast<double>(d.options.split->replicas);
        const auto many = row(d), alone = row(one);
        if (!many || !alone || *d.traffic.concurrency < *one.traffic.concurrency) continue;
        EXPECT_GE(many->throughput->v.value, alone->throughput->v.value * (1 - 1e-9)) << d.text;
    }
}

TEST(Properties, NoPredictionIsFasterThanTheRoofline) {
    Draws draws(5);
    for (int i = 0; i < kDraws; ++i) {
        const Draw d = draws.next();
        Draw bound = d;
        bound.options.roofline = true;
        const auto real = row(d), least = row(bound);
        if (!real || !least) continue;
        EXPECT_GE(real->tpot_ms->v.low, least->tpot_ms->v.low * (1 - 1e-9)) << d.text;
        if (real->ttft_ms) {
            EXPECT_GE(real->ttft_ms->v.low, least->ttft_ms->v.low * (1 - 1e-9)) << d.text;
        }
    }
}

/// Twenty operators of any kind for so many samples.
Workload operators(std::mt19937& make, double samples) {
    Workload w;
    w.format = "fp32";
    w.batch = samples;
    for (int i = 0; i < 20; ++i) {
        cost::OperatorWork op;
        op.kind = static_cast<cost::OperatorWork::Kind>(make() % 5);
        const bool product = op.kind == cost::OperatorWork::Kind::Product;
        op.rows = product ? samples * static_cast<double>(1 + make() % 1000) : 1;
        op.flops = samples * 1e6 * static_cast<double>(1 + make() % 10000);
        op.weight_bytes = product ? 1e4 * static_cast<double>(make() % 1000) : 0;
        op.activation_bytes = samples * 1e4 * static_cast<double>(1 + make() % 1000);
        w.operators.push_back(op);
        w.flops += op.flops;
        w.weight_bytes += op.weight_bytes;
        w.bytes += op.weight_bytes + op.activation_bytes;
    }
    return w;
}

Workload without_the_last(Workload w) {
    const cost::OperatorWork last = w.operators.back();
    w.operators.pop_back();
    w.flops -= last.flops;
    w.weight_bytes -= last.weight_bytes;
    w.bytes -= last.weight_bytes + last.activation_bytes;
    return w;
}

/// Milliseconds; nothing where the data sheet lacks a number. Memory is what is installed.
std::optional<machine::Interval> latency(machine::Device on, const Workload& of, Options o,
                                         const char* format) {
    o.format = format_named(format);
    if (!machine::find_number(on, "memory_gb"))
        machine::set_number(on, "memory_gb", machine::Interval::exact(256), "a test");
    try {
        const DeviceRow r = row_of(of, {}, {on, 1, on.name}, o);
        if (r.fits) return r.latency_ms->v;
    } catch (const UserError&) {
        // A number that the data sheet does not state: nothing to compare.
    }
    return std::nullopt;
}

TEST(Properties, OperatorsOfAModelThatGivesNoTokens) {
    Options o;
    o.engine = "onnxruntime";
    o.calibrations = cost::shipped_calibrations();
    o.costs = shipped_cost_inputs();
    // An engine whose rows say that narrow weights are slow.
    cost::Calibration wide = *cost::find_calibration(o.calibrations, "pytorch", "16");
    wide.engine = "onnxruntime";
    cost::Calibration narrow = wide;
    narrow.width = "8";
    narrow.efficiency.memory /= 4;
    narrow.efficiency.compute /= 3;
    Options odd = o;
    odd.calibrations.insert(odd.calibrations.end(), {wide, narrow});
    int compared = 0;
    for (unsigned seed = 0; seed < 8; ++seed)
        for (const machine::Device& d : machine::shipped_devices()) {
            std::mt19937 make(seed), again(seed);
            const Workload w = operators(make, 1), many = operators(again, 8);
            machine::Device faster = d, quicker = d;
            if (d.numbers.contains("bandwidth_gb_s")) raise(faster.numbers["bandwidth_gb_s"], 1.5);
            for (auto& [format, peak] : quicker.peak) raise(peak, 2);
            for (const char* format : {"fp32", "fp16", "bf16", "fp8", "int8"}) {
                const auto now = latency(d, w, o, format);
                if (!now) continue;
                ++compared;
                auto no_slower = [&](const std::optional<machine::Interval>& other,
                                     const std::string& by, double times = 1) {
                    if (!other) return;
                    const std::string what = by + ": " + d.name + " " + format;
                    EXPECT_LE(other->low, now->low * times * kFew) << what;
                    EXPECT_LE(other->value, now->value * times * kFew) << what;
                    EXPECT_LE(other->high, now->high * times * kFew) << what;
                };
                no_slower(latency(faster, w, o, format), "bandwidth");
                no_slower(latency(quicker, w, o, format), "FLOPs");
                no_slower(latency(d, without_the_last(w), o, format), "smaller");
                no_slower(latency(d, many, o, format), "batch", 8);
                if (const auto at = latency(d, w, odd, format))
                    for (const char* other : {"fp16", "bf16", "fp8", "int8"})
                        if (is_narrower(format_named(other), format_named(format)))
                            if (const auto less = latency(d, w, odd, other)) {
                                EXPECT_LE(less->value, at->value * kFew) << d.name << other;
                                EXPECT_LE(less->high, at->high * kFew) << d.name << other;
                            }
            }
        }
    EXPECT_GT(compared, 1000);
}

}  // namespace
}  // namespace smeaton::compare
