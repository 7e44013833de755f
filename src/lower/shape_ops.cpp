// Operators whose results depend on shapes and attributes alone; most are constants by now.
#include "model/shape/shape_ops.h"

#include "lower/rules.h"

namespace smeaton::lower {

using model::OpType;

namespace {

void shape(NodeContext& node) {
    const Shape x = node.in_shape(0);
    const model::DimRange r = model::shape_range(node.view());
    node.bind(0, tensor::of_i64(Shape(x.begin() + r.begin, x.begin() + r.end)));
}

void size(NodeContext& node) {
    node.bind(0, tensor::of_i64({element_count(node.in_shape(0))}).reshaped({}));
}

void constant(NodeContext& node) {
    node.bind(0, model::constant_value(node.view()));
}

void constant_of_shape(NodeContext& node) {
    const Tensor value = model::fill_value(node.view());
    const Buf y = node.out(0);
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    k.fill(k.at(y, i), tensor::is_float(y.dtype) ? Literal::of(value.at_as_double(0))
                                                 : Literal::of_int(value.at_as_int(0)));
    k.done();
}

// y[i] = start + i * delta; the number of elements is the output's extent.
void range(NodeContext& node) {
    const Buf y = node.out(0);
    const DType t = compute_dtype(y.dtype);
    KernelBuilder k(node);
    const Affine i = k.parallel("i0", y.shape[0]);
    const auto scalar = [&](size_t n) -> Val {
        if (const Tensor* c = node.constant(n))
            return tensor::is_float(t) ? Val{Literal::of(c->at_as_double(0)), t}
                                       : Val{Literal::of_int(c->at_as_int(0)), t};
        const Buf b = node.in(n);
        return k.cast(k.at(b, Index(b.shape.size(), 0)), t);
    };
    const Val position = k.cast(k.iota(i), t);
    const Val moved = k.binary(Fn::mul, position, scalar(2));
    k.store(k.at(y, {i}), k.binary(Fn::add, moved, scalar(0)));
    k.done();
}

}  // namespace

void add_shape_rules(RuleTable& t) {
    t[OpType::kShape] = shape;
    t[OpType::kSize] = size;
    t[OpType::kConstant] = constant;
    t[OpType::kConstantOfShape] = constant_of_shape;
    t[OpType::kRange] = range;
}

}  // namespace smeaton::lower
