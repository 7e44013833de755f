// A model as a folder of PyTorch source: what a person would have written, and what runs it in
// parallel.
//
//   model.py             class Model(nn.Module), its blocks, a reader of the weights
//   weights.safetensors  by the names of Model's state dict
//   clusters.py          one function per cluster; put and get are the only synchronisation
//   model_map.json       nodes and initializers of the model file -> lines, modules, clusters
//   check.py             loads, runs both ways, compares bits, times
//   train.py             where asked for: a loss, an optimiser, a loop
//   README.md
//   ruff.toml            the width of lines
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "export/pytorch/tree.h"
#include "model/grad/loss.h"
#include "model/grad/optimizer.h"
#include "model/shape/infer.h"
#include "schedule/schedule.h"

namespace smeaton::pytorch {

/// What train.py does.
struct TrainText {
    model::LossChoice loss;
    model::OptimizerChoice optimizer;
};

struct EmitOptions {
    std::string title;       ///< the model's name, for people
    std::string source;      ///< the model file, for people
    bool processes = false;  ///< forward_parallel: clusters in processes, not on threads
    std::optional<TrainText> train = {};  ///< train.py; absent: none
};

/// What runs where, for clusters.py and its comments.
struct ClusterPlan {
    schedule::Schedule schedule;  ///< of Export::tasks; a cluster per core that has a task
    double makespan_us = 0, serial_us = 0, lower_bound_us = 0;
    std::vector<std::string> about;  ///< lines for a reader: algorithm, costs, sizes assumed
};

/// The model's lines, ready to be planned and written.
class Export {
public:
    /// Of a simplified graph, in which BatchNormalization still stands. UserError listing every
    /// node that cannot be emitted.
    explicit Export(model::Inferred simplified);

    const model::Graph& graph() const { return inferred_.shaped.graph; }
    Source source() const { return {inferred_.shaped.graph, inferred_.known}; }
    const Tree& tree() const { return tree_; }
    /// Statements of the tree, in the order in which forward runs them.
    const std::vector<int>& order() const { return order_; }
    /// A task per entry of order(); an edge per value, with its bytes. `bind`: values of symbolic
    /// sizes. Durations and message costs are 0.
    schedule::TaskGraph tasks(const tensor::Bindings& bind) const;

private:
    model::Inferred inferred_;
    Tree tree_;
    std::vector<int> order_;
};

struct TextFile {
    std::string name, text;
};

/// A tensor of the weights file, made when it is written.
struct StoredTensor {
    std::string name;
    DType dtype = DType::kF32;
    std::vector<int64_t> shape;
    Weight weight;
    bool is_parameter = false;  ///< else a buffer
};

/// A parameter that is another one.
struct TiedPair {
    std::string name, same_as;
};

struct Emitted {
    std::vector<TextFile> files;
    std::vector<StoredTensor> tensors;  ///< in the order of the file
};

Emitted emit(const Export&, const ClusterPlan&, const EmitOptions&);

/// Writes the tensors as one safetensors file. UserError naming the path when that fails.
void write_weights(const std::string& path, const model::Graph&, const std::vector<StoredTensor>&);

}  // namespace smeaton::pytorch
