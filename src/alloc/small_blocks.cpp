// `operator new` and `delete` of a program that links this: blocks of at most kMostBytes come from
// lists that each thread has for itself, all larger ones from malloc. The program that is rewritten
// is made of small nodes, hundreds of thousands of which are made and dropped for each machine that
// is priced; a third of that time is malloc's otherwise, which keeps few blocks of a size at hand.
//
// Blocks lie in one reserved range of addresses, in spans of one size each, so that an address says
// what it is. Spans are never given back: what was dropped serves the next of its size.
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

// Sanitizers have an allocator of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SMEATON_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SMEATON_SANITIZED
#endif
#endif

#ifndef SMEATON_SANITIZED

namespace {

constexpr size_t kStep = 16;  // sizes are multiples of this, as is every address
constexpr size_t kMostBytes = 512;
constexpr size_t kSizes = kMostBytes / kStep + 1;
constexpr size_t kRange = size_t{1} << 36;  // reserved, not used; less where that is not to be had
constexpr size_t kLeastRange = size_t{1} << 30;
constexpr size_t kSpan = size_t{1} << 16;
/// That go between a thread's list and the common one at once.
constexpr uint32_t kBatchBytes = 1 << 15;
/// A thread keeps twice as many at most.
constexpr uint32_t batch_of(size_t size) {
    return static_cast<uint32_t>(kBatchBytes / (size * kStep));
}

struct Block {
    Block* next;
    Block* next_batch;  // of the first block of a batch in the common list
};
static_assert(sizeof(Block) <= kStep);

struct List {
    Block* first = nullptr;
    uint32_t count = 0;
};

/// What threads share.
struct Common {
    std::mutex mutex;
    std::array<Block*, kSizes> batches{};  ///< each of batch_of(size) blocks
    std::array<List, kSizes> rest{};       ///< of threads that ended
    uintptr_t next = 0, end = 0;           ///< spans that nobody has had yet
};

constinit std::atomic<uintptr_t> range_begin = UINTPTR_MAX / 2;  // until it is reserved
constinit std::array<uint8_t, kRange / kSpan> size_of_span{};
constinit std::atomic<bool> used_up = false;  ///< no span is left, or none was to be had
constinit bool tried = false;
constinit Common common;
constinit thread_local std::array<List, kSizes> lists{};

/// The thread's lists go to the common one when it ends.
struct AtEnd {
    AtEnd() = default;
    ~AtEnd();
    void here() {}
};
thread_local AtEnd at_end;

AtEnd::~AtEnd() {
    const std::lock_guard lock(common.mutex);
    for (size_t size = 1; size < kSizes; ++size)
        while (Block* b = lists[size].first) {
            lists[size].first = b->next;
            b->next = common.rest[size].first;
            common.rest[size].first = b;
            ++common.rest[size].count;
        }
    lists = {};
}

/// Holding the mutex.
void reserve() {
    tried = true;
    for (size_t bytes = kRange; bytes >= kLeastRange; bytes /= 4) {
        void* range = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (range == MAP_FAILED) continue;
        const auto at = reinterpret_cast<uintptr_t>(range);
        common.next = (at + kSpan - 1) / kSpan * kSpan;
        common.end = (at + bytes) / kSpan * kSpan;
        range_begin = common.next;
        return;
    }
}

/// The same. Null: none are left.
char* new_span(size_t size) {
    if (!tried) reserve();
    if (common.next == common.end) {
        used_up = true;
        return nullptr;
    }
    const uintptr_t span = common.next;
    common.next += kSpan;
    size_of_span[(span - range_begin) / kSpan] = static_cast<uint8_t>(size);
    return reinterpret_cast<char*>(span);
}

void* other(size_t bytes) {
    while (true) {
        if (void* p = std::malloc(bytes == 0 ? 1 : bytes)) return p;
        const std::new_handler handler = std::get_new_handler();
        if (!handler) throw std::bad_alloc();
        handler();
    }
}

/// The thread's list has run out.
[[gnu::noinline]] void* refilled(size_t size) {
    if (used_up.load(std::memory_order_relaxed)) return other(size * kStep);
    at_end.here();
    List& list = lists[size];
    const std::lock_guard lock(common.mutex);
    if (Block* batch = common.batches[size]) {
        common.batches[size] = batch->next_batch;
        list = {batch->next, batch_of(size) - 1};
        return batch;
    }
    if (Block* b = common.rest[size].first) {
        list = {b->next, common.rest[size].count - 1};
        common.rest[size] = {};
        return b;
    }
    char* span = new_span(size);
    if (!span) return other(size * kStep);
    const size_t bytes = size * kStep, count = kSpan / bytes;
    for (size_t i = 1; i + 1 < count; ++i)
        reinterpret_cast<Block*>(span + i * bytes)->next =
            reinterpret_cast<Block*>(span + (i + 1) * bytes);
    reinterpret_cast<Block*>(span + (count - 1) * bytes)->next = nullptr;
    list = {reinterpret_cast<Block*>(span + bytes), static_cast<uint32_t>(count - 1)};
    return span;
}

/// The thread has too many: a batch goes to the common list.
[[gnu::noinline]] void give_batch(size_t size) {
    List& list = lists[size];
    Block* batch = list.first;
    Block* last = batch;
    for (uint32_t i = 1; i < batch_of(size); ++i) last = last->next;
    list.first = last->next;
    list.count -= batch_of(size);
    last->next = nullptr;
    const std::lock_guard lock(common.mutex);
    batch->next_batch = common.batches[size];
    common.batches[size] = batch;
}

inline void* taken(size_t bytes) {
    const size_t size = (bytes + kStep - 1) / kStep;
    if (size - 1 >= kSizes - 1) return other(bytes);
    List& list = lists[size];
    Block* b = list.first;
    if (!b) return refilled(size);
    list.first = b->next;
    --list.count;
    return b;
}

inline void given_back(void* p) {
    const uintptr_t at =
        reinterpret_cast<uintptr_t>(p) - range_begin.load(std::memory_order_relaxed);
    const size_t size = at < kRange ? size_of_span[at / kSpan] : 0;
    if (size == 0) return std::free(p);
    List& list = lists[size];
    auto* b = static_cast<Block*>(p);
    b->next = list.first;
    list.first = b;
    if (++list.count > 2 * batch_of(size) + kSpan / (size * kStep)) give_batch(size);
}

}  // namespace

void* operator new(size_t bytes) {
    return taken(bytes);
}
void* operator new[](size_t bytes) {
    return taken(bytes);
}
void operator delete(void* p) noexcept {
    given_back(p);
}
void operator delete[](void* p) noexcept {
    given_back(p);
}
void operator delete(void* p, size_t) noexcept {
    given_back(p);
}
void operator delete[](void* p, size_t) noexcept {
    given_back(p);
}

#endif
