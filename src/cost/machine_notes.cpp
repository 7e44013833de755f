#include "cost/machine_notes.h"

#include <fmt/core.h>

#include <algorithm>

#include "cost/scalar_cost.h"
#include "cost/shapes.h"
#include "machine/query.h"

namespace smeaton::cost {

std::vector<std::string> machine_notes(const machine::Machine& m) {
    std::vector<std::string> notes;
    const machine::Unit* main = machine::main_vector_unit(m);
    if (!main) return notes;
    const std::vector<ShapeRow> rows = shapes_of(m, *main);
    for (const machine::Unit& unit : m.units) {
        if (unit.kind != machine::UnitKind::Systolic && unit.kind != machine::UnitKind::Matrix)
            continue;
        const bool f32 = std::any_of(rows.begin(), rows.end(), [&](const ShapeRow& row) {
            return row.shape.unit.str() == unit.name && row.shape.a == tensor::DType::kF32;
        });
        if (!f32)
            notes.push_back(fmt::format("unit {} takes no f32: contractions of f32 run on unit {}",
                                        unit.name, main->name));
    }
    std::string missing;
    for (const std::string& row : missing_rates(m, *main))
        missing += (missing.empty() ? "" : ", ") + row;
    if (!missing.empty())
        notes.push_back(
            fmt::format("unit {} has no rate for {}: a model that needs one of them "
                        "cannot be simulated",
                        main->name, missing));
    return notes;
}

}  // namespace smeaton::cost
