#include "compare/capacity.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace smeaton::compare {

namespace {

constexpr double kGib = 1024.0 * 1024 * 1024;
constexpr double kChunkTokens = 2048;  // of a prefill whose activations are alive at once

double gib(double bytes) {
    return bytes / kGib;
}

/// Bytes of one token's keys and values on one device.
double cache_of_token(const Decoder& m, const Bits& bits, const Split& split) {
    const double shares = std::min<double>(split.tensor, std::max(1.0, m.kv_heads)) * split.stages;
    return m.kv_elements * bits.cache / 8 / shares;
}

/// Bytes of weights on one device: of experts those that lie there, of products with pruned weights
/// what pruning leaves.
double weights_of(const Workload& w, const Bits& bits, const Split& split) {
    const double experts = expert_elements(w.decoder), others = w.parameters - experts;
    const double pruned = bits.pruned > 0 ? prunable(w.decoder) : 0;
    auto bytes = [&](double all, double thinned) {
        return ((all - thinned) * bits.weights + thinned * bits.pruned) / 8;
    };
    const double in_experts = pruned > 0 ? experts : 0;
    const double wider =
        pruned > 0 ? 0 : w.decoder.wide_parameters * (bits.wide() - bits.weights) / 8;
    return ((bytes(others, pruned - in_experts) + wider) / split.tensor +
            bytes(experts, in_experts) / split.expert_devices()) /
           split.stages;
}

/// The hidden states of a chunk and the widest thing made of them.
double activations_of(const Decoder& m, const Bits& bits, const Split& split, double tokens) {
    double widest = 0;
    for (const Product& p : m.products)
        if (!p.head) widest = std::max(widest, p.columns * p.active / split.tensor);
    return std::min(tokens, kChunkTokens) * (3 * m.width + 2 * widest) *
           std::max(16.0, bits.activations) / 8;
}

std::string mend(const Capacity& c, const Bits& bits, const Split& split, double batch,
                 double over) {
    if (c.weights_bytes + c.activation_bytes + c.workspace_bytes > c.usable_bytes) {
        const double room = c.usable_bytes - c.activation_bytes - c.workspace_bytes;
        std::string out;
        if (room > 0) {
            const double times = c.weights_bytes / room;
            const double fewer = bits.weights / times;
            if (fewer >= 2)
                out = fmt::format("{:.1f} bits a weight, or ", std::floor(fewer * 10) / 10);
            out += fmt::format("{:.0f} devices for one copy", std::ceil(times * split.tensor));
        } else {
            out = "devices with more memory";
        }
        return out;
    }
    const double left = std::max(0.0, c.cache_bytes - over);
    const double fits = std::floor(batch * left / c.cache_bytes);
    if (fits >= 1) return fmt::format("{:.0f} sequences at once, or fewer tokens in each", fits);
    return fmt::format("{:.0f} % of the tokens, fewer bits of the cache, or more devices",
                       100 * left / c.cache_bytes);
}

}  // namespace

EngineMemory memory_of_engine(const std::string& engine) {
    EngineMemory m;
    if (engine == "llama.cpp") {
        m = {1.0, 0.25 * kGib, 1, 0, true};  // takes what is there; its buffers beside the model
    } else if (engine == "vllm") {
        m = {0.9, 0.5 * kGib, 16, 1024, true};
    } else if (engine == "trtllm") {
        m = {0.9, 0.5 * kGib, 64, 2048, true};
    } else if (engine == "sglang") {
        m = {0.88, 0.5 * kGib, 1, 0, true};
    } else {
        m = {0.95, 0.1 * kGib, 1, 0, true};
    }
    return m;
}

Capacity capacity(const Workload& w, const Bits& bits, const Split& split, double capacity_bytes,
                  const EngineMemory& engine, double batch, double tokens) {
    Capacity c;
    c.usable_bytes = capacity_bytes * engine.usable;
    c.workspace_bytes = engine.workspace_bytes;
    if (w.is_decoder) {
        const double rounded = std::ceil(tokens / engine.block_tokens) * engine.block_tokens;
        c.weights_bytes = weights_of(w, bits, split);
        c.cache_bytes =
            batch * w.decoder.keys_seen(rounded) * cache_of_token(w.decoder, bits, split);
        c.activation_bytes = activations_of(w.decoder, bits, split, batch * tokens);
    } else {
        c.weights_bytes = w.parameters * bits.weights / 8;
        c.activation_bytes = w.live_bytes * bits.activations / (w.format == "fp16" ? 16 : 32);
    }
    const double over = c.needed_bytes() - c.usable_bytes;
    c.fits = over <= 0;
    if (c.fits) return c;
    const std::pair<double, const char*> terms[] = {{c.weights_bytes, "weights"},
                                                    {c.cache_bytes, "keys and values"},
                                                    {c.activation_bytes, "activations"}};
    const auto largest = *std::max_element(std::begin(terms), std::end(terms));
    c.why = fmt::format(
        "needs {:.1f} GiB a device, {:.1f} more than the {:.1f} that are left to it; the largest "
        "part is {} with {:.1f} GiB; what would do: {}",
        gib(c.needed_bytes()), gib(over), gib(c.usable_bytes), largest.second, gib(largest.first),
        mend(c, bits, split, batch, over));
    return c;
}

double most_sequences(const Workload& w, const Bits& bits, const Split& split,
                      double capacity_bytes, const EngineMemory& engine, double tokens) {
    auto fits = [&](double batch) {
        return capacity(w, bits, split, capacity_bytes, engine, batch, tokens).fits;
    };
    if (!fits(1)) return 0;
    double low = 1, high = 2;
    while (high < 1e6 && fits(high)) high *= 2;
    low = high / 2;
    while (high - low > 1) {
        const double middle = std::floor((low + high) / 2);
        (fits(middle) ? low : high) = middle;
    }
    return engine.most_batch > 0 ? std::min<double>(low, engine.most_batch) : low;
}

}  // namespace smeaton::compare
