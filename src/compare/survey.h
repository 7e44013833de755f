// Published accelerators on one ground: what their papers state, brought to one multiplier count,
// one workload and their own memory; or why that cannot be known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compare/quantity.h"

namespace smeaton::compare {

struct Design {
    std::string name, platform, scope, kind, list, claim, baseline, source, approximation, conflict;
    std::string memory;
    int year = 0;
    std::optional<double> speedup, energy_ratio, node_nm, gops, power_w, memory_gb_s, memory_gb;
    std::optional<double> gops_128;  ///< at 128 multipliers and 1 GHz
    std::vector<std::string> missing;
};

std::vector<Design> parse_designs(const std::string& yaml, const std::string& file);

/// The model that the ground is.
struct SurveyGround {
    std::string model = "Llama-2-7B";
    double linear_flops_per_token = 0;    ///< 2 per multiply-add
    double attention_flops_per_pair = 0;  ///< of one query and one key
    double feed_forward_share = 0;        ///< of the linear FLOPs
    double weights = 0;                   ///< elements that a token reads
    double kv_elements = 0;
    double context = 2048;
    double bits = 16;
};
/// Llama-2-7B at a context of 2048.
SurveyGround default_ground();

struct SurveyRow {
    Design design;
    std::optional<Quantity> gops_per_multiplier_ghz;  ///< same silicon
    std::optional<Quantity> gops_at_7nm;              ///< same node
    std::optional<Quantity> end_to_end_speedup;       ///< Amdahl, over the design's own baseline
    std::optional<Quantity> tokens_per_s;             ///< at most, by its own memory
    std::optional<Quantity> j_per_token;
    std::string reason;  ///< "cannot be known, because ..."; empty where tokens/s are known
};

std::vector<SurveyRow> survey(const std::vector<Design>&, const SurveyGround&);
std::vector<SurveyRow> shipped_survey_rows(const SurveyGround&);

/// 1 / ((1 - f) + f / k): an engine that is k times as fast on a share f of the time.
double amdahl(double share, double times);

}  // namespace smeaton::compare
