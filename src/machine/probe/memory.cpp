#include "machine/probe/memory.h"

#include <sys/mman.h>

#include <utility>
#include <vector>

#include "base/error.h"

namespace smeaton::machine {
namespace {

#if defined(__x86_64__)

typedef float V128 __attribute__((vector_size(16)));
typedef float V256 __attribute__((vector_size(32)));
typedef float V512 __attribute__((vector_size(64)));

#define SMEATON_EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

// Spelled-out moves: a compiler might drop the loads or turn a sweep into memset or memcpy.
#define SMEATON_SWEEPS(BITS, TARGET)                                                           \
    __attribute__((target(TARGET), noinline)) void read_##BITS(const char* memory,             \
                                                               int64_t bytes) {                \
        auto* at = reinterpret_cast<const V##BITS*>(memory);                                   \
        auto* end = reinterpret_cast<const V##BITS*>(memory + bytes);                          \
        for (; at != end; at += 8) {                                                           \
            V##BITS v;                                                                         \
            SMEATON_EIGHT(SMEATON_LOAD_##BITS)                                                 \
        }                                                                                      \
    }                                                                                          \
    __attribute__((target(TARGET), noinline)) void write_##BITS(char* memory, int64_t bytes) { \
        auto* at = reinterpret_cast<V##BITS*>(memory);                                         \
        auto* end = reinterpret_cast<V##BITS*>(memory + bytes);                                \
        V##BITS v{};                                                                           \
        for (; at != end; at += 8) {                                                           \
            SMEATON_EIGHT(SMEATON_STORE_##BITS)                                                \
        }                                                                                      \
    }                                                                                          \
    __attribute__((target(TARGET), noinline)) void copy_##BITS(const char* from, char* to,     \
                                                               int64_t bytes) {                \
        auto* source = reinterpret_cast<const V##BITS*>(from);                                 \
        auto* end = reinterpret_cast<const V##BITS*>(from + bytes);                            \
        auto* at = reinterpret_cast<V##BITS*>(to);                                             \
        for (; source != end; source += 8, at += 8) {                                          \
            SMEATON_EIGHT(SMEATON_COPY_##BITS)                                                 \
        }                                                                                      \
    }
#define SMEATON_LOAD_ANY(I, MOVE, R) asm volatile(MOVE " %1, %0" : "=" R(v) : "m"(at[I]));
#define SMEATON_STORE_ANY(I, MOVE, R) asm volatile(MOVE " %1, %0" : "=m"(at[I]) : R(v));
#define SMEATON_COPY_ANY(V, I, MOVE, R)                           \
    {                                                             \
        V v;                                                      \
        asm volatile(MOVE " %1, %0" : "=" R(v) : "m"(source[I])); \
        asm volatile(MOVE " %1, %0" : "=m"(at[I]) : R(v));        \
    }
#define SMEATON_LOAD_128(I) SMEATON_LOAD_ANY(I, "movups", "x")
#define SMEATON_LOAD_256(I) SMEATON_LOAD_ANY(I, "vmovups", "x")
#define SMEATON_LOAD_512(I) SMEATON_LOAD_ANY(I, "vmovups", "v")
#define SMEATON_STORE_128(I) SMEATON_STORE_ANY(I, "movups", "x")
#define SMEATON_STORE_256(I) SMEATON_STORE_ANY(I, "vmovups", "x")
#define SMEATON_STORE_512(I) SMEATON_STORE_ANY(I, "vmovups", "v")
#define SMEATON_COPY_128(I) SMEATON_COPY_ANY(V128, I, "movups", "x")
#define SMEATON_COPY_256(I) SMEATON_COPY_ANY(V256, I, "vmovups", "x")
#define SMEATON_COPY_512(I) SMEATON_COPY_ANY(V512, I, "vmovups", "v")

SMEATON_SWEEPS(128, "sse2")
SMEATON_SWEEPS(256, "avx2")
SMEATON_SWEEPS(512, "avx512f")

#endif

constexpr int64_t kHugePage = 2 << 20;

}  // namespace

SweepLoops sweep_loops([[maybe_unused]] const CpuFeatures& features) {
#if defined(__x86_64__)
    if (features.vector_bits == 512) return {read_512, write_512, copy_512, 64};
    if (features.vector_bits == 256) return {read_256, write_256, copy_256, 32};
    return {read_128, write_128, copy_128, 16};
#else
    throw UserError("probe measures x86-64 CPUs only");
#endif
}

Region::Region(int64_t bytes) : bytes_((bytes + kHugePage - 1) / kHugePage * kHugePage) {
    // One huge page more, so that the start can be aligned to one; the rest is never touched.
    void* memory = mmap(nullptr, static_cast<size_t>(bytes_ + kHugePage), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        throw UserError("the system gives no {} MiB of memory to measure with", bytes_ >> 20);
    auto address = reinterpret_cast<uintptr_t>(memory);
    uintptr_t aligned = (address + kHugePage - 1) / kHugePage * kHugePage;
    if (aligned != address) munmap(memory, aligned - address);
    size_t tail = address + kHugePage - aligned;
    if (tail != 0) munmap(reinterpret_cast<char*>(aligned) + bytes_, tail);
    data_ = reinterpret_cast<char*>(aligned);
    madvise(data_, static_cast<size_t>(bytes_), MADV_HUGEPAGE);
}

Region::~Region() {
    if (data_) munmap(data_, static_cast<size_t>(bytes_));
}

Region::Region(Region&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

void touch(Region& region) {
    for (int64_t i = 0; i < region.bytes(); i += 4096) region.data()[i] = 1;
}

void* make_chain(char* memory, int64_t bytes, int64_t line_bytes) {
    auto count = static_cast<uint32_t>(bytes / line_bytes);
    SMEATON_CHECK(count >= 2, "a chain needs two lines, {} bytes hold {}", bytes, count);
    std::vector<uint32_t> order(count);
    for (uint32_t i = 0; i < count; ++i) order[i] = i;
    // Sattolo's shuffle: a permutation that is a single cycle.
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (uint32_t i = count - 1; i > 0; --i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        auto j = static_cast<uint32_t>((state >> 33) % i);
        std::swap(order[i], order[j]);
    }
    for (uint32_t i = 0; i < count; ++i)
        *reinterpret_cast<void**>(memory + i * line_bytes) = memory + order[i] * line_bytes;
    return memory;
}

void* follow_chain(void* start, int64_t steps) {
    void* at = start;
    for (; steps > 0; --steps) {
        at = *static_cast<void* volatile*>(at);
    }
    return at;
}

}  // namespace smeaton::machine
