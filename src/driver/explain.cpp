#include "driver/explain.h"

#include <algorithm>

namespace smeaton::driver {

namespace {

using gir::rewrite::Effect;
using gir::rewrite::RuleLog;

Charge charge_of(const Effect& e, const std::vector<std::string>& levels) {
    Charge c;
    c.us = e.us;
    for (const std::string& level : levels) c.bytes[level] = 0;
    for (const gir::LevelBytes& row : e.levels)
        if (auto at = c.bytes.find(row.level.str()); at != c.bytes.end())
            at->second += static_cast<double>(row.read_bytes + row.write_bytes);
    return c;
}

void add_change(Charge& sum, const Charge& before, const Charge& after) {
    for (const auto& [level, bytes] : after.bytes) sum.bytes[level] += bytes;
    for (const auto& [level, bytes] : before.bytes) sum.bytes[level] -= bytes;
    if (!before.us || !after.us) sum.us.reset();
    if (sum.us) *sum.us += *after.us - *before.us;
}

std::vector<RuleRow> rows_of(const std::vector<RuleLog>& log, bool tiling,
                             const std::vector<std::string>& levels) {
    std::vector<RuleRow> rows;
    for (const RuleLog& entry : log) {
        if (entry.tiling != tiling) continue;
        auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const RuleRow& r) { return r.rule == entry.rule; });
        if (row == rows.end()) {
            row = rows.insert(row, {entry.rule, 0, 0, {}});
            row->change.us = 0;
            for (const std::string& level : levels) row->change.bytes[level] = 0;
        }
        ++(entry.refused.empty() ? row->taken : row->refused);
        if (entry.refused.empty())
            add_change(row->change, charge_of(entry.before, levels),
                       charge_of(entry.after, levels));
    }
    return rows;
}

}  // namespace

Explanation explanation(const Explained& e, const std::string& how) {
    Explanation out;
    out.levels = e.levels;
    auto part = [&](const char* title, bool tiling, const Effect& before, const Effect& after) {
        out.parts.push_back({title, rows_of(e.log, tiling, e.levels), charge_of(before, e.levels),
                             charge_of(after, e.levels)});
    };
    part("fused and laid out, each kernel priced as it will be tiled", false, e.lowered, e.shaped);
    part("tiled and spelled, each kernel priced as it stands", true, e.shaped_as_it_stands,
         e.spelled);
    if (how != "all") return out;
    for (const RuleLog& entry : e.log)
        out.applications.push_back({entry.rule, entry.what, entry.refused,
                                    charge_of(entry.before, e.levels),
                                    charge_of(entry.after, e.levels)});
    return out;
}

}  // namespace smeaton::driver
