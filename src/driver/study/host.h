// What a study ran on.
#pragma once

#include <string>

namespace smeaton::driver {

struct Host {
    std::string cpu;       ///< as the system names it
    std::string compiler;  ///< that makes the kernels, with its version
    std::string version;   ///< of Smeaton
    int cores = 1;         ///< that may be used
};

Host host(const std::string& cache_folder);

}  // namespace smeaton::driver
