// What is asked of a model: lengths, and how many sequences run at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace smeaton::compare {

/// Of a log-normal length; cv 0: always the mean.
struct Length {
    double mean = 0, cv = 0;
};

struct Traffic {
    std::optional<double> concurrency;  ///< sequences that always run; nothing: as many as fit
    Length prompt{512, 0}, output{128, 0};
    int max_batch = 0;  ///< of one replica; 0: the engine's own
    int requests = 0;
    uint64_t seed = 0;
    std::optional<double> ttft_slo_ms, tpot_slo_ms;
};

/// UserError names file, line and key: unknown keys, lengths below 1, arrivals in time (rate_per_s,
/// trace), which this comparison has no model of.
Traffic parse_traffic(const std::string& yaml, const std::string& file);

}  // namespace smeaton::compare
