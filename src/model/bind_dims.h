// Gives a model's symbolic sizes their values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

struct DimBindings {
    std::map<std::string, std::vector<int64_t>> fed_shapes = {};  ///< by graph input
    std::map<std::string, int64_t> by_name = {};                  ///< --dim NAME=VALUE
    std::map<std::pair<std::string, int>, int64_t> by_axis = {};  ///< --dim INPUT:AXIS=VALUE
};

/// Sorts options of `--dim`, by their left side, into those that name a parameter of `graph` and
/// those of the form INPUT:AXIS (AXIS from 0, or negative from the end). UserError on what is
/// neither.
DimBindings dim_bindings(const Graph& graph, const std::map<std::string, int64_t>& options);

/// Constants of `graph.overridable` that are fed become inputs, after the graph's own.
/// Binds the parameters in the shapes of graph inputs, and with them those of all declared shapes,
/// subgraphs' too. An input that is fed takes the fed shape; an input of unknown rank takes it
/// whole. Two fed shapes that give one name two values are both taken, with a warning, as long as
/// no input that is not fed uses that name. What stays unbound stays symbolic (see unbound_dims).
/// UserError naming input and axis where a fed shape has another rank or another size than the
/// model states as a number, where an option contradicts a fed shape, another option or a stated
/// number, where a value is negative, where an unknown input is named.
Graph bind_dims(Graph graph, const DimBindings& bindings);

/// "input 'x', axis 0: N" for every size of a graph input that is not bound.
std::vector<std::string> unbound_dims(const Graph&);

}  // namespace smeaton::model
