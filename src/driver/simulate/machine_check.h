// `machine`: the descriptions that ship, and what a description's figures are good for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "driver/simulate/simulate.h"

namespace smeaton::driver {

struct MachineRow {
    std::string name, about;
    int64_t cores = 1;
    double peak_gflops = 0;  ///< f32, of all cores
    double memory_gb_s = 0;  ///< reads of all cores
    double memory_bytes = 0;
};
/// Those that ship, by name.
std::vector<MachineRow> list_machines();

/// The YAML of a file, or of one that ships. UserError where there is neither.
std::string machine_text(const std::string& file_or_name);

struct FigureRow {
    std::string where, key, value, source;
    bool used = false;  ///< another value changes what `simulate` says of the model
};

struct MachineCheck {
    std::string machine, model;
    std::vector<FigureRow> figures;
    std::vector<std::string> notes;
};

struct MachineCheckRequest {
    std::string machine;            ///< a file, or a name of those that ship
    std::string model;              ///< priced with each figure changed; empty: a model of ours
    std::vector<std::string> dims;  ///< of that model
    /// All that `simulate` says, as text; two that are equal say the same.
    std::function<std::string(const SimulateResult&)> digest;
    std::function<void(const std::string& what, double fraction)> progress;  ///< may be empty
};
/// Reads, verifies, changes each figure in turn and prices. UserError as read_machine_file, and
/// where the model cannot be priced.
MachineCheck check_machine(const MachineCheckRequest&);

}  // namespace smeaton::driver
