#include "base/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>

#include "base/error.h"

namespace smeaton {

namespace {

struct Unfinished {
    std::mutex mutex;
    std::set<std::string> files;
};

Unfinished& unfinished() {
    static Unfinished u;
    return u;
}

// Keeps a file on the list of unfinished ones, and removes it unless it was renamed.
struct Draft {
    std::string file;
    explicit Draft(std::string f) : file(std::move(f)) {
        std::lock_guard lock(unfinished().mutex);
        unfinished().files.insert(file);
    }
    ~Draft() {
        std::lock_guard lock(unfinished().mutex);
        if (unfinished().files.erase(file) > 0) unlink(file.c_str());
    }
    void finish(const std::string& path) {
        std::lock_guard lock(unfinished().mutex);
        if (std::rename(file.c_str(), path.c_str()) != 0)
            throw UserError("{}: cannot write: {}", path, std::strerror(errno));
        unfinished().files.erase(file);
    }
};

void write_all(int file, std::string_view bytes, const std::string& path) {
    while (!bytes.empty()) {
        ssize_t n = write(file, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            int reason = errno;
            close(file);
            throw UserError("{}: cannot write: {}", path, std::strerror(reason));
        }
        bytes.remove_prefix(static_cast<size_t>(n));
    }
    if (close(file) != 0) throw UserError("{}: cannot write: {}", path, std::strerror(errno));
}

}  // namespace

void write_file(const std::string& path, std::string_view bytes) {
    // Devices and pipes (/dev/stdout) cannot be renamed over.
    std::error_code ignored;
    auto kind = std::filesystem::status(path, ignored).type();
    bool plain = kind == std::filesystem::file_type::not_found ||
                 kind == std::filesystem::file_type::regular;
    if (kind == std::filesystem::file_type::directory)
        throw UserError("{}: cannot write: it is a folder", path);
    std::string target = plain ? fmt::format("{}.{}.part", path, getpid()) : path;
    if (!plain) {
        int file = open(target.c_str(), O_WRONLY);
        if (file < 0) throw UserError("{}: cannot write: {}", path, std::strerror(errno));
        return write_all(file, bytes, path);
    }
    Draft draft(target);
    int file = open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0) throw UserError("{}: cannot write: {}", path, std::strerror(errno));
    write_all(file, bytes, path);
    draft.finish(path);
}

void require_writable(const std::string& path) {
    namespace fs = std::filesystem;
    if (fs::is_directory(path)) throw UserError("{}: cannot write: it is a folder", path);
    if (fs::exists(path) && !fs::is_regular_file(path)) {  // a device or a pipe
        if (access(path.c_str(), W_OK) != 0)
            throw UserError("{}: cannot write: {}", path, std::strerror(errno));
        return;
    }
    const fs::path parent = fs::path(path).parent_path();
    const std::string folder = parent.empty() ? "." : parent.string();
    if (access(folder.c_str(), W_OK | X_OK) != 0)
        throw UserError("{}: cannot write: folder {}: {}", path, folder, std::strerror(errno));
}

void make_folder(const std::string& path) {
    std::error_code failed;
    std::filesystem::create_directories(path, failed);
    if (failed) throw UserError("{}: cannot make the folder: {}", path, failed.message());
}

void remove_unfinished_files() {
    std::lock_guard lock(unfinished().mutex);
    for (const std::string& file : unfinished().files) unlink(file.c_str());
}

}  // namespace smeaton
