// All simplifications of the model graph, repeated until nothing changes.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/rewrite/fold_constants.h"
#include "model/rewrite/pass.h"

namespace smeaton::model {

struct SimplifyOptions {
    FoldLimits limits;
    std::set<std::string> skip;  ///< names of passes to leave out
    /// Called after each pass that changed something; may be empty.
    std::function<void(std::string_view pass, int64_t changes, const ShapedGraph&)> after;
};

/// "fold_constants", "inline_if", ... in the order of a round.
std::vector<std::string> simplify_passes();

/// Runs the passes in rounds until one round changes nothing, ten rounds at most (then a warning
/// names the passes that still fired), verifying after each. `evaluator` may be empty.
/// UserError when options.skip names no pass.
ShapedGraph simplify(ShapedGraph, const Evaluator& evaluator, const SimplifyOptions& = {});

}  // namespace smeaton::model
