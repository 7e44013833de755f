#include "report/machine.h"

#include <fmt/core.h>

#include <algorithm>

#include "report/json_parts.h"
#include "report/table.h"

namespace smeaton::report {

std::string text(const std::vector<driver::MachineRow>& rows, Width width) {
    Table table({"machine", ">cores", ">GFLOP/s", ">memory", ">GB/s", "what"});
    for (const driver::MachineRow& row : rows)
        table.row({row.name, std::to_string(row.cores), number_text(row.peak_gflops),
                   bytes_text(row.memory_bytes), number_text(row.memory_gb_s), row.about});
    return table.str(width);
}

std::string json(const std::vector<driver::MachineRow>& rows) {
    Json out = {{"machines", Json::array()}};
    for (const driver::MachineRow& row : rows)
        out["machines"].push_back({{"name", row.name},
                                   {"about", row.about},
                                   {"cores", row.cores},
                                   {"peak_gflops", row.peak_gflops},
                                   {"memory_bytes", row.memory_bytes},
                                   {"memory_gb_s", row.memory_gb_s}});
    return dump(out);
}

static std::string figures_text(const driver::MachineCheck& r, bool used, Width width) {
    Table table({"of", "figure", ">value", "source"});
    for (const driver::FigureRow& f : r.figures)
        if (f.used == used)
            table.row({f.where.empty() ? "machine" : f.where, f.key, f.value,
                       f.source.empty() ? "none given" : f.source});
    return table.str(width);
}

std::string text(const driver::MachineCheck& r, Width width) {
    const auto used = std::count_if(r.figures.begin(), r.figures.end(),
                                    [](const driver::FigureRow& f) { return f.used; });
    const auto unused = static_cast<long>(r.figures.size()) - used;
    const std::string model =
        r.model.empty() ? "a model that has one of every kind of work" : r.model;
    std::string out =
        fmt::format("{:<12}{}, whole and without contradiction\n", "machine", r.machine);
    for (const std::string& note : r.notes) out += fmt::format("{:<12}{}\n", "note", note);
    out += fmt::format("\n{} figures that simulate uses for {}\n", used, model) +
           figures_text(r, true, width);
    if (unused > 0)
        out += fmt::format(
                   "\n{} figures that it does not use: twice, half and sixteen times each say the "
                   "same\n",
                   unused) +
               figures_text(r, false, width);
    return out;
}

std::string json(const driver::MachineCheck& r) {
    Json out = {{"machine", r.machine}, {"model", r.model}, {"notes", r.notes}};
    out["figures"] = Json::array();
    for (const driver::FigureRow& f : r.figures)
        out["figures"].push_back({{"where", f.where},
                                  {"key", f.key},
                                  {"value", f.value},
                                  {"source", f.source},
                                  {"used", f.used}});
    return dump(out);
}

}  // namespace smeaton::report
