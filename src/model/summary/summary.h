// What a model holds and how much work it is, before any compiling: for `inspect`.
#pragma once

#include <string>
#include <vector>

#include "model/shape/view.h"

namespace smeaton::model {

/// Work of one node. Dims, so that symbolic sizes stay readable.
struct OperatorSummary {
    std::string node;
    std::string op;
    Dim flops;       ///< two per multiply-add; see operations()
    Dim read_bytes;  ///< every operand once, constants included
    Dim written_bytes;
    Dim constant_bytes;  ///< of read_bytes: constants
    std::string output;  ///< "f32[1,64,56,56]" of the first output
};

struct ModelSummary {
    std::vector<OperatorSummary> operators;  ///< in the graph's order
    /// Elements of all float and 8-bit or narrower constants that nodes read, each counted once.
    int64_t parameters = 0;
    int64_t constant_bytes = 0;  ///< of all constants that nodes read
    Dim flops, read_bytes, written_bytes;
};

ModelSummary summarize(const ShapedGraph&);

/// Floating point or integer operations of a node: two per multiply-add of Conv, ConvTranspose,
/// Gemm, MatMul and Einsum (and one per element for a bias); window sizes for poolings; one per
/// operand element for reductions; for the normalisations and Softmax the passes over their
/// elements (Softmax 5, LayerNormalization 8, Gelu 5 or 8, ...); one per output element for other
/// elementwise operators; none for operators that only move data.
Dim operations(const NodeView&);

}  // namespace smeaton::model
