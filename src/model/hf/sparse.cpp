// Decoders whose layers all have experts, with routers and attention of their own: gpt-oss (a score
// beside those of the keys, every second layer with a window, biases everywhere) and MiniMax M2
// (heads normalized together, experts chosen by sigmoid scores and a bias).
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "model/hf/family.h"

namespace smeaton::model::hf {

namespace {

/// All layers' experts, each as wide inside as `intermediate_size` says.
Experts experts_of(Builder& b, const Config& c, const DecoderSizes& s) {
    Experts e;
    e.width = s.width;
    e.inner = s.inner;
    e.activation = s.activation;
    e.experts = c.integer({"num_local_experts", "num_experts"});
    e.active = c.integer({"num_experts_per_tok", "experts_per_token"});
    if (e.active > e.experts)
        throw UserError("key 'num_experts_per_tok' is {}: there are {} experts", e.active,
                        e.experts);
    b.facts.experts = e.experts;
    b.facts.experts_per_token = e.active;
    b.facts.expert_feed_forward = e.inner;
    b.facts.gated = true;
    return e;
}

/// Each layer with these experts, and with attention to which `form` gives what it has of its own.
void sparse_decoder(Builder& b, const DecoderSizes& s, DecoderParts& parts, const Experts& e,
                    const std::function<void(Attention&)>& form) {
    parts.attention = [&](ValueId x, const Rotary& rotary, ValueId mask) {
        Attention a = attention_of(s, rotary, mask);
        form(a);
        const auto part = b.scope("self_attn");
        return attention(b, x, a);
    };
    parts.feed_forward = [&](ValueId x, int64_t) {
        const auto part = b.scope("mlp");
        return experts(b, x, e);
    };
    decoder(b, s, parts);
}

void gpt_oss(Builder& b, const Config& c) {
    const std::string architecture = architecture_of(c, {"GptOssForCausalLM", "GptOssModel"});
    const DecoderSizes s = decoder_sizes(b, c, 64);
    const bool bias = c.flag({"attention_bias"}, true);
    Experts e = experts_of(b, c, s);
    e.router = "router";
    e.bias = true;
    e.limit = c.number({"swiglu_limit"}, 7);
    if (!(e.limit > 0)) throw UserError("key 'swiglu_limit' is {}: expected above 0", e.limit);
    if (const double gain = c.number({"swiglu_alpha"}, 1.702); gain != 1.702)
        throw UserError("key 'swiglu_alpha' is {}: what is built has 1.702", gain);
    (void)c.has({"initial_context_length"});  // of the scaling of positions
    DecoderParts parts;
    parts.logits = architecture == "GptOssForCausalLM";
    parts.rope = rotary_keys(c);
    parts.rotary_dims = s.head_dim;
    parts.windows = windows_of(b, c, s.layers, WindowIn::kEverySecond);
    sparse_decoder(b, s, parts, e, [&](Attention& a) {
        a.bias_q = a.bias_k = a.bias_v = a.bias_o = bias;
        a.sinks = true;
    });
}

/// Keys of kinds of MiniMax's models that are not built: other attention, dense and shared parts.
void refuse_other_minimax(const Config& c) {
    const std::vector<int64_t> kinds = c.integers({"attn_type_list"});
    if (std::any_of(kinds.begin(), kinds.end(), [](int64_t kind) { return kind != 1; }))
        throw UserError(
            "key 'attn_type_list' is [{}]: of this kind of model attention in full (1) "
            "is built",
            fmt::join(kinds, ", "));
    if (const std::string scores = c.text({"scoring_func"}, "sigmoid"); scores != "sigmoid")
        throw UserError("key 'scoring_func' is \"{}\": this kind of model has sigmoid", scores);
    if (const std::string over = c.text({"qk_norm_type"}, "per_layer"); over != "per_layer")
        throw UserError("key 'qk_norm_type' is \"{}\": this kind of model has per_layer", over);
    c.refuse("shared_intermediate_size", "shared experts are not built for this kind of model");
    for (const char* key :
         {"layernorm_full_attention_beta", "layernorm_linear_attention_beta", "layernorm_mlp_beta"})
        if (const double times = c.number({key}, 1); times != 1)
            throw UserError("key '{}' is {}: what is built has 1", key, times);
}

/// Layers that predict further tokens are no part of the class, and a dense width has no layer.
void minimax_m2(Builder& b, const Config& c) {
    const std::string architecture = architecture_of(c, {"MiniMaxM2ForCausalLM", "MiniMaxM2Model"});
    refuse_other_minimax(c);
    const DecoderSizes s = decoder_sizes(b, c);
    Experts e = experts_of(b, c, s);
    e.sigmoid = true;
    e.router_bias = c.flag({"use_routing_bias"}, true);
    const bool norm = c.flag({"use_qk_norm"}, true);
    for (const char* key :
         {"num_mtp_modules", "mtp_transformer_layers", "use_mtp", "mlp_intermediate_size"})
        (void)c.has({key});
    DecoderParts parts;
    parts.logits = architecture == "MiniMaxM2ForCausalLM";
    parts.rope = rotary_keys(c);
    parts.rotary_dims = c.integer_or(
        {"rotary_dim"}, static_cast<int64_t>(static_cast<double>(s.head_dim) * parts.rope.part));
    if (parts.rotary_dims > s.head_dim || parts.rotary_dims % 2 != 0)
        throw UserError("key 'rotary_dim' is {}: expected an even part of the {} of a head",
                        parts.rotary_dims, s.head_dim);
    parts.windows = windows_of(b, c, s.layers, WindowIn::kAll);
    sparse_decoder(b, s, parts, e, [&](Attention& a) {
        if (norm) a.whole_norm = s.norm;
    });
}

}  // namespace

void add_sparse_families(std::map<std::string, Family>& table) {
    table["gpt_oss"] = gpt_oss;
    table["minimax_m2"] = minimax_m2;
}

}  // namespace smeaton::model::hf
