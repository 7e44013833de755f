// One row per operator: enumerator, ONNX name, family. Behaviour lives in tables keyed by OpType
// (shape rule: shape/, lowering rule: src/lower/); a test names every operator without a row.
// All are of domain ai.onnx. Versions: onnx/versions.cpp.
#pragma once

#include <optional>
#include <string_view>

namespace smeaton::model {

enum class OpFamily { Conv, Norm, Elementwise, Pool, MatMul, Reduce, Index, Move, Shape, Control };

#define SMEATON_OPS(X)             \
    X(Conv, Conv)                  \
    X(ConvTranspose, Conv)         \
    X(LRN, Norm)                   \
    X(BatchNormalization, Norm)    \
    X(InstanceNormalization, Norm) \
    X(GroupNormalization, Norm)    \
    X(LayerNormalization, Norm)    \
    X(RMSNormalization, Norm)      \
    X(Softmax, Norm)               \
    X(LogSoftmax, Norm)            \
    X(Relu, Elementwise)           \
    X(LeakyRelu, Elementwise)      \
    X(Elu, Elementwise)            \
    X(Softplus, Elementwise)       \
    X(Clip, Elementwise)           \
    X(Sigmoid, Elementwise)        \
    X(HardSigmoid, Elementwise)    \
    X(HardSwish, Elementwise)      \
    X(Tanh, Elementwise)           \
    X(Erf, Elementwise)            \
    X(Gelu, Elementwise)           \
    X(Exp, Elementwise)            \
    X(Log, Elementwise)            \
    X(Neg, Elementwise)            \
    X(Abs, Elementwise)            \
    X(Sign, Elementwise)           \
    X(Reciprocal, Elementwise)     \
    X(Floor, Elementwise)          \
    X(Ceil, Elementwise)           \
    X(Round, Elementwise)          \
    X(Sin, Elementwise)            \
    X(Cos, Elementwise)            \
    X(Sqrt, Elementwise)           \
    X(Add, Elementwise)            \
    X(Sub, Elementwise)            \
    X(Mul, Elementwise)            \
    X(Div, Elementwise)            \
    X(Sum, Elementwise)            \
    X(Mod, Elementwise)            \
    X(Pow, Elementwise)            \
    X(Max, Elementwise)            \
    X(Min, Elementwise)            \
    X(Equal, Elementwise)          \
    X(Less, Elementwise)           \
    X(Greater, Elementwise)        \
    X(LessOrEqual, Elementwise)    \
    X(GreaterOrEqual, Elementwise) \
    X(Not, Elementwise)            \
    X(And, Elementwise)            \
    X(Or, Elementwise)             \
    X(Where, Elementwise)          \
    X(Cast, Elementwise)           \
    X(MaxPool, Pool)               \
    X(AveragePool, Pool)           \
    X(GlobalAveragePool, Pool)     \
    X(GlobalMaxPool, Pool)         \
    X(Gemm, MatMul)                \
    X(MatMul, MatMul)              \
    X(Einsum, MatMul)              \
    X(ReduceMean, Reduce)          \
    X(ReduceSum, Reduce)           \
    X(ReduceMax, Reduce)           \
    X(ReduceMin, Reduce)           \
    X(ReduceProd, Reduce)          \
    X(ReduceL2, Reduce)            \
    X(ArgMax, Reduce)              \
    X(TopK, Index)                 \
    X(CumSum, Reduce)              \
    X(Gather, Index)               \
    X(GatherElements, Index)       \
    X(GatherND, Index)             \
    X(ScatterElements, Index)      \
    X(ScatterND, Index)            \
    X(Reshape, Move)               \
    X(Transpose, Move)             \
    X(Concat, Move)                \
    X(Split, Move)                 \
    X(Slice, Move)                 \
    X(Squeeze, Move)               \
    X(Unsqueeze, Move)             \
    X(Flatten, Move)               \
    X(Expand, Move)                \
    X(Tile, Move)                  \
    X(Trilu, Move)                 \
    X(Pad, Move)                   \
    X(Resize, Move)                \
    X(Upsample, Move)              \
    X(DepthToSpace, Move)          \
    X(SpaceToDepth, Move)          \
    X(Shape, Shape)                \
    X(Size, Shape)                 \
    X(Constant, Shape)             \
    X(ConstantOfShape, Shape)      \
    X(Range, Shape)                \
    X(Identity, Move)              \
    X(Dropout, Elementwise)        \
    X(If, Control)

enum class OpType {
    kUnsupported,
#define X(op, family) k##op,
    SMEATON_OPS(X)
#undef X
};

std::string_view name(OpType);
std::optional<OpType> op_named(std::string_view onnx_name);
OpFamily family(OpType);

}  // namespace smeaton::model
