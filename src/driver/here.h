// The description of the machine that this process runs on: measured once, kept in the user's cache
// folder.
#pragma once

#include <functional>
#include <string>

#include "machine/machine.h"

namespace smeaton::driver {

struct HereOptions {
    std::string cache_folder;  ///< empty: the user's
    bool measure_again = false;
    std::function<void(const std::string& stage, double fraction)> progress;  ///< may be empty
    bool add = false;  ///< where it is measured again: figures that were better before stay
};

/// Where the description is kept: one file per CPU and number of usable cores.
std::string machine_file_here(const std::string& cache_folder);
/// Reads the file, or measures (about ten seconds) and writes it.
machine::Machine machine_here(const HereOptions&);

}  // namespace smeaton::driver
