// A network as a table of layers with their sizes: what published cost models take in. The driver
// makes it from a model graph; nothing here knows where it came from.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace smeaton::sim {

/// Images of batch x channels x height x width; one kernel for all.
struct Convolution {
    int64_t batch = 1;
    int64_t in_channels = 1, in_height = 1, in_width = 1;
    int64_t out_channels = 1, out_height = 1, out_width = 1;
    int64_t kernel_height = 1, kernel_width = 1;
    int64_t stride_height = 1, stride_width = 1;
    int64_t dilation_height = 1, dilation_width = 1;
    int64_t pad_height = 0, pad_width = 0;  ///< both sides together
    int64_t groups = 1;
    bool bias = false;
};

/// out[copy, row, column] = sum over k of left[copy, row, k] * right[copy, k, column].
struct Contraction {
    int64_t copies = 1;  ///< products of their own left and right operands
    int64_t rows = 1, sum = 1, columns = 1;
    bool bias = false;
    bool weights = true;  ///< the right operand is a constant
};

enum class VectorOp { kRelu, kAdd, kMaxPool, kAveragePool, kBatchNormalization, kSoftmax, kOther };

struct VectorOperator {
    VectorOp op = VectorOp::kOther;
    std::vector<int64_t> in_shape = {};  ///< of the first operand
    std::vector<int64_t> out_shape = {};
    bool same_shapes = true;           ///< all operands that are no constants
    int64_t operands = 1;              ///< constants not counted
    std::vector<int64_t> kernel = {};  ///< of poolings, by spatial dim
    std::vector<int64_t> stride = {};
    int64_t axis = 0;  ///< of softmax, from the front
};

/// The same elements in another order or shape, or several tensors as one.
struct Movement {};

constexpr int kModelInput = -1;

struct Layer {
    std::string name;  ///< the model's node
    std::string op;    ///< its operator, as the model calls it
    std::variant<Convolution, Contraction, VectorOperator, Movement> work;
    std::vector<int> operands;  ///< layers whose results it reads, in order; or kModelInput
};

struct LayerTable {
    std::vector<Layer> layers;  ///< each behind those that it reads
};

/// Multiply-accumulates by the sizes alone, 0 for what multiplies no matrices.
int64_t macs(const Layer&);

}  // namespace smeaton::sim
