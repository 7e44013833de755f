#include "base/staged_folder.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/output_file.h"

namespace smeaton {

namespace {

struct Staged {
    std::mutex mutex;
    std::set<std::string> folders;
};

Staged& staged() {
    static Staged s;
    return s;
}

}  // namespace

StagedFolder::StagedFolder(std::string folder)
    : folder_(std::move(folder)), draft_(fmt::format("{}.{}.part", folder_, getpid())) {
    std::lock_guard lock(staged().mutex);
    std::error_code failed;
    std::filesystem::create_directories(draft_, failed);
    if (failed) throw UserError("{}: cannot make the folder: {}", folder_, failed.message());
    staged().folders.insert(draft_);
}

StagedFolder::~StagedFolder() {
    std::error_code ignored;
    std::lock_guard lock(staged().mutex);
    std::filesystem::remove_all(draft_, ignored);
    staged().folders.erase(draft_);
}

void StagedFolder::finish(const std::vector<std::string>& names) {
    std::lock_guard lock(staged().mutex);
    make_folder(folder_);
    for (const std::string& name : names) require_writable(folder_ + "/" + name);
    for (const std::string& name : names) {
        const std::string target = folder_ + "/" + name;
        if (std::rename(path(name).c_str(), target.c_str()) != 0)
            throw UserError("{}: cannot write: {}", target, std::strerror(errno));
    }
}

void remove_staged_folders() {
    std::error_code ignored;
    std::lock_guard lock(staged().mutex);
    for (const std::string& folder : staged().folders) std::filesystem::remove_all(folder, ignored);
}

}  // namespace smeaton
