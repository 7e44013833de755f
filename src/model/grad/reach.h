// Which values lie between the parameters and the loss.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

/// Does a gradient pass through operand k of the node? `on_batch_statistics`: names of
/// BatchNormalization nodes whose mean and variance carry none (training_form.h).
bool passes_gradient(const Graph&, const Node&, size_t k,
                     const std::set<std::string>& on_batch_statistics);

struct Reach {
    std::vector<bool> moves;    ///< by value: some source moves it
    std::vector<bool> matters;  ///< by value: it moves the loss
    /// Both.
    bool between(ValueId id) const {
        return id.valid() && moves[static_cast<size_t>(id.v)] && matters[static_cast<size_t>(id.v)];
    }
};

Reach reach(const Graph&, const std::vector<ValueId>& sources, ValueId loss,
            const std::set<std::string>& on_batch_statistics);

}  // namespace smeaton::model
