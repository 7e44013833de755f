// T5: encoder and decoder with relative positions, and its gated form.
#include <fmt/core.h>

#include <cmath>

#include "base/error.h"
#include "model/hf/family.h"

namespace smeaton::model::hf {

namespace {

struct Sizes {
    int64_t encoder = 0, decoder = 0;  ///< layers
    int64_t width = 0, heads = 0, head_dim = 0, inner = 0, vocabulary = 0;
    int64_t buckets = 0, distance = 0;
    std::string activation;
    bool gated = false;
    Norm norm;
};

Sizes sizes_of(Builder& b, const Config& c) {
    Sizes s;
    s.encoder = c.integer({"num_layers", "num_hidden_layers"});
    s.decoder = c.integer_or({"num_decoder_layers"}, s.encoder);
    s.width = c.integer({"d_model", "hidden_size"});
    s.heads = c.integer({"num_heads", "num_attention_heads"});
    s.head_dim = c.integer_or({"d_kv", "head_dim"}, 64);
    s.inner = c.integer_or({"d_ff"}, 2048);
    s.vocabulary = c.integer({"vocab_size"});
    s.buckets = c.integer_or({"relative_attention_num_buckets"}, 32, 4);
    s.distance = c.integer_or({"relative_attention_max_distance"}, 128, 2);
    s.norm.epsilon = c.number({"layer_norm_epsilon"}, 1e-6);
    const std::string kind = c.text({"feed_forward_proj"}, "relu");
    s.gated = kind.starts_with("gated-");
    s.activation = s.gated ? kind.substr(6) : kind;
    if (kind == "gated-gelu") s.activation = "gelu_new";
    check_activation("feed_forward_proj", s.activation);
    for (const char* key : {"dense_act_fn", "is_gated_act", "n_positions"})
        (void)c.has({key});  // said by feed_forward_proj; never read
    note_sizes(b, s.encoder + s.decoder, s.width, s.heads, s.head_dim, s.inner);
    Facts& f = b.facts;
    f.vocabulary = s.vocabulary;
    f.decoder = true;
    return s;
}

/// f32 [1, heads, S, S]: a learned number for each head and bucket of distances (Raffel et al.,
/// 2020, section 2.1): small distances have a bucket each, larger ones share them by logarithm.
ValueId relative_bias(Builder& b, const Positions& p, const Sizes& s, bool both_sides) {
    const auto inside = b.scope("relative_attention_bias");
    const int64_t count = both_sides ? s.buckets / 2 : s.buckets, exact = count / 2;
    const ValueId zero = b.integer(0), largest = b.integer(count - 1);
    ValueId distance = b.sub(b.unsqueeze(p.keys, 0), b.unsqueeze(p.queries, 1));
    ValueId side;
    if (both_sides) {
        side = b.mul(b.cast(b.node(OpType::kGreater, {distance, zero}), DType::kI64),
                     b.integer(count));
        distance = b.node(OpType::kAbs, {distance});
    } else {
        distance = b.node(OpType::kNeg, {b.node(OpType::kMin, {distance, zero})});
    }
    const double turns = static_cast<double>(count - exact) /
                         std::log(static_cast<double>(s.distance) / static_cast<double>(exact));
    const ValueId ratio = b.mul(b.cast(distance, DType::kF32), 1 / static_cast<double>(exact));
    const ValueId steps = b.mul(b.node(OpType::kLog, {ratio}), turns);
    const ValueId far =
        b.node(OpType::kMin, {b.add(b.cast(steps, DType::kI64), b.integer(exact)), largest});
    ValueId bucket = b.node(OpType::kWhere,
                            {b.node(OpType::kLess, {distance, b.integer(exact)}), distance, far});
    if (both_sides) bucket = b.add(bucket, side);
    const ValueId rows = b.gather(b.weight("weight", {s.buckets, s.heads}), bucket);
    return b.unsqueeze(b.transpose(rows, {2, 0, 1}), 0);
}

Attention attention_of(const Sizes& s, ValueId mask) {
    Attention a{s.width, s.heads, s.heads, s.head_dim};
    a.q = "q";
    a.k = "k";
    a.v = "v";
    a.o = "o";
    a.scale = 1;
    a.mask = mask;
    return a;
}

ValueId attended(Builder& b, ValueId x, const Sizes& s, const char* sublayer, const char* name,
                 const Attention& a) {
    const auto inside = b.scope(sublayer);
    const ValueId inner = normalized(b, x, "layer_norm", s.width, s.norm);
    const auto part = b.scope(name);
    return b.add(x, attention(b, inner, a));
}

ValueId fed(Builder& b, ValueId x, const Sizes& s, const char* sublayer) {
    const auto inside = b.scope(sublayer);
    const ValueId inner = normalized(b, x, "layer_norm", s.width, s.norm);
    const auto part = b.scope("DenseReluDense");
    FeedForward f{s.width, s.inner, s.activation, "", "wi", "wo"};
    if (s.gated) {
        f.gate = "wi_0";
        f.up = "wi_1";
    }
    return b.add(x, feed_forward(b, inner, f));
}

ValueId encoder(Builder& b, ValueId ids, ValueId x, const Sizes& s, ValueId padding) {
    const auto inside = b.scope("encoder");
    const ValueId mask = b.add(relative_bias(b, positions_of(b, ids), s, true), padding);
    for (int64_t n = 0; n < s.encoder; ++n) {
        const auto block = b.scope(fmt::format("block.{}", n));
        x = attended(b, x, s, "layer.0", "SelfAttention", attention_of(s, mask));
        x = fed(b, x, s, "layer.1");
    }
    return normalized(b, x, "final_layer_norm", s.width, s.norm);
}

ValueId decoder(Builder& b, ValueId ids, ValueId x, const Sizes& s, ValueId memory,
                ValueId padding) {
    const auto inside = b.scope("decoder");
    const Positions positions = positions_of(b, ids);
    Attention own =
        attention_of(s, b.add(relative_bias(b, positions, s, false), causal_mask(b, positions)));
    own.is_kept = true;
    Attention other = attention_of(s, padding);
    other.memory = memory;
    for (int64_t n = 0; n < s.decoder; ++n) {
        const auto block = b.scope(fmt::format("block.{}", n));
        x = attended(b, x, s, "layer.0", "SelfAttention", own);
        x = attended(b, x, s, "layer.1", "EncDecAttention", other);
        x = fed(b, x, s, "layer.2");
    }
    return normalized(b, x, "final_layer_norm", s.width, s.norm);
}

void t5(Builder& b, const Config& c) {
    const std::string architecture = architecture_of(
        c, {"T5ForConditionalGeneration", "T5WithLMHeadModel", "T5Model", "T5EncoderModel"});
    const Sizes s = sizes_of(b, c);
    const bool tied = c.flag({"tie_word_embeddings"}, true);
    const bool scaled = c.flag({"scale_decoder_outputs"}, tied);
    const ValueId ids = token_ids(b, "input_ids");
    const ValueId padding = padding_mask(b, token_ids(b, "attention_mask"));
    const auto embedded = b.embedding(ids, "shared", s.vocabulary, s.width);
    const ValueId memory = encoder(b, ids, embedded.rows, s, padding);
    if (architecture == "T5EncoderModel") return b.output(memory, "last_hidden_state");
    const ValueId decoder_ids = token_ids(b, "decoder_input_ids", kDecoderSequence);
    ValueId x = decoder(b, decoder_ids, b.gather(embedded.table, decoder_ids), s, memory, padding);
    if (architecture == "T5Model") return b.output(x, "last_hidden_state");
    if (scaled) x = b.mul(x, 1 / std::sqrt(static_cast<double>(s.width)));
    add_head(b, x, embedded.table, s.vocabulary, s.width, tied);
}

}  // namespace

void add_t5_families(std::map<std::string, Family>& table) {
    table["t5"] = t5;
}

}  // namespace smeaton::model::hf
