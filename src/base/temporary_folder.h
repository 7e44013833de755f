// A folder for files that other programs are handed, gone with the object.
#pragma once

#include <string>

namespace smeaton {

class TemporaryFolder {
public:
    /// UserError naming the place where none can be made.
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::string path;
};

}  // namespace smeaton
