// For tests of passes: runs a small graph, slowly and plainly, so that before and after can be
// compared on numbers. Knows Conv, ConvTranspose, Gemm, BatchNormalization, Add, Sub, Mul, Div,
// Relu, Exp, Transpose and Reshape of f32.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/shape/infer.h"

namespace smeaton::model::test {

/// One node on f32 operands; usable as an Evaluator.
std::optional<std::vector<Tensor>> evaluate(const Node&,
                                            const std::vector<std::optional<Tensor>>& inputs);

/// The graph's outputs for these inputs (by name).
std::vector<Tensor> run(const Graph&, const std::map<std::string, Tensor>& feeds);

/// Seeded values in [-1, 1].
Tensor random_tensor(std::vector<int64_t> shape, uint64_t seed);

}  // namespace smeaton::model::test
