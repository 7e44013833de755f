// Machine descriptions: those that ship, and the check of one.
#pragma once

#include <string>
#include <vector>

#include "driver/simulate/machine_check.h"
#include "report/table.h"

namespace smeaton::report {

std::string text(const std::vector<driver::MachineRow>&, Width = {});
std::string json(const std::vector<driver::MachineRow>&);
/// Figures in use, those that are not apart.
std::string text(const driver::MachineCheck&, Width = {});
std::string json(const driver::MachineCheck&);

}  // namespace smeaton::report
