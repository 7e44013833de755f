// States: graph inputs that keep their value between runs (weights under training, caches of a
// decoder).
#pragma once

#include <map>
#include <string>

#include "model/graph.h"

namespace smeaton::model {

/// Makes states of the named inputs: {INPUT: OUTPUT}. An initializer becomes an input whose first
/// value it is. UserError on a name that is no input or initializer, or no output, and where both
/// state an element type or fixed sizes that differ.
///     input h: f32[2]; output h_next      {h: h_next} ->  input h: f32[2]; output h_next into h
Graph declare_states(Graph graph, const std::map<std::string, std::string>& states);

/// UserError where a state and its output differ in element type or shape.
void check_states(const Graph&);

/// UserError naming a state of unknown element type, or with a size that is not bound.
void require_sized_states(const Graph& bound);

/// The state that is input `k` of the graph; null: the caller feeds it.
const StatePair* state_of_input(const Graph&, size_t k);
/// Whether output `k` goes into a state and not to the caller.
bool goes_into_state(const Graph&, size_t k);

}  // namespace smeaton::model
