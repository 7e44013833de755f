#include "run/cache.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.h"

namespace smeaton::run {

namespace fs = std::filesystem;

std::string default_cache_folder() {
    if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && xdg[0] == '/')
        return std::string(xdg) + "/smeaton";
    if (const char* home = std::getenv("HOME"); home && home[0] == '/')
        return std::string(home) + "/.cache/smeaton";
    throw UserError(
        "no folder for compiled kernels: set HOME or XDG_CACHE_HOME to an absolute path");
}

void make_cache_folder(const std::string& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error)
        throw UserError(
            "cannot make the cache folder {}: {}; set XDG_CACHE_HOME to a folder that can be "
            "written",
            folder, error.message());
    std::string probe = fmt::format("{}/.probe-{}", folder, getpid());
    int fd = open(probe.c_str(), O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        throw UserError(
            "cannot write to the cache folder {}: {}; set XDG_CACHE_HOME to a folder that can be "
            "written",
            folder, std::strerror(errno));
    close(fd);
    unlink(probe.c_str());
}

namespace {

uint64_t mix(uint64_t h) {
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ULL;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ULL;
    return h ^ (h >> 32);
}

/// Eight bytes at a time, two lanes with different seeds.
std::string digest_of(const char* data, size_t size) {
    uint64_t a = 0x9e3779b97f4a7c15ULL ^ size, b = 0xc2b2ae3d27d4eb4fULL + size;
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = 0;
        std::memcpy(&word, data + at, std::min<size_t>(8, size - at));
        a = mix(a ^ word);
        b = mix(b + word * 0x165667b19e3779f9ULL) + a;
    }
    return fmt::format("{:016x}{:016x}", mix(a ^ b), mix(b));
}

constexpr char kMagic[] = "smeaton-sealed-1";  // 16 characters, then 32 of digest
constexpr size_t kSeal = 48;

bool read_file(const std::string& path, std::string& bytes) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return false;
    bytes.assign(std::istreambuf_iterator<char>(in), {});
    return !in.bad();
}

bool is_entry(const fs::path& p) {
    return p.extension() == ".so" || p.extension() == ".parallel";
}

/// Build folders are called build-<process>-<number>.
bool is_abandoned(const fs::path& p) {
    std::string name = p.filename();
    if (name.rfind("build-", 0) != 0) return false;
    int pid = std::atoi(name.c_str() + 6);
    return pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH);
}

}  // namespace

std::string digest(const std::string& bytes) {
    return digest_of(bytes.data(), bytes.size());
}

bool seal_holds(const std::string& path) {
    std::string bytes;
    if (!read_file(path, bytes) || bytes.size() < kSeal) return false;
    size_t body = bytes.size() - kSeal;
    return bytes.compare(body, 16, kMagic, 16) == 0 &&
           bytes.compare(body + 16, 32, digest_of(bytes.data(), body)) == 0;
}

void seal_and_move(const std::string& path, const std::string& target) {
    std::string bytes;
    SMEATON_CHECK(read_file(path, bytes), "{} cannot be read back", path);
    std::ofstream out(path, std::ios::binary | std::ios::app);
    out << std::string(kMagic, 16) << digest(bytes);
    out.close();
    if (!out || std::rename(path.c_str(), target.c_str()) != 0)
        throw UserError(
            "cannot write {}: {}; free some space or set XDG_CACHE_HOME to another folder", target,
            std::strerror(errno));
}

void touch(const std::string& path) {
    utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
}

static std::string label_file(const std::string& library) {
    return library + ".for";
}

static std::string label_of(const std::string& library) {
    std::string label;
    return read_file(label_file(library), label) ? label : "";
}

void set_label(const std::string& library, const std::string& label) {
    if (label_of(library) == label) return;
    const std::string file = label_file(library);
    const std::string draft = fmt::format("{}.{}", file, getpid());
    std::ofstream out(draft, std::ios::binary);
    out << label;
    out.close();
    if (!out || std::rename(draft.c_str(), file.c_str()) != 0) unlink(draft.c_str());
}

std::vector<CacheEntry> cache_entries(const std::string& folder) {
    std::vector<CacheEntry> entries;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        if (!is_entry(it->path())) continue;
        struct stat info;
        if (stat(it->path().c_str(), &info) != 0) continue;  // another process removed it
        entries.push_back(
            {it->path().filename(), info.st_size, info.st_mtime, label_of(it->path())});
    }
    std::sort(entries.begin(), entries.end(), [](const CacheEntry& a, const CacheEntry& b) {
        return a.last_used != b.last_used ? a.last_used > b.last_used : a.file < b.file;
    });
    return entries;
}

int64_t trim_cache(const std::string& folder, int64_t cap_bytes) {
    int64_t kept = 0, removed = 0;
    for (const CacheEntry& e : cache_entries(folder)) {
        if (kept + e.bytes <= cap_bytes) {
            kept += e.bytes;
        } else if (unlink((folder + "/" + e.file).c_str()) == 0) {
            removed += e.bytes;
            unlink(label_file(folder + "/" + e.file).c_str());
        }
    }
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        std::error_code ignored;
        if (is_abandoned(it->path())) fs::remove_all(it->path(), ignored);
    }
    return removed;
}

}  // namespace smeaton::run
