#include "machine/probe/compute.h"

#include "base/error.h"

// Each loop is a function for its own instruction set (target attribute), so that one binary holds
// them all and runs on CPUs that have the first few. The instructions are spelled out: a compiler
// can neither drop nor merge them, and what is counted is what runs. Twelve accumulators cover a
// latency of 4 cycles at up to three instructions per cycle, and fit into 16 registers.

#if defined(__x86_64__)

namespace smeaton::machine {
namespace {

using tensor::DType;

typedef float V128 __attribute__((vector_size(16)));
typedef float V256 __attribute__((vector_size(32)));
typedef float V512 __attribute__((vector_size(64)));

constexpr int kCopies = 12;

// %0: accumulator, %1: a vector of small numbers that lets no accumulator overflow; xmm15 is
// scratch.
// clang-format off
#define SMEATON_COPY(I, REGISTER, TEXT) \
    asm volatile(TEXT : "+" REGISTER(a##I) : REGISTER(small) : "xmm15");
#define SMEATON_LOOP(NAME, TARGET, VECTOR, REGISTER, TEXT)                                        \
    __attribute__((target(TARGET), noinline)) void NAME(int64_t iterations) {                     \
        VECTOR small = VECTOR{} + 1e-4f, a0 = small, a1 = small, a2 = small, a3 = small,          \
               a4 = small, a5 = small, a6 = small, a7 = small, a8 = small, a9 = small,            \
               a10 = small, a11 = small;                                                          \
        for (; iterations > 0; --iterations) {                                                    \
            SMEATON_COPY(0, REGISTER, TEXT) SMEATON_COPY(1, REGISTER, TEXT)                       \
            SMEATON_COPY(2, REGISTER, TEXT) SMEATON_COPY(3, REGISTER, TEXT)                       \
            SMEATON_COPY(4, REGISTER, TEXT) SMEATON_COPY(5, REGISTER, TEXT)                       \
            SMEATON_COPY(6, REGISTER, TEXT) SMEATON_COPY(7, REGISTER, TEXT)                       \
            SMEATON_COPY(8, REGISTER, TEXT) SMEATON_COPY(9, REGISTER, TEXT)                       \
            SMEATON_COPY(10, REGISTER, TEXT) SMEATON_COPY(11, REGISTER, TEXT)                     \
        }                                                                                         \
    }
#define SMEATON_CHAIN(NAME, TARGET, VECTOR, REGISTER, TEXT)                                       \
    __attribute__((target(TARGET), noinline)) void NAME(int64_t iterations) {                     \
        VECTOR small = VECTOR{} + 1e-4f, a0 = small;                                              \
        for (; iterations > 0; --iterations) {                                                    \
            SMEATON_COPY(0, REGISTER, TEXT) SMEATON_COPY(0, REGISTER, TEXT)                       \
            SMEATON_COPY(0, REGISTER, TEXT) SMEATON_COPY(0, REGISTER, TEXT)                       \
        }                                                                                         \
    }

#define L128(NAME, TEXT) SMEATON_LOOP(NAME##_128, "sse2", V128, "x", TEXT)
#define L256(NAME, TEXT) SMEATON_LOOP(NAME##_256, "avx2,fma", V256, "x", TEXT)
#define L512(NAME, TEXT) SMEATON_LOOP(NAME##_512, "avx512f", V512, "v", TEXT)

// -- 128 bits: SSE2, destructive two-operand forms ------------------------------------------------
SMEATON_LOOP(fma_f32_128, "fma", V128, "x", "vfmadd231ps %1, %1, %0")
SMEATON_LOOP(fma_f64_128, "fma", V128, "x", "vfmadd231pd %1, %1, %0")
L128(muladd_f32, "movaps %1, %%xmm15\n mulps %1, %%xmm15\n addps %%xmm15, %0")
L128(muladd_f64, "movaps %1, %%xmm15\n mulpd %1, %%xmm15\n addpd %%xmm15, %0")
L128(add_f32, "addps %1, %0")
L128(mul_f32, "mulps %1, %0")
L128(minmax_f32, "maxps %1, %0")
L128(compare_f32, "cmpltps %1, %0")
L128(logic, "andps %1, %0")
L128(convert, "cvtps2dq %1, %0")
L128(shuffle, "shufps $27, %1, %0")
L128(div_f32, "divps %1, %0")
L128(sqrt_f32, "sqrtps %1, %0")
L128(div_f64, "divpd %1, %0")
L128(add_i32, "paddd %1, %0")

// -- 256 bits: AVX2 and FMA
// -------------------------------------------------------------------------
L256(fma_f32, "vfmadd231ps %1, %1, %0")
L256(fma_f64, "vfmadd231pd %1, %1, %0")
L256(add_f32, "vaddps %1, %0, %0")
L256(mul_f32, "vmulps %1, %0, %0")
L256(minmax_f32, "vmaxps %1, %0, %0")
L256(compare_f32, "vcmpltps %1, %0, %0")
L256(select_f32, "vblendvps %1, %1, %0, %0")
L256(logic, "vandps %1, %0, %0")
L256(convert, "vcvtps2dq %1, %0")
L256(shuffle, "vpermps %1, %0, %0")
L256(div_f32, "vdivps %1, %0, %0")
L256(sqrt_f32, "vsqrtps %1, %0")
L256(div_f64, "vdivpd %1, %0, %0")
L256(add_i32, "vpaddd %1, %0, %0")
L256(mul_i32, "vpmulld %1, %0, %0")
// Without dot products of bytes: multiply pairs to 16 bits, pairs of these to 32, add.
L256(fma_i8_pairs,
     "vpmaddubsw %1, %1, %%ymm15\n vpmaddwd %1, %%ymm15, %%ymm15\n vpaddd %%ymm15, %0, %0")
SMEATON_LOOP(fma_i8_vnni_256, "avx2,avxvnni", V256, "x", "%{vex%} vpdpbusd %1, %1, %0")

// -- 512 bits
// ---------------------------------------------------------------------------------------
L512(fma_f32, "vfmadd231ps %1, %1, %0")
L512(fma_f64, "vfmadd231pd %1, %1, %0")
L512(add_f32, "vaddps %1, %0, %0")
L512(mul_f32, "vmulps %1, %0, %0")
L512(minmax_f32, "vmaxps %1, %0, %0")
L512(compare_f32, "vcmpltps %1, %0, %%k1")
L512(select_f32, "vblendmps %1, %0, %0%{%%k1%}")
L512(logic, "vpandd %1, %0, %0")
L512(convert, "vcvtps2dq %1, %0")
L512(shuffle, "vpermps %1, %0, %0")
L512(scale_f32, "vscalefps %1, %0, %0")
L512(div_f32, "vdivps %1, %0, %0")
L512(sqrt_f32, "vsqrtps %1, %0")
L512(div_f64, "vdivpd %1, %0, %0")
L512(add_i32, "vpaddd %1, %0, %0")
L512(mul_i32, "vpmulld %1, %0, %0")
SMEATON_LOOP(fma_bf16_512, "avx512f,avx512bf16", V512, "v", "vdpbf16ps %1, %1, %0")
SMEATON_LOOP(fma_i8_512, "avx512f,avx512vnni", V512, "v", "vpdpbusd %1, %1, %0")

SMEATON_CHAIN(chain_muladd_128, "sse2", V128, "x", "mulps %1, %0\n addps %1, %0")
SMEATON_CHAIN(chain_128, "fma", V128, "x", "vfmadd231ps %1, %1, %0")
SMEATON_CHAIN(chain_256, "avx2,fma", V256, "x", "vfmadd231ps %1, %1, %0")
SMEATON_CHAIN(chain_512, "avx512f", V512, "v", "vfmadd231ps %1, %1, %0")
SMEATON_CHAIN(chain_bf16_512, "avx512f,avx512bf16", V512, "v", "vdpbf16ps %1, %1, %0")
SMEATON_CHAIN(chain_i8_512, "avx512f,avx512vnni", V512, "v", "vpdpbusd %1, %1, %0")
SMEATON_CHAIN(chain_i8_vnni_256, "avx2,avxvnni", V256, "x", "%{vex%} vpdpbusd %1, %1, %0")

// -- scalar
// -----------------------------------------------------------------------------------------
#define SMEATON_SCALAR(NAME, TARGET, TEXT) SMEATON_LOOP(NAME, TARGET, V128, "x", TEXT)
SMEATON_SCALAR(fma_f32_scalar, "fma", "vfmadd231ss %1, %1, %0")
SMEATON_SCALAR(fma_f64_scalar, "fma", "vfmadd231sd %1, %1, %0")
SMEATON_SCALAR(muladd_f32_scalar, "sse2",
               "movaps %1, %%xmm15\n mulss %1, %%xmm15\n addss %%xmm15, %0")
SMEATON_SCALAR(muladd_f64_scalar, "sse2",
               "movaps %1, %%xmm15\n mulsd %1, %%xmm15\n addsd %%xmm15, %0")

__attribute__((noinline)) void add_i64_scalar(int64_t iterations) {
    int64_t one = 1, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
    for (; iterations > 0; --iterations)
        asm volatile(
            "add %6, %0\n add %6, %1\n add %6, %2\n add %6, %3\n add %6, %4\n add %6, %5\n"
            "add %6, %0\n add %6, %1\n add %6, %2\n add %6, %3\n add %6, %4\n add %6, %5\n"
            : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f)
            : "r"(one));
}

// Register to register: additions of constants disappear while renaming on some CPUs.
__attribute__((noinline)) void clock_scalar(int64_t iterations) {
    int64_t one = 1, a = 0;
    for (; iterations > 0; --iterations)
        asm volatile(
            "add %1, %0\n add %1, %0\n add %1, %0\n add %1, %0\n add %1, %0\n add %1, %0\n"
            "add %1, %0\n add %1, %0\n add %1, %0\n add %1, %0\n add %1, %0\n add %1, %0\n"
            : "+r"(a)
            : "r"(one));
}

// -- multiply-adds fed from the first level: a register tile of matrix multiplication
// --------------- Six rows of broadcast elements by some vectors; the panels of 64 steps fit any
// first level.
constexpr int kSteps = 64;
alignas(64) float panel_a[6 * kSteps];
alignas(64) float panel_b[kSteps * 64];

#define SMEATON_TILE_ROW_2(I, FMA) \
    BROADCAST(panel_a[I * kSteps + k]) FMA(c##I##0, b0) FMA(c##I##1, b1)
#define SMEATON_TILE_ROW_4(I, FMA) SMEATON_TILE_ROW_2(I, FMA) FMA(c##I##2, b2) FMA(c##I##3, b3)
#define BROADCAST(ELEMENT) asm volatile("vbroadcastss %1, %0" : "=v"(a) : "m"(ELEMENT));
#define VFMA(C, B) asm volatile("vfmadd231ps %1, %2, %0" : "+v"(C) : "v"(a), "v"(B));
#define LOAD(B, N) asm volatile("vmovaps %1, %0" : "=v"(B) : "m"(b[N]));

__attribute__((target("avx512f"), noinline)) void fma_load_512(int64_t iterations) {
    V512 c00{}, c01{}, c02{}, c03{}, c10{}, c11{}, c12{}, c13{}, c20{}, c21{}, c22{}, c23{};
    V512 c30{}, c31{}, c32{}, c33{}, c40{}, c41{}, c42{}, c43{}, c50{}, c51{}, c52{}, c53{};
    V512 a, b0, b1, b2, b3;
    int64_t k = 0;
    for (; iterations > 0; --iterations) {
        const V512* b = reinterpret_cast<const V512*>(panel_b) + k * 4;
        LOAD(b0, 0) LOAD(b1, 1) LOAD(b2, 2) LOAD(b3, 3)
        SMEATON_TILE_ROW_4(0, VFMA) SMEATON_TILE_ROW_4(1, VFMA) SMEATON_TILE_ROW_4(2, VFMA)
        SMEATON_TILE_ROW_4(3, VFMA) SMEATON_TILE_ROW_4(4, VFMA) SMEATON_TILE_ROW_4(5, VFMA)
        k = (k + 1) % kSteps;
    }
}

#define SMEATON_TILE_6X2(NAME, TARGET, VECTOR)                                                    \
    __attribute__((target(TARGET), noinline)) void NAME(int64_t iterations) {                     \
        VECTOR c00{}, c01{}, c10{}, c11{}, c20{}, c21{}, c30{}, c31{}, c40{}, c41{};              \
        VECTOR c50{}, c51{}, a, b0, b1;                                                           \
        int64_t k = 0;                                                                            \
        for (; iterations > 0; --iterations) {                                                    \
            const VECTOR* b = reinterpret_cast<const VECTOR*>(panel_b) + k * 2;                   \
            LOAD(b0, 0) LOAD(b1, 1)                                                               \
            SMEATON_TILE_ROW_2(0, VFMA) SMEATON_TILE_ROW_2(1, VFMA) SMEATON_TILE_ROW_2(2, VFMA)   \
            SMEATON_TILE_ROW_2(3, VFMA) SMEATON_TILE_ROW_2(4, VFMA) SMEATON_TILE_ROW_2(5, VFMA)   \
            k = (k + 1) % kSteps;                                                                 \
        }                                                                                         \
    }
SMEATON_TILE_6X2(fma_load_256, "avx2,fma", V256)
SMEATON_TILE_6X2(fma_load_128, "fma", V128)
#undef BROADCAST
#undef LOAD

#define BROADCAST(ELEMENT) \
    asm volatile("movss %1, %0\n shufps $0, %0, %0" : "=x"(a) : "m"(ELEMENT));
#define LOAD(B, N) asm volatile("movaps %1, %0" : "=x"(B) : "m"(b[N]));
#define MULADD(C, B)                                                          \
    asm volatile("movaps %1, %%xmm15\n mulps %2, %%xmm15\n addps %%xmm15, %0" \
                 : "+x"(C)                                                    \
                 : "x"(a), "x"(B)                                             \
                 : "xmm15");
__attribute__((target("sse2"), noinline)) void muladd_load_128(int64_t iterations) {
    V128 c00{}, c01{}, c10{}, c11{}, c20{}, c21{}, c30{}, c31{}, c40{}, c41{};
    V128 a, b0, b1;
    int64_t k = 0;
    for (; iterations > 0; --iterations) {
        const V128* b = reinterpret_cast<const V128*>(panel_b) + k * 2;
        LOAD(b0, 0) LOAD(b1, 1)
        SMEATON_TILE_ROW_2(0, MULADD) SMEATON_TILE_ROW_2(1, MULADD) SMEATON_TILE_ROW_2(2, MULADD)
        SMEATON_TILE_ROW_2(3, MULADD) SMEATON_TILE_ROW_2(4, MULADD)
        k = (k + 1) % kSteps;
    }
}
// clang-format on

// -- elements loaded by index
// -----------------------------------------------------------------------
typedef int I256 __attribute__((vector_size(32)));
typedef int I512 __attribute__((vector_size(64)));

__attribute__((target("avx512f"), noinline)) void gather_512(int64_t iterations) {
    I512 index = {0, 37, 74, 11, 48, 85, 22, 59, 96, 33, 70, 7, 44, 81, 18, 55};
    for (; iterations > 0; --iterations) {
        V512 a, b;
        asm volatile(
            "kxnorw %%k1, %%k1, %%k1\n vgatherdps (%2,%3,4), %0%{%%k1%}\n"
            "kxnorw %%k2, %%k2, %%k2\n vgatherdps 64(%2,%3,4), %1%{%%k2%}"
            : "=&v"(a), "=&v"(b)
            : "r"(panel_b), "v"(index)
            : "k1", "k2");
    }
}

__attribute__((target("avx2"), noinline)) void gather_256(int64_t iterations) {
    I256 index = {0, 37, 74, 11, 48, 85, 22, 59};
    for (; iterations > 0; --iterations) {
        V256 a, b, m, n;
        asm volatile(
            "vpcmpeqd %2, %2, %2\n vgatherdps %2, (%4,%5,4), %0\n"
            "vpcmpeqd %3, %3, %3\n vgatherdps %3, 64(%4,%5,4), %1"
            : "=&x"(a), "=&x"(b), "=&x"(m), "=&x"(n)
            : "r"(panel_b), "x"(index));
    }
}

// What a compiler makes of a vector of elements that lie apart: each is loaded and put into its
// place. The memory may have changed between two vectors, so each is made anew.
#define SMEATON_INSERT(NAME, TARGET, VECTOR, REGISTER, ...)                   \
    __attribute__((target(TARGET), noinline)) void NAME(int64_t iterations) { \
        const float* p = panel_b;                                             \
        for (; iterations > 0; --iterations) {                                \
            VECTOR a = {__VA_ARGS__};                                         \
            asm volatile("" : : REGISTER(a) : "memory");                      \
        }                                                                     \
    }
SMEATON_INSERT(insert_128, "sse2", V128, "x", p[0], p[37], p[74], p[11])
SMEATON_INSERT(insert_256, "avx2", V256, "x", p[0], p[37], p[74], p[11], p[48], p[85], p[22], p[59])
SMEATON_INSERT(insert_512, "avx512f", V512, "v", p[0], p[37], p[74], p[11], p[48], p[85], p[22],
               p[59], p[96], p[33], p[70], p[7], p[44], p[81], p[18], p[55])

void fill_panels() {
    for (float& v : panel_a) v = 1e-3f;
    for (float& v : panel_b) v = 1e-3f;
}

using Loops = std::vector<ComputeLoop>;

void add_row(Loops& loops, int bits, OpClass op, DType dtype, void (*run)(int64_t),
             int elements_each, int copies = kCopies) {
    loops.push_back({bits, op, dtype, 1.0 * elements_each * copies, run, {}, nullptr});
}

/// The last row's instruction contracts groups into 32 bits: 1 x bits/32 x group.
void takes_groups(Loops& loops, DType a, DType b, int group, void (*chain)(int64_t)) {
    ComputeLoop& loop = loops.back();
    ContractionShape shape;
    shape.a = a;
    shape.b = b;
    shape.acc = tensor::is_float(a) ? DType::kF32 : DType::kI32;
    shape.columns = loop.width_bits / 32;
    shape.group = group;
    shape.acc_in = "reg";
    loop.shape = shape;
    loop.chain = chain;
}

void add_scalar(Loops& loops, bool fma) {
    add_row(loops, 0, OpClass::Fma, DType::kF32, fma ? fma_f32_scalar : muladd_f32_scalar, 1);
    add_row(loops, 0, OpClass::Fma, DType::kF64, fma ? fma_f64_scalar : muladd_f64_scalar, 1);
    add_row(loops, 0, OpClass::Add, DType::kI64, add_i64_scalar, 1);
}

// The classes that every width has, in the order of the enum.
#define SMEATON_COMMON_ROWS(BITS)                                                       \
    add_row(loops, BITS, OpClass::Add, DType::kF32, add_f32_##BITS, BITS / 32);         \
    add_row(loops, BITS, OpClass::Add, DType::kI32, add_i32_##BITS, BITS / 32);         \
    add_row(loops, BITS, OpClass::Mul, DType::kF32, mul_f32_##BITS, BITS / 32);         \
    add_row(loops, BITS, OpClass::MinMax, DType::kF32, minmax_f32_##BITS, BITS / 32);   \
    add_row(loops, BITS, OpClass::Compare, DType::kF32, compare_f32_##BITS, BITS / 32); \
    add_row(loops, BITS, OpClass::Logic, DType::kI32, logic_##BITS, BITS / 32);         \
    add_row(loops, BITS, OpClass::Convert, DType::kF32, convert_##BITS, BITS / 32);     \
    add_row(loops, BITS, OpClass::Shuffle, DType::kF32, shuffle_##BITS, BITS / 32);     \
    add_row(loops, BITS, OpClass::Div, DType::kF32, div_f32_##BITS, BITS / 32);         \
    add_row(loops, BITS, OpClass::Div, DType::kF64, div_f64_##BITS, BITS / 64);         \
    add_row(loops, BITS, OpClass::Sqrt, DType::kF32, sqrt_f32_##BITS, BITS / 32);       \
    add_row(loops, BITS, OpClass::Insert, DType::kF32, insert_##BITS, BITS / 32, 1);

void add_128(Loops& loops, bool fma) {
    add_row(loops, 128, OpClass::Fma, DType::kF32, fma ? fma_f32_128 : muladd_f32_128, 4);
    add_row(loops, 128, OpClass::Fma, DType::kF64, fma ? fma_f64_128 : muladd_f64_128, 2);
    add_row(loops, 128, OpClass::FmaLoad, DType::kF32, fma ? fma_load_128 : muladd_load_128, 4,
            fma ? 12 : 10);
    SMEATON_COMMON_ROWS(128)
}

void add_256(Loops& loops, bool vnni) {
    add_row(loops, 256, OpClass::Fma, DType::kF32, fma_f32_256, 8);
    add_row(loops, 256, OpClass::Fma, DType::kF64, fma_f64_256, 4);
    add_row(loops, 256, OpClass::Fma, DType::kI8, vnni ? fma_i8_vnni_256 : fma_i8_pairs_256, 32);
    if (vnni) takes_groups(loops, DType::kU8, DType::kI8, 4, chain_i8_vnni_256);
    add_row(loops, 256, OpClass::FmaLoad, DType::kF32, fma_load_256, 8);
    SMEATON_COMMON_ROWS(256)
    add_row(loops, 256, OpClass::Mul, DType::kI32, mul_i32_256, 8);
    add_row(loops, 256, OpClass::Select, DType::kF32, select_f32_256, 8);
    add_row(loops, 256, OpClass::Gather, DType::kF32, gather_256, 8, 2);
}

void add_512(Loops& loops, bool vnni, bool bf16) {
    add_row(loops, 512, OpClass::Fma, DType::kF32, fma_f32_512, 16);
    add_row(loops, 512, OpClass::Fma, DType::kF64, fma_f64_512, 8);
    if (bf16) {
        add_row(loops, 512, OpClass::Fma, DType::kBF16, fma_bf16_512, 32);
        takes_groups(loops, DType::kBF16, DType::kBF16, 2, chain_bf16_512);
    }
    if (vnni) {
        add_row(loops, 512, OpClass::Fma, DType::kI8, fma_i8_512, 64);
        takes_groups(loops, DType::kU8, DType::kI8, 4, chain_i8_512);
    }
    add_row(loops, 512, OpClass::FmaLoad, DType::kF32, fma_load_512, 16, 24);
    SMEATON_COMMON_ROWS(512)
    add_row(loops, 512, OpClass::Mul, DType::kI32, mul_i32_512, 16);
    add_row(loops, 512, OpClass::Select, DType::kF32, select_f32_512, 16);
    add_row(loops, 512, OpClass::Scale, DType::kF32, scale_f32_512, 16);
    add_row(loops, 512, OpClass::Gather, DType::kF32, gather_512, 16, 2);
}

}  // namespace

std::vector<ComputeLoop> compute_loops(const CpuFeatures& features) {
    fill_panels();
    Loops loops;
    bool fma = features.has("fma"), avx2 = features.has("avx2") && fma;
    add_scalar(loops, fma);
    add_128(loops, fma);
    if (avx2) add_256(loops, features.has("avxvnni"));
    if (avx2 && features.has("avx512f"))
        add_512(loops, features.has("avx512vnni"), features.has("avx512bf16"));
    return loops;
}

ComputeLoop fma_chain(const CpuFeatures& features, int width_bits) {
    auto run = width_bits == 512     ? chain_512
               : width_bits == 256   ? chain_256
               : features.has("fma") ? chain_128
                                     : chain_muladd_128;
    return {width_bits, OpClass::Fma, DType::kF32, kChainLength, run, {}, nullptr};
}

ComputeLoop clock_chain() {
    return {0, OpClass::Add, DType::kI64, kCopies, clock_scalar, {}, nullptr};
}

}  // namespace smeaton::machine

#else

namespace smeaton::machine {

std::vector<ComputeLoop> compute_loops(const CpuFeatures& features) {
    throw UserError(
        "probe measures x86-64 CPUs only, this is '{}'; write a machine description by "
        "hand (docs/machine.md)",
        features.model);
}
ComputeLoop fma_chain(const CpuFeatures&, int) {
    return {};
}
ComputeLoop clock_chain() {
    return {};
}

}  // namespace smeaton::machine
#endif
