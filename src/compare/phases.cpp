#include "compare/phases.h"

#include <algorithm>
#include <cmath>

namespace smeaton::compare {

namespace {

constexpr double kChunkTokens = 8192;  // prompts that are prefilled together, as engines set it

/// What goes through the model at once.
struct Mix {
    double tokens = 0;  ///< rows of products
    double last = 0;    ///< rows of the head
    double sequences = 0;
    double pairs = 0;                          ///< of query and key
    double cache_read = 0, cache_written = 0;  ///< tokens
};

using cost::OperatorWork;

/// One product on one of the devices: of experts the busiest, which has `imbalance` times its part
/// of the tokens and of the experts that are read, but not more than it holds.
OperatorWork product_of(const Serving& s, const Mix& mix, const Product& p) {
    OperatorWork w;
    const bool of_experts = p.experts > 1;
    const double rows = (p.head ? mix.last : mix.tokens) * (of_experts ? s.split.sharing() : 1);
    const double shares = (of_experts ? s.split.expert_devices() : s.split.tensor) * s.split.stages;
    const double busy = of_experts && s.split.experts > 1 ? s.imbalance : 1;
    const double read = experts_read(p.experts, p.active, rows);
    const double held = std::min(p.experts, read * busy);
    w.rows = of_experts ? rows * p.active / read : rows;
    w.flops = 2 * p.depth * p.columns * rows * p.active * busy / shares;
    w.pruned = s.bits.pruned > 0 && !p.head;
    const double bits = w.pruned ? s.bits.pruned : p.wide ? s.bits.wide() : s.bits.weights;
    w.weight_bytes = p.depth * p.columns * held * bits / 8 / shares;
    w.activation_bytes =
        rows * p.active * (p.depth + p.columns) * s.bits.activations / 8 * busy / shares;
    w.times = p.times;
    return w;
}

/// Layers that have experts: each has one product from their inner width back to the model's.
double expert_layers(const Decoder& m) {
    double layers = 0;
    for (const Product& p : m.products)
        if (p.experts > 1 && p.columns == m.width) layers += p.times;
    return std::min(layers, m.layers);
}

/// The model's operators for a mix on one of the devices that share it.
std::vector<OperatorWork> operators_of(const Serving& s, const Mix& mix) {
    const Decoder& m = *s.model;
    const double t = s.split.tensor * s.split.stages;
    std::vector<OperatorWork> all;
    for (const Product& p : m.products) all.push_back(product_of(s, mix, p));
    OperatorWork core;
    core.kind = OperatorWork::Kind::Attention;
    core.name = "attention";
    // Heads of keys and values that are fewer than the devices are held by several of them.
    const double shares =
        std::min<double>(s.split.tensor, std::max(1.0, m.kv_heads)) * s.split.stages;
    core.times = std::max(1.0, m.layers);
    core.flops = 2 * m.attention_width * mix.pairs / t / core.times;
    core.cache_bytes = (mix.cache_read + mix.cache_written) * m.kv_elements * s.bits.cache / 8 /
                       shares / core.times;
    all.push_back(core);
    return all;
}

/// Two all-reduces a layer of the tokens' hidden states, one hand-over a stage, and where replicas
/// share experts two all-to-alls a layer: each token's state to its experts and back.
double link_time(const Serving& s, const Mix& mix) {
    const Decoder& m = *s.model;
    const double bytes = mix.tokens * m.width * s.bits.activations / 8;
    double seconds = 0;
    if (s.split.tensor > 1)
        seconds = 2 * m.layers * cost::all_reduce_s(bytes, s.split.tensor, s.rates, s.efficiency);
    if (s.split.sharing() > 1) {
        double active = 0;
        for (const Product& p : m.products) active = std::max(active, p.active);
        seconds += 2 * expert_layers(m) * s.imbalance *
                   cost::all_to_all_s(bytes / s.split.tensor * active, s.split.experts, s.rates,
                                      s.efficiency);
    }
    if (s.split.stages > 1)
        seconds += (s.split.stages - 1) *
                   (s.efficiency.link_s + bytes / (s.rates.link_bytes * s.efficiency.link));
    return seconds;
}

PhaseTime phase(const Serving& s, const Mix& mix) {
    PhaseTime out;
    double sum = 0, flops_s = 0, bytes_s = 0;
    for (const OperatorWork& w : operators_of(s, mix)) {
        const cost::OperatorTime t = operator_time(w, s.rates, s.efficiency);
        sum += t.seconds;
        out.compute_s += t.compute_s;
        out.memory_s += t.memory_s;
        out.launch_s += t.launch_s;
        out.flops += w.flops * w.times;
        const double bytes = (w.weight_bytes + w.cache_bytes + w.activation_bytes) * w.times;
        out.bytes += bytes;
        const bool core = w.kind == OperatorWork::Kind::Attention;
        const double rate = core                                   ? s.rates.attention_flops
                            : w.pruned && s.rates.pruned_flops > 0 ? s.rates.pruned_flops
                                                                   : s.rates.matrix_flops;
        flops_s += w.flops * w.times / rate;
        bytes_s += bytes / s.rates.memory_bytes;
    }
    out.bound_s = std::max(flops_s, bytes_s);
    // A sequence goes through the stages one after another: the sum of their shares of the time.
    const double stages = s.split.stages;
    out.bound_s *= stages;
    out.link_s = link_time(s, mix);
    const double fixed = s.efficiency.step_s + s.efficiency.sequence_s * mix.sequences;
    out.launch_s += fixed;
    const bool linked = s.split.tensor > 1 || s.split.sharing() > 1;
    out.seconds = s.roofline ? out.bound_s + (linked ? out.link_s : 0)
                             : std::max(out.bound_s, sum * stages + out.link_s + fixed);
    const double most = std::max({out.compute_s, out.memory_s, out.link_s, out.launch_s});
    out.limit = most == out.link_s && most > 0     ? "link"
                : most == out.launch_s && most > 0 ? "launch"
                : most == out.compute_s            ? "compute"
                                                   : "memory bandwidth";
    return out;
}

/// Keys that the queries of a prompt see, each those before it and itself; mean over the layers.
double causal_pairs(const Decoder& m, double prompt) {
    const double all = prompt * (prompt + 1) / 2, window = static_cast<double>(m.window);
    if (window <= 0 || prompt <= window) return all;
    return m.over_layers(all, window * (window + 1) / 2 + (prompt - window) * window);
}

}  // namespace

double prunable(const Decoder& m) {
    double elements = 0;
    for (const Product& p : m.products)
        if (!p.head) elements += p.depth * p.columns * p.experts * p.times;
    return elements;
}

double expert_elements(const Decoder& m) {
    double elements = 0;
    for (const Product& p : m.products)
        if (p.experts > 1) elements += p.depth * p.columns * p.experts * p.times;
    return elements;
}

double experts_read(double experts, double active, double tokens) {
    if (experts <= 1) return 1;
    return experts * (1 - std::pow(1 - active / experts, std::max(1.0, tokens)));
}

PhaseTime prefill(const Serving& s, double sequences, double prompt) {
    Mix mix;
    mix.tokens = sequences * prompt;
    mix.last = mix.sequences = sequences;
    mix.pairs = sequences * causal_pairs(*s.model, prompt);
    mix.cache_written = mix.tokens;
    PhaseTime out = phase(s, mix);
    if (s.roofline && s.model->prompt_flops > 0 && s.bits.pruned == 0) {
        // The totals of the graph: attention in full, a head on every token.
        out.flops = s.model->prompt_flops * sequences / (s.split.tensor * s.split.stages);
        out.seconds = out.bound_s = s.split.stages * std::max(out.flops / s.rates.matrix_flops,
                                                              out.bytes / s.rates.memory_bytes);
    }
    return out;
}

PhaseTime decode(const Serving& s, double sequences, double context) {
    Mix mix;
    mix.tokens = mix.last = mix.sequences = sequences;
    mix.pairs = mix.cache_read = sequences * s.model->keys_seen(context);
    mix.cache_written = sequences;
    return phase(s, mix);
}

std::optional<double> experts_for_tiles(const Product& p, double tokens) {
    auto thin = [&](double active) {
        return tokens * active / experts_read(p.experts, active, tokens) < cost::kThinRows;
    };
    if (p.experts <= 1 || !thin(p.active) || thin(p.experts)) return std::nullopt;
    double active = p.active + 1;
    while (active < p.experts && thin(active)) ++active;
    return std::min(active, p.experts);
}

AtOnce tokens_at_once(const Split& split, double batch, double prompt, double output) {
    // Stages work on different parts of the batch: as many iterations are under way as stages.
    const double together = std::clamp(batch / output, 1.0, std::max(1.0, kChunkTokens / prompt));
    return {std::max(1.0, batch / split.stages), prompt, together * prompt};
}

ClosedLoop closed_loop(const Serving& s, double batch, double prompt, double output) {
    ClosedLoop loop;
    loop.batch = batch;
    const double stages = s.split.stages;
    const AtOnce at_once = tokens_at_once(s.split, batch, prompt, output);
    loop.decode = decode(s, at_once.step, prompt + output / 2);
    const double together = at_once.prompts / prompt;
    loop.prefill = prefill(s, 1, prompt);
    const double one = prefill(s, together, prompt).seconds / together;
    const double filled = std::min(stages, batch);
    loop.iteration_s = loop.decode.seconds + batch * one / output / filled;
    loop.first_token_s = loop.prefill.seconds + (batch > 1 ? loop.decode.seconds / 2 : 0);
    loop.tokens_per_s = batch / loop.iteration_s * s.split.replicas;
    loop.limit =
        loop.decode.seconds > batch * one / output ? loop.decode.limit : loop.prefill.limit;
    return loop;
}

}  // namespace smeaton::compare
