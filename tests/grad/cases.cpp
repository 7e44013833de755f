#include "cases.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <random>

namespace smeaton::grad_test {

using tensor::DType;
using tensor::Tensor;

namespace {

using Sizes = std::vector<int64_t>;

std::string f64(const Sizes& shape) {
    return fmt::format("f64[{}]", fmt::join(shape, ","));
}

/// Collects cases; a source of random sizes.
class Writer {
public:
    explicit Writer(uint64_t seed) : random_(seed) {}

    int64_t number(int64_t low, int64_t high) {
        return std::uniform_int_distribution<int64_t>(low, high)(random_);
    }
    Sizes shape(int64_t low_rank, int64_t high_rank, int64_t most = 4) {
        Sizes s(static_cast<size_t>(number(low_rank, high_rank)));
        for (int64_t& d : s) d = number(1, most);
        return s;
    }
    /// A shape that broadcasts to `to`.
    Sizes smaller(Sizes to) {
        for (int64_t& d : to)
            if (number(0, 2) == 0) d = 1;
        to.erase(to.begin(), to.begin() + number(0, static_cast<int64_t>(to.size())));
        return to;
    }
    Tensor indices(const Sizes& shape, int64_t extent, bool negative = true) {
        Tensor t(DType::kI64, shape);
        for (int64_t i = 0; i < t.elements(); ++i)
            t.set_from_int(i, number(negative ? -extent : 0, extent - 1));
        return t;
    }

    Case& add(const std::string& name, const std::string& body) {
        all.push_back({name, body});
        return all.back();
    }
    /// One node of float operands x0, x1, ... of these shapes.
    Case& node(const std::string& call, const std::vector<Sizes>& operands) {
        std::string body;
        for (size_t k = 0; k < operands.size(); ++k)
            body += fmt::format("  input x{}: {}\n", k, f64(operands[k]));
        return add(call, body + "  y = " + call + " as N\n  output y\n");
    }

    std::vector<Case> all;

private:
    std::mt19937_64 random_;
};

void unary_cases(Writer& w) {
    for (const char* call : {"Relu(x0) since 14",
                             "LeakyRelu(x0) {alpha: 0.1} since 16",
                             "Elu(x0) {alpha: 1.5} since 6",
                             "Softplus(x0) since 1",
                             "Sigmoid(x0) since 13",
                             "Tanh(x0) since 13",
                             "Erf(x0) since 13",
                             "HardSigmoid(x0) {alpha: 0.7, beta: 0.4} since 6",
                             "Gelu(x0) since 20",
                             "Gelu(x0) {approximate: \"tanh\"} since 20",
                             "Exp(x0) since 13",
                             "Neg(x0) since 13",
                             "Abs(x0) since 13",
                             "Sin(x0) since 7",
                             "Cos(x0) since 7",
                             "Identity(x0) since 16",
                             "Cast(x0) {to: 11} since 13",
                             "Dropout(x0) since 13",
                             "Clip(x0) {max: 0.7} since 6",
                             "Softmax(x0) since 13",
                             "LogSoftmax(x0) since 13"})
        w.node(call, {w.shape(1, 3)});
    for (const char* call : {"Log(x0) since 13", "Sqrt(x0) since 13", "Reciprocal(x0) since 13"})
        w.node(call, {w.shape(1, 3)}).ranges["x0"] = {0.3, 2};
    w.node("HardSwish(x0) since 14", {w.shape(1, 3)}).ranges["x0"] = {-5, 5};
    w.node("Clip(x0, x1, x2) since 13", {w.shape(1, 3), {}, {}}).ranges = {{"x1", {-1, -0.5}},
                                                                           {"x2", {0.5, 1}}};
    w.node("Clip(x0, _, x1) since 13", {w.shape(1, 3), {}});
    w.node("Softmax(x0) {axis: 1} since 11", {w.shape(2, 4)});
    w.node("LogSoftmax(x0) {axis: 0} since 13", {w.shape(2, 4)});
    w.node("Relu(x0) since 14", {{0, 3}});
}

void binary_cases(Writer& w) {
    for (const char* op : {"Add(x0, x1) since 14", "Sub(x0, x1) since 14", "Mul(x0, x1) since 14",
                           "Div(x0, x1) since 14", "Max(x0, x1) since 13", "Min(x0, x1) since 13",
                           "Pow(x0, x1) since 15"}) {
        const bool positive = std::string(op).front() == 'D' || std::string(op).front() == 'P';
        for (int turn = 0; turn < 2; ++turn) {
            const Sizes big = w.shape(1, 4), small = w.smaller(big);
            Case& c = w.node(op, turn == 0 ? std::vector{big, small} : std::vector{small, big});
            if (positive) c.ranges = {{"x0", {0.3, 2}}, {"x1", {0.5, 2}}};
        }
    }
    for (const char* k : {"2.0", "3.0", "0.5", "-1.0", "0.0", "1.0"})
        w.add("Pow of a constant", fmt::format("  input x: f64[5]\n  const k: f64[]({})\n"
                                               "  y = Pow(x, k) since 15 as N\n  output y\n",
                                               k))
            .ranges["x"] = {0.2, 2};
    const Sizes big = w.shape(2, 3);
    w.node("Sum(x0, x1, x2) since 13", {big, w.smaller(big), w.smaller(big)});
    w.node("Max(x0, x1, x2) since 13", {w.smaller(big), big, w.smaller(big)});
    w.node("Min(x0, x1, x2) since 13", {big, w.smaller(big), w.smaller(big)});
    w.node("Mod(x0, x1) {fmod: 1} since 13", {{3, 2}, {2}}).ranges = {{"x0", {2.1, 2.9}},
                                                                      {"x1", {0.8, 1}}};
    w.node("Add(x0, x1) {axis: 1, broadcast: 1} since 6", {{2, 3, 4}, {3}});
    w.node("Mul(x0, x1) {axis: 0, broadcast: 1} since 6", {{2, 3, 4}, {2, 3}});
    Case& c = w.add("Where",
                    "  input c: bool[3,1]\n  input a: f64[3,4]\n  input b: f64[4]\n"
                    "  y = Where(c, a, b) since 16 as N\n  output y\n");
    c.fed["c"] = Tensor(DType::kBool, {3, 1});
    c.fed["c"].set_from_int(1, 1);
    w.add(
        "a value that many read",
        "  input x: f64[2,3]\n  a = Exp(x) since 13 as A\n  b = Mul(a, a) since 14 as B\n"
        "  c = Sin(a) since 7 as C\n  d = Add(b, c) since 14 as D\n  y = Mul(d, x) since 14 as E\n"
        "  output y\n  output b\n");
}

void matmul_cases(Writer& w) {
    for (int turn = 0; turn < 6; ++turn) {
        const int64_t m = w.number(1, 4), k = w.number(1, 4), n = w.number(1, 4);
        const Sizes batch = w.shape(0, 2, 3);
        Sizes a = turn % 2 == 0 ? batch : w.smaller(batch),
              b = turn % 2 == 0 ? w.smaller(batch) : batch;
        a.insert(a.end(), {m, k});
        b.insert(b.end(), {k, n});
        w.node("MatMul(x0, x1) since 13", {a, b});
    }
    w.node("MatMul(x0, x1) since 13", {{3}, {3}});
    w.node("MatMul(x0, x1) since 13", {{3}, {2, 3, 4}});
    w.node("MatMul(x0, x1) since 13", {{2, 4, 3}, {3}});
    w.node("MatMul(x0, x1) since 13", {{0, 3}, {3, 2}});
    for (int ta : {0, 1})
        for (int tb : {0, 1}) {
            const int64_t m = w.number(1, 4), k = w.number(1, 4), n = w.number(1, 4);
            w.node(fmt::format("Gemm(x0, x1, x2) {{alpha: 0.5, beta: 2.0, transA: {}, transB: {}}} "
                               "since 13",
                               ta, tb),
                   {ta ? Sizes{k, m} : Sizes{m, k}, tb ? Sizes{n, k} : Sizes{k, n},
                    w.smaller({m, n})});
        }
    const auto einsum = [&](const char* equation, const std::vector<Sizes>& shapes) {
        std::string operands;
        for (size_t k = 0; k < shapes.size(); ++k)
            operands += fmt::format("{}x{}", k == 0 ? "" : ", ", k);
        w.node(fmt::format("Einsum({}) {{equation: \"{}\"}} since 12", operands, equation), shapes);
    };
    einsum("ij,jk->ik", {{2, 3}, {3, 4}});
    einsum("bij,bkj->bik", {{2, 3, 4}, {2, 2, 4}});
    einsum("...ij,...jk->...ik", {{2, 1, 3, 4}, {3, 4, 2}});
    einsum("ij,jk,kl->il", {{2, 3}, {3, 4}, {4, 2}});
    einsum("ii->i", {{3, 3}});
    einsum("iij,j->i", {{3, 3, 2}, {2}});
    einsum("ij->", {{2, 3}});
    einsum("ij,k->j", {{2, 3}, {4}});
    einsum("i,j->ji", {{2}, {3}});
}

void conv_cases(Writer& w) {
    constexpr int kDepthwise = 8;  // from this turn on: one filter for each channel
    for (int turn = 0; turn < kDepthwise + 4; ++turn) {
        const bool depthwise = turn >= kDepthwise;
        const int64_t rank = turn < 5 || turn > kDepthwise ? 2 : turn < 7 || depthwise ? 1 : 3;
        const int64_t group = depthwise ? w.number(2, 4) : w.number(1, 3);
        const int64_t each_in = depthwise ? 1 : w.number(1, 2);
        const int64_t each_out = depthwise ? 1 : w.number(1, 2);
        Sizes x = {w.number(1, 2), group * each_in}, k = {group * each_out, each_in};
        Sizes strides, dilations, before, behind;
        for (int64_t d = 0; d < rank; ++d) {
            k.push_back(w.number(1, 3));
            strides.push_back(w.number(1, 3));
            dilations.push_back(w.number(1, 2));
            before.push_back(w.number(0, 2));
            behind.push_back(w.number(0, 2));
            x.push_back((k.back() - 1) * dilations.back() + w.number(1, rank == 3 ? 3 : 5));
        }
        before.insert(before.end(), behind.begin(), behind.end());
        const std::string keys = fmt::format(
            "{{dilations: [{}], group: {}, pads: [{}], strides: [{}]}}", fmt::join(dilations, ","),
            group, fmt::join(before, ","), fmt::join(strides, ","));
        w.node("Conv(x0, x1, x2) " + keys + " since 11", {x, k, {k[0]}});
        Sizes back = {x[0], k[0]}, extra;
        for (size_t d = 0; d < strides.size(); ++d) {
            back.push_back(w.number(2, 4));
            extra.push_back(w.number(0, strides[d] - 1));
        }
        const std::string more = fmt::format(
            "{{dilations: [{}], group: {}, output_padding: [{}], "
            "strides: [{}]}}",
            fmt::join(dilations, ","), group, fmt::join(extra, ","), fmt::join(strides, ","));
        w.node("ConvTranspose(x0, x1, x2) " + more + " since 11", {back, k, {group * k[1]}});
    }
    w.node("Conv(x0, x1) {auto_pad: \"SAME_UPPER\", strides: [2,2]} since 11",
           {{1, 2, 5, 4}, {3, 2, 3, 3}});
    // SAME that crops: negative pads on one side, on both.
    w.node("Conv(x0, x1) {auto_pad: \"SAME_UPPER\", strides: [3,4]} since 11",
           {{1, 2, 5, 7}, {3, 2, 1, 2}});
    w.node("Conv(x0, x1) {auto_pad: \"SAME_LOWER\", strides: [6,3]} since 11",
           {{1, 2, 11, 5}, {3, 2, 1, 1}});
    w.node("ConvTranspose(x0, x1) {pads: [1,0,1,1], strides: [2,3]} since 11",
           {{1, 2, 3, 4}, {2, 3, 3, 3}});
    w.node("Conv(x0, x1, x2) since 11", {{0, 2, 5, 4}, {3, 2, 3, 3}, {3}});
}

void pool_cases(Writer& w) {
    for (int turn = 0; turn < 4; ++turn) {
        const Sizes x = {w.number(1, 2), w.number(1, 3), w.number(4, 7), w.number(4, 7)};
        const Sizes kernel = {w.number(1, 3), w.number(1, 3)};
        const Sizes strides = {w.number(1, 3), w.number(1, 3)};
        const int64_t pad = std::min(kernel[0], kernel[1]) > 1 ? w.number(0, 1) : 0;
        const std::string keys = fmt::format(
            "ceil_mode: {}, kernel_shape: [{}], pads: [{},0,{},{}], strides: [{}]", w.number(0, 1),
            fmt::join(kernel, ","), pad, pad, pad, fmt::join(strides, ","));
        w.node("MaxPool(x0) {" + keys + "} since 12", {x});
        w.node(fmt::format("AveragePool(x0) {{{}, count_include_pad: {}}} since 19", keys,
                           w.number(0, 1)),
               {x});
    }
    w.node("MaxPool(x0) {dilations: [2], kernel_shape: [2]} since 12", {{1, 2, 6}});
    w.node("AveragePool(x0) {dilations: [2,1], kernel_shape: [2,2]} since 19", {{1, 2, 5, 4}});
    w.node("GlobalAveragePool(x0) since 1", {{2, 3, 4, 2}});
    w.node("GlobalMaxPool(x0) since 1", {{2, 3, 4, 2}});
}

void norm_cases(Writer& w) {
    const int64_t c = 2 * w.number(1, 2), h = w.number(2, 4);
    const Sizes x = {w.number(2, 3), c, h, 3};
    for (const bool training : {false, true}) {
        Case& batch = w.node("BatchNormalization(x0, x1, x2, x3, x4) {epsilon: 0.01} since 15",
                             {x, {c}, {c}, {c}, {c}});
        batch.ranges["x4"] = {0.5, 2};
        batch.training_form = training;
    }
    w.node("BatchNormalization(x0, x1, x2, x3, x4) since 9", {{4, c}, {c}, {c}, {c}, {c}})
        .training_form = true;
    // As the file has it, it goes by the batch's statistics.
    w.node("BatchNormalization(x0, x1, x2, x3, x4) {epsilon: 0.01, training_mode: 1} since 15",
           {x, {c}, {c}, {c}, {c}})
        .ranges["x4"] = {0.5, 2};
    w.add("BatchNormalization of more results before version 14",
          "  input x: f64[3,2,2]\n  input s: f64[2]\n  input b: f64[2]\n  input m: f64[2]\n"
          "  input v: f64[2]\n"
          "  y, n, o, p, q = BatchNormalization(x, s, b, m, v) since 9 as N\n  output y\n");
    Case& computed = w.add("BatchNormalization by computed statistics",
                           "  input x: f64[2,3,2]\n  input s: f64[3]\n  input m: f64[3]\n"
                           "  mm = Sin(m) since 7 as M\n  v = Exp(m) since 13 as V\n"
                           "  y = BatchNormalization(x, s, s, mm, v) since 15 as N\n  output y\n");
    computed.training_form = false;
    w.node("LayerNormalization(x0, x1, x2) since 17", {x, {3}, {3}});
    w.node("LayerNormalization(x0, x1) {axis: 2} since 17", {x, {h, 3}});
    w.add(
        "LayerNormalization with its statistics",
        "  input x: f64[2,5]\n  input s: f64[5]\n"
        "  y, m, i = LayerNormalization(x, s) since 17 as N\n  output y\n  output m\n  output i\n");
    w.node("RMSNormalization(x0, x1) since 23", {x, {3}});
    w.node("InstanceNormalization(x0, x1, x2) since 6", {x, {c}, {c}});
    w.node("GroupNormalization(x0, x1, x2) {num_groups: 2} since 21", {x, {c}, {c}});
    w.node("GroupNormalization(x0, x1, x2) {num_groups: 2} since 18", {x, {2}, {2}});
    w.node("LRN(x0) {alpha: 0.3, beta: 0.6, bias: 1.2, size: 3} since 13", {{2, 5, 2, 2}});
    w.node("LRN(x0) {alpha: 0.3, size: 2} since 13", {{1, 4, 3}});
    w.node("Dropout(x0) since 13", {{3, 4}}).training_form = true;
    w.node("Dropout(x0) {ratio: 0.25} since 7", {{3, 4}}).training_form = true;
}

void reduce_cases(Writer& w) {
    for (const char* op :
         {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2"}) {
        const Sizes x = {w.number(1, 3), w.number(2, 4), w.number(1, 3)};
        w.add(op, fmt::format("  input x: {}\n  const a: i64[2](1, -1)\n  y = {}(x, a) "
                              "{{keepdims: {}}} since 18 as N\n  output y\n",
                              f64(x), op, w.number(0, 1)));
        w.add(op,
              fmt::format("  input x: {}\n  y = {}(x) since 18 as N\n  output y\n", f64(x), op));
        w.add(op,
              fmt::format("  input x: {}\n  y = {}(x) {{axes: [0], keepdims: 0}} since 11 as N\n"
                          "  output y\n",
                          f64(x), op));
    }
    Case& zeros = w.node("ReduceProd(x0) {axes: [1]} since 11", {{3, 3}});
    zeros.fed["x0"] = Tensor(DType::kF64, {3, 3});  // rows with two zeros, one, none
    for (int64_t i : {0, 3, 5, 6, 7, 8})
        zeros.fed["x0"].set_from_double(i, 0.5 + static_cast<double>(i));
    for (const char* keys : {"", "{exclusive: 1} ", "{reverse: 1} ", "{exclusive: 1, reverse: 1} "})
        w.add("CumSum",
              fmt::format("  input x: {}\n  const a: i64[](1)\n  y = CumSum(x, a) {}since "
                          "14 as N\n  output y\n",
                          f64(w.shape(2, 3)), keys));
    w.add("TopK",
          "  input x: f64[3,5]\n  const k: i64[1](2)\n"
          "  v, i = TopK(x, k) {axis: 1} since 11 as N\n  output v\n");
    w.add("TopK",
          "  input x: f64[4,2]\n  const k: i64[1](3)\n"
          "  v, _ = TopK(x, k) {axis: 0, largest: 0} since 11 as N\n  output v\n");
}

/// An operator on x0 and integer operand i.
Case& indexed(Writer& w, const std::string& call, const Sizes& x, const Tensor& i,
              const Sizes& updates = {}, bool has_updates = false) {
    Case& c =
        w.add(call, fmt::format("  input x: {}\n  input i: i64[{}]\n{}  y = {} as N\n"
                                "  output y\n",
                                f64(x), fmt::join(i.shape(), ","),
                                has_updates ? "  input u: " + f64(updates) + "\n" : "", call));
    c.fed["i"] = i;
    return c;
}

void index_cases(Writer& w) {
    indexed(w, "Gather(x, i) since 13", {5, 3}, w.indices({2, 4}, 5));
    indexed(w, "Gather(x, i) {axis: 1} since 13", {2, 4, 3}, w.indices({3}, 4));
    indexed(w, "Gather(x, i) {axis: -1} since 13", {2, 4, 3}, w.indices({}, 3));
    w.add("Gather of a run",
          "  input x: f64[2,5,2]\n  const i: i64[3](1, 2, 3)\n"
          "  y = Gather(x, i) {axis: 1} since 13 as N\n  output y\n");
    w.add("Gather of one",
          "  input x: f64[2,5,2]\n  const i: i64[](-1)\n"
          "  y = Gather(x, i) {axis: 1} since 13 as N\n  output y\n");
    w.add("Gather, scattered",
          "  input x: f64[2,5]\n  const i: i64[4](3, 0, 0, -1)\n"
          "  y = Gather(x, i) {axis: 1} since 13 as N\n  output y\n");
    indexed(w, "GatherElements(x, i) {axis: 1} since 13", {3, 4}, w.indices({2, 5}, 4));
    indexed(w, "GatherElements(x, i) {axis: 1} since 13", {3, 4}, w.indices({3, 1}, 4));
    indexed(w, "GatherND(x, i) since 13", {3, 4, 2}, w.indices({5, 2}, 3));
    indexed(w, "GatherND(x, i) {batch_dims: 1} since 13", {2, 3, 2}, w.indices({2, 4, 1}, 3));
    Tensor apart(DType::kI64, {2, 2});  // updates that do not meet
    for (int64_t n = 0; n < 4; ++n)
        apart.set_from_int(n, std::vector<int64_t>{2, 0, 0, -1}[static_cast<size_t>(n)]);
    Tensor rows(DType::kI64, {2, 1});
    rows.set_from_int(0, 3);
    rows.set_from_int(1, 1);
    indexed(w, "ScatterElements(x, i, u) {axis: 1} since 18", {3, 3}, apart, {2, 2}, true);
    indexed(w, "ScatterND(x, i, u) since 18", {4, 3}, rows, {2, 3}, true);
    for (const char* how : {"add", "mul", "max", "min"}) {
        indexed(
            w, fmt::format("ScatterElements(x, i, u) {{axis: 0, reduction: \"{}\"}} since 18", how),
            {3, 2}, w.indices({4, 2}, 3), {4, 2}, true);
        indexed(w, fmt::format("ScatterND(x, i, u) {{reduction: \"{}\"}} since 18", how), {3, 2},
                w.indices({4, 1}, 3), {4, 2}, true);
    }
}

void move_cases(Writer& w) {
    w.add("Reshape",
          "  input x: f64[2,6]\n  const s: i64[3](3, -1, 2)\n"
          "  y = Reshape(x, s) since 14 as N\n  output y\n");
    w.node("Flatten(x0) since 13", {{2, 3, 2}});
    w.add("Squeeze",
          "  input x: f64[2,1,3]\n  const a: i64[1](1)\n"
          "  y = Squeeze(x, a) since 13 as N\n  output y\n");
    w.add("Unsqueeze",
          "  input x: f64[2,3]\n  const a: i64[2](0, -1)\n"
          "  y = Unsqueeze(x, a) since 13 as N\n  output y\n");
    w.node("Transpose(x0) {perm: [2,0,1]} since 13", {{2, 3, 4}});
    w.node("Transpose(x0) since 13", {{2, 3}});
    w.node("Concat(x0, x1, x2) {axis: -1} since 13", {{2, 3}, {2, 1}, {2, 0}});
    w.add("Split",
          "  input x: f64[2,6]\n  const s: i64[3](1, 2, 3)\n"
          "  a, b, c = Split(x, s) {axis: 1} since 13 as N\n  output a\n  output c\n");
    for (const char* range : {"(0)|(2)|(1)", "(-1)|(-4)|(-1)", "(1)|(5)|(2)", "(4)|(0)|(-3)",
                              "(1)|(99)|(1)", "(2)|(2)|(1)", "(-1)|(-99)|(-2)"}) {
        const std::string text = range;
        const size_t one = text.find('|'), two = text.rfind('|');
        w.add("Slice" + text,
              fmt::format(
                  "  input x: f64[2,5]\n  const b: i64[1]{}\n  const e: i64[1]{}\n  const a: "
                  "i64[1](1)\n  const s: i64[1]{}\n  y = Slice(x, b, e, a, s) since 13 as N\n"
                  "  output y\n",
                  text.substr(0, one), text.substr(one + 1, two - one - 1), text.substr(two + 1)));
    }
    w.add("Expand",
          "  input x: f64[3,1]\n  const s: i64[3](2, 1, 4)\n"
          "  y = Expand(x, s) since 13 as N\n  output y\n");
    w.add("Tile",
          "  input x: f64[2,3]\n  const r: i64[2](3, 2)\n"
          "  y = Tile(x, r) since 13 as N\n  output y\n");
    w.node("Trilu(x0) since 14", {{2, 3, 4}});
    w.add("Trilu",
          "  input x: f64[4,3]\n  const k: i64[](-1)\n"
          "  y = Trilu(x, k) {upper: 0} since 14 as N\n  output y\n");
    w.add("Pad",
          "  input x: f64[2,4]\n  input v: f64[]\n  const p: i64[4](1, -1, 0, 2)\n"
          "  y = Pad(x, p, v) since 13 as N\n  output y\n");
    for (const char* mode : {"reflect", "edge", "wrap"})
        w.add(mode, fmt::format("  input x: f64[3,4]\n  const p: i64[4](1, 2, 0, 3)\n"
                                "  y = Pad(x, p) {{mode: \"{}\"}} since 19 as N\n  output y\n",
                                mode));
    for (const char* mode : {"DCR", "CRD"})
        w.node(fmt::format("DepthToSpace(x0) {{blocksize: 2, mode: \"{}\"}} since 13", mode),
               {{1, 8, 2, 3}});
    w.node("SpaceToDepth(x0) {blocksize: 2} since 13", {{1, 2, 4, 6}});
}

void resize_cases(Writer& w) {
    const auto sized = [&](const std::string& keys, int64_t h, int64_t wide) {
        w.add("Resize " + keys,
              fmt::format("  input x: f64[1,2,4,5]\n  const s: i64[4](1, 2, {}, {})\n"
                          "  y = Resize(x, _, _, s) {{{}}} since 18 as N\n  output y\n",
                          h, wide, keys));
    };
    sized("mode: \"nearest\"", 8, 10);
    sized(
        "mode: \"nearest\", coordinate_transformation_mode: \"asymmetric\", nearest_mode: "
        "\"floor\"",
        8, 15);
    sized("mode: \"nearest\"", 3, 7);
    sized("mode: \"linear\"", 8, 10);
    sized("mode: \"linear\", coordinate_transformation_mode: \"align_corners\"", 7, 3);
    sized("mode: \"cubic\"", 7, 5);
    sized("mode: \"cubic\", exclude_outside: 1", 3, 9);
    sized("mode: \"linear\", antialias: 1", 3, 2);
    w.add("Upsample",
          "  input x: f64[1,2,3,2]\n  const s: f32[4](1.0, 1.0, 2.0, 3.0)\n"
          "  y = Upsample(x, s) {mode: \"nearest\"} since 9 as N\n  output y\n");
}

}  // namespace

std::vector<Case> cases(uint64_t seed) {
    Writer w(seed);
    unary_cases(w);
    binary_cases(w);
    matmul_cases(w);
    conv_cases(w);
    pool_cases(w);
    norm_cases(w);
    reduce_cases(w);
    index_cases(w);
    move_cases(w);
    resize_cases(w);
    return std::move(w.all);
}

}  // namespace smeaton::grad_test
