// What each rewrite rule gained: the log of the rules, added up.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "driver/pipeline.h"

namespace smeaton::driver {

/// Bytes read and written at each level (cumulated inwards) and predicted time.
struct Charge {
    std::map<std::string, double> bytes;
    std::optional<double> us;  ///< nothing where a part has no price
};

/// `what` as the log has it.
struct RuleApplication {
    std::string rule, what;
    std::string refused;  ///< why; empty: taken
    Charge before, after;
};

struct RuleRow {
    std::string rule;
    int taken = 0, refused = 0;
    Charge change;  ///< after less before, of all that was taken
};

/// Rules that are priced alike; changes of the rows add up to `after` less `before`.
struct RulePart {
    std::string title;
    std::vector<RuleRow> rows;
    Charge before, after;
};

struct Explanation {
    std::vector<std::string> levels;            ///< outermost first, without registers
    std::vector<RulePart> parts;                ///< fused and laid out; tiled and spelled
    std::vector<RuleApplication> applications;  ///< in their order, where all were wanted
};

/// `how`: "rules" or "all".
Explanation explanation(const Explained&, const std::string& how);

}  // namespace smeaton::driver
