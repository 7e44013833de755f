// A model's training step as a graph that all stages take.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "driver/session.h"
#include "model/grad/optimizer.h"
#include "model/graph.h"

namespace smeaton::driver {

struct TrainingChoice {
    std::string loss;             ///< cross-entropy, mse, output:NAME; empty: cross-entropy
    std::string optimizer;        ///< sgd, momentum, adam, adamw; empty: sgd
    bool zeros_inserted = false;  ///< model::GradientOptions
};

/// One step: forward, gradients, update. The parameters are graph inputs, so nothing that depends
/// on them is folded. `feeds` bind the sizes (and the values that decide shapes). UserError naming
/// what has no gradient, a loss or an optimiser that there is not.
model::TrainingStep training_step(const model::Graph&, const std::map<std::string, Tensor>& feeds,
                                  const std::map<std::string, int64_t>& dims,
                                  const TrainingChoice&);

/// Names of the operators of ONNX that pass a gradient.
std::vector<std::string> differentiable_operators();

}  // namespace smeaton::driver
