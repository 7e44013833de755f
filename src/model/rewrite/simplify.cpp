#include "model/rewrite/simplify.h"

#include <algorithm>

#include "base/error.h"
#include "model/rewrite/dead_code.h"
#include "model/rewrite/fold_affine.h"
#include "model/rewrite/inline_if.h"
#include "model/rewrite/noops.h"
#include "model/rewrite/share.h"
#include "model/verify.h"

namespace smeaton::model {

namespace {

constexpr int kMaxRounds = 10;

struct Pass {
    const char* name;
    std::function<Rewritten(ShapedGraph)> run;
};

std::vector<Pass> passes(const Evaluator& evaluator, const FoldLimits& limits) {
    return {
        // First: conditions and shapes become constants, which all others look for.
        {"fold_constants",
         [&](ShapedGraph g) { return fold_constants(std::move(g), evaluator, limits); }},
        {"inline_if", [&](ShapedGraph g) { return inline_if(std::move(g), evaluator); }},
        // Before affine folding: no Identity or Dropout stands between Conv and BatchNormalization.
        {"remove_noops", remove_noops},
        {"share_common", share_common},
        // Dead readers would make a value look shared.
        {"remove_dead_code", remove_dead_code},
        {"fold_affine", fold_affine},
    };
}

}  // namespace

std::vector<std::string> simplify_passes() {
    std::vector<std::string> names;
    for (const Pass& pass : passes({}, {})) names.emplace_back(pass.name);
    return names;
}

ShapedGraph simplify(ShapedGraph shaped, const Evaluator& evaluator,
                     const SimplifyOptions& options) {
    const std::vector<std::string> known = simplify_passes();
    for (const std::string& name : options.skip) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        std::string list;
        for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
        throw UserError("there is no pass '{}'; expected one of {}", name, list);
    }
    const std::vector<Pass> all = passes(evaluator, options.limits);
    for (int round = 0; round < kMaxRounds; ++round) {
        std::string fired;
        for (const Pass& pass : all) {
            if (options.skip.count(pass.name)) continue;
            Rewritten result = pass.run(std::move(shaped));
            shaped = std::move(result.shaped);
            if (result.changes == 0) continue;
            verify(shaped, pass.name);
            fired += (fired.empty() ? "" : ", ") + std::string(pass.name);
            if (options.after) options.after(pass.name, result.changes, shaped);
        }
        if (fired.empty()) return shaped;
        if (round + 1 == kMaxRounds) {
            shaped.graph.warnings.push_back(fmt::format(
                "simplification stopped after {} rounds; still changing: {}", kMaxRounds, fired));
        }
    }
    return shaped;
}

}  // namespace smeaton::model
