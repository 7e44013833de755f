// What a transformer is beside its graph: the numbers that formulas of cost read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace smeaton::model::hf {

/// Of one model. Sums run over all layers, of encoder and decoder. An element of a weight counts
/// once however often it is read.
struct Facts {
    std::string model_type;         ///< as in the config: "llama", "gpt2"
    int64_t parameters = 0;         ///< elements of all weights
    int64_t active_parameters = 0;  ///< without those of experts that a token does not go through
    /// Elements of weights that a token is multiplied with (no embeddings, no norms; a tied head
    /// counts); of experts only those that it goes through.
    int64_t matrix_parameters = 0;
    int64_t kv_elements_per_token = 0;  ///< of keys and values (or of MLA's latents) that are kept
    /// Multiply-adds for one query and one key in all layers: heads x (width of keys + of values).
    int64_t attention_width = 0;

    int64_t layers = 0;  ///< of encoder and decoder together
    int64_t width = 0;   ///< h: of what goes from layer to layer
    int64_t heads = 0, kv_heads = 0, head_dim = 0;
    int64_t feed_forward = 0;  ///< F of dense layers; of experts where all layers have them
    bool gated = false;        ///< dense layers multiply a gate in: three products, not two
    int64_t vocabulary = 0;
    int64_t max_positions = 0;  ///< 0: no limit is stated
    int64_t window = 0;         ///< keys that a sliding-window layer sees; 0: all
    int64_t window_layers = 0;  ///< layers that see no more than those
    int64_t experts = 0, experts_per_token = 0, shared_experts = 0;
    int64_t expert_feed_forward = 0;
    bool decoder = false;  ///< gives tokens one after another
    /// Parts that quantisation leaves alone, as `quantization_config` names them: "lm_head",
    /// "model.layers.*.self_attn".
    std::vector<std::string> not_converted;
    std::string quantised;  ///< `quantization_config`'s method: "mxfp4", "fp8"; empty: none
    /// Elements of weights in such parts.
    int64_t not_converted_parameters = 0;

    /// Whether a weight of this name lies in one of them.
    bool is_converted(const std::string& weight) const;
    int64_t kv_bytes_per_token(int64_t bits = 16) const { return kv_elements_per_token * bits / 8; }
};

}  // namespace smeaton::model::hf
