#include "model/grad/composer.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "model/onnx/versions.h"
#include "model/shape/known.h"

namespace smeaton::model {

DType Expr::dtype() const {
    return composer->dtype_of(id);
}
Sizes Expr::shape() const {
    return composer->shape_of(id);
}

Composer::Composer(Graph& graph, int opset) : graph_(&graph), opset_(opset) {
    for (const Value& value : graph.values) value_names_.insert(value.name);
    for (const Node& node : graph.nodes) node_names_.insert(node.name);
}

void Composer::stand_for(const Node& node) {
    about_ = node.name + ".grad";
    origins_ = node.origins;
    if (origins_.empty()) origins_.push_back(node.name);
}

void Composer::stand_for(const std::string& name) {
    about_ = name;
    origins_.clear();
}

Sizes Composer::shape_of(ValueId id) const {
    const Value& value = graph_->at(id);
    SMEATON_CHECK(value.shape, "'{}' has no shape", value.name);
    const auto sizes = const_shape(*value.shape);
    SMEATON_CHECK(sizes, "the shape of '{}' is not all numbers", value.name);
    return *sizes;
}

DType Composer::dtype_of(ValueId id) const {
    const Value& value = graph_->at(id);
    SMEATON_CHECK(value.dtype, "'{}' has no dtype", value.name);
    return *value.dtype;
}

namespace {

std::string fresh_name(const std::string& wanted, std::unordered_set<std::string>& taken,
                       std::map<std::string, int>& next) {
    std::string name = wanted;
    while (!taken.insert(name).second) {
        int& n = next[wanted];
        n = std::max(n, 1) + 1;
        name = fmt::format("{}_{}", wanted, n);
    }
    return name;
}

}  // namespace

std::string Composer::fresh_value(const std::string& wanted) {
    return fresh_name(wanted, value_names_, next_);
}

std::string Composer::fresh_node(const std::string& wanted) {
    return fresh_name(wanted, node_names_, next_);
}

// ---- leaves ----

Expr Composer::constant(Tensor tensor, const std::string& wanted) {
    Value value;
    value.name = fresh_value(wanted);
    value.dtype = tensor.dtype();
    value.shape = to_dims(tensor.shape());
    value.constant = std::move(tensor);
    graph_->values.push_back(std::move(value));
    return of({static_cast<int32_t>(graph_->values.size()) - 1});
}

Expr Composer::number(double v, DType dtype) {
    ValueId& id = numbers_[{dtype, v}];
    if (!id.valid()) {
        Tensor t(dtype, {});
        t.set_from_double(0, v);
        id = constant(std::move(t), fmt::format("number_{}_{}", v, tensor::name(dtype))).id;
    }
    return of(id);
}

Expr Composer::ints(const Sizes& values) {
    ValueId& id = int_vectors_[values];
    if (!id.valid()) id = constant(tensor::of_i64(values), "sizes").id;
    return of(id);
}

Expr Composer::filled(double v, DType dtype, const Sizes& shape) {
    Tensor t(dtype, {1});
    t.set_from_double(0, v);
    return node(OpType::kConstantOfShape, {ints(shape)}, {{"value", std::move(t)}}, dtype, shape);
}

Expr Composer::positions(int64_t count) {
    ValueId& id = positions_[count];
    if (!id.valid()) {
        Sizes all(static_cast<size_t>(count));
        std::iota(all.begin(), all.end(), 0);
        id = constant(tensor::of_i64(all), "positions").id;
    }
    return of(id);
}

Expr Composer::input(const std::string& wanted, DType dtype, const Sizes& shape) {
    Value value;
    value.name = fresh_value(wanted);
    value.dtype = dtype;
    value.shape = to_dims(shape);
    graph_->values.push_back(std::move(value));
    graph_->inputs.push_back({static_cast<int32_t>(graph_->values.size()) - 1});
    return of(graph_->inputs.back());
}

// ---- nodes ----

Expr Composer::node(OpType op, const std::vector<Expr>& inputs, Attributes attributes, DType dtype,
                    Sizes shape) {
    return nodes(op, inputs, std::move(attributes), {{dtype, std::move(shape)}}, {true})[0];
}

std::vector<Expr> Composer::nodes(OpType op, const std::vector<Expr>& inputs, Attributes attributes,
                                  const std::vector<std::pair<DType, Sizes>>& results,
                                  const std::vector<bool>& wanted) {
    const auto version = onnx::since_version(name(op), opset_);
    SMEATON_CHECK(version, "{} is not in ai.onnx {}", name(op), opset_);
    Node node;
    node.op = op;
    node.op_name = name(op);
    node.since_version = *version;
    node.name = fresh_node(fmt::format("{}.{}", about_, name(op)));
    for (const Expr& e : inputs) node.inputs.push_back(e.id);
    node.attributes = std::move(attributes);
    node.origins = origins_;
    std::vector<Expr> made;
    for (size_t k = 0; k < results.size(); ++k) {
        made.push_back(of({}));
        if (wanted[k]) {
            Value value;
            value.name = fresh_value(k == 0 ? node.name : fmt::format("{}.{}", node.name, k));
            value.dtype = results[k].first;
            value.shape = to_dims(results[k].second);
            graph_->values.push_back(std::move(value));
            made.back().id = {static_cast<int32_t>(graph_->values.size()) - 1};
        }
        node.outputs.push_back(made.back().id);
    }
    graph_->nodes.push_back(std::move(node));
    return made;
}

Sizes broadcast_sizes(const Sizes& a, const Sizes& b) {
    Sizes out(std::max(a.size(), b.size()), 1);
    for (size_t back = 1; back <= out.size(); ++back) {
        const int64_t x = back <= a.size() ? a[a.size() - back] : 1;
        const int64_t y = back <= b.size() ? b[b.size() - back] : 1;
        SMEATON_CHECK(x == y || x == 1 || y == 1, "sizes {} and {} do not broadcast", x, y);
        out[out.size() - back] = x == 1 ? y : x;
    }
    return out;
}

int64_t count_of(const Sizes& sizes) {
    return element_count(sizes);
}

// ---- arithmetic ----

namespace {

Expr elementwise(OpType op, Expr a, Expr b, DType result) {
    return a.composer->node(op, {a, b}, {}, result, broadcast_sizes(a.shape(), b.shape()));
}

Expr arithmetic(OpType op, Expr a, Expr b) {
    SMEATON_CHECK(a.dtype() == b.dtype(), "operands of {} are {} and {}", name(op),
                  tensor::name(a.dtype()), tensor::name(b.dtype()));
    return elementwise(op, a, b, a.dtype());
}

Expr compare(OpType op, Expr a, Expr b) {
    return elementwise(op, a, b, DType::kBool);
}

Expr like(Expr e, double v) {
    return e.composer->number(v, e.dtype());
}

}  // namespace

Expr operator+(Expr a, Expr b) {
    return arithmetic(OpType::kAdd, a, b);
}
Expr operator-(Expr a, Expr b) {
    return arithmetic(OpType::kSub, a, b);
}
Expr operator*(Expr a, Expr b) {
    return arithmetic(OpType::kMul, a, b);
}
Expr operator/(Expr a, Expr b) {
    return arithmetic(OpType::kDiv, a, b);
}
Expr operator+(Expr a, double b) {
    return a + like(a, b);
}
Expr operator-(Expr a, double b) {
    return a - like(a, b);
}
Expr operator-(double a, Expr b) {
    return like(b, a) - b;
}
Expr operator*(Expr a, double b) {
    return b == 1 ? a : a * like(a, b);
}
Expr operator/(double a, Expr b) {
    return like(b, a) / b;
}
Expr operator-(Expr a) {
    return unary(OpType::kNeg, a);
}
Expr pow(Expr base, Expr exponent) {
    return elementwise(OpType::kPow, base, exponent, base.dtype());
}

Expr unary(OpType op, Expr e) {
    return e.composer->node(op, {e}, {}, e.dtype(), e.shape());
}

Expr greater(Expr a, Expr b) {
    return compare(OpType::kGreater, a, b);
}
Expr greater(Expr a, double b) {
    return greater(a, like(a, b));
}
Expr less(Expr a, Expr b) {
    return compare(OpType::kLess, a, b);
}
Expr less(Expr a, double b) {
    return less(a, like(a, b));
}
Expr greater_or_equal(Expr a, Expr b) {
    return compare(OpType::kGreaterOrEqual, a, b);
}
Expr less_or_equal(Expr a, Expr b) {
    return compare(OpType::kLessOrEqual, a, b);
}
Expr equal(Expr a, Expr b) {
    return compare(OpType::kEqual, a, b);
}
Expr equal(Expr a, double b) {
    return equal(a, like(a, b));
}
Expr both(Expr a, Expr b) {
    return compare(OpType::kAnd, a, b);
}

Expr where(Expr condition, Expr then, Expr otherwise) {
    SMEATON_CHECK(then.dtype() == otherwise.dtype(), "the two sides of Where differ in dtype");
    const Sizes shape =
        broadcast_sizes(condition.shape(), broadcast_sizes(then.shape(), otherwise.shape()));
    return condition.composer->node(OpType::kWhere, {condition, then, otherwise}, {}, then.dtype(),
                                    shape);
}
Expr where(Expr condition, Expr then, double otherwise) {
    return where(condition, then, like(then, otherwise));
}
Expr where(Expr condition, double then, Expr otherwise) {
    return where(condition, like(otherwise, then), otherwise);
}

}  // namespace smeaton::model
