#include "base/temporary_folder.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"

namespace smeaton {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() : path((fs::temp_directory_path() / "smeaton-XXXXXX").string()) {
    if (!mkdtemp(path.data()))
        throw UserError("{}: cannot make a temporary folder", fs::temp_directory_path().string());
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
}

}  // namespace smeaton
