// Real devices as a table and as JSON.
#pragma once

#include <string>

#include "driver/compare/devices.h"
#include "report/table.h"

namespace smeaton::report {

std::string text(const driver::DevicesResult&, Width = {});
std::string json(const driver::DevicesResult&);

}  // namespace smeaton::report
