#include "run/block.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace smeaton::run {

namespace {

constexpr size_t kHuge = size_t{2} << 20;

size_t round_up(size_t n, size_t to) {
    return (n + to - 1) / to * to;
}

}  // namespace

Block::Block(int64_t bytes) {
    if (bytes <= 0) return;
    auto n = static_cast<size_t>(bytes);
    if (n >= 2 * kHuge) {
        // Mapped with room to start at a huge page.
        size_ = round_up(n, kHuge) + kHuge;
        void* p = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) throw UserError("no memory: {} bytes were asked for", n);
        char* base = static_cast<char*>(p);
        char* first = reinterpret_cast<char*>(round_up(reinterpret_cast<size_t>(base), kHuge));
        char* end = first + round_up(n, kHuge);
        if (first > base) munmap(base, static_cast<size_t>(first - base));
        if (base + size_ > end) munmap(end, static_cast<size_t>(base + size_ - end));
        data_ = first;
        size_ = static_cast<size_t>(end - first);
        mapped_ = true;
        madvise(data_, size_, MADV_HUGEPAGE);
        return;
    }
    size_ = round_up(n, 64);
    data_ = static_cast<char*>(std::aligned_alloc(64, size_));
    if (!data_) throw UserError("no memory: {} bytes were asked for", n);
    std::memset(data_, 0, size_);
}

Block::~Block() {
    if (mapped_)
        munmap(data_, size_);
    else
        std::free(data_);
}

void Block::drop(const char* part, int64_t bytes) const {
    if (!mapped_) return;
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t begin = round_up(static_cast<size_t>(part - data_), page);
    const size_t end = static_cast<size_t>(part - data_ + bytes) / page * page;
    if (begin < end) madvise(data_ + begin, end - begin, MADV_DONTNEED);
}

Block::Block(Block&& other) noexcept {
    *this = std::move(other);
}

Block& Block::operator=(Block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
    return *this;
}

}  // namespace smeaton::run
