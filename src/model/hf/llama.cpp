// Decoders of Llama's form: Llama 2 and 3, Mistral, Mixtral, Qwen 2, 2.5 and 3, with and without
// experts.
#include <fmt/core.h>

#include <algorithm>

#include "base/error.h"
#include "model/hf/family.h"

namespace smeaton::model::hf {

namespace {

/// What one family of this form has and another has not.
struct Form {
    const char* name = "Llama";  ///< of its classes: LlamaForCausalLM
    bool bias_key = true;        ///< honours attention_bias, mlp_bias
    bool qkv_bias = false;       ///< q, k, v have biases whatever the keys say
    bool head_norm = false;
    int64_t head_dim = 0;  ///< without the key; 0: width / heads
    WindowIn window = WindowIn::kAll;
    enum class Sparse { kNever, kAlways, kBySteps } sparse = Sparse::kNever;
    bool shared_expert = false;
};

struct Sparsity {
    std::optional<Experts> experts = {};
    int64_t shared = 0;  ///< width of the shared expert; 0: none
    std::vector<bool> layers = {};
};

Sparsity sparsity_of(Builder& b, const Config& c, const DecoderSizes& s, const Form& form) {
    Sparsity out;
    out.layers.assign(static_cast<size_t>(s.layers), false);
    if (form.sparse == Form::Sparse::kNever) return out;
    Experts e;
    e.width = s.width;
    e.activation = s.activation;
    e.experts = c.integer({"num_local_experts", "num_experts"});
    e.active = c.integer({"num_experts_per_tok"});
    if (e.active > e.experts)
        throw UserError("key 'num_experts_per_tok' is {}: there are {} experts", e.active,
                        e.experts);
    if (form.sparse == Form::Sparse::kAlways) {
        e.inner = s.inner;
        out.layers.assign(out.layers.size(), true);
    } else {
        e.inner = c.integer({"moe_intermediate_size"});
        e.normalized = c.flag({"norm_topk_prob"}, false);
        const int64_t step = c.integer_or({"decoder_sparse_step"}, 1);
        const std::vector<int64_t> dense = c.integers({"mlp_only_layers"});
        for (int64_t n = 0; n < s.layers; ++n)
            out.layers[static_cast<size_t>(n)] =
                (n + 1) % step == 0 && std::find(dense.begin(), dense.end(), n) == dense.end();
    }
    if (form.shared_expert) {
        out.shared = c.integer({"shared_expert_intermediate_size"});
        b.facts.shared_experts = 1;
    }
    b.facts.experts = e.experts;
    b.facts.experts_per_token = e.active;
    b.facts.expert_feed_forward = e.inner;
    out.experts = e;
    return out;
}

/// The experts of a token, and one that all tokens go through, by a gate of its own.
ValueId sparse_block(Builder& b, ValueId x, const Sparsity& sparsity) {
    const Experts& e = *sparsity.experts;
    const auto inside = b.scope("mlp");
    const ValueId routed = experts(b, x, e);
    if (sparsity.shared == 0) return routed;
    ValueId shared;
    {
        const auto part = b.scope("shared_expert");
        shared = feed_forward(b, x, {e.width, sparsity.shared, e.activation});
    }
    const ValueId gate = b.node(OpType::kSigmoid, {b.linear(x, "shared_expert_gate", e.width, 1)});
    return b.add(routed, b.mul(gate, shared));
}

void build(Builder& b, const Config& c, const Form& form) {
    const std::string causal = fmt::format("{}ForCausalLM", form.name);
    const std::string architecture =
        architecture_of(c, {causal, fmt::format("{}Model", form.name)});
    const DecoderSizes s = decoder_sizes(b, c, form.head_dim);
    DecoderParts parts;
    parts.logits = architecture == causal;
    parts.rope = rotary_keys(c);
    parts.rotary_dims = static_cast<int64_t>(static_cast<double>(s.head_dim) * parts.rope.part);
    const bool bias = form.bias_key && c.flag({"attention_bias"}, false);
    const bool mlp_bias = form.bias_key && c.flag({"mlp_bias"}, false);
    const bool qkv_bias = form.qkv_bias ? c.flag({"qkv_bias"}, true) : bias;
    const Sparsity sparsity = sparsity_of(b, c, s, form);
    parts.windows = windows_of(b, c, s.layers, form.window);
    parts.attention = [&](ValueId x, const Rotary& rotary, ValueId mask) {
        Attention a = attention_of(s, rotary, mask);
        a.bias_q = a.bias_k = a.bias_v = qkv_bias;
        a.bias_o = bias;
        if (form.head_norm) a.head_norm = s.norm;
        const auto part = b.scope("self_attn");
        return attention(b, x, a);
    };
    parts.feed_forward = [&](ValueId x, int64_t layer) {
        if (sparsity.layers[static_cast<size_t>(layer)]) return sparse_block(b, x, sparsity);
        const auto part = b.scope("mlp");
        FeedForward f{s.width, s.inner, s.activation};
        f.bias = mlp_bias;
        return feed_forward(b, x, f);
    };
    decoder(b, s, parts);
}

}  // namespace

void add_llama_families(std::map<std::string, Family>& table) {
    using Sparse = Form::Sparse;
    constexpr WindowIn kNone = WindowIn::kNone, kAll = WindowIn::kAll;
    const std::pair<const char*, Form> rows[] = {
        // name, bias keys, qkv bias, head norm, head_dim, window, sparse, shared expert
        {"llama", {"Llama", true, false, false, 0, kNone, Sparse::kNever, false}},
        {"mistral", {"Mistral", false, false, false, 0, kAll, Sparse::kNever, false}},
        {"mixtral", {"Mixtral", false, false, false, 0, kAll, Sparse::kAlways, false}},
        {"qwen2", {"Qwen2", false, true, false, 0, kNone, Sparse::kNever, false}},
        {"qwen2_moe", {"Qwen2Moe", false, true, false, 0, kNone, Sparse::kBySteps, true}},
        {"qwen3", {"Qwen3", true, false, true, 128, kNone, Sparse::kNever, false}},
        {"qwen3_moe", {"Qwen3Moe", true, false, true, 0, kNone, Sparse::kBySteps, false}},
    };
    for (const auto& [name, form] : rows)
        table[name] = [form](Builder& b, const Config& c) { build(b, c, form); };
}

}  // namespace smeaton::model::hf
