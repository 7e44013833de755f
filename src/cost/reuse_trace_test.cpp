// The closed form of reuse.h against an address trace of the interpreter through a cache of the
// same size: two ways to the same number that share no code.
#include <gtest/gtest.h>

#include "cost/reuse.h"
#include "gir/common_cpu.h"
#include "gir/interp/cache.h"
#include "gir/interp/interp.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::cost {
namespace {

struct Case {
    const char* name;
    const char* text;
    /// None within a few lines of a working set: there part of it stays, which the closed form
    /// leaves out.
    std::vector<int64_t> capacities_kib;
};

// Operands in panels, as a matrix product is tiled.
const char* const kPanels = R"(program p
  buffer a: dram f32[m: 48, k: 96] input
  buffer b: dram f32[k: 96, n: 192] input
  buffer y: dram f32[m: 48, n: 192] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  parallel n0: 4 core
    for m0: 8
      let acc: reg f32[m: 6, n: 48 lanes]
      fill acc[m,n] <- 0.0
      for k0: 48
        mma acc[m,n] += a[m0*6+m,k0*2+k] * b[k0*2+k,n0*48+n] over k: 2
      move y[m0*6+m,n0*48+n] <- acc[m,n]
)";

const char* const kConvolution = R"(program p
  buffer x: dram f32[c: 32, h: 20, w: 20] input [c/16, h, w, c%16]
  buffer w: dram f32[k: 32, c: 32, r: 3, s: 3] input [k/16, c/16, r, s, c%16, k%16]
  buffer y: dram f32[k: 32, h: 18, w: 18] output [k/16, h, w, k%16]
  run conv(x, w -> y)

kernel conv(x, w -> y)
  parallel oh: 18 core
    for k0: 2, ow: 3
      let acc: reg f32[p: 6, k: 16 lanes]
      fill acc[p,k] <- 0.0
      for c0: 2, r: 3, s: 3
        mma acc[p,k] += x[c0*16+c,oh+r,ow*6+p+s] * w[k0*16+k,c0*16+c,r,s] over c: 16
      move y[k0*16+k,oh,ow*6+p] <- acc[p,k]
)";

const char* const kDepthwise = R"(program p
  buffer x: dram f32[c: 64, h: 30, w: 30] input [c/16, h, w, c%16]
  buffer w: dram f32[c: 64, r: 3, s: 3] input [c/16, r, s, c%16]
  buffer y: dram f32[c: 64, h: 28, w: 28] output [c/16, h, w, c%16]
  run dw(x, w -> y)

kernel dw(x, w -> y)
  parallel c0: 4, oh: 28 core
    let acc: reg f32[p: 28, c: 16 lanes]
    fill acc[p,c] <- 0.0
    for r: 3, s: 3
      mma acc[p,c] += x[c0*16+c,oh+r,p+s] * w[c0*16+c,r,s]
    move y[c0*16+c,oh,p] <- acc[p,c]
)";

const char* const kSoftmax = R"(program p
  buffer x: dram f32[r: 64, v: 256] input
  buffer y: dram f32[r: 64, v: 256] output
  run softmax(x -> y)

kernel softmax(x -> y)
  parallel r: 64 core
    let row: l1 f32[v: 256 lanes]
    let m: reg f32[]
    move row[v] <- x[r,v]
    reduce max m[] <- row[v]
    binary sub row[v] <- row[v], m[]
    unary exp row[v] <- row[v]
    reduce add m[] <- row[v]
    binary div row[v] <- row[v], m[]
    move y[r,v] <- row[v]
)";

const char* const kTranspose = R"(program p
  buffer x: dram f32[r: 96, c: 160] input
  buffer y: dram f32[c: 160, r: 96] output
  run transpose(x -> y)

kernel transpose(x -> y)
  parallel c: 160 core
    move y[c,r] <- x[r,c] over r: 96
)";

const char* const kPooling = R"(program p
  buffer x: dram f32[c: 8, h: 64, w: 64] input
  buffer y: dram f32[c: 8, h: 32, w: 32] output
  run pool(x -> y)

kernel pool(x -> y)
  parallel c: 8, oh: 32 core
    let t: reg f32[w: 32 lanes]
    move t[w] <- x[c,oh*2,w*2]
    binary max t[w] <- t[w], x[c,oh*2,w*2+1]
    binary max t[w] <- t[w], x[c,oh*2+1,w*2]
    binary max t[w] <- t[w], x[c,oh*2+1,w*2+1]
    move y[c,oh,w] <- t[w]
)";

tensor::Tensor zeros(const gir::Buffer& b) {
    std::vector<int64_t> shape;
    for (const gir::NamedDim& d : b.dims) shape.push_back(d.extent.value());
    tensor::Tensor t(b.dtype, shape);
    for (int64_t i = 0; i < t.elements(); ++i) t.set_from_double(i, 0);
    return t;
}

double traced_bytes(const gir::Program& program, int64_t capacity) {
    std::map<Name, tensor::Tensor> inputs;
    for (const gir::Buffer& b : program.buffers)
        if (b.lifetime == gir::Lifetime::Input) inputs[b.name] = zeros(b);
    gir::interp::CacheSimulator cache({{"cache", capacity, 64}});
    cache.ignore_tiles_at("reg");
    gir::interp::Memory memory = gir::interp::make_memory(program, inputs);
    gir::interp::Options options;
    options.trace = &cache;
    options.widen = false;
    gir::interp::run_kernel(*gir::kernels(program).front(), program, memory, options);
    gir::interp::CacheCounts counts = cache.counts().at(0);
    return static_cast<double>((counts.read_misses + counts.write_misses) * counts.line_bytes);
}

double modelled_bytes(const gir::Program& program, int64_t capacity) {
    Nest nest = nest_of(program, *gir::kernels(program).front());
    double total = 0;
    std::vector<ArrayBytes> bytes = misses(nest, static_cast<double>(capacity), 64);
    for (size_t i = 0; i < bytes.size(); ++i)
        // The trace counts a line once whether it is read or written first.
        total += nest.arrays[i].scratch ? std::max(bytes[i].read, bytes[i].write)
                                        : bytes[i].read + bytes[i].write;
    return total;
}

class ReuseAgainstTrace : public testing::TestWithParam<Case> {};

TEST_P(ReuseAgainstTrace, agrees_within_15_percent) {
    gir::Program program = gir::rewrite::spell(gir::parse_program(GetParam().text, GetParam().name),
                                               gir::common_cpu());
    for (int64_t kib : GetParam().capacities_kib) {
        int64_t capacity = kib << 10;
        double traced = traced_bytes(program, capacity),
               modelled = modelled_bytes(program, capacity);
        EXPECT_NEAR(modelled / traced, 1, 0.15)
            << GetParam().name << " through " << capacity << " bytes: traced " << traced
            << ", modelled " << modelled;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Kernels, ReuseAgainstTrace,
    testing::Values(Case{"panels", kPanels, {1, 2, 4, 8, 16, 24, 32, 64, 256}},
                    Case{"convolution", kConvolution, {1, 2, 4, 8, 16, 24, 32, 64, 128, 512}},
                    Case{"depthwise", kDepthwise, {1, 2, 3, 4, 8, 12, 16, 64, 1024}},
                    Case{"softmax", kSoftmax, {4, 8, 64, 1024}},
                    Case{"transpose", kTranspose, {1, 2, 4, 8, 12, 16, 32, 128, 1024}},
                    Case{"pooling", kPooling, {1, 2, 4, 8, 64, 256}}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace smeaton::cost
