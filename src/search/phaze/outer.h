// PHAZE's search for a chip: its own walk with its stop rule, and the whole space with a proof.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "search/phaze/evaluate.h"
#include "search/search.h"

namespace smeaton::search::phaze {

struct OuterOptions {
    int threads = 0;       ///< 0: as many as the process may use
    bool prune = true;     ///< false: every point is evaluated
    std::string log_file;  ///< empty: none
    std::optional<double> time_limit_s;
    /// Distinguishes logs: models, batch, rules.
    std::string identity;
    std::function<void(const Progress&)> progress = {};
};

struct Candidate {
    Chip chip;
    double throughput = 0;       ///< mean of samples/s over the models; 0: some model fits none
    double bound = 0;            ///< no less than it
    std::vector<Placed> placed;  ///< by model; empty where it came from the log
};

struct StopRule {
    size_t evaluated = 0;
    std::optional<Candidate> best;  ///< nothing: five buckets in a row without a plan
    double missed = 0;              ///< how much better the best of the space is, over it, less 1
};

struct OuterResult {
    size_t space = 0, evaluated = 0, from_log = 0, pruned = 0;
    std::optional<Candidate> best;
    double upper_bound = 0;  ///< on the throughput of every point
    double gap = 0;
    bool proven = false;
    std::optional<StopRule> stop_rule;
    std::string why;  ///< where no point takes the models
    double seconds = 0;
    /// Operators on cores: worked out now (with the processor's time that it took), known from the
    /// log.
    size_t priced = 0, prices_from_log = 0;
    double pricing_seconds = 0;
};

/// UserError: a log that is none or of another search.
OuterResult search_space(const std::vector<Model>&, const Setting&, const OuterOptions&);

/// Whether the published walk ends: the best mean throughputs of its last five buckets do not
/// rise. `bests`: of each bucket visited, -1 where no chip of it takes all models.
bool stops(const std::vector<double>& bests);

}  // namespace smeaton::search::phaze
