#include "solver/library.h"

#include <dlfcn.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace smeaton::solver {

namespace {

namespace fs = std::filesystem;

// Entries of a folder that start with what stands before a closing *, sorted; the path itself where
// there is no *.
std::vector<fs::path> matching(const fs::path& pattern) {
    std::string name = pattern.filename();
    if (name.empty() || name.back() != '*') return {pattern};
    name.pop_back();
    std::vector<fs::path> found;
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(pattern.parent_path(), none))
        if (entry.path().filename().string().starts_with(name)) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

// Folders of Python packages, the nearest first.
std::vector<fs::path> package_folders() {
    std::vector<fs::path> folders;
    Dl_info here;
    if (dladdr(reinterpret_cast<void*>(&package_folders), &here) != 0) {
        std::error_code none;
        fs::path self = fs::canonical(here.dli_fname, none);
        for (fs::path up = self.parent_path(); up.has_relative_path(); up = up.parent_path())
            if (up.filename() == "site-packages") folders.push_back(up);
        // build/smeaton and build/python/smeaton/….so stand beside .venv.
        for (fs::path up = self.parent_path(); up.has_relative_path(); up = up.parent_path())
            for (const fs::path& lib : matching(up.parent_path() / ".venv/lib/python3*"))
                folders.push_back(lib / "site-packages");
    }
    if (const char* environment = std::getenv("VIRTUAL_ENV"))
        for (const fs::path& lib : matching(fs::path(environment) / "lib/python3*"))
            folders.push_back(lib / "site-packages");
    return folders;
}

void* open(const std::string& path) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
#else
    // A library's own symbols first: it may bring its own copy of one that is here too.
    return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
#endif
}

}  // namespace

Library load_library(const LibraryName& name) {
    Library library;
    if (const char* wanted = std::getenv(name.variable.c_str())) {
        library.path = wanted;
        library.handle = open(wanted);
        if (library.handle == nullptr)
            library.missing = fmt::format("{} is '{}', which cannot be loaded; {}", name.variable,
                                          wanted, name.install);
        return library;
    }
    std::vector<std::string> paths;
    for (const fs::path& folder : package_folders())
        for (const std::string& packaged : name.packaged)
            for (const fs::path& path : matching(folder / packaged))
                if (fs::exists(path)) paths.push_back(path);
    paths.insert(paths.end(), name.system.begin(), name.system.end());
    for (const std::string& path : paths) {
        library.handle = open(path);
        if (library.handle != nullptr) {
            library.path = path;
            library.missing.clear();  // of what was tried before
            return library;
        }
        if (const char* why = dlerror(); why != nullptr && fs::exists(path))
            library.missing = fmt::format("{}; {}", why, name.install);
    }
    if (library.missing.empty()) library.missing = "it is not installed: " + name.install;
    return library;
}

}  // namespace smeaton::solver
