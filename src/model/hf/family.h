// Families of models: one function each, that reads its keys and writes its graph.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "model/hf/builder.h"
#include "model/hf/config.h"
#include "model/hf/parts.h"

namespace smeaton::model::hf {

using Family = std::function<void(Builder&, const Config&)>;

/// By `model_type`.
const std::map<std::string, Family>& families();

void add_llama_families(std::map<std::string, Family>&);     ///< llama.cpp
void add_sparse_families(std::map<std::string, Family>&);    ///< sparse.cpp: gpt-oss, MiniMax M2
void add_gpt_families(std::map<std::string, Family>&);       ///< gpt.cpp
void add_deepseek_families(std::map<std::string, Family>&);  ///< deepseek.cpp
void add_encoder_families(std::map<std::string, Family>&);   ///< encoder.cpp: BERT, ViT
void add_t5_families(std::map<std::string, Family>&);        ///< t5.cpp
void add_whisper_families(std::map<std::string, Family>&);   ///< whisper.cpp

// ---- what families share

/// Names of sizes that stay open.
inline constexpr const char* kBatch = "batch";
inline constexpr const char* kSequence = "sequence";
inline constexpr const char* kDecoderSequence = "decoder_sequence";

/// i64 [batch, sequence].
ValueId token_ids(Builder&, const std::string& name, const char* sequence = kSequence);

/// The class that `architectures` names, which must be one of `known`; the first of them where the
/// key is absent. UserError naming it otherwise.
std::string architecture_of(const Config&, const std::vector<std::string>& known);

/// Notes sizes of attention without key heads of their own, and of dense layers.
void note_sizes(Builder&, int64_t layers, int64_t width, int64_t heads, int64_t head_dim,
                int64_t inner);

/// The sizes that all decoders with rotary positions and key heads state alike.
struct DecoderSizes {
    int64_t layers = 0, width = 0, heads = 0, kv_heads = 0, head_dim = 0, inner = 0;
    int64_t vocabulary = 0;
    std::string activation;
    Norm norm;
    bool tied = false;
};
/// Reads them and notes them in `facts`. `head_dim`: what is taken where the key is absent; 0:
/// width / heads.
DecoderSizes decoder_sizes(Builder&, const Config&, int64_t head_dim = 0);

/// Base and turned part of rotary positions, from the keys of old and new files. Scaled positions
/// change values, not sizes. UserError for a kind that is not known.
struct RotaryKeys {
    double theta = 10000;
    double part = 1;
};
RotaryKeys rotary_keys(const Config&);

/// In which layers a window holds that is stated without any of the other keys.
enum class WindowIn { kNone, kAll, kEverySecond };
/// Which layers see a window only, from `layer_types`, `sliding_window`, `use_sliding_window` and
/// `max_window_layers`; 0: all is seen.
std::vector<int64_t> windows_of(Builder&, const Config&, int64_t layers, WindowIn otherwise);

/// Masks by window, each made once.
class Masks {
public:
    Masks(Builder& b, Positions positions) : b_(b), positions_(positions) {}
    ValueId of_window(int64_t window);

private:
    Builder& b_;
    Positions positions_;
    std::map<int64_t, ValueId> made_;
};

/// Attention of these sizes, whose keys and values are kept.
Attention attention_of(const DecoderSizes&, const Rotary&, ValueId mask);

/// What decoders whose layers are x + attention(norm(x)), x + feed-forward(norm(x)) have of their
/// own. The functions get what is normalized and make their own scopes.
struct DecoderParts {
    RotaryKeys rope;
    int64_t rotary_dims = 0;  ///< turned elements of a head
    bool interleaved = false;
    std::vector<int64_t> windows = {};  ///< by layer; empty: all is seen everywhere
    std::function<ValueId(ValueId x, const Rotary&, ValueId mask)> attention;
    std::function<ValueId(ValueId x, int64_t layer)> feed_forward;
    bool logits = true;  ///< the model with its head, not its last hidden state
};
/// The whole graph, from tokens to the output.
void decoder(Builder&, const DecoderSizes&, const DecoderParts&);

/// Logits of every token: through the embedding's table where it is tied.
void add_head(Builder&, ValueId x, ValueId table, int64_t vocabulary, int64_t width, bool tied,
              bool bias = false, const std::string& name = "lm_head");

}  // namespace smeaton::model::hf
