#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "export/pytorch/emit.h"
#include "export/pytorch/python_file.h"
#include "export/pytorch/speller.h"
#include "model/text/text.h"

namespace smeaton::pytorch {

using testing::HasSubstr;
using testing::Not;

namespace {

Export exported(const std::string& text) {
    return Export(model::infer_values(model::parse(text, "test")));
}

/// One cluster, everything one after another.
ClusterPlan serial_plan(const Export& what) {
    ClusterPlan plan;
    for (size_t k = 0; k < what.order().size(); ++k)
        plan.schedule.tasks.push_back(
            {{static_cast<int32_t>(k)}, {0}, static_cast<double>(k), static_cast<double>(k + 1)});
    return plan;
}

std::string file(const Emitted& made, const std::string& name) {
    for (const TextFile& f : made.files)
        if (f.name == name) return f.text;
    return "";
}

std::string model_py(const std::string& text) {
    const Export what = exported(text);
    return file(emit(what, serial_plan(what), {"test", "test.onnx"}), "model.py");
}

}  // namespace

TEST(Spelling, EveryOperatorHasARowButThoseThatHoldGraphs) {
    std::vector<std::string> without;
#define X(op, family) \
    if (spell_table().count(model::OpType::k##op) == 0) without.emplace_back(#op);
    SMEATON_OPS(X)
#undef X
    EXPECT_THAT(without, testing::ElementsAre("If"));
}

TEST(Text, SizesArePython) {
    const Dim n = Dim::symbol("N"), axis = Dim::symbol("x:0");
    auto python = [](const std::string& text) {
        return fill(text, [](const Mark& m) { return "<" + m.name + ">"; });
    };
    EXPECT_EQ(python(dim_text(Dim(12))), "12");
    EXPECT_EQ(python(dim_text(n * Dim(2) + Dim(3))), "2 * <N> + 3");
    EXPECT_EQ(python(dim_text(n + Dim(3), true)), "(<N> + 3)");
    EXPECT_EQ(python(dim_text(axis)), "<x:0>");
    EXPECT_EQ(python(dim_text(tensor::floor_div(n + Dim(15), 16) * Dim(2))),
              "2 * ((<N> + 15) // 16)");
}

TEST(Text, NumbersReadBackToWhatTheyAre) {
    EXPECT_EQ(literal(DType::kF32, 0.1F), "0.1");
    EXPECT_EQ(literal(DType::kF32, -3.4028234663852886e38), "-3.4028234663852886e38");
    EXPECT_EQ(literal(DType::kF32, -1.0 / 0.0), "-torch.inf");
    EXPECT_EQ(literal(DType::kI64, 7), "7");
    EXPECT_EQ(literal(DType::kBool, 1), "True");
}

TEST(Text, AnyNameBecomesAnIdentifierAndALineOfAscii) {
    EXPECT_EQ(identifier("gpu_0/data_0"), "gpu_0_data_0");
    EXPECT_EQ(identifier("0"), "v0");
    EXPECT_EQ(identifier("class"), "class_");
    EXPECT_EQ(identifier("::"), "value");
    EXPECT_EQ(plain_text("a\n\"\"\"\\"), "a?'''/");
    EXPECT_EQ(string_text("\xc3\xa9\""), "\"\\xc3\\xa9\\\"\"");
}

TEST(Text, LongLinesAreBrokenAsAFormatterDoes) {
    const std::string names = "first_of_many, second_of_many, third_of_many, fourth_of_many";
    PythonFile file;
    EXPECT_EQ(file.code(1, "x = torch.cat([" + names + ", fifth_of_many, a], dim=1)", "Concat_1"),
              2);
    EXPECT_EQ(file.code(1, "x = f(" + names + ", [" + names + "], \"a, (b\")"), 5);
    EXPECT_EQ(file.text(),
              "    # Concat_1\n"
              "    x = torch.cat(\n"
              "        [" +
                  names +
                  ", fifth_of_many, a], dim=1\n"
                  "    )\n"
                  "    x = f(\n"
                  "        first_of_many,\n"
                  "        second_of_many,\n"
                  "        third_of_many,\n"
                  "        fourth_of_many,\n"
                  "        [" +
                  names +
                  "],\n"
                  "        \"a, (b\",\n"
                  "    )\n");
    PythonFile wide(true);
    wide.code(1, "x = f(" + names + ", " + names + ")");
    EXPECT_EQ(wide.text(), "    x = f(" + names + ", " + names + ")  # fmt: skip\n");
}

TEST(Model, AChainReadsAsAPersonWritesIt) {
    const std::string text = model_py(R"(graph t
  opset "" 17
  input x: f32[N,4]
  const w: f32[3,4](1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
  const b: f32[3](1, 2, 3)
  h: f32[N,3] = Gemm(x, w, b) {transB: 1} since 13 as Gemm_0
  y: f32[N,3] = Relu(h) since 14 as Relu_1
  output y
)");
    EXPECT_THAT(text, HasSubstr("self.linear = nn.Linear(4, 3)\n"));
    EXPECT_THAT(
        text,
        HasSubstr(
            "out: Tensor = self.linear(x)  # Gemm_0\n        out = self.relu(out)  # Relu_1\n"));
    EXPECT_THAT(text, HasSubstr("def forward(self, x: Tensor) -> Tensor:"));
}

TEST(Model, WhatIsOneModuleInPyTorchIsOneLine) {
    const std::string text = model_py(R"(graph t
  opset "" 17
  input x: f32[2,4]
  const root: f32[](1.4142135)
  const one: f32[](1)
  const half: f32[](0.5)
  a: f32[2,4] = Div(x, root) since 14 as "act/Div"
  b: f32[2,4] = Erf(a) since 13 as "act/Erf"
  c: f32[2,4] = Add(one, b) since 14 as "act/Add"
  d: f32[2,4] = Mul(x, c) since 14 as "act/Mul"
  e: f32[2,4] = Mul(d, half) since 14 as "act/Mul_1"
  s: f32[2,4] = Sigmoid(e) since 13 as "gate/Sigmoid"
  y: f32[2,4] = Mul(s, e) since 14 as "gate/Mul"
  output y
)");
    EXPECT_THAT(text, HasSubstr("self.gelu = nn.GELU()\n"));
    EXPECT_THAT(text, HasSubstr("self.gelu(x)  # act/Div, Erf, Add, Mul, Mul_1\n"));
    EXPECT_THAT(text, HasSubstr("# gate/Sigmoid, Mul\n"));
    EXPECT_THAT(text, Not(HasSubstr("torch.erf")));
}

TEST(Model, TheTanhFormOfGeluIsFoundInAnyOrder) {
    const std::string text = model_py(R"(graph t
  opset "" 17
  input x: f32[2,4]
  const three: f32[](3)
  const part: f32[](0.044715)
  const scale: f32[](0.7978845608)
  const one: f32[](1)
  const half: f32[](0.5)
  h: f32[2,4] = Mul(x, half) since 14 as Mul
  a: f32[2,4] = Pow(x, three) since 15 as Pow
  b: f32[2,4] = Mul(a, part) since 14 as Mul_1
  c: f32[2,4] = Add(x, b) since 14 as Add
  d: f32[2,4] = Mul(c, scale) since 14 as Mul_2
  e: f32[2,4] = Tanh(d) since 13 as Tanh
  f: f32[2,4] = Add(e, one) since 14 as Add_1
  y: f32[2,4] = Mul(h, f) since 14 as Mul_3
  output y
)");
    EXPECT_THAT(text, HasSubstr("self.gelu = nn.GELU(approximate=\"tanh\")\n"));
    EXPECT_THAT(text,
                HasSubstr("self.gelu(x)  # Mul, Pow, Mul_1, Add, Mul_2, Tanh, Add_1, Mul_3\n"));
}

TEST(Model, TheCubeOfGeluMayBeSpelledAsProducts) {
    const std::string text = model_py(R"(graph t
  opset "" 17
  input x: f32[2,4]
  const part: f32[](0.044715)
  const scale: f32[](0.7978846)
  const one: f32[](1)
  const half: f32[](0.5)
  a: f32[2,4] = Mul(part, x) since 14 as Mul
  b: f32[2,4] = Mul(x, a) since 14 as Mul_1
  c: f32[2,4] = Mul(x, b) since 14 as Mul_2
  d: f32[2,4] = Add(x, c) since 14 as Add
  e: f32[2,4] = Mul(scale, d) since 14 as Mul_3
  f: f32[2,4] = Tanh(e) since 13 as Tanh
  g: f32[2,4] = Add(one, f) since 14 as Add_1
  h: f32[2,4] = Mul(half, g) since 14 as Mul_4
  y: f32[2,4] = Mul(x, h) since 14 as Mul_5
  output y
)");
    EXPECT_THAT(text, HasSubstr("self.gelu = nn.GELU(approximate=\"tanh\")\n"));
    EXPECT_THAT(text, Not(HasSubstr("0.044715")));
}

TEST(Model, WhatIsReadElsewhereOrHasOtherNumbersStaysApart) {
    const std::string text = model_py(R"(graph t
  opset "" 17
  input x: f32[2,4]
  const root: f32[](1.5)
  const one: f32[](1)
  const half: f32[](0.5)
  a: f32[2,4] = Div(x, root) since 14 as Div
  b: f32[2,4] = Erf(a) since 13 as Erf
  c: f32[2,4] = Add(b, one) since 14 as Add
  d: f32[2,4] = Mul(x, c) since 14 as Mul
  y: f32[2,4] = Mul(d, half) since 14 as Mul_1
  s: f32[2,4] = Sigmoid(x) since 13 as Sigmoid
  z: f32[2,4] = Mul(s, x) since 14 as Mul_2
  output y
  output z
  output s
)");
    EXPECT_THAT(text, HasSubstr("torch.erf("));
    EXPECT_THAT(text, HasSubstr("nn.Sigmoid()"));
    EXPECT_THAT(text, Not(HasSubstr("nn.GELU")));
    EXPECT_THAT(text, Not(HasSubstr("nn.SiLU")));
}

TEST(Model, AttentionIsOneLine) {
    const auto attention = [](const std::string& scale, const std::string& more) {
        return model_py(R"(graph t
  opset "" 17
  input q: f32[1,2,3,4]
  input x: f32[1,5,2,4]
  input v: f32[1,2,5,4]
  input mask: f32[1,1,3,5]
  const scale: f32[]()" +
                        scale +
                        R"()
  k: f32[1,2,4,5] = Transpose(x) {perm: [0, 2, 3, 1]} since 13 as Transpose
  a: f32[1,2,3,5] = MatMul(q, k) since 13 as MatMul
  b: f32[1,2,3,5] = Div(a, scale) since 14 as Div
  c: f32[1,2,3,5] = Add(b, mask) since 14 as Add
  d: f32[1,2,3,5] = Softmax(c) since 13 as Softmax
  y: f32[1,2,3,4] = MatMul(d, v) since 13 as MatMul_1
  output y
)" + more);
    };
    EXPECT_THAT(attention("2", ""), HasSubstr("= x.transpose(1, 2)  # Transpose\n"));
    EXPECT_THAT(attention("2", ""), Not(HasSubstr(", scale=")));
    EXPECT_THAT(attention("4", ""), HasSubstr("attn_mask=mask, scale=0.25"));
    // What somebody else reads is computed as it stands.
    EXPECT_THAT(attention("2", "  output d\n"), Not(HasSubstr("scaled_dot_product_attention")));
    EXPECT_THAT(attention("2", "  output a\n"), Not(HasSubstr("scaled_dot_product_attention")));
}

TEST(Model, AttentionHoldsAMaskThatIsAConstant) {
    const auto attention = [](const std::string& input, const std::string& constant) {
        return model_py(
            "graph t\n  opset \"\" 17\n  input q: f32[1,1,2,2]\n  input x: f32[1,1,2,2]\n" + input +
            "  const " + constant + R"(
  k: f32[1,1,2,2] = Transpose(x) {perm: [0, 1, 3, 2]} since 13 as Transpose
  a: f32[1,1,2,2] = MatMul(q, k) since 13 as MatMul
  b: f32[1,1,2,2] = Add(a, mask) since 14 as Add
  c: f32[1,1,2,2] = Softmax(b) since 13 as Softmax
  y: f32[1,1,2,2] = MatMul(c, v) since 13 as MatMul_1
  output y
)");
    };
    EXPECT_THAT(
        attention("  input v: f32[1,1,2,2]\n", "mask: f32[2,2](0, 1, 2, 3)"),
        HasSubstr("F.scaled_dot_product_attention(q, x, v, attn_mask=self.mask, scale=1.0)"));
    // A number is no mask that a call takes, nor are values that stand in the file its operands.
    EXPECT_THAT(attention("  input v: f32[1,1,2,2]\n", "mask: f32[](1)"),
                Not(HasSubstr("scaled_dot_product_attention")));
    EXPECT_THAT(attention("  input mask: f32[2,2]\n", "v: f32[1,1,2,2](0, 1, 2, 3)"),
                Not(HasSubstr("scaled_dot_product_attention")));
}

TEST(Model, AnActivationWritesOverWhatNobodyElseReads) {
    const auto relu_of = [](const std::string& outputs) {
        return model_py(R"(graph t
  opset "" 17
  input x: f32[1,4]
  const w: f32[4,4](1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
  h: f32[1,4] = MatMul(x, w) since 13 as MatMul_0
  y: f32[1,4] = Relu(h) since 14 as Relu_1
)" + outputs);
    };
    EXPECT_THAT(relu_of("  output y\n"), HasSubstr("self.relu = nn.ReLU(inplace=True)\n"));
    EXPECT_THAT(relu_of("  output y\n  output h\n"), HasSubstr("self.relu = nn.ReLU()\n"));
    // The caller's tensor is not ours to write over.
    EXPECT_THAT(model_py(R"(graph t
  opset "" 17
  input x: f32[1,4]
  y: f32[1,4] = Relu(x) since 14 as Relu_0
  output y
)"),
                HasSubstr("self.relu = nn.ReLU()\n"));
}

TEST(Model, SizesOfTheInputsHaveNames) {
    const std::string text = model_py(R"(graph t
  opset "" 17
  input x: f32[N,4]
  s: i64[2] = Shape(x) since 15 as Shape_0
  y: f32[N,4] = ConstantOfShape(s) since 9 as Fill_1
  output y
)");
    EXPECT_THAT(text, HasSubstr("N = x.shape[0]"));
    EXPECT_THAT(text, HasSubstr("torch.full((N, 4), 0.0, dtype=torch.float32, device=x.device)"));
}

TEST(Model, WhatCannotBeEmittedIsNamedAtOnce) {
    try {
        exported(R"(graph t
  opset "" 17
  input x: f32[1,2,8,8]
  a: f32[1,2,8,8] = LRN(x) {size: 4} since 13 as Lrn_0
  b: f32[1,2,8,8] = LRN(a) {size: 2} since 13 as Lrn_1
  output b
)");
        FAIL() << "no error";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("2 nodes cannot be emitted as PyTorch:"));
        EXPECT_THAT(error.what(), HasSubstr("node 'Lrn_0' (LRN)"));
        EXPECT_THAT(error.what(), HasSubstr("node 'Lrn_1' (LRN)"));
    }
}

TEST(Clusters, PutAndGetStandWhereAValueChangesClusters) {
    const Export what = exported(R"(graph t
  opset "" 17
  input x: f32[2,2]
  a: f32[2,2] = Relu(x) since 14 as Relu_0
  b: f32[2,2] = Tanh(x) since 13 as Tanh_1
  y: f32[2,2] = Add(a, b) since 14 as Add_2
  output y
)");
    ClusterPlan plan = serial_plan(what);
    const schedule::TaskGraph tasks = what.tasks({});
    EXPECT_EQ(tasks.edges.size(), 2U);
    EXPECT_EQ(tasks.edges[0].bytes, 16);
    for (size_t k = 0; k < tasks.tasks.size(); ++k)
        if (tasks.tasks[k].name == "Tanh_1") plan.schedule.tasks[k].cores = {1};
    const std::string text = file(emit(what, plan, {"test", "test.onnx"}), "clusters.py");
    EXPECT_THAT(text, HasSubstr("channel.put(\"b\", out)"));
    EXPECT_THAT(text, HasSubstr("channel.get(\"b\")"));
    EXPECT_THAT(text, HasSubstr("channel.put(\"output y\""));
    EXPECT_THAT(text, HasSubstr("= [cluster_0, cluster_1]"));
}

}  // namespace smeaton::pytorch
