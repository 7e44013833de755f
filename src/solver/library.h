// Shared libraries that are loaded when first asked for.
#pragma once

#include <string>
#include <vector>

namespace smeaton::solver {

struct LibraryName {
    std::string variable;  ///< environment: a path in place of all others
    std::vector<std::string>
        packaged;                     ///< below a Python's site-packages; may hold one * at the end
    std::vector<std::string> system;  ///< names that the loader knows
    std::string install;              ///< what a message says to install
};

struct Library {
    void* handle = nullptr;  ///< null: there is none
    std::string path;
    std::string missing;  ///< why not, and what to install
};

/// Looks at the variable, then the Python packages beside this program (../.venv, the folder that
/// holds the Python module) and of $VIRTUAL_ENV, then the system.
Library load_library(const LibraryName&);

}  // namespace smeaton::solver
