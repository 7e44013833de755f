// Encoders: BERT over tokens, ViT over pictures.
#include <fmt/core.h>

#include "base/error.h"
#include "model/hf/family.h"

namespace smeaton::model::hf {

namespace {

struct Sizes {
    int64_t layers = 0, width = 0, heads = 0, head_dim = 0, inner = 0;
    std::string activation;
    Norm norm{NormKind::kLayer, 1e-12};
};

Sizes sizes_of(Builder& b, const Config& c) {
    Sizes s;
    s.layers = c.integer({"num_hidden_layers"});
    s.width = c.integer({"hidden_size"});
    s.heads = c.integer({"num_attention_heads"});
    if (s.width % s.heads != 0)
        throw UserError("key 'num_attention_heads' is {}: it does not divide hidden_size {}",
                        s.heads, s.width);
    s.head_dim = s.width / s.heads;
    s.inner = c.integer({"intermediate_size"});
    s.activation = c.text({"hidden_act"}, "gelu");
    check_activation("hidden_act", s.activation);
    s.norm.epsilon = c.number({"layer_norm_eps"}, 1e-12);
    for (const char* key : {"is_decoder", "add_cross_attention", "cross_attention_hidden_size"})
        c.refuse(key, "decoders and cross-attention are not built for this kind of model");
    note_sizes(b, s.layers, s.width, s.heads, s.head_dim, s.inner);
    return s;
}

ValueId self_attention(Builder& b, ValueId x, const Sizes& s, ValueId mask, bool bias,
                       const char* where) {
    Attention a{s.width, s.heads, s.heads, s.head_dim};
    a.bias_q = a.bias_k = a.bias_v = bias;
    a.bias_o = true;
    a.q = "query";
    a.k = "key";
    a.v = "value";
    a.o = "output.dense";
    a.mask = mask;
    const auto part = b.scope(where);
    return attention(b, x, a);
}

int64_t labels_of(const Config& c) {
    const std::optional<int64_t> stated = c.integer_if({"num_labels"});
    const std::optional<Config> names = c.object({"id2label"});
    (void)c.has({"label2id"});
    if (names) return names->size();
    return stated.value_or(2);
}

// ---- BERT ----

ValueId bert_layer(Builder& b, ValueId x, const Sizes& s, ValueId mask) {
    x = b.add(self_attention(b, x, s, mask, true, "attention"), x);
    x = normalized(b, x, "attention.output.LayerNorm", s.width, s.norm);
    const FeedForward f{s.width,        s.inner, s.activation, "", "intermediate.dense",
                        "output.dense", true};
    return normalized(b, b.add(feed_forward(b, x, f), x), "output.LayerNorm", s.width, s.norm);
}

ValueId pooled(Builder& b, ValueId x, const Sizes& s, const char* name) {
    const auto inside = b.scope(name);
    const ValueId first = b.gather(x, b.integer(0), 1);
    return b.node(OpType::kTanh, {b.linear(first, "dense", s.width, s.width, true)});
}

/// Scores of words for every token, through the embedding's table.
void masked_words(Builder& b, ValueId x, ValueId table, const Sizes& s, int64_t vocabulary,
                  bool tied) {
    const auto inside = b.scope("cls.predictions");
    const ValueId turned =
        activated(b, b.linear(x, "transform.dense", s.width, s.width, true), s.activation);
    add_head(b, normalized(b, turned, "transform.LayerNorm", s.width, s.norm), table, vocabulary,
             s.width, tied, true, "decoder");
}

void bert_heads(Builder& b, const Config& c, const std::string& architecture, ValueId x,
                ValueId table, const Sizes& s, int64_t vocabulary) {
    const auto is = [&](const char* name) { return architecture == name; };
    const bool tied = c.flag({"tie_word_embeddings"}, true);
    ValueId first;
    if (is("BertModel") || is("BertForPreTraining") || is("BertForSequenceClassification"))
        first = pooled(b, x, s, "bert.pooler");
    if (is("BertModel")) {
        b.output(x, "last_hidden_state");
        b.output(first, "pooler_output");
    }
    if (is("BertForMaskedLM") || is("BertForPreTraining"))
        masked_words(b, x, table, s, vocabulary, tied);
    if (is("BertForPreTraining"))
        b.output(b.linear(first, "cls.seq_relationship", s.width, 2, true),
                 "seq_relationship_logits");
    if (is("BertForSequenceClassification"))
        b.output(b.linear(first, "classifier", s.width, labels_of(c), true), "logits");
    if (is("BertForTokenClassification"))
        b.output(b.linear(x, "classifier", s.width, labels_of(c), true), "logits");
    if (is("BertForQuestionAnswering"))
        b.output(b.linear(x, "qa_outputs", s.width, 2, true), "logits");
}

void bert(Builder& b, const Config& c) {
    const std::string architecture = architecture_of(
        c, {"BertModel", "BertForMaskedLM", "BertForPreTraining", "BertForSequenceClassification",
            "BertForTokenClassification", "BertForQuestionAnswering"});
    const Sizes s = sizes_of(b, c);
    const int64_t vocabulary = b.facts.vocabulary = c.integer({"vocab_size"});
    const int64_t places = b.facts.max_positions = c.integer({"max_position_embeddings"});
    const int64_t types = c.integer_or({"type_vocab_size"}, 2);
    const std::string kind = c.text({"position_embedding_type"}, "absolute");
    if (kind != "absolute")
        throw UserError("key 'position_embedding_type' is \"{}\": only absolute is built", kind);
    const ValueId ids = token_ids(b, "input_ids");
    const ValueId mask = padding_mask(b, token_ids(b, "attention_mask"));
    const ValueId type_ids = token_ids(b, "token_type_ids");
    ValueId x, table;
    {
        const auto inside = b.scope("bert.embeddings");
        const auto words = b.embedding(ids, "word_embeddings", vocabulary, s.width);
        table = words.table;
        const ValueId kinds = b.embedding(type_ids, "token_type_embeddings", types, s.width).rows;
        const ValueId positions = positions_of(b, ids).queries;
        const ValueId where = b.embedding(positions, "position_embeddings", places, s.width).rows;
        x = normalized(b, b.add(b.add(words.rows, kinds), where), "LayerNorm", s.width, s.norm);
    }
    for (int64_t n = 0; n < s.layers; ++n) {
        const auto layer = b.scope(fmt::format("bert.encoder.layer.{}", n));
        x = bert_layer(b, x, s, mask);
    }
    bert_heads(b, c, architecture, x, table, s, vocabulary);
}

// ---- ViT ----

ValueId vit_layer(Builder& b, ValueId x, const Sizes& s, bool bias) {
    const ValueId inner = normalized(b, x, "layernorm_before", s.width, s.norm);
    x = b.add(self_attention(b, inner, s, {}, bias, "attention"), x);
    const ValueId behind = normalized(b, x, "layernorm_after", s.width, s.norm);
    const FeedForward f{s.width,        s.inner, s.activation, "", "intermediate.dense",
                        "output.dense", true};
    return b.add(feed_forward(b, behind, f), x);
}

/// Height and width of a size that is one number or two.
std::pair<int64_t, int64_t> extent(const Config& c, const char* key, int64_t otherwise) {
    const std::vector<int64_t> given = c.integers({key});
    if (given.empty()) return {otherwise, otherwise};
    if (given.size() > 2 || given[0] < 1 || given.back() < 1)
        throw UserError("key '{}': expected one size or two", key);
    return {given[0], given.back()};
}

/// Patches by a convolution, a class token before them, learned places.
ValueId patches(Builder& b, const Config& c, const Sizes& s) {
    const auto [height, width] = extent(c, "image_size", 224);
    const auto [high, wide] = extent(c, "patch_size", 16);
    const int64_t channels = c.integer_or({"num_channels"}, 3);
    const int64_t count = (height / high) * (width / wide);
    if (count == 0) throw UserError("key 'patch_size' is larger than image_size");
    b.facts.max_positions = count + 1;
    const ValueId pixels =
        b.input("pixel_values", DType::kF32, {Dim::symbol(kBatch), channels, height, width});
    const auto inside = b.scope("vit.embeddings");
    ValueId x;
    {
        const auto part = b.scope("patch_embeddings.projection");
        b.facts.matrix_parameters += s.width * channels * high * wide;
        x = b.node(OpType::kConv,
                   {pixels, b.weight("weight", {s.width, channels, high, wide}),
                    b.weight("bias", {s.width})},
                   {{"strides", std::vector<int64_t>{high, wide}},
                    {"kernel_shape", std::vector<int64_t>{high, wide}}});
    }
    x = b.transpose(b.reshape(x, {0, s.width, -1}), {0, 2, 1});
    const ValueId batch =
        b.node(OpType::kShape, {pixels}, {{"start", int64_t{0}}, {"end", int64_t{1}}});
    const ValueId token = b.node(OpType::kExpand, {b.weight("cls_token", {1, 1, s.width}),
                                                   b.concat({batch, b.ints({1, 1})}, 0)});
    return b.add(b.concat({token, x}, 1), b.weight("position_embeddings", {1, count + 1, s.width}));
}

void vit(Builder& b, const Config& c) {
    const bool labelled = c.has({"num_labels"}) || c.has({"id2label"});
    std::vector<std::string> known = {"ViTModel", "ViTForImageClassification"};
    if (labelled) std::swap(known[0], known[1]);
    const std::string architecture = architecture_of(c, known);
    const Sizes s = sizes_of(b, c);
    const bool bias = c.flag({"qkv_bias"}, true);
    for (const char* key : {"encoder_stride", "pooler_output_size", "pooler_act"})
        (void)c.has({key});
    ValueId x = patches(b, c, s);
    for (int64_t n = 0; n < s.layers; ++n) {
        const auto layer = b.scope(fmt::format("vit.encoder.layer.{}", n));
        x = vit_layer(b, x, s, bias);
    }
    x = normalized(b, x, "vit.layernorm", s.width, s.norm);
    const int64_t labels = labels_of(c);
    if (architecture == "ViTModel") {
        b.output(x, "last_hidden_state");
        return b.output(pooled(b, x, s, "vit.pooler"), "pooler_output");
    }
    const ValueId first = b.gather(x, b.integer(0), 1);
    b.output(b.linear(first, "classifier", s.width, labels, true), "logits");
}

}  // namespace

void add_encoder_families(std::map<std::string, Family>& table) {
    table["bert"] = bert;
    table["vit"] = vit;
}

}  // namespace smeaton::model::hf
