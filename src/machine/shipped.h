// The descriptions that travel inside the program: machines/*.yaml as they were when it was built.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace smeaton::machine {

/// Names that read_machine_file() takes in place of a path, sorted: the files' without ".yaml".
std::vector<std::string> shipped_names();
/// The text of machines/NAME.yaml; empty when none of that name ships.
std::string_view shipped_text(std::string_view name);

/// The same of machines/devices/*.yaml: real devices in the short form (device.h).
std::vector<std::string> shipped_device_names();
std::string_view shipped_device_text(std::string_view name);
/// machines/compare/*.yaml: fitted efficiencies, published designs, costs, compressed models, what
/// engines run.
std::string_view shipped_calibration();
std::string_view shipped_survey();
std::string_view shipped_costs();
std::string_view shipped_compression();
std::string_view shipped_engines();

}  // namespace smeaton::machine
