#include "driver/place/layers.h"

#include <gtest/gtest.h>

#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/grad/differentiate.h"
#include "model/hf/read.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/summary/summary.h"
#include "model/text/text.h"

namespace smeaton::driver {
namespace {

model::ShapedGraph simplified(model::Graph graph) {
    model::SimplifyOptions options;
    options.skip = {"fold_affine"};
    return model::simplify(model::infer_shapes(std::move(graph), {}, lower::evaluate),
                           lower::evaluate, options);
}

ModelLayers layers_of(const std::string& config, int64_t batch, int64_t sequence) {
    const model::Graph graph = model::hf::read_config_text(config, "config.json").graph;
    return model_layers(simplified(model::bind_dims(
        graph, model::dim_bindings(graph, {{"batch", batch}, {"sequence", sequence}}))));
}

std::string gpt(int64_t width, int64_t heads, int64_t layers, int64_t positions,
                int64_t vocabulary) {
    return fmt::format(
        R"({{"model_type": "gpt2", "n_embd": {}, "n_head": {}, "n_layer": {}, "n_positions": {},
            "vocab_size": {}, "tie_word_embeddings": false}})",
        width, heads, layers, positions, vocabulary);
}

// A layer of GPT: 12 h^2 + 13 h parameters, 24 b s h^2 + 4 b s^2 h operations forward and twice
// that backward, b s h elements behind it (codesign 4.1).
TEST(Layers, a_layer_of_gpt_does_the_work_of_the_closed_form) {
    const int64_t b = 2, s = 64, h = 128, a = 4, layers = 6, vocabulary = 1000;
    const ModelLayers m = layers_of(gpt(h, a, layers, s, vocabulary), b, s);
    ASSERT_EQ(m.blocks.runs.size(), 1u);
    const model::Run& run = m.blocks.runs[0];
    EXPECT_EQ(run.count, layers);
    const LayerFigures& f = m.of(static_cast<size_t>(run.first));
    const int64_t forward = 24 * b * s * h * h + 4 * b * s * s * h;
    EXPECT_EQ(f.parameters, 12 * h * h + 13 * h);
    EXPECT_EQ(f.forward.matrix_flops, forward);
    EXPECT_EQ(f.data.matrix_flops + f.weights.matrix_flops, 2 * forward);
    EXPECT_EQ(f.weights.matrix_flops, 24 * b * s * h * h);
    EXPECT_EQ(f.core.matrix_flops, 4 * b * s * s * h - 2 * b * s * s * h);
    EXPECT_EQ(m.boundaries[static_cast<size_t>(run.first)].elements, b * s * h);
    EXPECT_EQ(f.inputs.elements, b * s * h);
    // The head is there once, with its gradients; the embedding has none by what comes in.
    int64_t head = 0, all = 0;
    for (size_t k = 0; k < m.blocks.blocks.size(); ++k) {
        const LayerFigures& one = m.of(k);
        all += one.forward.matrix_flops + one.data.matrix_flops + one.weights.matrix_flops;
        if (k + 1 == m.blocks.blocks.size()) head = one.forward.matrix_flops;
    }
    EXPECT_EQ(head, 2 * b * s * h * vocabulary);
    // 72 b s L h^2 (1 + s / 6h + V / 12Lh), 2104.04473 without recomputation.
    EXPECT_EQ(all, 3 * (layers * forward + 2 * b * s * h * vocabulary));
}

// 2205.05198, table 2, at 2 bytes an element, without dropout's masks and without their products:
// inputs of two norms, of q, k, v, of the two products of scores and of the projection behind them,
// of both products of the feed-forward and of its activation: 16 b s h; weights of attention: a s^2
// b. Beside them norms keep a mean and a deviation for each row.
TEST(Layers, a_layer_of_gpt_keeps_what_the_closed_form_says) {
    for (const auto& [b, s, h, a] :
         {std::tuple<int64_t, int64_t, int64_t, int64_t>{1, 64, 128, 4}, {4, 32, 64, 2}}) {
        const ModelLayers m = layers_of(gpt(h, a, 4, s, 500), b, s);
        const LayerFigures& f = m.of(static_cast<size_t>(m.blocks.runs.at(0).first));
        EXPECT_EQ(f.kept.elements, 16 * b * s * h + a * s * s * b + 4 * b * s);
        EXPECT_EQ(f.kept_selective.elements, 16 * b * s * h + 4 * b * s);
    }
}

TEST(Layers, equal_layers_are_worked_out_once) {
    const ModelLayers few = layers_of(gpt(64, 4, 4, 32, 100), 1, 32);
    const ModelLayers many = layers_of(gpt(64, 4, 96, 32, 100), 1, 32);
    EXPECT_EQ(few.blocks.kinds, many.blocks.kinds);
    EXPECT_EQ(many.blocks.blocks.size(), few.blocks.blocks.size() + 92);
    const auto layer = static_cast<size_t>(few.blocks.runs.at(0).first);
    EXPECT_EQ(few.of(layer).kept.elements, many.of(layer).kept.elements);
    EXPECT_EQ(few.worked_out, few.blocks.kinds);
    EXPECT_EQ(many.worked_out, few.worked_out);
}

TEST(Layers, experts_take_part_with_the_weights_of_all_and_the_work_of_the_active) {
    const ModelLayers m = layers_of(
        R"({"model_type": "mixtral", "hidden_size": 64, "intermediate_size": 96,
            "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
            "vocab_size": 256, "num_local_experts": 4, "num_experts_per_tok": 2})",
        2, 16);
    const LayerFigures& f = m.of(static_cast<size_t>(m.blocks.runs.at(0).first));
    const int64_t tokens = 32, h = 64, inner = 96;
    const int64_t experts = 2 * tokens * 2 * 3 * h * inner, router = 2 * tokens * h * 4;
    const int64_t projections = 2 * tokens * (2 * h * h + 2 * h * 32), scores = 4 * tokens * 16 * h;
    EXPECT_EQ(f.parameters, 4 * 3 * h * inner + 4 * h + 2 * h * h + 2 * h * 32 + 2 * h);
    EXPECT_EQ(f.forward.matrix_flops, experts + router + projections + scores);
    EXPECT_EQ(f.weights.matrix_flops, experts + router + projections);
    EXPECT_EQ(f.data.matrix_flops, experts + router + projections + 2 * scores);
}

int64_t matrix_flops(const model::Graph& graph) {
    int64_t sum = 0;
    for (const model::Node& node : graph.nodes) {
        const model::OpFamily of = model::family(node.op);
        if (of == model::OpFamily::MatMul || of == model::OpFamily::Conv)
            sum += model::operations(model::NodeView(graph, node)).value();
    }
    return sum;
}

// The other way: the whole model's training graph, derived at once.
TEST(Layers, all_layers_together_do_the_work_of_the_whole_training_graph) {
    const std::string mixtral =
        R"({"model_type": "mixtral", "hidden_size": 32, "intermediate_size": 48,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "vocab_size": 64, "num_local_experts": 4, "num_experts_per_tok": 2})";
    const std::string tied =
        R"({"model_type": "qwen2", "hidden_size": 32, "intermediate_size": 48,
            "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
            "vocab_size": 64, "tie_word_embeddings": true})";
    const int64_t b = 2, s = 8, words = 64;
    for (const std::string& config : {gpt(32, 4, 3, s, words), mixtral, tied}) {
        const model::Graph graph = model::hf::read_config_text(config, "config.json").graph;
        const model::Graph bound =
            model::bind_dims(graph, model::dim_bindings(graph, {{"batch", b}, {"sequence", s}}));
        model::GradientOptions options;
        options.loss.target_shape = model::Sizes{b, s};
        const model::GradientGraph whole = model::differentiate(bound, options, lower::evaluate);
        const ModelLayers m = model_layers(simplified(bound));
        LayerWork sum;
        for (size_t k = 0; k < m.blocks.blocks.size(); ++k)
            for (const LayerWork* work : {&m.of(k).forward, &m.of(k).data, &m.of(k).weights})
                sum += *work;
        EXPECT_EQ(sum.matrix_flops,
                  matrix_flops(model::simplify(whole.shaped, lower::evaluate).graph));
    }
}

// Worked out by hand: y = Relu(x w) v, a loss, no gradient of x.
TEST(Layers, a_small_chain_by_hand) {
    const ModelLayers m =
        model_layers(simplified(model::parse("graph chain\n"
                                             "  opset \"\" 17\n"
                                             "  open weights\n"
                                             "  input x: i64[8,4]\n"
                                             "  const w: f32[4,4] open\n"
                                             "  const v: f32[4,4] open\n"
                                             "  f = Cast(x) {to: 1} since 13 as f\n"
                                             "  a = MatMul(f, w) since 13 as a\n"
                                             "  b = Relu(a) since 14 as b\n"
                                             "  y = MatMul(b, v) since 13 as y\n"
                                             "  output y\n",
                                             "chain")));
    LayerWork forward, backward;
    int64_t parameters = 0;
    for (size_t k = 0; k < m.blocks.blocks.size(); ++k) {
        parameters += m.of(k).parameters;
        forward += m.of(k).forward;
        backward += m.of(k).data;
        backward += m.of(k).weights;
    }
    const int64_t product = 2 * 8 * 4 * 4;
    EXPECT_EQ(parameters, 32);
    EXPECT_EQ(forward.matrix_flops, 2 * product);
    EXPECT_EQ(backward.matrix_flops, 3 * product);
    EXPECT_EQ(forward.weights.elements, 32);
}

}  // namespace
}  // namespace smeaton::driver
