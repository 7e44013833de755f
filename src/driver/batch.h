// A model file read for another batch than it was written for.
#pragma once

#include <cstdint>

#include "model/graph.h"

namespace smeaton::driver {

/// Gives every input of two dims or more the leading size `batch`: binds it where it is open, takes
/// the place of a 1. Declared shapes of all other values are dropped (shape inference makes them
/// anew). UserError naming the input where the file fixes another size.
model::Graph with_batch(model::Graph, int64_t batch);

/// Its shapes; an error of a graph that with_batch (0: not) made says what a batch has to do with
/// it.
model::ShapedGraph inferred_for_batch(model::Graph, int64_t batch);

/// UserError naming the first node whose result has another leading size: the file carries its own
/// batch there, mostly in the target of a Reshape.
void check_batch(const model::ShapedGraph&, int64_t batch);

/// The same for models whose values need not lead with the batch (attention by sequence first):
/// only the outputs must. UserError naming the node that makes one which does not.
void check_batch_of_outputs(const model::ShapedGraph&, int64_t batch);

}  // namespace smeaton::driver
