#include "machine/probe/stream_tile.h"

#include <algorithm>

#include "machine/machine.h"

namespace smeaton::machine {

#if defined(__x86_64__)

namespace {

typedef float V256 __attribute__((vector_size(32)));
typedef float V512 __attribute__((vector_size(64)));

alignas(64) const float rows[16] = {};

// One row: an element for all lanes, times both vectors of the panel.
#define SMEATON_ROW(I)                                                           \
    asm volatile("vbroadcastss %1, %0" : "=v"(a) : "m"(rows[I]));                \
    asm volatile("vfmadd231ps %1, %2, %0" : "+v"(c[2 * (I)]) : "v"(a), "v"(b0)); \
    asm volatile("vfmadd231ps %1, %2, %0" : "+v"(c[2 * (I) + 1]) : "v"(a), "v"(b1));
#define SMEATON_TILE(NAME, TARGET, VECTOR, COUNT, ROWS)                                     \
    __attribute__((target(TARGET), noinline)) void NAME(const char* panel, int64_t bytes) { \
        VECTOR a, b0, b1, c[2 * (COUNT)] = {};                                              \
        auto* at = reinterpret_cast<const VECTOR*>(panel);                                  \
        auto* end = reinterpret_cast<const VECTOR*>(panel + bytes);                         \
        for (; at != end; at += 2) {                                                        \
            asm volatile("vmovaps %1, %0" : "=v"(b0) : "m"(at[0]));                         \
            asm volatile("vmovaps %1, %0" : "=v"(b1) : "m"(at[1]));                         \
            ROWS                                                                            \
        }                                                                                   \
    }
#define SMEATON_SIX_ROWS \
    SMEATON_ROW(0) SMEATON_ROW(1) SMEATON_ROW(2) SMEATON_ROW(3) SMEATON_ROW(4) SMEATON_ROW(5)
#define SMEATON_EIGHT_MORE \
    SMEATON_ROW(6)         \
    SMEATON_ROW(7)         \
    SMEATON_ROW(8) SMEATON_ROW(9) SMEATON_ROW(10) SMEATON_ROW(11) SMEATON_ROW(12) SMEATON_ROW(13)
SMEATON_TILE(tile_256, "avx2,fma", V256, 6, SMEATON_SIX_ROWS)
SMEATON_TILE(tile_512, "avx512f", V512, 14, SMEATON_SIX_ROWS SMEATON_EIGHT_MORE)

}  // namespace

StreamTile stream_tile(const CpuFeatures& features) {
    if (features.vector_bits == 512) return tile_512;
    return features.vector_bits == 256 ? tile_256 : nullptr;
}

void flush(const char* memory, int64_t bytes, int64_t line_bytes) {
    for (int64_t i = 0; i < bytes; i += line_bytes) asm volatile("clflush %0" ::"m"(memory[i]));
    asm volatile("mfence" ::: "memory");
}

#else

StreamTile stream_tile(const CpuFeatures&) {
    return nullptr;
}

void flush(const char*, int64_t, int64_t) {}

#endif

double stall_per_page(double tile, double sweep, double work, int64_t bytes) {
    const double pages = static_cast<double>(bytes) / kStallBytes;
    return std::max(tile - std::max(sweep, work), 0.0) / pages;
}

}  // namespace smeaton::machine
