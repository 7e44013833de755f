// A model as the table of layers that published cost models read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/graph.h"
#include "sim/layer_table.h"

namespace smeaton::driver {

/// One layer per node, in the graph's order. Left out: nodes whose results are constants, and those
/// that hand on what they read (Identity, Dropout, Cast). Conv becomes a Convolution, Gemm and
/// MatMul a Contraction (with the Add of a constant row behind it as its bias), operators that only
/// change shape or order a Movement, the rest a VectorOperator (kOther where the table has no word
/// for it). UserError, naming the node, for sizes that are still open.
sim::LayerTable layer_table(const model::ShapedGraph&);

struct LayerRequest {
    std::string model;
    std::vector<std::string> dims;  ///< NAME=VALUE, INPUT:AXIS=VALUE
    int batch = 0;                  ///< of every input; 0: as in the file
    bool training = false;          ///< keeps BatchNormalization as it stands in the file
};
/// Reads a model file, binds and infers its sizes, folds what is constant and, unless for training,
/// scales and shifts into the convolutions before them.
sim::LayerTable read_layer_table(const LayerRequest&);

}  // namespace smeaton::driver
