#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>

#include "base/error.h"

namespace smeaton {

namespace {

struct Descriptor {
    int fd = -1;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

// Where mappings lie, first byte to length.
struct Mappings {
    std::mutex mutex;
    std::map<uintptr_t, size_t> all;
};

Mappings& mappings() {
    static auto* const made = new Mappings();  // tensors may outlive static objects
    return *made;
}

void unmap(const void* address, size_t size) {
    {
        std::lock_guard lock(mappings().mutex);
        mappings().all.erase(reinterpret_cast<uintptr_t>(address));
    }
    ::munmap(const_cast<void*>(address), size);
}

}  // namespace

bool is_mapped(std::span<const std::byte> bytes) {
    const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
    std::lock_guard lock(mappings().mutex);
    auto after = mappings().all.upper_bound(begin);
    if (after == mappings().all.begin()) return false;
    const auto& [first, size] = *std::prev(after);
    return begin + bytes.size() <= first + size;
}

MappedFile map_file(const std::filesystem::path& path) {
    // O_NONBLOCK: opening a named pipe must not wait for a writer.
    Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.fd < 0) throw UserError("cannot open '{}': {}", path.string(), std::strerror(errno));
    struct stat info {};
    if (::fstat(file.fd, &info) != 0)
        throw UserError("cannot examine '{}': {}", path.string(), std::strerror(errno));
    if (!S_ISREG(info.st_mode))
        throw UserError("'{}' is {}, not a regular file", path.string(),
                        S_ISDIR(info.st_mode) ? "a folder" : "a device or a pipe");
    const auto size = static_cast<size_t>(info.st_size);
    if (size == 0) return {};
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (address == MAP_FAILED)
        throw UserError("cannot map '{}' ({} bytes): {}", path.string(), size,
                        std::strerror(errno));
    {
        std::lock_guard lock(mappings().mutex);
        mappings().all[reinterpret_cast<uintptr_t>(address)] = size;
    }
    std::shared_ptr<const void> keep(address, [size](const void* p) { unmap(p, size); });
    return {{static_cast<const std::byte*>(address), size}, std::move(keep)};
}

void forget_pages(std::span<const std::byte> part) {
    const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = (reinterpret_cast<uintptr_t>(part.data()) + page - 1) / page * page;
    const auto end = (reinterpret_cast<uintptr_t>(part.data()) + part.size()) / page * page;
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace smeaton
