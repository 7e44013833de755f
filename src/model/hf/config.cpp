#include "model/hf/config.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace smeaton::model::hf {

using nlohmann::json;

struct Config::Impl {
    json values;
    std::string prefix;  ///< of keys in messages: "text_config."
    std::set<std::string> read;

    /// The first of the names that is there; all of them count as read.
    const json* find(Names names, std::string* found = nullptr) {
        const json* value = nullptr;
        for (const char* name : names) {
            const auto at = values.find(name);
            if (at == values.end()) continue;
            read.insert(name);
            if (value || at->is_null()) continue;
            value = &*at;
            if (found) *found = prefix + name;
        }
        return value;
    }
};

namespace {

[[noreturn]] void wrong(const std::string& key, const json& value, const std::string& expected) {
    throw UserError("key '{}' is {}; expected {}", key, value.dump(), expected);
}

std::string any_of(Names names) {
    std::vector<std::string> all;
    for (const char* name : names) all.push_back(fmt::format("'{}'", name));
    return fmt::format("{}", fmt::join(all, " or "));
}

int64_t whole_number(const std::string& key, const json& value, int64_t least) {
    const double most = 9e15;
    const bool whole = value.is_number_integer() ||
                       (value.is_number_float() && std::abs(value.get<double>()) < most &&
                        value.get<double>() == static_cast<double>(value.get<int64_t>()));
    if (!whole || std::abs(value.get<double>()) > most || value.get<int64_t>() < least)
        wrong(key, value, fmt::format("a whole number from {} on", least));
    return value.get<int64_t>();
}

bool says_nothing(const json& value) {
    return value.is_null() || value.is_string() || (value.is_boolean() && !value.get<bool>()) ||
           ((value.is_array() || value.is_object()) && value.empty());
}

}  // namespace

// What a reader of weights, a tokenizer, training or generation looks at; numbers that scale values
// and leave shapes alone; numeric types, since a graph is made in f32.
const std::vector<std::string_view>& keys_without_effect() {
    static const std::vector<std::string_view> keys = {
        "*_dropout",
        "*_dropout_prob",
        "*_loss_coef",
        "*_loss_weight",
        "*_token",
        "*_token_id",
        "*_token_index",
        "*dropout*",
        "*layer_norm_eps*",
        "*layernorm_eps*",
        "*pdrop",
        "_*",
        "attn_implementation",
        "auto_map",
        "aux_loss_alpha",
        "bad_words_ids",
        "begin_suppress_tokens",
        "chunk_size_feed_forward",
        "diversity_penalty",
        "do_sample",
        "dtype",
        "early_stopping",
        "embd_pdrop",
        "encoder_no_repeat_ngram_size",
        "ep_size",
        "exponential_decay_length_penalty",
        "finetuning_task",
        "forced_decoder_ids",
        "gradient_checkpointing",
        "id2label",
        "init_std",
        "init_xavier_std",
        "initializer_*",
        "is_decoder",
        "is_encoder_decoder",
        "keys_to_ignore_at_inference",
        "label2id",
        "layer_norm_epsilon",
        "length_penalty",
        "max_length",
        "max_new_tokens",
        "max_position_embeddings",
        "max_window_layers",
        "min_length",
        "model_parallel",
        "name_or_path",
        "no_repeat_ngram_size",
        "num_beam_groups",
        "num_beams",
        "num_return_sequences",
        "original_max_position_embeddings",
        "output_attentions",
        "output_hidden_states",
        "output_past",
        "output_router_logits",
        "output_scores",
        "prefix",
        "pretraining_tp",
        "problem_type",
        "remove_invalid_values",
        "reorder_and_upcast_attn",
        "repetition_penalty",
        "return_dict",
        "return_dict_in_generate",
        "rms_norm_eps",
        "rope_theta",
        "router_jitter_noise",
        "routed_scaling_factor",
        "rotary_emb_base",
        "scale_attn_by_inverse_layer_idx",
        "seq_aux",
        "suppress_tokens",
        "task_specific_params",
        "temperature",
        "tf_legacy_loss",
        "tie_encoder_decoder",
        "tokenizer_class",
        "top_k",
        "top_p",
        "torch_dtype",
        "torchscript",
        "transformers_version",
        "typical_p",
        "use_bfloat16",
        "use_cache",
    };
    return keys;
}

Config::Config(const std::string& text) : impl_(std::make_unique<Impl>()) {
    try {
        impl_->values = json::parse(text);
    } catch (const json::exception& error) {
        throw UserError("not a config.json: {}", error.what());
    }
    if (!impl_->values.is_object()) throw UserError("not a config.json: expected a JSON object");
}

Config::Config(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Config::~Config() = default;
Config::Config(Config&&) noexcept = default;

bool Config::has(Names names) const {
    return impl_->find(names) != nullptr;
}

std::optional<int64_t> Config::integer_if(Names names, int64_t least) const {
    std::string key;
    const json* value = impl_->find(names, &key);
    if (!value) return std::nullopt;
    return whole_number(key, *value, least);
}

int64_t Config::integer(Names names, int64_t least) const {
    const std::optional<int64_t> value = integer_if(names, least);
    if (!value)
        throw UserError("key {}{} is missing; expected a whole number", impl_->prefix,
                        any_of(names));
    return *value;
}

int64_t Config::integer_or(Names names, int64_t otherwise, int64_t least) const {
    return integer_if(names, least).value_or(otherwise);
}

double Config::number(Names names, double otherwise) const {
    std::string key;
    const json* value = impl_->find(names, &key);
    if (value && !value->is_number()) wrong(key, *value, "a number");
    return value ? value->get<double>() : otherwise;
}

bool Config::flag(Names names, bool otherwise) const {
    std::string key;
    const json* value = impl_->find(names, &key);
    if (value && !value->is_boolean()) wrong(key, *value, "true or false");
    return value ? value->get<bool>() : otherwise;
}

std::string Config::text(Names names, const std::string& otherwise) const {
    std::string key;
    const json* value = impl_->find(names, &key);
    if (value && !value->is_string()) wrong(key, *value, "text");
    return value ? value->get<std::string>() : otherwise;
}

std::vector<std::string> Config::texts(Names names) const {
    std::string key;
    const json* value = impl_->find(names, &key);
    std::vector<std::string> all;
    if (!value) return all;
    if (!value->is_array()) wrong(key, *value, "a list of words");
    for (const json& one : *value) {
        if (!one.is_string()) wrong(key, *value, "a list of words");
        all.push_back(one.get<std::string>());
    }
    return all;
}

std::vector<int64_t> Config::integers(Names names) const {
    std::string key;
    const json* value = impl_->find(names, &key);
    std::vector<int64_t> all;
    if (!value) return all;
    if (!value->is_array()) return {whole_number(key, *value, 0)};
    for (const json& one : *value) all.push_back(whole_number(key, one, 0));
    return all;
}

std::optional<Config> Config::object(Names names) const {
    std::string key;
    const json* value = impl_->find(names, &key);
    if (!value) return std::nullopt;
    if (!value->is_object()) wrong(key, *value, "an object");
    auto inner = std::make_unique<Impl>();
    inner->values = *value;
    inner->prefix = key + ".";
    return Config(std::move(inner));
}

int64_t Config::size() const {
    return static_cast<int64_t>(impl_->values.size());
}

void Config::refuse(const char* key, const std::string& why) const {
    std::string found;
    const json* value = impl_->find({key}, &found);
    if (!value || says_nothing(*value)) {
        if (!value || !value->is_string()) return;
    }
    if (value->is_number() && value->get<double>() == 0) return;
    throw UserError("key '{}' is {}: {}", found, value->dump(), why);
}

std::vector<std::string> Config::unread() const {
    std::vector<std::string> taken;
    for (const auto& [key, value] : impl_->values.items()) {
        if (impl_->read.count(key) != 0) continue;
        const auto matches = [&](std::string_view pattern) {
            return fnmatch(std::string(pattern).c_str(), key.c_str(), 0) == 0;
        };
        const auto& harmless = keys_without_effect();
        if (std::any_of(harmless.begin(), harmless.end(), matches)) continue;
        if (!says_nothing(value))
            throw UserError(
                "key '{}{}' is {}: whether it changes the graph of this kind of model is not "
                "known; take it out if it does not (docs/config.md lists the keys that are read)",
                impl_->prefix, key, value.dump());
        taken.push_back(impl_->prefix + key);
    }
    return taken;
}

}  // namespace smeaton::model::hf
