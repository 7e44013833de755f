#include "report/explain.h"

#include <fmt/core.h>

#include "report/json_parts.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

using driver::Charge;

std::string signed_text(double value, std::string (*text)(double)) {
    if (value == 0) return "0";
    return (value < 0 ? "-" : "+") + text(std::abs(value));
}

std::vector<std::string> cells_of(const Charge& c, const std::vector<std::string>& levels,
                                  bool is_change) {
    std::vector<std::string> cells;
    for (const std::string& level : levels) {
        double bytes = c.bytes.at(level);
        cells.push_back(is_change ? signed_text(bytes, bytes_text) : bytes_text(bytes));
    }
    cells.push_back(!c.us       ? "unknown"
                    : is_change ? signed_text(*c.us, time_text)
                                : time_text(*c.us));
    return cells;
}

std::string part_text(const driver::RulePart& part, const std::vector<std::string>& levels) {
    std::vector<std::string> heads{"rule", ">taken", ">refused"};
    for (const std::string& level : levels) heads.push_back(">" + level);
    heads.push_back(">time");
    Table table(heads);
    auto row = [&](const std::string& name, const std::string& taken, const std::string& refused,
                   const Charge& c, bool is_change) {
        std::vector<std::string> cells{name, taken, refused};
        for (std::string& cell : cells_of(c, levels, is_change)) cells.push_back(std::move(cell));
        table.row(std::move(cells));
    };
    row("before", "", "", part.before, false);
    for (const driver::RuleRow& r : part.rows)
        row(r.rule, std::to_string(r.taken), std::to_string(r.refused), r.change, true);
    row("after", "", "", part.after, false);
    return part.title + "\n" + table.str();
}

std::string application_text(const driver::RuleApplication& a,
                             const std::vector<std::string>& levels) {
    std::string out = fmt::format("{}: {}\n   ", a.rule, a.what);
    for (const std::string& level : levels)
        out += fmt::format(" {} {} -> {},", level, bytes_text(a.before.bytes.at(level)),
                           bytes_text(a.after.bytes.at(level)));
    auto time = [](const Charge& c) { return c.us ? time_text(*c.us) : "unknown"; };
    out += fmt::format(" {} -> {}\n", time(a.before), time(a.after));
    return out + (a.refused.empty() ? "" : fmt::format("    refused: {}\n", a.refused));
}

Json json_of(const Charge& c) {
    return {{"bytes", c.bytes}, {"us", c.us ? Json(*c.us) : Json()}};
}

}  // namespace

std::string explanation_text(const driver::Explanation& e) {
    std::string out =
        "bytes read and written at each level, nearer ones counting those farther out too;\n"
        "predicted time on one core like this one's at 3 GHz\n";
    for (const driver::RulePart& part : e.parts) out += "\n" + part_text(part, e.levels);
    if (!e.applications.empty()) out += "\neach application\n";
    for (const driver::RuleApplication& a : e.applications) out += application_text(a, e.levels);
    return out;
}

Json json_of(const driver::Explanation& e) {
    Json parts = Json::array(), applications = Json::array();
    for (const driver::RulePart& p : e.parts) {
        Json rules = Json::array();
        for (const driver::RuleRow& r : p.rows)
            rules.push_back({{"rule", r.rule},
                             {"taken", r.taken},
                             {"refused", r.refused},
                             {"change", json_of(r.change)}});
        parts.push_back({{"title", p.title},
                         {"rules", std::move(rules)},
                         {"before", json_of(p.before)},
                         {"after", json_of(p.after)}});
    }
    for (const driver::RuleApplication& a : e.applications)
        applications.push_back({{"rule", a.rule},
                                {"what", a.what},
                                {"refused", a.refused},
                                {"before", json_of(a.before)},
                                {"after", json_of(a.after)}});
    return {{"parts", std::move(parts)}, {"applications", std::move(applications)}};
}

}  // namespace smeaton::report
