// GPT-2, GPT-NeoX and GPT-J.
#include <fmt/core.h>

#include "base/error.h"
#include "model/hf/family.h"

namespace smeaton::model::hf {

namespace {

struct Sizes {
    int64_t layers = 0, width = 0, heads = 0, head_dim = 0, inner = 0, vocabulary = 0,
            positions = 0;
    std::string activation;
    Norm norm{NormKind::kLayer, 1e-5};
};

Sizes sizes_of(Builder& b, const Config& c, const char* activation) {
    Sizes s;
    s.layers = c.integer({"n_layer", "num_hidden_layers"});
    s.width = c.integer({"n_embd", "hidden_size"});
    s.heads = c.integer({"n_head", "num_attention_heads"});
    if (s.width % s.heads != 0)
        throw UserError("the width {} does not divide into {} heads", s.width, s.heads);
    s.head_dim = s.width / s.heads;
    s.inner = c.integer_or({"n_inner", "intermediate_size"}, 4 * s.width);
    s.vocabulary = c.integer({"vocab_size"});
    s.positions = c.integer({"n_positions", "n_ctx", "max_position_embeddings"});
    s.activation = c.text({"activation_function", "hidden_act"}, activation);
    check_activation("activation_function", s.activation);
    s.norm.epsilon = c.number({"layer_norm_epsilon", "layer_norm_eps"}, 1e-5);
    note_sizes(b, s.layers, s.width, s.heads, s.head_dim, s.inner);
    Facts& f = b.facts;
    f.vocabulary = s.vocabulary;
    f.max_positions = s.positions;
    f.decoder = true;
    return s;
}

/// q, k and v by one product, as [B, heads, S, head_dim] each.
std::vector<ValueId> fused_heads(Builder& b, ValueId x, const char* name, const Sizes& s,
                                 bool bias) {
    const ValueId all = b.linear(x, name, s.width, 3 * s.width, bias);
    std::vector<ValueId> parts = b.split(all, -1, {s.width, s.width, s.width});
    for (ValueId& part : parts) part = into_heads(b, part, s.heads, s.head_dim);
    return parts;
}

ValueId core(Builder& b, const std::vector<ValueId>& qkv, const Sizes& s, ValueId mask,
             std::optional<double> scale = {}) {
    b.facts.kv_elements_per_token += 2 * s.width;
    return attend(b, qkv[0], qkv[1], qkv[2],
                  {s.heads, s.heads, s.head_dim, s.head_dim, scale, mask});
}

void refuse_cross_attention(const Config& c) {
    c.refuse("add_cross_attention", "cross-attention is not built for this kind of model");
}

ValueId gpt2_layer(Builder& b, ValueId x, const Sizes& s, ValueId mask,
                   std::optional<double> scale) {
    const ValueId inner = normalized(b, x, "ln_1", s.width, s.norm);
    {
        const auto part = b.scope("attn");
        const ValueId y = core(b, fused_heads(b, inner, "c_attn", s, true), s, mask, scale);
        x = b.add(x, b.linear(y, "c_proj", s.width, s.width, true));
    }
    const ValueId behind = normalized(b, x, "ln_2", s.width, s.norm);
    const auto part = b.scope("mlp");
    FeedForward f{s.width, s.inner, s.activation, "", "c_fc", "c_proj", true};
    return b.add(x, feed_forward(b, behind, f));
}

void gpt2(Builder& b, const Config& c) {
    const std::string architecture = architecture_of(c, {"GPT2LMHeadModel", "GPT2Model"});
    const Sizes s = sizes_of(b, c, "gelu_new");
    const bool tied = c.flag({"tie_word_embeddings"}, true);
    const bool scaled = c.flag({"scale_attn_weights"}, true);
    refuse_cross_attention(c);
    for (const char* key : {"summary_type", "summary_use_proj", "summary_activation",
                            "summary_proj_to_labels", "summary_first_dropout"})
        (void)c.has({key});  // of a head that classifies
    const ValueId ids = token_ids(b, "input_ids");
    ValueId x, table;
    {
        const auto model = b.scope("transformer");
        const auto embedded = b.embedding(ids, "wte", s.vocabulary, s.width);
        table = embedded.table;
        const Positions positions = positions_of(b, ids);
        x = b.add(embedded.rows, b.embedding(positions.queries, "wpe", s.positions, s.width).rows);
        const ValueId mask = causal_mask(b, positions);
        for (int64_t n = 0; n < s.layers; ++n) {
            const auto layer = b.scope(fmt::format("h.{}", n));
            x = gpt2_layer(b, x, s, mask, scaled ? std::nullopt : std::optional<double>(1));
        }
        x = normalized(b, x, "ln_f", s.width, s.norm);
    }
    if (architecture == "GPT2Model") return b.output(x, "last_hidden_state");
    add_head(b, x, table, s.vocabulary, s.width, tied);
}

ValueId neox_layer(Builder& b, ValueId x, const Sizes& s, ValueId mask, const Rotary& rotary,
                   bool parallel, bool bias) {
    const ValueId inner = normalized(b, x, "input_layernorm", s.width, s.norm);
    ValueId attended;
    {
        const auto part = b.scope("attention");
        std::vector<ValueId> qkv = fused_heads(b, inner, "query_key_value", s, bias);
        for (size_t k = 0; k < 2; ++k) qkv[k] = rotated(b, qkv[k], s.head_dim, rotary);
        attended = b.linear(core(b, qkv, s, mask), "dense", s.width, s.width, bias);
    }
    if (!parallel) x = b.add(x, attended);
    const ValueId behind = normalized(b, x, "post_attention_layernorm", s.width, s.norm);
    const auto part = b.scope("mlp");
    FeedForward f{s.width, s.inner, s.activation, "", "dense_h_to_4h", "dense_4h_to_h", true};
    const ValueId fed = feed_forward(b, behind, f);
    return parallel ? b.add(b.add(fed, attended), x) : b.add(x, fed);
}

void gpt_neox(Builder& b, const Config& c) {
    const std::string architecture = architecture_of(c, {"GPTNeoXForCausalLM", "GPTNeoXModel"});
    const Sizes s = sizes_of(b, c, "gelu");
    const bool tied = c.flag({"tie_word_embeddings"}, false);
    const bool parallel = c.flag({"use_parallel_residual"}, true);
    const bool bias = c.flag({"attention_bias"}, true);
    const double part = c.number({"rotary_pct"}, 0.25);
    RotaryKeys rope = rotary_keys(c);
    if (rope.part == 1) rope.part = part;
    rope.theta = c.number({"rotary_emb_base"}, rope.theta);
    const auto dims = static_cast<int64_t>(static_cast<double>(s.head_dim) * rope.part);
    const ValueId ids = token_ids(b, "input_ids");
    ValueId x, table;
    {
        const auto model = b.scope("gpt_neox");
        const auto embedded = b.embedding(ids, "embed_in", s.vocabulary, s.width);
        x = embedded.rows;
        table = embedded.table;
        const Positions positions = positions_of(b, ids);
        const ValueId mask = causal_mask(b, positions);
        const Rotary rotary = rotary_table(b, positions.queries, dims, rope.theta, false);
        for (int64_t n = 0; n < s.layers; ++n) {
            const auto layer = b.scope(fmt::format("layers.{}", n));
            x = neox_layer(b, x, s, mask, rotary, parallel, bias);
        }
        x = normalized(b, x, "final_layer_norm", s.width, s.norm);
    }
    if (architecture == "GPTNeoXModel") return b.output(x, "last_hidden_state");
    add_head(b, x, table, s.vocabulary, s.width, tied, false, "embed_out");
}

/// Attention and feed-forward read the same norm, and their results are added to x.
ValueId gptj_layer(Builder& b, ValueId x, const Sizes& s, ValueId mask, const Rotary& rotary) {
    const ValueId inner = normalized(b, x, "ln_1", s.width, s.norm);
    Attention a{s.width, s.heads, s.heads, s.head_dim};
    a.o = "out_proj";
    a.rotary = &rotary;
    a.mask = mask;
    a.is_kept = true;
    ValueId attended;
    {
        const auto part = b.scope("attn");
        attended = attention(b, inner, a);
    }
    const auto part = b.scope("mlp");
    FeedForward f{s.width, s.inner, s.activation, "", "fc_in", "fc_out", true};
    return b.add(b.add(attended, feed_forward(b, inner, f)), x);
}

void gptj(Builder& b, const Config& c) {
    const std::string architecture = architecture_of(c, {"GPTJForCausalLM", "GPTJModel"});
    const Sizes s = sizes_of(b, c, "gelu_new");
    const bool tied = c.flag({"tie_word_embeddings"}, false);
    for (const char* key : {"summary_type", "summary_use_proj", "summary_activation",
                            "summary_proj_to_labels", "summary_first_dropout", "rotary"})
        (void)c.has({key});
    const int64_t dims = c.integer_or({"rotary_dim"}, 64);
    if (dims > s.head_dim || dims % 2 != 0)
        throw UserError("key 'rotary_dim' is {}: expected an even number up to {}", dims,
                        s.head_dim);
    const ValueId ids = token_ids(b, "input_ids");
    ValueId x, table;
    {
        const auto model = b.scope("transformer");
        const auto embedded = b.embedding(ids, "wte", s.vocabulary, s.width);
        x = embedded.rows;
        table = embedded.table;
        const Positions positions = positions_of(b, ids);
        const ValueId mask = causal_mask(b, positions);
        const Rotary rotary = rotary_table(b, positions.queries, dims, 10000, true);
        for (int64_t n = 0; n < s.layers; ++n) {
            const auto layer = b.scope(fmt::format("h.{}", n));
            x = gptj_layer(b, x, s, mask, rotary);
        }
        x = normalized(b, x, "ln_f", s.width, s.norm);
    }
    if (architecture == "GPTJModel") return b.output(x, "last_hidden_state");
    add_head(b, x, table, s.vocabulary, s.width, tied, true);
}

}  // namespace

void add_gpt_families(std::map<std::string, Family>& table) {
    table["gpt2"] = gpt2;
    table["gpt_neox"] = gpt_neox;
    table["gptj"] = gptj;
}

}  // namespace smeaton::model::hf
