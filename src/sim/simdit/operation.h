// What SimDIT costs: a list of operations, one per row of its published tables, in their order.
//
// Inference and a training iteration (SGD) are two readings of one table of layers. Rows that cost
// nothing stay in the list: what an operation writes depends on which row follows it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/layer_table.h"

namespace smeaton::sim::simdit {

enum class Kind {
    // on the array
    kConvolution,
    kGemm,
    // on the vector unit
    kRelu,
    kAdd,
    kMaxPool,
    kAveragePool,
    kSoftmax,
    kMeanInvStd,
    kBatchNorm,
    kReluGrad,
    kBatchNormGrad,
    kMaxPoolGrad,
    kAveragePoolGrad,
    kReduceSum,
    kSgd1d,
    kSgd2d,
    kSgd4d,
    // nowhere
    kFree,
};

enum class Phase { kForward, kBackward, kUpdate };

/// Sizes as SimDIT names them. Convolution and GEMM: n x oc x oh x ow outputs, ic inputs of each,
/// kernel kh x kw. Vector operators: n x oc x oh x ow results (of a gradient of a pooling: the
/// gradient that comes in), kernel and stride where they pool. A GEMM's rows are n.
struct Sizes {
    int64_t n = 1, oc = 1, oh = 1, ow = 1;
    int64_t ic = 1, kh = 1, kw = 1, stride = 1;
};

struct Operation {
    Kind kind = Kind::kFree;
    Phase phase = Phase::kForward;
    Sizes sizes;
    std::string name;        ///< of the model's node; behind a '/' what of it
    std::string op;          ///< as in the published tables
    std::string free_since;  ///< why kFree costs nothing
};

/// UserError naming the node for what SimDIT does not define: grouped and depthwise convolutions,
/// kernels or strides that are not square, dilation, products of two computed operands,
/// BatchNormalization that folds into no convolution, operators other than Relu, Add, poolings,
/// Softmax, and those that only move data.
std::vector<Operation> inference_operations(const LayerTable&);

/// One iteration: forward with batch statistics, loss (costs nothing), backward, SGD. Gradients are
/// convolutions over zero-inserted images, as published. UserError as above; besides convolutions
/// with a bias, images that are not square, Softmax, and moves whose gradient is not defined.
std::vector<Operation> training_operations(const LayerTable&);

bool on_array(Kind);
/// "convolution", "contraction", "normalisation", "activation", "pooling", "elementwise",
/// "optimiser", "data movement"
const char* class_of(Kind);
const char* word(Phase);
/// Multiply-accumulates by the sizes, nothing padded; 0 off the array.
int64_t macs(const Operation&);

}  // namespace smeaton::sim::simdit
