#include "machine/probe/amx.h"

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace smeaton::machine {

#if defined(__x86_64__)

namespace {

using tensor::DType;

// What ldtilecfg reads: palette 1, every tile 16 rows of 64 bytes.
struct alignas(64) TileConfig {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

alignas(64) char tiles[kTileRegisters * kTileBytes];

// The state of tiles is large: a process has to ask for it (Linux 5.16 and later).
bool granted() {
    constexpr long kRequestPermission = 0x1023, kTileData = 18;
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

// The compiler keeps nothing in tile registers, so that these may be used without being named.
void configure() {
    static const TileConfig config;
    asm volatile("ldtilecfg %0" : : "m"(config));
    asm volatile(
        "tilezero %tmm0\n tilezero %tmm1\n tilezero %tmm2\n tilezero %tmm3\n"
        "tilezero %tmm4\n tilezero %tmm5\n tilezero %tmm6\n tilezero %tmm7\n");
}

void release() {
    asm volatile("tilerelease");
}

// clang-format off
#define SMEATON_TILES(NAME, A, B, C, D)                                                      \
    __attribute__((noinline)) void NAME(int64_t iterations) {                                \
        configure();                                                                         \
        for (; iterations > 0; --iterations) asm volatile(A "\n" B "\n" C "\n" D);           \
        release();                                                                           \
    }
#define SMEATON_TILE_LOOPS(NAME, OP)                                                         \
    SMEATON_TILES(NAME, OP " %tmm6, %tmm4, %tmm0", OP " %tmm7, %tmm4, %tmm1",                \
                  OP " %tmm6, %tmm5, %tmm2", OP " %tmm7, %tmm5, %tmm3")                      \
    SMEATON_TILES(NAME##_chain, OP " %tmm6, %tmm4, %tmm0", OP " %tmm6, %tmm4, %tmm0",        \
                  OP " %tmm6, %tmm4, %tmm0", OP " %tmm6, %tmm4, %tmm0")
SMEATON_TILE_LOOPS(products_bf16, "tdpbf16ps")
SMEATON_TILE_LOOPS(products_i8, "tdpbssd")
SMEATON_TILE_LOOPS(products_u8, "tdpbusd")
// clang-format on

TileLoop loop_of(DType a, DType b, DType acc, int64_t group, void (*run)(int64_t),
                 void (*chain)(int64_t)) {
    TileLoop loop;
    loop.shape.a = a;
    loop.shape.b = b;
    loop.shape.acc = acc;
    loop.shape.rows = loop.shape.columns = 16;
    loop.shape.group = group;
    loop.shape.acc_in = "tmm";
    loop.multiply_adds_per_iteration = 4.0 * 16 * 16 * static_cast<double>(group);
    loop.run = run;
    loop.chain = chain;
    return loop;
}

}  // namespace

std::vector<TileLoop> tile_loops(const CpuFeatures& features) {
    std::vector<TileLoop> loops;
    if (!features.has("amx-tile") || !granted()) return loops;
    if (features.has("amx-bf16"))
        loops.push_back(loop_of(DType::kBF16, DType::kBF16, DType::kF32, 32, products_bf16,
                                products_bf16_chain));
    if (features.has("amx-int8")) {
        loops.push_back(
            loop_of(DType::kI8, DType::kI8, DType::kI32, 64, products_i8, products_i8_chain));
        loops.push_back(
            loop_of(DType::kU8, DType::kI8, DType::kI32, 64, products_u8, products_u8_chain));
    }
    return loops;
}

void load_tiles(int64_t iterations) {
    configure();
    int64_t stride = 64;
    for (; iterations > 0; --iterations)
        asm volatile(
            "tileloadd (%0,%1), %%tmm0\n tileloadd 1024(%0,%1), %%tmm1\n"
            "tileloadd 2048(%0,%1), %%tmm2\n tileloadd 3072(%0,%1), %%tmm3\n"
            "tileloadd 4096(%0,%1), %%tmm4\n tileloadd 5120(%0,%1), %%tmm5\n"
            "tileloadd 6144(%0,%1), %%tmm6\n tileloadd 7168(%0,%1), %%tmm7\n"
            :
            : "r"(tiles), "r"(stride)
            : "memory");
    release();
}

void store_tiles(int64_t iterations) {
    configure();
    int64_t stride = 64;
    for (; iterations > 0; --iterations)
        asm volatile(
            "tilestored %%tmm0, (%0,%1)\n tilestored %%tmm1, 1024(%0,%1)\n"
            "tilestored %%tmm2, 2048(%0,%1)\n tilestored %%tmm3, 3072(%0,%1)\n"
            "tilestored %%tmm4, 4096(%0,%1)\n tilestored %%tmm5, 5120(%0,%1)\n"
            "tilestored %%tmm6, 6144(%0,%1)\n tilestored %%tmm7, 7168(%0,%1)\n"
            :
            : "r"(tiles), "r"(stride)
            : "memory");
    release();
}

#else

std::vector<TileLoop> tile_loops(const CpuFeatures&) {
    return {};
}
void load_tiles(int64_t) {}
void store_tiles(int64_t) {}

#endif

}  // namespace smeaton::machine
