#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/error.h"

namespace smeaton {

namespace {

struct Descriptor {
    int fd = -1;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

}  // namespace

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
    std::shared_ptr<const void> keep(
        address, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
    return {{static_cast<const std::byte*>(address), size}, std::move(keep)};
}

void forget_pages(std::span<const std::byte> part) {
    const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = (reinterpret_cast<uintptr_t>(part.data()) + page - 1) / page * page;
    const auto end = (reinterpret_cast<uintptr_t>(part.data()) + part.size()) / page * page;
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace smeaton
