// Whisper: an encoder over spectra of fixed length, a decoder over tokens.
#include <fmt/core.h>

#include "base/error.h"
#include "model/hf/family.h"

namespace smeaton::model::hf {

namespace {

struct Stack {
    int64_t layers = 0, heads = 0, inner = 0;
};

struct Sizes {
    int64_t width = 0, mels = 0, vocabulary = 0, source = 0, target = 0;
    Stack encoder, decoder;
    std::string activation;
    Norm norm{NormKind::kLayer, 1e-5};
};

Stack stack_of(const Config& c, const std::string& name, int64_t width) {
    const std::string layers = name + "_layers", heads = name + "_attention_heads",
                      inner = name + "_ffn_dim";
    Stack s{c.integer({layers.c_str()}), c.integer({heads.c_str()}), c.integer({inner.c_str()})};
    if (width % s.heads != 0)
        throw UserError("key '{}' is {}: it does not divide d_model {}", heads, s.heads, width);
    return s;
}

Sizes sizes_of(Builder& b, const Config& c) {
    Sizes s;
    s.width = c.integer({"d_model"});
    s.mels = c.integer_or({"num_mel_bins"}, 80);
    s.vocabulary = c.integer({"vocab_size"});
    s.source = c.integer_or({"max_source_positions"}, 1500);
    s.target = c.integer_or({"max_target_positions"}, 448);
    s.encoder = stack_of(c, "encoder", s.width);
    s.decoder = stack_of(c, "decoder", s.width);
    s.activation = c.text({"activation_function"}, "gelu");
    check_activation("activation_function", s.activation);
    c.refuse("use_weighted_layer_sum", "sums over layers are built for no model");
    for (const char* key :
         {"num_hidden_layers", "scale_embedding", "classifier_proj_size", "apply_spec_augment",
          "median_filter_width", "max_new_tokens", "encoder_layerdrop", "decoder_layerdrop",
          "mask_time_prob", "mask_time_length", "mask_time_min_masks", "mask_feature_prob",
          "mask_feature_length", "mask_feature_min_masks"})
        (void)c.has({key});  // of training and of generation
    note_sizes(b, s.encoder.layers + s.decoder.layers, s.width, s.decoder.heads,
               s.width / s.decoder.heads, s.decoder.inner);
    Facts& f = b.facts;
    f.vocabulary = s.vocabulary;
    f.max_positions = s.target;
    f.decoder = true;
    return s;
}

Attention attention_of(const Sizes& s, const Stack& stack) {
    Attention a{s.width, stack.heads, stack.heads, s.width / stack.heads};
    a.bias_q = a.bias_v = a.bias_o = true;
    a.o = "out_proj";
    return a;
}

ValueId attended(Builder& b, ValueId x, const Sizes& s, const std::string& name,
                 const Attention& a) {
    const ValueId inner = normalized(b, x, name + "_layer_norm", s.width, s.norm);
    const auto part = b.scope(name);
    return b.add(x, attention(b, inner, a));
}

ValueId fed(Builder& b, ValueId x, const Sizes& s, const Stack& stack) {
    const ValueId inner = normalized(b, x, "final_layer_norm", s.width, s.norm);
    const FeedForward f{s.width, stack.inner, s.activation, "", "fc1", "fc2", true};
    return b.add(x, feed_forward(b, inner, f));
}

ValueId convolved(Builder& b, ValueId x, const std::string& name, int64_t in, int64_t out,
                  int64_t stride) {
    const auto inside = b.scope(name);
    b.facts.matrix_parameters += out * in * 3;
    const ValueId y =
        b.node(OpType::kConv, {x, b.weight("weight", {out, in, 3}), b.weight("bias", {out})},
               {{"pads", std::vector<int64_t>{1, 1}},
                {"strides", std::vector<int64_t>{stride}},
                {"kernel_shape", std::vector<int64_t>{3}}});
    return activated(b, y, "gelu");
}

ValueId encoder(Builder& b, const Sizes& s) {
    const ValueId features =
        b.input("input_features", DType::kF32, {Dim::symbol(kBatch), s.mels, 2 * s.source});
    const auto inside = b.scope("model.encoder");
    ValueId x = convolved(b, features, "conv1", s.mels, s.width, 1);
    x = b.transpose(convolved(b, x, "conv2", s.width, s.width, 2), {0, 2, 1});
    x = b.add(x, b.weight("embed_positions.weight", {s.source, s.width}));
    for (int64_t n = 0; n < s.encoder.layers; ++n) {
        const auto layer = b.scope(fmt::format("layers.{}", n));
        x = attended(b, x, s, "self_attn", attention_of(s, s.encoder));
        x = fed(b, x, s, s.encoder);
    }
    return normalized(b, x, "layer_norm", s.width, s.norm);
}

void whisper(Builder& b, const Config& c) {
    const std::string architecture =
        architecture_of(c, {"WhisperForConditionalGeneration", "WhisperModel"});
    const Sizes s = sizes_of(b, c);
    const bool tied = c.flag({"tie_word_embeddings"}, true);
    const ValueId memory = encoder(b, s);
    const ValueId ids = token_ids(b, "decoder_input_ids", kDecoderSequence);
    ValueId x, table;
    {
        const auto inside = b.scope("model.decoder");
        const auto embedded = b.embedding(ids, "embed_tokens", s.vocabulary, s.width);
        table = embedded.table;
        const Positions positions = positions_of(b, ids);
        x = b.add(embedded.rows,
                  b.embedding(positions.queries, "embed_positions", s.target, s.width).rows);
        Attention own = attention_of(s, s.decoder), other = own;
        own.mask = causal_mask(b, positions);
        own.is_kept = true;
        other.memory = memory;
        for (int64_t n = 0; n < s.decoder.layers; ++n) {
            const auto layer = b.scope(fmt::format("layers.{}", n));
            x = attended(b, x, s, "self_attn", own);
            x = attended(b, x, s, "encoder_attn", other);
            x = fed(b, x, s, s.decoder);
        }
        x = normalized(b, x, "layer_norm", s.width, s.norm);
    }
    if (architecture == "WhisperModel") return b.output(x, "last_hidden_state");
    add_head(b, x, table, s.vocabulary, s.width, tied, false, "proj_out");
}

}  // namespace

void add_whisper_families(std::map<std::string, Family>& table) {
    table["whisper"] = whisper;
}

}  // namespace smeaton::model::hf
