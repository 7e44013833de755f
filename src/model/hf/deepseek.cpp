// DeepSeek V2 and V3: attention over latents (MLA), experts of which some are chosen and some are
// shared. The extra layers that predict further tokens (num_nextn_predict_layers) are no part of
// the model that gives logits, here as in transformers.
#include <fmt/core.h>

#include "base/error.h"
#include "model/hf/family.h"

namespace smeaton::model::hf {

namespace {

struct Latent {
    int64_t width = 0, heads = 0;
    int64_t q_rank = 0;                     ///< 0: queries are projected at once
    int64_t kv_rank = 0;                    ///< d_c
    int64_t rope = 0, nope = 0, value = 0;  ///< of a head: d_r, d_n, d_v
    bool bias = false;
    Norm norm;
};

ValueId queries(Builder& b, ValueId x, const Latent& m) {
    const int64_t out = m.heads * (m.nope + m.rope);
    if (m.q_rank == 0) return b.linear(x, "q_proj", m.width, out);
    const ValueId low = b.linear(x, "q_a_proj", m.width, m.q_rank, m.bias);
    return b.linear(normalized(b, low, "q_a_layernorm", m.q_rank, m.norm), "q_b_proj", m.q_rank,
                    out);
}

/// The latents of a token (d_c) and one rotated key of d_r for all heads are what is kept.
ValueId latent_attention(Builder& b, ValueId x, const Latent& m, const Rotary& rotary,
                         ValueId mask) {
    const int64_t key = m.nope + m.rope;
    const std::vector<ValueId> q =
        b.split(into_heads(b, queries(b, x, m), m.heads, key), -1, {m.nope, m.rope});
    const std::vector<ValueId> low =
        b.split(b.linear(x, "kv_a_proj_with_mqa", m.width, m.kv_rank + m.rope, m.bias), -1,
                {m.kv_rank, m.rope});
    const ValueId latents = normalized(b, low[0], "kv_a_layernorm", m.kv_rank, m.norm);
    const std::vector<ValueId> kv = b.split(
        into_heads(b, b.linear(latents, "kv_b_proj", m.kv_rank, m.heads * (m.nope + m.value)),
                   m.heads, m.nope + m.value),
        -1, {m.nope, m.value});
    const ValueId turned_q = rotated(b, q[1], m.rope, rotary);
    const ValueId turned_k = b.node(
        OpType::kExpand,
        {rotated(b, into_heads(b, low[1], 1, m.rope), m.rope, rotary), b.ints({1, m.heads, 1, 1})});
    b.facts.kv_elements_per_token += m.kv_rank + m.rope;
    const ValueId out = attend(b, b.concat({q[0], turned_q}, -1), b.concat({kv[0], turned_k}, -1),
                               kv[1], {m.heads, m.heads, key, m.value, {}, mask});
    return b.linear(out, "o_proj", m.heads * m.value, m.width, m.bias);
}

struct Sparsity {
    Experts experts;
    int64_t shared = 0;
    int64_t first = 0, every = 1;  ///< layers from `first` on, every `every`-th

    bool holds(int64_t layer) const { return layer >= first && layer % every == 0; }
};

Sparsity sparsity_of(Builder& b, const Config& c, const DecoderSizes& s, bool third) {
    Sparsity out;
    Experts& e = out.experts;
    e.experts = c.integer_or({"n_routed_experts"}, 0, 0);
    out.first = e.experts == 0 ? s.layers : c.integer_or({"first_k_dense_replace"}, 0, 0);
    out.every = c.integer_or({"moe_layer_freq"}, 1);
    e.width = s.width;
    e.activation = s.activation;
    if (e.experts == 0) return out;
    e.active = c.integer({"num_experts_per_tok"});
    e.inner = c.integer({"moe_intermediate_size"});
    e.normalized = c.flag({"norm_topk_prob"}, third);
    e.groups = c.integer_or({"n_group"}, 1);
    e.group_limit = c.integer_or({"topk_group"}, 1);
    const std::string method = c.text({"topk_method"}, third          ? "noaux_tc"
                                                       : e.groups > 1 ? "group_limited_greedy"
                                                                      : "greedy");
    const std::string scoring = c.text({"scoring_func"}, third ? "sigmoid" : "softmax");
    if (method != "greedy" && method != "group_limited_greedy" && method != "noaux_tc")
        throw UserError(
            "key 'topk_method' is \"{}\": there are greedy, group_limited_greedy and noaux_tc",
            method);
    if (scoring != "softmax" && scoring != "sigmoid")
        throw UserError("key 'scoring_func' is \"{}\": there are softmax and sigmoid", scoring);
    e.sigmoid = scoring == "sigmoid";
    e.router_bias = method == "noaux_tc";
    if (method == "greedy") e.groups = 1;
    if (e.active > e.experts || e.experts % e.groups != 0 || e.group_limit > e.groups)
        throw UserError(
            "{} experts in {} groups, of which {} are looked at for {} experts a token: "
            "n_routed_experts, n_group, topk_group and num_experts_per_tok do not fit",
            e.experts, e.groups, e.group_limit, e.active);
    const int64_t shared = c.integer_or({"n_shared_experts"}, 0, 0);
    out.shared = shared * e.inner;
    b.facts.experts = e.experts;
    b.facts.experts_per_token = e.active;
    b.facts.shared_experts = shared;
    b.facts.expert_feed_forward = e.inner;
    return out;
}

ValueId behind_attention(Builder& b, ValueId x, const DecoderSizes& s, const Sparsity& sparsity,
                         int64_t layer) {
    const auto inside = b.scope("mlp");
    if (!sparsity.holds(layer)) return feed_forward(b, x, {s.width, s.inner, s.activation});
    const ValueId routed = experts(b, x, sparsity.experts);
    if (sparsity.shared == 0) return routed;
    const auto part = b.scope("shared_experts");
    return b.add(routed, feed_forward(b, x, {s.width, sparsity.shared, s.activation}));
}

Latent latent_of(Builder& b, const Config& c, const DecoderSizes& s) {
    Latent m;
    m.width = s.width;
    m.heads = s.heads;
    m.q_rank = c.integer_or({"q_lora_rank"}, 0, 0);
    m.kv_rank = c.integer({"kv_lora_rank"});
    m.rope = c.integer({"qk_rope_head_dim"});
    m.nope = c.integer({"qk_nope_head_dim"});
    m.value = c.integer({"v_head_dim"});
    (void)c.has({"qk_head_dim"});  // the sum of the two, which newer files state too
    m.bias = c.flag({"attention_bias"}, false);
    m.norm = s.norm;
    if (m.rope % 2 != 0)
        throw UserError("key 'qk_rope_head_dim' is {}: expected an even number", m.rope);
    b.facts.head_dim = m.nope + m.rope;
    return m;
}

void deepseek(Builder& b, const Config& c, bool third) {
    const std::string name = third ? "DeepseekV3" : "DeepseekV2";
    const std::string architecture = architecture_of(c, {name + "ForCausalLM", name + "Model"});
    c.refuse("mlp_bias", "biases of the feed-forward are not built for this kind of model");
    const DecoderSizes s = decoder_sizes(b, c);
    const Latent m = latent_of(b, c, s);
    const RotaryKeys rope = rotary_keys(c);
    const Sparsity sparsity = sparsity_of(b, c, s, third);
    DecoderParts parts;
    parts.rope = rope;
    parts.rotary_dims = m.rope;
    parts.interleaved = c.flag({"rope_interleave"}, true);
    (void)c.has({"num_nextn_predict_layers"});
    parts.attention = [&](ValueId x, const Rotary& rotary, ValueId mask) {
        const auto part = b.scope("self_attn");
        return latent_attention(b, x, m, rotary, mask);
    };
    parts.feed_forward = [&](ValueId x, int64_t layer) {
        return behind_attention(b, x, s, sparsity, layer);
    };
    parts.logits = architecture != name + "Model";
    decoder(b, s, parts);
}

}  // namespace

void add_deepseek_families(std::map<std::string, Family>& table) {
    table["deepseek_v2"] = [](Builder& b, const Config& c) { deepseek(b, c, false); };
    table["deepseek_v3"] = [](Builder& b, const Config& c) { deepseek(b, c, true); };
}

}  // namespace smeaton::model::hf
