// The table of gradients, what is trained, and what is refused. Values: tests/grad.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "model/grad/optimizer.h"
#include "model/grad/rule.h"
#include "model/grad/state_order.h"
#include "model/text/text.h"

namespace smeaton::model {
namespace {

using testing::HasSubstr;

Graph graph_of(const std::string& body) {
    return parse("graph g\n  opset \"\" 17\n" + body, "test");
}

GradientGraph derive(const std::string& body, GradientOptions options = {}) {
    if (options.loss.kind == LossKind::CrossEntropy && options.loss.output.empty())
        options.loss = loss_named("mse");
    return differentiate(graph_of(body), options, {});
}

std::vector<std::string> trained(const GradientGraph& g) {
    std::vector<std::string> names;
    for (const TrainedParameter& p : g.parameters) names.push_back(p.name);
    return names;
}

std::string refusal(const std::string& body, const GradientOptions& options = {}) {
    try {
        derive(body, options);
    } catch (const UserError& error) {
        return error.what();
    }
    return "not refused";
}

int count(const Graph& graph, OpType op) {
    return static_cast<int>(std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                          [&](const Node& node) { return node.op == op; }));
}

TEST(GradientTable, every_operator_has_a_rule_or_a_reason) {
    for (size_t i = 1; i < gradient_table().size(); ++i) {
        const auto op = static_cast<OpType>(i);
        const GradientRow& row = gradient_row(op);
        EXPECT_EQ((row.rule != nullptr) + !row.stops.empty() + !row.missing.empty(), 1)
            << name(op)
            << " needs a gradient rule (src/model/grad), or the reason why there is none";
    }
}

constexpr const char* kLayer = R"(  input x: f32[2,3]
  const w: f32[3,2](1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
  const b: f32[2](1.0, 2.0)
  m = MatMul(x, w) since 13 as M
  y = Add(m, b) since 14 as A
  output y
)";

TEST(Differentiate, gives_the_loss_and_a_gradient_for_each_parameter) {
    const GradientGraph g = derive(kLayer);
    EXPECT_EQ(trained(g), (std::vector<std::string>{"w", "b"}));
    EXPECT_EQ(g.target, "target");
    std::vector<std::string> outputs;
    for (ValueId id : g.shaped.graph.outputs) outputs.push_back(g.shaped.graph.at(id).name);
    EXPECT_EQ(outputs, (std::vector<std::string>{g.loss, "w.gradient", "b.gradient"}));
    EXPECT_EQ(g.parameters[0].initial.at_as_double(5), 6);
    for (const Value& v : g.shaped.graph.values) EXPECT_FALSE(v.name == "w" && v.constant);
}

TEST(Differentiate, the_result_is_an_ordinary_graph_that_prints_and_parses) {
    const GradientGraph g = derive(kLayer);
    const std::string text = print(g.shaped.graph);
    EXPECT_EQ(print(parse(text, "again", large_constants(g.shaped.graph))), text);
}

TEST(Differentiate, frozen_parameters_stay_constants) {
    GradientOptions options;
    options.freeze = {"w*"};
    const GradientGraph g = derive(kLayer, options);
    EXPECT_EQ(trained(g), std::vector<std::string>{"b"});
    options.freeze = {"v*"};
    EXPECT_THAT(refusal(kLayer, options), HasSubstr("--freeze v*: no initializer has such a name"));
    options.freeze = {"*"};
    EXPECT_THAT(refusal(kLayer, options), HasSubstr("no parameter reaches the loss"));
}

TEST(Differentiate, trains_what_reaches_the_loss_and_no_settings) {
    const GradientGraph g = derive(R"(  input x: f32[1,1,2,2]
  const s: f32[4](1.0, 1.0, 2.0, 2.0)
  const unused: f32[1](3.0)
  const rounded: f32[1](3.0)
  const k: f32[1](3.0)
  c = Constant() {value: f32[1](2.0)} since 13 as C
  f = Floor(rounded) since 13 as F
  dead = Exp(unused) since 13 as D
  a = Mul(x, k) since 14 as A
  b = Mul(a, c) since 14 as B
  d = Add(b, f) since 14 as E
  y = Resize(d, _, s) {mode: "nearest"} since 13 as R
  output y
  output dead
)");
    EXPECT_EQ(trained(g), std::vector<std::string>{"k"});
}

TEST(Differentiate, initializers_tied_by_identity_are_trained_apart) {
    const GradientGraph g = derive(R"(  input x: f32[2]
  const b1: f32[2](0.0, 0.0)
  b2 = Identity(b1) since 16 as I
  h = Add(x, b1) since 14 as A
  y = Add(h, b2) since 14 as B
  output y
)");
    EXPECT_EQ(trained(g), (std::vector<std::string>{"b1", "b2"}));
}

TEST(Differentiate, convolution_gradients_insert_no_zeros) {
    const GradientGraph g = derive(R"(  input x: f32[2,3,9,9]
  const v: f32[1](1.5)
  const w: f32[4,3,1,1](1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0)
  xv = Mul(x, v) since 14 as S
  y = Conv(xv, w) {strides: [2,2]} since 11 as C
  output y
)");
    EXPECT_EQ(count(g.shaped.graph, OpType::kConvTranspose), 1);
    EXPECT_EQ(count(g.shaped.graph, OpType::kConv), 2);
    EXPECT_EQ(count(g.shaped.graph, OpType::kPad), 0);
}

constexpr const char* kNorm = R"(  input x: f32[4,2]
  const s: f32[2](1.0, 1.0)
  const m: f32[2](0.0, 0.0)
  const v: f32[2](1.0, 1.0)
  n = BatchNormalization(x, s, m, m, v) {momentum: 0.8} since 15 as N
  y = Dropout(n) since 13 as D
  output y
)";

TEST(TrainingForm, moves_running_statistics_and_feeds_masks) {
    const std::string apart = [] {
        std::string text = kNorm;
        text.replace(text.find("s, m, m, v"), 10, "s, b, m, v");
        return "  const b: f32[2](0.0, 0.0)\n" + text;
    }();
    const GradientGraph g = derive(apart);
    EXPECT_EQ(trained(g), (std::vector<std::string>{"b", "s"}));
    ASSERT_EQ(g.form.statistics.size(), 2u);
    EXPECT_EQ(g.form.statistics[0].name, "m");
    EXPECT_EQ(g.form.statistics[0].next, "m.next");
    ASSERT_EQ(g.form.masks.size(), 1u);
    EXPECT_EQ(g.form.masks[0].input, "D.mask");
    EXPECT_EQ(g.form.masks[0].ratio, 0.5);
    GradientOptions inferring;
    inferring.training_form = false;
    const GradientGraph as_is = derive(apart, inferring);
    EXPECT_TRUE(as_is.form.statistics.empty());
    EXPECT_TRUE(as_is.form.masks.empty());
}

TEST(Loss, refuses_what_does_not_fit) {
    const auto with = [](const char* loss, const char* shape, std::optional<Sizes> target = {}) {
        GradientOptions options;
        options.loss = loss_named(loss);
        options.loss.target_shape = std::move(target);
        if (options.loss.kind == LossKind::CrossEntropy) options.loss.output = "y";
        return refusal(fmt::format("  input x: f32{}\n  const k: f32[1](2.0)\n"
                                   "  y = Mul(x, k) since 14 as M\n  output y\n",
                                   shape),
                       options);
    };
    EXPECT_THAT(with("output:z", "[2]"), HasSubstr("there is no output 'z'; the outputs are y"));
    EXPECT_THAT(with("output:y", "[2]"), HasSubstr("must be one number; output 'y' f32[2] has 2"));
    EXPECT_THAT(with("cross-entropy", "[2]"), HasSubstr("output 'y' f32[2] has rank 1"));
    EXPECT_THAT(with("cross-entropy", "[2,5,3]", Sizes{2, 4}),
                HasSubstr("expected class numbers of shape [2,3] or [2,5] (classes last)"));
    EXPECT_THAT(with("mse", "[2,3]", Sizes{3, 2}), HasSubstr("expected the same shape"));
    EXPECT_THAT(with("mse", "[N,3]"), HasSubstr("input 'x', axis 0: N"));
    EXPECT_THROW(loss_named("output:"), UserError);
    EXPECT_THROW(loss_named("nll"), UserError);
}

TEST(Loss, classes_lie_along_axis_1_unless_the_target_says_last) {
    const auto classes = [](Sizes target) {
        GradientOptions options;
        options.loss.output = "y";
        options.loss.target_shape = std::move(target);
        return derive(
                   "  input x: f32[2,5,3]\n  const k: f32[1](2.0)\n"
                   "  y = Mul(x, k) since 14 as M\n  output y\n",
                   options)
            .classes;
    };
    EXPECT_EQ(classes({2, 3}), 5);
    EXPECT_EQ(classes({2, 5}), 3);
}

TEST(Optimizer, keeps_a_state_for_each_parameter) {
    const auto names = [](const char* optimizer) {
        std::vector<std::string> all;
        const TrainingStep step = append_optimizer(derive(kLayer), optimizer_named(optimizer));
        for (const StateVariable& s : step.state) all.push_back(s.name);
        EXPECT_EQ(step.parameters, 2u);
        EXPECT_EQ(step.shaped.graph.outputs.size(), 1 + step.state.size());
        EXPECT_EQ(step.step.empty(), std::string(optimizer).front() != 'a');
        return all;
    };
    EXPECT_EQ(names("sgd"), (std::vector<std::string>{"w", "b"}));
    EXPECT_EQ(names("momentum"), (std::vector<std::string>{"w", "b", "w.momentum", "b.momentum"}));
    EXPECT_EQ(names("adam"), (std::vector<std::string>{"w", "b", "w.moment1", "w.moment2",
                                                       "b.moment1", "b.moment2"}));
    EXPECT_EQ(optimizer_named("adamw").weight_decay, 0.01);
    EXPECT_THROW(optimizer_named("rmsprop"), UserError);
    OptimizerChoice choice;
    choice.momentum = 1;
    EXPECT_THROW(check_optimizer(choice), UserError);
}

TEST(Optimizer, weights_of_convolutions_lie_with_their_filters_innermost) {
    constexpr const char* kConvolution = R"(  input x: f32[1,2,4,4]
  const w: f32[1,2,1,3](0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
  const k: f32[1](2.0)
  m = Conv(x, w) since 11 as C
  y = Mul(m, k) since 14 as M
  output y
)";
    const auto shapes = [&](bool in_order) {
        OptimizerChoice choice = optimizer_named("momentum");
        choice.states_in_order = in_order;
        const TrainingStep step = append_optimizer(derive(kConvolution), choice);
        std::map<std::string, std::vector<int64_t>> all;
        for (const StateVariable& s : step.state) {
            all[s.name] = s.initial.shape();
            EXPECT_EQ(s.order.empty(), !in_order || s.name.front() == 'k') << s.name;
            for (const Value& v : step.shaped.graph.values)
                if (v.name == s.name || v.name == s.next) {
                    EXPECT_EQ(const_shape(*v.shape), s.initial.shape()) << v.name;
                }
        }
        return all;
    };
    const std::vector<int64_t> as_in_model = {1, 2, 1, 3}, in_order = {2, 1, 3, 1}, one = {1};
    EXPECT_EQ(
        shapes(false),
        (std::map<std::string, std::vector<int64_t>>{
            {"w", as_in_model}, {"w.momentum", as_in_model}, {"k", one}, {"k.momentum", one}}));
    EXPECT_EQ(shapes(true),
              (std::map<std::string, std::vector<int64_t>>{
                  {"w", in_order}, {"w.momentum", in_order}, {"k", one}, {"k.momentum", one}}));
}

TEST(Optimizer, a_tensor_in_another_order_comes_back) {
    Tensor t(DType::kF32, {2, 3, 2});
    for (int64_t n = 0; n < t.elements(); ++n) t.set_from_double(n, static_cast<double>(n));
    const Tensor turned = in_order(t, {1, 2, 0});
    EXPECT_EQ(turned.shape(), (std::vector<int64_t>{3, 2, 2}));
    for (int64_t a = 0; a < 2; ++a)
        for (int64_t b = 0; b < 3; ++b)
            for (int64_t c = 0; c < 2; ++c)
                EXPECT_EQ(turned.at_as_double((b * 2 + c) * 2 + a),
                          static_cast<double>((a * 3 + b) * 2 + c));
    const Tensor back = out_of_order(turned, {1, 2, 0});
    EXPECT_EQ(back.shape(), t.shape());
    for (int64_t n = 0; n < t.elements(); ++n) EXPECT_EQ(back.at_as_double(n), t.at_as_double(n));
}

TEST(Differentiate, operators_without_a_gradient_are_named_together) {
    const std::string message = refusal(R"(  input x: f32[2]
  input c: bool[]
  const w: f32[2](1.0, 2.0)
  a = Mul(x, w) since 14 as A
  b = If(c, a) {captures: 1} since 16 as I1
    else_branch: graph e
      input a
      r = Exp(a) since 13 as R
      output r
    then_branch: graph t
      input a
      r = Neg(a) since 13 as R
      output r
  y = If(c, b) {captures: 1} since 16 as I2
    else_branch: graph e
      input b
      r = Exp(b) since 13 as R
      output r
    then_branch: graph t
      input b
      r = Neg(b) since 13 as R
      output r
  output y
)");
    EXPECT_THAT(message, HasSubstr("2 nodes are on the way to the loss without a gradient"));
    EXPECT_THAT(message, HasSubstr("node I1 (If)"));
    EXPECT_THAT(message, HasSubstr("node I2 (If)"));
    EXPECT_THAT(message, HasSubstr("behind it: 'w'"));
}

}  // namespace
}  // namespace smeaton::model
