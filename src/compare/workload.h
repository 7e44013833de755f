// What a model asks of any device, counted once from its graph.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "cost/efficiency.h"

namespace smeaton::compare {

/// Products of tokens with one weight [depth, columns], or of each token with `active` of
/// `experts` such.
struct Product {
    double depth = 0, columns = 0;
    double experts = 1, active = 1;
    double times = 1;   ///< of this shape, one after another
    bool head = false;  ///< its result is the model's: serving asks for it on the last token alone
    bool wide = false;  ///< quantisation leaves its weights alone: 16 bits or more in any format
};

/// A model that gives tokens one after another.
struct Decoder {
    std::vector<Product> products;
    double attention_width = 0;  ///< multiply-adds for one query and one key, all layers
    double kv_elements = 0;      ///< kept per token, all layers
    double layers = 0, width = 0, heads = 0, kv_heads = 0;
    double feed_forward = 0, vocabulary = 0;
    double wide_parameters = 0;  ///< of those that quantisation leaves alone, embeddings too
    int64_t max_positions = 0;   ///< 0: no limit is stated
    int64_t window = 0;          ///< keys that are seen in layers with a window; 0: all
    double window_layers = 0;    ///< such layers; the others see all
    double prompt_flops = 0;     ///< of the whole graph for one prompt; 0: not counted

    /// Mean over the layers of what is `all` without a window and `within` with one.
    double over_layers(double all, double within) const {
        const double share = layers > 0 ? window_layers / layers : 0;
        return (1 - share) * all + share * within;
    }
    /// Keys behind `context` tokens, mean over the layers.
    double keys_seen(double context) const {
        return window > 0 ? over_layers(context, std::min(context, static_cast<double>(window)))
                          : context;
    }
};

struct Workload {
    std::string model;
    double parameters = 0, active_parameters = 0;
    bool is_decoder = false;
    Decoder decoder;
    /// Of a model that gives no tokens: its operators for the sizes it was read with.
    std::vector<cost::OperatorWork> operators;
    double batch = 1;                   ///< leading size of those
    std::string format;                 ///< what its graph computes in: "fp32", ...
    double flops = 0, bytes = 0;        ///< totals of `inspect`; bytes read and written
    double weight_bytes = 0;            ///< in that format
    double live_bytes = 0;              ///< most bytes of activations alive at once, upper bound
    std::vector<std::string> op_names;  ///< operators that it is made of
    std::string quantised;              ///< as its file is: "mxfp4"; empty: it is not
    std::string model_type;             ///< of a config.json: "llama"; empty: an ONNX file
};

}  // namespace smeaton::compare
