// Vector operators: every tile is loaded, computed, stored; nothing overlaps.
#include <cmath>

#include "base/error.h"
#include "sim/simdit/tile.h"
#include "sim/simdit/units.h"

namespace smeaton::sim::simdit {

namespace {

/// Cycles of the operations that take more than one; the rest take one. DesignWare at 800 ps.
struct Latencies {
    double div, exp, inv_sqrt;
};
constexpr Latencies kFixedPoint{9, 3, 13};
constexpr Latencies kFloat32{5, 3, 11};

/// What the formulas of all operators are written in.
struct Work {
    const Sizes s;  ///< channels padded to the lanes
    const VectorTile t;
    const Hardware& h;
    const VectorContext& context;
    const Latencies latency;

    double lanes() const { return real(h.lanes()); }
    double elements() const { return real(s.n * s.oc) * real(s.oh * s.ow); }
    double channels() const { return real(s.oc); }
    double window() const { return real(s.kh * s.kw); }
    double tile() const { return real(t.elements()); }
    double out_bits() const { return real(context.out_bits); }
    double channel_tiles() const { return real(s.oc) / real(t.c); }
    double tiles() const {
        return real(s.oh) / real(t.h) * (real(s.ow) / real(t.w)) * (real(s.n) / real(t.n)) *
               channel_tiles();
    }
    double pipeline() const { return 5 + lanes() - 1; }  ///< fill of six stages, one lane a cycle
    double tile_cycles(double compute) const { return std::ceil((compute + pipeline()) * tiles()); }
};

/// Adds a transfer of `bits` on each of `tiles` tiles.
void transfer(Cost& cost, const Work& w, double Traffic::*way, double bits, double tiles) {
    cost.bits.*way += bits * tiles;
    cost.stall_cycles += std::ceil(bits / real(w.h.vector_port)) * tiles;
}
void load(Cost& cost, const Work& w, double bits) {
    transfer(cost, w, &Traffic::ifmap, bits, w.tiles());
}
void store(Cost& cost, const Work& w, double bits) {
    transfer(cost, w, &Traffic::ofmap, bits, w.tiles());
}
/// `count` vectors of a tile's channels, once per channel tile.
void load_vectors(Cost& cost, const Work& w, int count) {
    for (int i = 0; i < count; ++i)
        transfer(cost, w, &Traffic::ifmap, 32 * real(w.t.c), w.channel_tiles());
}
void store_vectors(Cost& cost, const Work& w, int count) {
    for (int i = 0; i < count; ++i)
        transfer(cost, w, &Traffic::ofmap, 32 * real(w.t.c), w.channel_tiles());
}
/// The first operand, which a fused convolution leaves on the chip.
void load_first(Cost& cost, const Work& w, double bits) {
    if (!w.context.input_on_chip) load(cost, w, bits);
}

/// `issued`: instructions' operations, each counted once; `weighed`: by latency.
void operations(Cost& cost, const Work& w, double issued, double weighed) {
    cost.operations = weighed;
    cost.bits.instructions = 32 * issued / w.lanes();
}

Cost elementwise(const Work& w, int operands, double cycles) {
    Cost cost;
    cost.compute_cycles = w.tile_cycles(cycles);
    load_first(cost, w, 32 * w.tile());
    for (int i = 1; i < operands; ++i) load(cost, w, 32 * w.tile());
    store(cost, w, w.out_bits() * w.tile());
    operations(cost, w, w.elements(), w.elements());
    return cost;
}

Cost relu(const Work& w) {
    Cost cost = elementwise(w, 1, w.tile() / w.lanes());
    cost.bits.vmem = w.elements() * (32 + w.out_bits());
    cost.bits.immediates = w.elements() / w.lanes() * 32;
    return cost;
}

Cost add(const Work& w) {
    Cost cost = elementwise(w, 2, w.tile() / w.lanes());
    cost.bits.vmem = w.elements() * (64 + w.out_bits());
    return cost;
}

Cost relu_grad(const Work& w) {
    Cost cost = elementwise(w, 2, std::ceil(w.tile() / w.lanes()));
    cost.bits.vmem = w.elements() * (64 + w.out_bits());
    return cost;
}

/// Two steps: scale the gradient, subtract.
Cost sgd(const Work& w) {
    Cost cost = elementwise(w, 2, 2 * std::ceil(w.tile() / w.lanes()));
    cost.bits.vmem = w.elements() * (4 * 32 + 32 + w.out_bits());
    operations(cost, w, 2 * w.elements(), 2 * w.elements());
    return cost;
}

Cost pool(const Work& w, bool average) {
    const double div = average ? w.latency.div : 0;
    const double steps = w.window() * w.elements();
    Cost cost;
    cost.compute_cycles = w.tile_cycles((w.window() + div) * w.tile() / w.lanes());
    load_first(cost, w, 32 * real(window_elements(w.t, w.s)));
    store(cost, w, w.out_bits() * w.tile());
    cost.bits.vmem = 2 * steps * 32 + w.elements() * (w.window() - 1) * 32 +
                     w.elements() * w.out_bits() + (average ? 3 * w.elements() * 32 : 0);
    operations(cost, w, steps + (average ? w.elements() : 0), steps + div * w.elements());
    return cost;
}

Cost pool_grad(const Work& w, bool average) {
    const double steps = w.window() * w.elements();
    Cost cost;
    double cycles = 4 * steps / w.elements();  // a conditional move, and an add of three cycles
    if (average) cycles = w.latency.div + w.window() + 2;
    cost.compute_cycles = w.tile_cycles(cycles * w.tile() / w.lanes());
    load(cost, w, 32 * w.tile());
    if (!average) load(cost, w, 32 * w.tile());  // where the maximum was
    store(cost, w, w.out_bits() * real(window_elements(w.t, w.s)));
    const double issued = steps + (average ? w.elements() : steps);
    operations(cost, w, issued, average ? steps + w.latency.div * w.elements() : issued);
    cost.bits.vmem = 3 * issued * 32;
    return cost;
}

/// exp and sum, then division, in three passes over the tile; e^x goes to DRAM and back.
Cost softmax(const Work& w) {
    const double steps = real(w.t.h * w.t.w * w.t.c) * std::ceil(real(w.t.n) / w.lanes());
    Cost cost;
    cost.compute_cycles =
        std::ceil((steps * (w.latency.exp + 1 + w.latency.div) + 3 * w.pipeline()) * w.tiles());
    load_first(cost, w, 32 * w.tile());
    store(cost, w, 32 * w.tile());
    load(cost, w, 32 * w.tile());
    store(cost, w, w.out_bits() * w.tile());
    cost.bits.vmem = w.elements() * (7 * 32 + w.out_bits());
    operations(cost, w, 3 * w.elements(), w.elements() * (w.latency.exp + 1 + w.latency.div));
    return cost;
}

Cost mean_inv_std(const Work& w) {
    const double e = w.elements(), c = w.channels(), div = w.latency.div;
    Cost cost;
    cost.compute_cycles = std::ceil((5 * w.tile() / w.lanes() + w.pipeline()) * w.tiles() +
                                    (2 * div + w.latency.inv_sqrt + 11) * real(w.t.c) / w.lanes() *
                                        w.channel_tiles());
    load_first(cost, w, 32 * w.tile());
    store_vectors(cost, w, 2);
    cost.bits.vmem = 9 * e * 32 + 16 * c * 32;
    cost.bits.immediates = 2 * c * 32;
    operations(cost, w, 3 * e + 6 * c, 3 * e + 3 * c + (2 * div + w.latency.inv_sqrt) * c);
    return cost;
}

Cost batch_norm(const Work& w) {
    const double e = w.elements();
    Cost cost;
    cost.compute_cycles = w.tile_cycles(10 * w.tile() / w.lanes());
    load(cost, w, 32 * w.tile());
    load_vectors(cost, w, 4);
    store(cost, w, w.out_bits() * w.tile());
    cost.bits.vmem = 9 * e * 32 + e * (64 + w.out_bits());
    operations(cost, w, 4 * e, 4 * e);
    return cost;
}

/// Part 1: gradients of scale and shift, and the normalised input, kept; part 2: of the input.
Cost batch_norm_grad(const Work& w) {
    const double e = w.elements(), c = w.channels(), div = w.latency.div;
    Cost cost;
    cost.compute_cycles = std::ceil(2 * (11 * w.tile() / w.lanes() + w.pipeline()) * w.tiles() +
                                    (1 + div + 2) * real(w.t.c) / w.lanes() * w.channel_tiles());
    // The normalised input goes out after part 1 and comes in for part 2; published tables count
    // both ways as input.
    for (int i = 0; i < 5; ++i) load(cost, w, 32 * w.tile());
    store(cost, w, w.out_bits() * w.tile());
    load_vectors(cost, w, 3);
    store_vectors(cost, w, 2);
    cost.bits.vmem = 15 * e * 32 + (6 * c + 12 * e) * 32 + e * (64 + w.out_bits());
    operations(cost, w, 10 * e + 2 * c, 10 * e + (1 + div) * c);
    return cost;
}

/// Sum over the batch. Published stalls and cycles count channel tiles alone.
Cost reduce_sum(const Work& w) {
    const double rows = real(w.s.n), out = w.channels();
    Cost cost;
    cost.compute_cycles =
        std::ceil((rows * std::ceil(real(w.t.c) / w.lanes()) + w.pipeline()) * w.channel_tiles());
    transfer(cost, w, &Traffic::ifmap, 32 * real(w.t.n * w.t.c), w.channel_tiles());
    store_vectors(cost, w, 1);
    cost.bits.ifmap *= rows / real(w.t.n);
    cost.bits.vmem = 2 * out * rows * 32 + out * (rows - 1) * 32 + out * w.out_bits();
    operations(cost, w, out * rows, out * rows);
    return cost;
}

}  // namespace

Cost charge_vector(Kind kind, const Sizes& sizes, const Hardware& h, const VectorContext& context) {
    const Sizes s = padded_for_lanes(sizes, h);
    const Work w{s, vector_tile(kind, s, h), h, context, context.training ? kFloat32 : kFixedPoint};
    switch (kind) {
        case Kind::kRelu:
            return relu(w);
        case Kind::kAdd:
            return add(w);
        case Kind::kMaxPool:
        case Kind::kAveragePool:
            return pool(w, kind == Kind::kAveragePool);
        case Kind::kSoftmax:
            return softmax(w);
        case Kind::kMeanInvStd:
            return mean_inv_std(w);
        case Kind::kBatchNorm:
            return batch_norm(w);
        case Kind::kReluGrad:
            return relu_grad(w);
        case Kind::kBatchNormGrad:
            return batch_norm_grad(w);
        case Kind::kMaxPoolGrad:
        case Kind::kAveragePoolGrad:
            return pool_grad(w, kind == Kind::kAveragePoolGrad);
        case Kind::kReduceSum:
            return reduce_sum(w);
        case Kind::kSgd1d:
        case Kind::kSgd2d:
        case Kind::kSgd4d:
            return sgd(w);
        case Kind::kConvolution:
        case Kind::kGemm:
        case Kind::kFree:
            break;
    }
    SMEATON_CHECK(false, "not on the vector unit");
}

}  // namespace smeaton::sim::simdit
