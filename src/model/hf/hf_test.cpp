#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/bind_dims.h"
#include "model/blocks/blocks.h"
#include "model/hf/read.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/summary/summary.h"
#include "model/text/text.h"

namespace smeaton::model::hf {
namespace {

// Keys as the publishers' files state them; parameters as transformers counts them.
const char* kLlama3 =
    R"({"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "vocab_size": 128256, "rope_theta": 500000.0})";
const char* kLlama3_70 =
    R"({"model_type": "llama", "hidden_size": 8192, "intermediate_size": 28672,
        "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8,
        "vocab_size": 128256})";
const char* kLlama2 =
    R"({"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
        "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000})";
const char* kQwen25 =
    R"({"model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944,
        "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
        "vocab_size": 152064, "use_sliding_window": false, "sliding_window": 131072,
        "max_window_layers": 28, "use_mrope": false})";
const char* kQwen25Half =
    R"({"model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864,
        "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
        "vocab_size": 151936, "tie_word_embeddings": true})";
const char* kQwen3 =
    R"({"model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288,
        "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
        "head_dim": 128, "vocab_size": 151936})";
const char* kMistral =
    R"({"model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "vocab_size": 32000, "sliding_window": 4096})";
const char* kMixtral =
    R"({"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2,
        "sliding_window": null})";
const char* kQwenMoe =
    R"({"model_type": "qwen2_moe", "hidden_size": 2048, "intermediate_size": 5632,
        "num_hidden_layers": 24, "num_attention_heads": 16, "vocab_size": 151936,
        "num_experts": 60, "num_experts_per_tok": 4, "moe_intermediate_size": 1408,
        "shared_expert_intermediate_size": 5632})";
const char* kQwen3Moe =
    R"({"model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144,
        "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4,
        "head_dim": 128, "vocab_size": 151936, "num_experts": 128, "num_experts_per_tok": 8,
        "moe_intermediate_size": 768, "norm_topk_prob": true, "mlp_only_layers": []})";
const char* kGptOss120 =
    R"({"model_type": "gpt_oss", "hidden_size": 2880, "intermediate_size": 2880,
        "num_hidden_layers": 36, "num_attention_heads": 64, "num_key_value_heads": 8,
        "head_dim": 64, "vocab_size": 201088, "num_local_experts": 128, "num_experts_per_tok": 4,
        "experts_per_token": 4, "attention_bias": true, "sliding_window": 128,
        "initial_context_length": 4096, "swiglu_limit": 7.0,
        "rope_scaling": {"rope_type": "yarn", "factor": 32.0, "truncate": false},
        "quantization_config": {"quant_method": "mxfp4"}})";
const char* kGptOss20 =
    R"({"model_type": "gpt_oss", "hidden_size": 2880, "intermediate_size": 2880,
        "num_hidden_layers": 24, "num_attention_heads": 64, "num_key_value_heads": 8,
        "vocab_size": 201088, "num_local_experts": 32, "num_experts_per_tok": 4,
        "sliding_window": 128})";
const char* kMinimax =
    R"({"model_type": "minimax_m2", "hidden_size": 3072, "intermediate_size": 1536,
        "mlp_intermediate_size": 8192, "num_hidden_layers": 62, "num_attention_heads": 48,
        "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 200064, "rotary_dim": 64,
        "num_local_experts": 256, "num_experts_per_tok": 8, "scoring_func": "sigmoid",
        "qk_norm_type": "per_layer", "use_qk_norm": true, "use_routing_bias": true,
        "shared_intermediate_size": 0, "num_mtp_modules": 3, "mtp_transformer_layers": 1,
        "use_mtp": true, "attn_type_list": [1, 1], "layernorm_mlp_beta": 1.0})";
const char* kDeepseekV3 =
    R"({"model_type": "deepseek_v3", "hidden_size": 7168, "intermediate_size": 18432,
        "moe_intermediate_size": 2048, "num_hidden_layers": 61, "num_attention_heads": 128,
        "num_key_value_heads": 128, "n_shared_experts": 1, "n_routed_experts": 256,
        "num_experts_per_tok": 8, "n_group": 8, "topk_group": 4, "topk_method": "noaux_tc",
        "scoring_func": "sigmoid", "first_k_dense_replace": 3, "q_lora_rank": 1536,
        "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "vocab_size": 129280, "num_nextn_predict_layers": 1,
        "rope_scaling": {"type": "yarn", "factor": 40}, "quantization_config": {"fmt": "e4m3"}})";
const char* kDeepseekV2Lite =
    R"({"model_type": "deepseek_v2", "hidden_size": 2048, "intermediate_size": 10944,
        "moe_intermediate_size": 1408, "num_hidden_layers": 27, "num_attention_heads": 16,
        "n_shared_experts": 2, "n_routed_experts": 64, "num_experts_per_tok": 6, "n_group": 1,
        "topk_group": 1, "topk_method": "greedy", "first_k_dense_replace": 1, "q_lora_rank": null,
        "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "vocab_size": 102400})";
const char* kGpt2 =
    R"({"model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024,
        "n_ctx": 1024, "vocab_size": 50257, "resid_pdrop": 0.1, "summary_type": "cls_index"})";
const char* kNeox =
    R"({"model_type": "gpt_neox", "hidden_size": 6144, "intermediate_size": 24576,
        "num_attention_heads": 64, "num_hidden_layers": 44, "rotary_pct": 0.25,
        "vocab_size": 50432, "max_position_embeddings": 2048})";
const char* kGptj =
    R"({"model_type": "gptj", "n_embd": 4096, "n_head": 16, "n_layer": 28, "n_positions": 2048,
        "rotary_dim": 64, "vocab_size": 50400})";
const char* kBertBase =
    R"({"model_type": "bert", "hidden_size": 768, "intermediate_size": 3072,
        "num_attention_heads": 12, "num_hidden_layers": 12, "vocab_size": 30522,
        "max_position_embeddings": 512, "type_vocab_size": 2})";
const char* kBertLarge =
    R"({"model_type": "bert", "hidden_size": 1024, "intermediate_size": 4096,
        "num_attention_heads": 16, "num_hidden_layers": 24, "vocab_size": 30522,
        "max_position_embeddings": 512})";
const char* kBertLargeWords =
    R"({"model_type": "bert", "architectures": ["BertForMaskedLM"], "hidden_size": 1024,
        "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24,
        "vocab_size": 30522, "max_position_embeddings": 512})";
const char* kT5 =
    R"({"model_type": "t5", "d_ff": 3072, "d_kv": 64, "d_model": 768, "num_heads": 12,
        "num_layers": 12, "vocab_size": 32128, "n_positions": 512, "is_encoder_decoder": true})";
const char* kVit =
    R"({"model_type": "vit", "hidden_size": 1024, "intermediate_size": 4096,
        "num_attention_heads": 16, "num_hidden_layers": 24, "image_size": 224, "patch_size": 16,
        "num_labels": 1000})";
const char* kWhisper =
    R"({"model_type": "whisper", "d_model": 1280, "encoder_layers": 32, "decoder_layers": 32,
        "encoder_attention_heads": 20, "decoder_attention_heads": 20, "encoder_ffn_dim": 5120,
        "decoder_ffn_dim": 5120, "num_mel_bins": 128, "vocab_size": 51866})";

struct Published {
    const char* name;
    const char* config;
    int64_t parameters, active, kv_bytes;
};

const Published kPublished[] = {
    {"Llama-2-7B", kLlama2, 6738415616, 6738415616, 524288},
    {"Llama-3-8B", kLlama3, 8030261248, 8030261248, 131072},
    {"Llama-3-70B", kLlama3_70, 70553706496, 70553706496, 327680},
    {"Qwen-2.5-7B", kQwen25, 7615616512, 7615616512, 57344},
    {"Qwen-2.5-0.5B", kQwen25Half, 494032768, 494032768, 12288},
    {"Qwen-3-8B", kQwen3, 8190735360, 8190735360, 147456},
    {"Mistral-7B", kMistral, 7241732096, 7241732096, 131072},
    {"Mixtral-8x7B", kMixtral, 46702792704, 12879925248, 131072},
    {"Qwen-1.5-MoE", kQwenMoe, 14315784192, 14315784192 - 24ll * 56 * 3 * 2048 * 1408, 196608},
    {"Qwen-3-30B-A3B", kQwen3Moe, 30532122624, 30532122624 - 48ll * 120 * 3 * 2048 * 768, 98304},
    {"gpt-oss-120b", kGptOss120, 116829156672, 116829156672 - 36ll * 124 * 3 * 2881 * 2880, 73728},
    {"gpt-oss-20b", kGptOss20, 20914757184, 20914757184 - 24ll * 28 * 3 * 2881 * 2880, 49152},
    {"MiniMax-M2", kMinimax, 228689764864, 228689764864 - 62ll * 248 * 3 * 3072 * 1536, 253952},
    {"DeepSeek-V3", kDeepseekV3, 671026419200, 671026419200 - 58ll * 248 * 3 * 7168 * 2048, 70272},
    {"DeepSeek-V2-Lite", kDeepseekV2Lite, 15706484224, 15706484224 - 26ll * 58 * 3 * 2048 * 1408,
     31104},
    {"GPT-2", kGpt2, 124439808, 124439808, 36864},
    {"GPT-NeoX-20B", kNeox, 20554567680, 20554567680, 1081344},
    {"GPT-J-6B", kGptj, 6050882784, 6050882784, 458752},
    {"BERT-base", kBertBase, 109482240, 109482240, 0},
    {"BERT-large", kBertLarge, 335141888, 335141888, 0},
    {"BERT-large, masked words", kBertLargeWords, 335174458, 335174458, 0},
    {"T5-base", kT5, 222903552, 222903552, 36864},
    {"ViT-L/16", kVit, 304326632, 304326632, 0},
    {"Whisper-large-v3", kWhisper, 1543490560, 1543490560, 163840},
};

ModelSummary summary_of(const ConfigModel& model, std::map<std::string, int64_t> dims) {
    const Graph bound = bind_dims(model.graph, dim_bindings(model.graph, dims));
    return summarize(infer_shapes(bound));
}

TEST(Config, published_models_have_the_parameters_that_they_are_known_for) {
    for (const Published& p : kPublished) {
        SCOPED_TRACE(p.name);
        const ConfigModel model = read_config_text(p.config, "config.json");
        EXPECT_EQ(model.facts.parameters, p.parameters);
        EXPECT_EQ(model.facts.active_parameters, p.active);
        EXPECT_EQ(model.facts.kv_bytes_per_token(), p.kv_bytes);
        // Counted again on the graph.
        EXPECT_EQ(summary_of(model, {}).parameters, p.parameters);
    }
}

/// The part of a graph's work that products of matrices and convolutions do.
int64_t matrix_flops(const ModelSummary& summary) {
    int64_t sum = 0;
    for (const OperatorSummary& row : summary.operators)
        if (row.op == "MatMul" || row.op == "Conv") sum += row.flops.value();
    return sum;
}

// 2 FLOPs for each matrix element and token, and for each query, key and element of a head.
TEST(Config, the_work_of_a_decoder_is_that_of_the_formula) {
    for (const char* text : {kLlama2, kLlama3, kQwen25, kQwen3, kMixtral, kQwenMoe, kDeepseekV3,
                             kGptOss20, kMinimax, kGpt2, kNeox, kGptj}) {
        const ConfigModel model = read_config_text(text, "config.json");
        SCOPED_TRACE(model.facts.model_type);
        for (const auto& [batch, prompt] : {std::pair<int64_t, int64_t>{2, 32}, {1, 7}, {1, 1}}) {
            const int64_t tokens = batch * prompt;
            const int64_t expected = 2 * tokens * model.facts.matrix_parameters +
                                     2 * tokens * prompt * model.facts.attention_width;
            EXPECT_EQ(matrix_flops(summary_of(model, {{"batch", batch}, {"sequence", prompt}})),
                      expected);
        }
    }
}

// GPT: 24 b s h^2 + 4 b s^2 h a layer, 2 b s h V for the head (2104.04473, section 3.3).
TEST(Config, the_work_of_gpt_is_that_of_the_closed_form) {
    const ConfigModel model = read_config_text(kGpt2, "config.json");
    const int64_t b = 3, s = 256, h = 768, layers = 12, vocabulary = 50257;
    EXPECT_EQ(matrix_flops(summary_of(model, {{"batch", b}, {"sequence", s}})),
              layers * (24 * b * s * h * h + 4 * b * s * s * h) + 2 * b * s * h * vocabulary);
    // 12 h^2 + 13 h a layer, embeddings of words and places, the last norm.
    EXPECT_EQ(model.facts.parameters,
              layers * (12 * h * h + 13 * h) + (vocabulary + 1024) * h + 2 * h);
}

TEST(Config, experts_do_the_work_of_those_that_are_active_whatever_the_number_of_tokens) {
    const ConfigModel model = read_config_text(kMixtral, "config.json");
    const ShapedGraph open = infer_shapes(model.graph);
    const Dim tokens = Dim::symbol("batch") * Dim::symbol("sequence");
    Dim work = 0, read = 0;
    for (const Node& node : open.graph.nodes) {
        if (node.op != OpType::kMatMul ||
            node.name.find("/layers.0/mlp/experts/") == std::string::npos)
            continue;
        work += operations(NodeView(open.graph, node));
        read += tensor::product(*open.graph.at(node.inputs[1]).shape);
    }
    EXPECT_EQ(work, tokens * (2 * 2 * 3 * 4096 * 14336));
    EXPECT_EQ(read, Dim(8 * 3 * 4096 * 14336));  // each expert's weights once
}

TEST(Config, layers_of_one_form_are_blocks_of_one_kind) {
    const ConfigModel model = read_config_text(kLlama3, "config.json");
    const Graph bound =
        bind_dims(model.graph, dim_bindings(model.graph, {{"batch", 1}, {"sequence", 128}}));
    const Blocks blocks = find_blocks(simplify(infer_shapes(bound), {}).graph);
    ASSERT_EQ(blocks.runs.size(), 1u);
    EXPECT_EQ(blocks.runs[0].count, 32);
    int64_t parameters = 0;
    const Graph simple = simplify(infer_shapes(bound), {}).graph;
    for (ValueId id : blocks.blocks[static_cast<size_t>(blocks.runs[0].first)].parameters)
        parameters += simple.at(id).constant->elements();
    EXPECT_EQ(parameters, 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336 + 2 * 4096);
}

TEST(Config, its_graph_prints_and_parses) {
    const ConfigModel model = read_config_text(kGpt2, "config.json");
    const std::string text = print(model.graph);
    EXPECT_THAT(text, ::testing::HasSubstr("f32[50257,768] open"));
    const Graph read = parse(text, "gpt2.txt", large_constants(model.graph));
    EXPECT_EQ(print(read), text);
    EXPECT_TRUE(read.open_weights);
}

TEST(Config, every_second_layer_of_gpt_oss_has_a_window) {
    const ConfigModel model = read_config_text(kGptOss20, "config.json");
    EXPECT_EQ(model.facts.window, 128);
    EXPECT_EQ(model.facts.window_layers, 12);
    EXPECT_EQ(read_config_text(kMistral, "config.json").facts.window_layers, 32);
    EXPECT_EQ(read_config_text(kLlama3, "config.json").facts.window_layers, 0);
}

std::string refusal(const std::string& text) {
    try {
        (void)read_config_text(text, "config.json");
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

std::string changed(std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
}

std::string with(std::string text, const std::string& key_and_value) {
    return text.insert(1, key_and_value + ", ");
}

TEST(Config, what_is_not_known_is_refused_by_name) {
    using ::testing::AllOf;
    using ::testing::HasSubstr;
    using ::testing::StartsWith;
    EXPECT_THAT(refusal("{\"model_type\": \"lama\"}"),
                AllOf(StartsWith("config.json: key 'model_type' is \"lama\""), HasSubstr("llama")));
    EXPECT_THAT(refusal("{}"), HasSubstr("'model_type' is missing"));
    EXPECT_THAT(refusal("[1]"), HasSubstr("not a config.json"));
    EXPECT_THAT(refusal("{\"model_type\": \"llama\"}"),
                HasSubstr("'num_hidden_layers' is missing"));
    EXPECT_THAT(refusal(with(kLlama3, R"("hyper_connections": 4)")),
                HasSubstr("key 'hyper_connections' is 4"));
    EXPECT_THAT(refusal(with(kLlama3, R"("architectures": ["LlamaForTokens"])")),
                HasSubstr("LlamaForTokens"));
    EXPECT_THAT(refusal(with(kLlama3, R"("hidden_act": "wave")")), HasSubstr("\"wave\""));
    EXPECT_THAT(refusal(with(kLlama2, R"("num_key_value_heads": 5)")),
                HasSubstr("'num_key_value_heads' is 5"));
    EXPECT_THAT(refusal(with(kMistral, R"("layer_types": ["linear_attention"])")),
                HasSubstr("'layer_types'"));
    EXPECT_THAT(refusal(changed(kMinimax, "[1, 1]", "[0, 1]")),
                HasSubstr("'attn_type_list' is [0, 1]"));
    EXPECT_THAT(refusal(changed(kMinimax, "_size\": 0", "_size\": 8")),
                HasSubstr("'shared_intermediate_size' is 8"));
    EXPECT_THAT(refusal(changed(kMinimax, "sigmoid", "softmax")), HasSubstr("sigmoid"));
    EXPECT_THAT(refusal(with(kGptOss20, R"("swiglu_alpha": 2.0)")), HasSubstr("1.702"));
    EXPECT_THAT(refusal(with(kGpt2, R"("add_cross_attention": true)")),
                HasSubstr("'add_cross_attention'"));
    EXPECT_THAT(refusal(with(kLlama3, R"("num_hidden_layers_": -1)")), HasSubstr("is -1"));
    EXPECT_THAT(refusal(R"({"model_type": "gpt2", "n_layer": 0})"), HasSubstr("'n_layer' is 0"));
}

TEST(Config, keys_that_nobody_reads_are_listed_or_harmless) {
    const ConfigModel model =
        read_config_text(with(kLlama3, R"("torch_dtype": "bfloat16", "note": "by hand")"), "c");
    ASSERT_EQ(model.graph.warnings.size(), 1u);
    EXPECT_THAT(model.graph.warnings[0], ::testing::EndsWith(": note"));
}

}  // namespace
}  // namespace smeaton::model::hf
