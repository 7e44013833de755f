#include "driver/place/memory_formula.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "driver/place/layers.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/hf/read.h"
#include "model/rewrite/simplify.h"

namespace smeaton::driver {
namespace {

struct Case {
    model::hf::Facts facts;
    ModelLayers layers;
    const LayerFigures& layer() const {
        return layers.of(static_cast<size_t>(layers.blocks.runs.at(0).first));
    }
    int repeated() const { return layers.blocks.runs.at(0).count; }
};

Case case_of(const std::string& config, int64_t batch, int64_t sequence) {
    const auto read = model::hf::read_config_text(config, "config.json");
    model::SimplifyOptions options;
    options.skip = {"fold_affine"};
    const model::Graph bound = model::bind_dims(
        read.graph, model::dim_bindings(read.graph, {{"batch", batch}, {"sequence", sequence}}));
    return {read.facts,
            model_layers(model::simplify(model::infer_shapes(bound, {}, lower::evaluate),
                                         lower::evaluate, options))};
}

const char* const kGpt =
    R"({"model_type": "gpt2", "n_embd": 128, "n_head": 4, "n_layer": 5, "n_positions": 64,
        "vocab_size": 500})";
const char* const kLlama =
    R"({"model_type": "llama", "hidden_size": 128, "intermediate_size": 352,
        "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2,
        "vocab_size": 500, "max_position_embeddings": 64, "tie_word_embeddings": false})";

// s b h (10 + 24 / t + 5 a s / (h t)), 2205.05198.
TEST(MemoryFormula, a_layer_of_gpt_has_the_published_form) {
    const Case gpt = case_of(kGpt, 2, 64);
    EXPECT_EQ(why_no_formula(gpt.facts, gpt.repeated()), "");
    for (const int t : {1, 2, 4}) {
        const double b = 2, s = 64, h = 128, a = 4;
        EXPECT_DOUBLE_EQ(activation_formula_bytes(gpt.facts, {2, 64, t}),
                         s * b * h * (10 + 24.0 / t + 5 * a * s / (h * t)));
    }
}

// The training graph has no dropout; its norms keep a mean and a deviation for each row besides.
TEST(MemoryFormula, without_dropout_it_is_what_the_training_graph_of_gpt_keeps) {
    for (const auto& [b, s] : {std::pair<int64_t, int64_t>{1, 64}, {4, 32}}) {
        const Case gpt = case_of(kGpt, b, s);
        for (const double bytes : {2.0, 4.0}) {
            const FormulaSizes sizes{b, s, 1, bytes};
            const double rows = 4 * bytes * static_cast<double>(b * s);
            EXPECT_DOUBLE_EQ(gpt.layer().kept.bytes(bytes),
                             activation_formula_bytes(gpt.facts, sizes) -
                                 dropout_formula_bytes(gpt.facts, sizes) + rows);
        }
    }
}

// Gated, two key heads for eight of queries: 2 h^2 + 2 h k d + 3 h F + 2 h parameters.
TEST(MemoryFormula, a_layer_of_llama_has_its_own_widths) {
    const int64_t b = 2, s = 32, h = 128, inner = 352, kd = 32, a = 8;
    const Case llama = case_of(kLlama, b, s);
    EXPECT_EQ(why_no_formula(llama.facts, llama.repeated()), "");
    EXPECT_EQ(llama.layer().parameters, 2 * h * h + 2 * h * kd + 3 * h * inner + 2 * h);
    const FormulaSizes sizes{b, s, 1};
    const double form =
        activation_formula_bytes(llama.facts, sizes) - dropout_formula_bytes(llama.facts, sizes);
    EXPECT_DOUBLE_EQ(form, 2.0 * b * s * (4 * h + 2 * h + 2 * kd + 4 * inner + a * s));
    // The graph has silu(x) as x sigmoid(x), which keeps both factors.
    EXPECT_DOUBLE_EQ(llama.layer().kept.bytes(2), form + 2.0 * b * s * inner);
}

TEST(MemoryFormula, what_is_no_such_transformer_has_a_reason) {
    model::hf::Facts facts = case_of(kGpt, 1, 8).facts;
    EXPECT_NE(why_no_formula(facts, 3), "");
    facts.experts = 8;
    EXPECT_NE(why_no_formula(facts, 5).find("experts"), std::string::npos);
    EXPECT_NE(why_no_formula({}, 0), "");
}

// The embedding and the head are one weight: in both layers, there once.
TEST(MemoryFormula, tied_weights_are_there_once) {
    for (const bool tied : {true, false}) {
        const Case llama = case_of(
            fmt::format(R"({{"model_type": "llama", "hidden_size": 64, "intermediate_size": 96,
                "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 300,
                "max_position_embeddings": 32, "tie_word_embeddings": {}}})",
                        tied),
            1, 16);
        int64_t sum = 0;
        for (size_t i = 0; i < llama.layers.blocks.blocks.size(); ++i)
            sum += llama.layers.of(i).parameters;
        for (const SharedWeights& s : llama.layers.shared)
            sum -= static_cast<int64_t>(s.layers.size() - 1) * s.parameters;
        EXPECT_EQ(sum, llama.facts.parameters);
        EXPECT_EQ(llama.layers.shared.size(), tied ? 1U : 0U);
        if (tied) {
            EXPECT_EQ(llama.layers.shared.at(0).parameters, 300 * 64);
        }
    }
}

}  // namespace
}  // namespace smeaton::driver
