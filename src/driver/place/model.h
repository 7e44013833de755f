// A model as a chain of layers, each with its nodes: what is placed.
#pragma once

#include <string>
#include <vector>

#include "driver/place/layers.h"
#include "driver/place/tensor_cut.h"
#include "model/graph.h"
#include "search/phaze/work.h"

namespace smeaton::driver {

struct LayersRequest {
    std::string model;
    std::vector<std::string> dims;  ///< NAME=VALUE, INPUT:AXIS=VALUE
    int microbatch = 1;             ///< leading size of every input
    int64_t sequence = 0;  ///< of what is open besides; 0: a config's largest, else nothing may be
};

struct ModelLayer {
    std::string name;
    int kind = 0;  ///< equal layers have equal kinds
    std::vector<model::NodeId> nodes;
    double parameters = 0;  ///< elements; of a weight that layers share, in each of them
    Amount kept;            ///< for the backward half (driver/layers)
    Amount boundary;        ///< behind it, for later layers
};

/// Blocks in their order (model/blocks): branches between layers pass through the layers between.
struct LayeredModel {
    ModelLayers figures;
    std::vector<ModelLayer> layers;
    int repeated_first = 0, repeated_count = 0;  ///< the longest run of equal layers

    const model::Graph& graph() const { return figures.shaped.graph; }
};
/// UserError besides those of the options: an operator without a gradient, named.
LayeredModel layered_model(const LayersRequest&);
LayeredModel layered_model(model::ShapedGraph);

/// Results of all nodes, those included that only change shape: what PHAZE counts (defect 7).
double results_bytes(const model::Graph&, const std::vector<model::NodeId>&, double element_bytes);

/// The nodes as PHAZE's operators, not fused, on one of the t devices of a cut, with the sums that
/// it asks for. UserError naming a node that the tables lack.
std::vector<search::phaze::Operator> phaze_operators(const model::Graph&,
                                                     const std::vector<model::NodeId>&,
                                                     const search::phaze::Rules&, int t,
                                                     const TensorCut&);

struct WorkRequest {
    int64_t batch = 4096;
    bool adam = false;
    search::phaze::Rules rules;
    int t = 1;  ///< devices that share a layer
};
/// A model at the microbatch that it was read for.
search::phaze::Work phaze_work(const std::string& name, const LayeredModel&, int microbatch,
                               const WorkRequest&);

/// At every width, in their order. `asked`: UserError where no layer can be cut over one of them;
/// else such widths are left out, and the first has a note.
std::vector<search::phaze::Work> phaze_works(const std::string& name, const LayeredModel&,
                                             int microbatch, WorkRequest,
                                             const std::vector<int>& widths, bool asked,
                                             std::vector<std::string>& notes);
/// Widths that are looked at where none are given, up to so many devices.
std::vector<int> phaze_widths(int devices);

}  // namespace smeaton::driver
