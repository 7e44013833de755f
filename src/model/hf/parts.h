// What transformers of all families are put together from.
#pragma once

#include <optional>
#include <string>

#include "model/hf/builder.h"
#include "model/hf/config.h"

namespace smeaton::model::hf {

// ---- norms and activations

enum class NormKind { kLayer, kRms };

struct Norm {
    NormKind kind = NormKind::kRms;
    double epsilon = 1e-6;
    bool bias = true;  ///< of a layer norm
};
/// Over the last axis, which has `width` elements.
ValueId normalized(Builder&, ValueId x, const std::string& name, int64_t width, const Norm&);

/// UserError naming the key for a function that is not built.
void check_activation(const std::string& key, const std::string& function);
/// "silu", "gelu", "gelu_new", ... of ACT2FN in transformers.
ValueId activated(Builder&, ValueId x, const std::string& function);

// ---- feed-forward

struct FeedForward {
    int64_t width = 0, inner = 0;
    std::string activation = "silu";
    std::string gate = "gate_proj";  ///< empty: up, activation, down
    std::string up = "up_proj", down = "down_proj";
    bool bias = false;
};
ValueId feed_forward(Builder&, ValueId x, const FeedForward&);

// ---- positions

/// i64 0, 1, ... behind what a cache holds, and what is seen from them.
struct Positions {
    ValueId queries;  ///< i64 [S]
    ValueId keys;     ///< i64 [P + S]; the same as queries without a cache
};
/// Of axis 1 of `ids`. `past`: a value whose axis 2 is P; invalid: no cache.
Positions positions_of(Builder&, ValueId ids, ValueId past = {});

/// f32 [S, P + S], 0 where a query sees a key, else the least number: keys up to the query's own
/// place; with a window the last `window` of them.
ValueId causal_mask(Builder&, const Positions&, int64_t window = 0);
/// f32 [B, 1, 1, S] of an i64 [B, S] that is 1 where a key counts.
ValueId padding_mask(Builder&, ValueId attention_mask);

/// Cosines and sines of rotary positions.
struct Rotary {
    ValueId cos, sin;          ///< f32 [S, dims]
    int64_t dims = 0;          ///< of a head, from its front; the others stay
    bool interleaved = false;  ///< pairs are neighbours, not halves
};
Rotary rotary_table(Builder&, ValueId positions, int64_t dims, double theta, bool interleaved);
/// x: [B, heads, S, d].
ValueId rotated(Builder&, ValueId x, int64_t head_dim, const Rotary&);

// ---- attention

/// [B, S, heads * d] -> [B, heads, S, d].
ValueId into_heads(Builder&, ValueId x, int64_t heads, int64_t head_dim);

struct Core {
    int64_t heads = 0, kv_heads = 0;
    int64_t key_dim = 0, value_dim = 0;
    std::optional<double> scale = {};  ///< of queries; absent: 1 / sqrt(key_dim)
    ValueId mask = {};                 ///< added to the scores, broadcasting; invalid: none
    /// [heads]: a score of each head beside those of its keys, which takes its part of the softmax
    /// and gives no value; invalid: none.
    ValueId sinks = {};
};
/// Softmax(q k^T) v of q [B, heads, S, key_dim], k [B, kv_heads, T, key_dim], v [B, kv_heads, T,
/// value_dim]; each key head serves heads / kv_heads queries. Gives [B, S, heads * value_dim].
ValueId attend(Builder&, ValueId q, ValueId k, ValueId v, const Core&);

/// Attention of the common form: projections of q, k, v, their core, a projection back.
struct Attention {
    int64_t width = 0, heads = 0, kv_heads = 0, head_dim = 0;
    bool bias_q = false, bias_k = false, bias_v = false, bias_o = false;
    std::string q = "q_proj", k = "k_proj", v = "v_proj", o = "o_proj";
    const Rotary* rotary = nullptr;
    std::optional<Norm> head_norm = {};   ///< of each head of q and k ("q_norm", "k_norm")
    std::optional<Norm> whole_norm = {};  ///< the same of all heads together
    bool sinks = false;                   ///< see Core
    std::optional<double> scale = {};
    ValueId mask = {};
    ValueId memory = {};   ///< what k and v are made of; invalid: x
    bool is_kept = false;  ///< k and v of a token are kept for those after it
};
/// x: [B, S, width].
ValueId attention(Builder&, ValueId x, const Attention&);

// ---- experts

/// Every token goes through `active` of `experts` feed-forwards, chosen by a router.
///
/// The tokens' choices, N * active of them, are sorted by expert and cut into equal parts, as they
/// are when the load is balanced: the first r experts take q + 1 rows and the others q, with
/// N * active = experts * q + r. So the work is exactly that of `active` experts a token, for any
/// N, and each expert's weights are read once, in training too; where there are fewer choices than
/// experts, r of them take one row each and nobody reads the others. A group is one product of
/// matrices [experts, rows, width] x [experts, width, inner].
struct Experts {
    int64_t experts = 0, active = 0;
    int64_t width = 0, inner = 0;
    std::string activation = "silu";
    std::string router = "gate";
    bool bias = false;         ///< of the router's scores and of each expert's products
    bool router_bias = false;  ///< added to the scores for the choice alone
    bool sigmoid = false;      ///< scores by sigmoid, not softmax
    bool normalized = true;    ///< the weights of a token's experts sum to 1
    int64_t groups = 1;        ///< experts are chosen from `group_limit` of so many groups
    int64_t group_limit = 1;
    /// Above 0: an expert's inner values are (u + 1) g sigmoid(1.702 g), gate g cut off above and u
    /// on both sides at this; else activation(g) u.
    double limit = 0;
};
/// x: [B, S, width].
ValueId experts(Builder&, ValueId x, const Experts&);

}  // namespace smeaton::model::hf
