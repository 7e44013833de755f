#include "compare/survey.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <cmath>

#include "base/error.h"
#include "machine/shipped.h"
#include "machine/yaml_map.h"

namespace smeaton::compare {

namespace {

using machine::Interval;
using machine::YamlMap;

Design read_one(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, "design");
    Design d;
    d.name = map.text("name");
    map.rename("design " + d.name);
    d.year = static_cast<int>(map.whole("year", 2100));
    for (auto [key, at] : {std::pair{"platform", &d.platform},
                           {"scope", &d.scope},
                           {"kind", &d.kind},
                           {"list", &d.list},
                           {"claim", &d.claim},
                           {"baseline", &d.baseline},
                           {"source", &d.source}})
        *at = map.text(key);
    for (auto [key, at] : {std::pair{"approximation", &d.approximation},
                           {"conflict", &d.conflict},
                           {"memory", &d.memory}})
        *at = map.optional_text(key).value_or("");
    for (auto [key, at] : {std::pair{"speedup", &d.speedup},
                           {"energy_ratio", &d.energy_ratio},
                           {"node_nm", &d.node_nm},
                           {"gops", &d.gops},
                           {"gops_128", &d.gops_128},
                           {"power_w", &d.power_w},
                           {"memory_gb_s", &d.memory_gb_s},
                           {"memory_gb", &d.memory_gb}})
        if (const auto n = map.optional_number(key)) *at = n->value;
    d.missing = map.words("missing");
    map.finish();
    return d;
}

Quantity scaled(Interval v, std::string formula, const Design& d) {
    Quantity q;
    q.v = v;
    q.basis = "scaled";
    q.formula = std::move(formula);
    q.source(d.source);
    if (!d.approximation.empty()) q.flag("approximation: " + d.approximation);
    return q;
}

/// Share of the baseline's time that the design's engine replaces.
std::optional<Interval> share_of(const Design& d, const SurveyGround& g) {
    const double linear = g.linear_flops_per_token * g.context;
    const double pairs = g.context * (g.context + 1) / 2;
    const double core = g.attention_flops_per_pair * pairs;
    // Attention reaches a half to all of the rate of products, so its time is up to twice its part.
    const double by_flops = core / (linear + core), slow = 2 * core / (linear + 2 * core);
    if (d.scope == "attention") return Interval{by_flops, by_flops, slow};
    if (d.scope == "feed-forward") {
        const double f = g.feed_forward_share * (1 - by_flops);
        return Interval{g.feed_forward_share * (1 - slow), f, f};
    }
    return std::nullopt;
}

/// Delay of a node to 7 nm: logic that speeds up with the node's power (iso-speed 16 nm 2.5x of 7
/// nm) or with its length; the two methods are the range.
Interval delay_to_7nm(double node) {
    const double by_length = node / 7;
    const double by_root = std::sqrt(node / 7);
    return {by_root, (by_root + by_length) / 2, by_length};
}

std::string join(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : "; ") + word;
    return out;
}

SurveyRow row_of(const Design& d, const SurveyGround& g) {
    SurveyRow row;
    row.design = d;
    if (d.gops_128) {
        row.gops_per_multiplier_ghz = scaled(Interval::exact(*d.gops_128 / 128),
                                             "GOP/s at 128 multipliers and 1 GHz / 128", d);
        if (d.node_nm)
            row.gops_at_7nm = scaled(delay_to_7nm(*d.node_nm) * *d.gops_128,
                                     "GOP/s of 128 multipliers x delay from its node to 7 nm, by "
                                     "the root of the length and by the length",
                                     d);
    }
    if (const auto share = share_of(d, g); share && d.speedup)
        row.end_to_end_speedup =
            scaled({amdahl(share->low, *d.speedup), amdahl(share->value, *d.speedup),
                    amdahl(share->high, *d.speedup)},
                   fmt::format("1 / ((1 - f) + f / {:g}), f = {:.3f} of {} at a context of {:g}",
                               *d.speedup, share->value, g.model, g.context),
                   d);
    if (d.memory_gb_s) {
        const double bytes = (g.weights + g.kv_elements * g.context) * g.bits / 8;
        if (d.memory_gb && *d.memory_gb * 1024 * 1024 * 1024 < bytes) {
            row.reason = fmt::format(
                "cannot be known, because {} at {:g} bits does not fit its {:g} "
                "GiB",
                g.model, g.bits, *d.memory_gb);
            return row;
        }
        row.tokens_per_s = scaled(
            Interval::exact(*d.memory_gb_s * 1e9 / bytes),
            fmt::format("at most: {:g} GB/s / bytes a token of {}", *d.memory_gb_s, g.model), d);
        if (d.power_w)
            row.j_per_token = scaled(Interval::exact(*d.power_w / row.tokens_per_s->v.value),
                                     "power / tokens/s, both as stated", d);
        return row;
    }
    row.reason = "cannot be known, because the paper or what was read of it does not give: " +
                 join(d.missing);
    return row;
}

}  // namespace

double amdahl(double share, double times) {
    return 1 / ((1 - share) + share / times);
}

SurveyGround default_ground() {
    SurveyGround g;
    constexpr double L = 32, h = 4096, F = 11008, V = 32000;
    g.weights = L * (4 * h * h + 3 * h * F) + V * h;
    g.linear_flops_per_token = 2 * g.weights;
    g.attention_flops_per_pair = 2 * L * 2 * h;
    g.feed_forward_share = L * 3 * h * F / g.weights;
    g.kv_elements = 2 * L * h;
    return g;
}

std::vector<Design> parse_designs(const std::string& yaml, const std::string& file) {
    try {
        const YAML::Node root = YAML::Load(yaml);
        YamlMap map(root, file, "survey");
        std::vector<Design> all;
        for (const YAML::Node& item : map.items("designs")) all.push_back(read_one(item, file));
        map.finish();
        return all;
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not readable as YAML: {}", file, error.mark.line + 1, error.msg);
    }
}

std::vector<SurveyRow> survey(const std::vector<Design>& designs, const SurveyGround& ground) {
    std::vector<SurveyRow> rows;
    for (const Design& d : designs) rows.push_back(row_of(d, ground));
    return rows;
}

std::vector<SurveyRow> shipped_survey_rows(const SurveyGround& ground) {
    return survey(
        parse_designs(std::string(machine::shipped_survey()), "machines/compare/survey.yaml"),
        ground);
}

}  // namespace smeaton::compare
