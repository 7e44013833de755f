#include "model/hf/family.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace smeaton::model::hf {

const std::map<std::string, Family>& families() {
    static const std::map<std::string, Family> table = [] {
        std::map<std::string, Family> t;
        add_llama_families(t);
        add_sparse_families(t);
        add_gpt_families(t);
        add_deepseek_families(t);
        add_encoder_families(t);
        add_t5_families(t);
        add_whisper_families(t);
        return t;
    }();
    return table;
}

ValueId token_ids(Builder& b, const std::string& name, const char* sequence) {
    return b.input(name, DType::kI64, {Dim::symbol(kBatch), Dim::symbol(sequence)});
}

std::string architecture_of(const Config& c, const std::vector<std::string>& known) {
    const std::vector<std::string> stated = c.texts({"architectures"});
    if (stated.empty()) return known.front();
    if (stated.size() == 1 && std::find(known.begin(), known.end(), stated[0]) != known.end())
        return stated[0];
    throw UserError("key 'architectures' is [{}]: of this kind of model there are {}",
                    fmt::join(stated, ", "), fmt::join(known, ", "));
}

void note_sizes(Builder& b, int64_t layers, int64_t width, int64_t heads, int64_t head_dim,
                int64_t inner) {
    Facts& f = b.facts;
    f.layers = layers;
    f.width = width;
    f.heads = f.kv_heads = heads;
    f.head_dim = head_dim;
    f.feed_forward = inner;
}

DecoderSizes decoder_sizes(Builder& b, const Config& c, int64_t head_dim) {
    DecoderSizes s;
    s.layers = c.integer({"num_hidden_layers"});
    s.width = c.integer({"hidden_size"});
    s.heads = c.integer({"num_attention_heads"});
    s.kv_heads = c.integer_or({"num_key_value_heads"}, s.heads);
    if (head_dim == 0 && !c.has({"head_dim"}) && s.width % s.heads != 0)
        throw UserError(
            "key 'num_attention_heads' is {}: it does not divide hidden_size {}, and there is no "
            "head_dim",
            s.heads, s.width);
    s.head_dim = c.integer_or({"head_dim"}, head_dim == 0 ? s.width / s.heads : head_dim);
    if (s.heads % s.kv_heads != 0)
        throw UserError("key 'num_key_value_heads' is {}: it does not divide the {} heads",
                        s.kv_heads, s.heads);
    s.inner = c.integer({"intermediate_size"});
    s.vocabulary = c.integer({"vocab_size"});
    s.activation = c.text({"hidden_act"}, "silu");
    check_activation("hidden_act", s.activation);
    s.norm = {NormKind::kRms, c.number({"rms_norm_eps"}, 1e-6)};
    s.tied = c.flag({"tie_word_embeddings"}, false);
    note_sizes(b, s.layers, s.width, s.heads, s.head_dim, s.inner);
    Facts& f = b.facts;
    f.kv_heads = s.kv_heads;
    f.vocabulary = s.vocabulary;
    f.max_positions = c.integer_or({"max_position_embeddings"}, 0, 0);
    f.decoder = true;
    return s;
}

RotaryKeys rotary_keys(const Config& c) {
    RotaryKeys keys;
    keys.theta = c.number({"rope_theta"}, keys.theta);
    keys.part = c.number({"partial_rotary_factor"}, keys.part);
    for (const char* name : {"rope_parameters", "rope_scaling"}) {
        const std::optional<Config> rope = c.object({name});
        if (!rope) continue;
        static const std::vector<std::string> kinds = {"default", "linear", "dynamic",
                                                       "yarn",    "llama3", "longrope"};
        const std::string kind = rope->text({"rope_type", "type"}, "default");
        if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
            throw UserError("key '{}.rope_type' is \"{}\": there are {}", name, kind,
                            fmt::join(kinds, ", "));
        keys.theta = rope->number({"rope_theta"}, keys.theta);
        keys.part = rope->number({"partial_rotary_factor"}, keys.part);
    }
    if (!(keys.theta > 0))
        throw UserError("key 'rope_theta' is {}: expected more than 0", keys.theta);
    if (!(keys.part > 0 && keys.part <= 1))
        throw UserError("key 'partial_rotary_factor' is {}: expected a part of 1", keys.part);
    return keys;
}

namespace {

/// From the words of `layer_types`.
std::vector<int64_t> windows_by_type(const std::vector<std::string>& types, int64_t layers,
                                     int64_t window) {
    if (static_cast<int64_t>(types.size()) != layers)
        throw UserError("key 'layer_types' has {} entries for {} layers", types.size(), layers);
    std::vector<int64_t> windows;
    for (const std::string& type : types) {
        if (type != "full_attention" && type != "sliding_attention")
            throw UserError(
                "key 'layer_types' holds \"{}\": there are full_attention and sliding_attention",
                type);
        if (type == "sliding_attention" && window == 0)
            throw UserError("key 'sliding_window' is missing: layer_types asks for it");
        windows.push_back(type == "sliding_attention" ? window : 0);
    }
    return windows;
}

}  // namespace

std::vector<int64_t> windows_of(Builder& b, const Config& c, int64_t layers, WindowIn otherwise) {
    const int64_t window = c.integer_or({"sliding_window"}, 0, 0);
    const bool used = c.flag({"use_sliding_window"}, otherwise != WindowIn::kNone);
    const int64_t step = otherwise == WindowIn::kEverySecond ? 2 : 1;
    const int64_t first = c.integer_or({"max_window_layers"}, 0, 0);
    const std::vector<std::string> types = c.texts({"layer_types"});
    std::vector<int64_t> windows(static_cast<size_t>(layers), 0);
    if (!types.empty())
        windows = windows_by_type(types, layers, window);
    else if (used && window > 0)
        for (int64_t n = first; n < layers; n += step) windows[static_cast<size_t>(n)] = window;
    for (int64_t w : windows) {
        b.facts.window = std::max(b.facts.window, w);
        b.facts.window_layers += w > 0;
    }
    return windows;
}

ValueId Masks::of_window(int64_t window) {
    const auto [at, is_new] = made_.try_emplace(window);
    if (is_new) at->second = causal_mask(b_, positions_, window);
    return at->second;
}

Attention attention_of(const DecoderSizes& s, const Rotary& rotary, ValueId mask) {
    Attention a{s.width, s.heads, s.kv_heads, s.head_dim};
    a.rotary = &rotary;
    a.mask = mask;
    a.is_kept = true;
    return a;
}

void decoder(Builder& b, const DecoderSizes& s, const DecoderParts& parts) {
    const ValueId ids = token_ids(b, "input_ids");
    ValueId x, table;
    {
        const auto model = b.scope("model");
        const auto embedded = b.embedding(ids, "embed_tokens", s.vocabulary, s.width);
        x = embedded.rows;
        table = embedded.table;
        const Positions positions = positions_of(b, ids);
        Masks masks(b, positions);
        const Rotary rotary = rotary_table(b, positions.queries, parts.rotary_dims,
                                           parts.rope.theta, parts.interleaved);
        for (int64_t n = 0; n < s.layers; ++n) {
            const ValueId mask =
                masks.of_window(parts.windows.empty() ? 0 : parts.windows[static_cast<size_t>(n)]);
            const auto layer = b.scope(fmt::format("layers.{}", n));
            ValueId inner = normalized(b, x, "input_layernorm", s.width, s.norm);
            x = b.add(x, parts.attention(inner, rotary, mask));
            inner = normalized(b, x, "post_attention_layernorm", s.width, s.norm);
            x = b.add(x, parts.feed_forward(inner, n));
        }
        x = normalized(b, x, "norm", s.width, s.norm);
    }
    if (!parts.logits) return b.output(x, "last_hidden_state");
    add_head(b, x, table, s.vocabulary, s.width, s.tied);
}

void add_head(Builder& b, ValueId x, ValueId table, int64_t vocabulary, int64_t width, bool tied,
              bool bias, const std::string& name) {
    ValueId logits;
    if (!tied) {
        logits = b.linear(x, name, width, vocabulary, bias);
    } else {
        const auto inside = b.scope(name);
        logits = b.by_rows_of(x, table, vocabulary, width);
        if (bias) logits = b.add(logits, b.weight("bias", {vocabulary}));
    }
    b.output(logits, "logits");
}

}  // namespace smeaton::model::hf
