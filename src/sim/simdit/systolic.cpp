// Convolutions and GEMMs on the array, weight stationary in DRAM's loop order.
#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "sim/simdit/array_plan.h"
#include "sim/simdit/units.h"

namespace smeaton::sim::simdit {

namespace {

double per(int64_t size, int64_t tile) {
    return real(size) / real(tile);
}

int64_t product(std::initializer_list<int64_t> factors) {
    int64_t p = 1;
    for (int64_t f : factors) p *= f;
    return p;
}

Passes passes_of(const Sizes& s, const ArrayTile& t) {
    return {per(s.ow, t.ow), per(s.oh, t.oh), per(s.n, t.n),  per(s.kw, t.kw),
            per(s.kh, t.kh), per(s.ic, t.ic), per(s.oc, t.oc)};
}

/// Cycles of a tile: T on the array, the rest through the ports, each rounded up.
struct TileCycles {
    double array, weights, bias, inputs, sums;
};

TileCycles tile_cycles(const ArrayPlan& p, const Hardware& h) {
    const int64_t weight_port = std::min(h.weight_port, h.rows * h.weight_bits);
    auto through = [](int64_t bits, int64_t port) { return real(ceil_div(bits, port)); };
    return {p.tile_cycles, through(p.weight_bits, weight_port), through(p.bias_bits, weight_port),
            through(p.input_bits, h.input_port), through(p.sum_bits, h.sum_port)};
}

int64_t cycles_on_array(const ArrayTile& t, const Hardware& h) {
    return product(
               {t.ow, t.oh, t.n, t.kw, t.kh, ceil_div(t.ic, h.rows), ceil_div(t.oc, h.columns)}) +
           (h.rows - 1) + (h.columns - 1);
}

double over(std::initializer_list<double> transfers, double array) {
    double most = 0;
    for (double t : transfers) most = std::max(most, t - array);
    return most;
}

/// ceil(T * product of all passes), exact: the passes are quotients of whole numbers.
double compute_cycles(int64_t tile_cycles, const Sizes& s, const ArrayTile& t) {
    auto wide = [](int64_t v) { return static_cast<unsigned __int128>(v); };
    const auto numerator = wide(tile_cycles) * wide(product({s.ow, s.oh, s.n})) *
                           wide(product({s.kw, s.kh, s.ic})) * wide(s.oc);
    const auto denominator =
        wide(product({t.ow, t.oh, t.n, t.kw})) * wide(product({t.kh, t.ic, t.oc}));
    const auto rounded_up = (numerator + denominator - 1) / denominator;
    return static_cast<double>(rounded_up);
}

/// Stalls by the states of the pipeline of loads, array and stores.
struct Stalls {
    double middle = 0;  ///< of the tiles between the first two and the last two
    double middle_tiles = 0;
    double head = 0, tail = 0;
    double all() const { return head + middle + tail; }
};

Stalls convolution_stalls(const TileCycles& c, const Passes& n) {
    const double weight_loads = n.kw * n.kh * n.ic * n.oc;
    const double first_sums = n.ow * n.oh * n.n * n.oc;
    const double later_sums = n.all() - first_sums;
    const double with_bias = n.oc - 1;
    double weights_only = weight_loads - n.oc;
    double inputs_read_write = later_sums - weights_only;
    if (inputs_read_write + weights_only == 0) inputs_read_write = weights_only = 0;
    // May be -1; published results have it so.
    const double inputs_write = first_sums - 2 - with_bias;
    Stalls s;
    s.middle = with_bias * over({c.inputs, c.sums, c.weights + c.bias}, c.array) +
               weights_only * over({c.inputs, c.weights, 2 * c.sums}, c.array) +
               inputs_read_write * over({c.inputs, 2 * c.sums}, c.array) +
               inputs_write * over({c.inputs, c.sums}, c.array);
    s.middle_tiles = with_bias + weights_only + inputs_read_write + inputs_write;
    s.head = std::max(c.inputs, c.weights + c.bias) + over({c.inputs}, c.array);
    s.tail = over({c.sums}, c.array) + c.sums;
    return s;
}

/// `slow`: the same tile through narrower ports, for what makes a product of few, fractional tiles
/// wait less where its operands come later.
double gemm_stalls(const TileCycles& c, const TileCycles& slow, const Passes& n) {
    const double first = std::max(c.inputs, c.weights + c.bias);
    if (std::ceil(n.ic) == 1) {
        if (n.oc < 2) return first + c.sums;
        return (n.oc - 2) * over({c.weights + c.bias, c.sums}, c.array) + first +
               over({c.weights + c.bias}, c.array) + over({c.sums}, c.array) + c.sums;
    }
    // Below 0 where a second tile of the sum is less than whole.
    const double between = (n.ic * n.oc - n.oc - 1) - (n.oc - 1);
    const TileCycles& loads = between < 0 ? slow : c;
    return (n.oc - 1) * over({c.weights + c.bias, c.inputs}, c.array) +
           (n.oc - 1) * over({c.weights, c.inputs, c.sums}, c.array) +
           between * over({loads.weights, loads.inputs}, c.array) + first +
           over({c.weights, c.inputs}, c.array) + c.sums;
}

void buffer_traffic(Traffic& bits, const Sizes& s, const ArrayTile& t, const Passes& n,
                    const Hardware& h) {
    const double outputs = real(product({s.ow, s.oh, s.oc, s.n}));
    const double kernel = real(s.kw * s.kh);
    bits.ibuf = real(product({s.ow, s.oh, s.n, s.ic})) * kernel * real(ceil_div(t.oc, h.columns)) *
                std::ceil(n.oc) * real(h.input_bits);
    bits.wbuf = kernel * real(s.ic * s.oc) * real(product({t.ow, t.oh, t.n})) * std::ceil(n.ow) *
                std::ceil(n.oh) * std::ceil(n.n) * real(h.weight_bits);
    bits.obuf = outputs * (2 * real(product({ceil_div(t.ic, h.rows), t.kw, t.kh})) * n.sums() - 1) *
                real(h.sum_bits);
    bits.bbuf = outputs * real(h.bias_bits);
}

double padded_operations(const Sizes& s) {
    return 2 * real(product({s.n, s.oh, s.ow})) * real(product({s.kh, s.kw, s.ic, s.oc}));
}

}  // namespace

double Passes::sums() const {
    return std::ceil(ic) * std::ceil(kw) * std::ceil(kh);
}

ArrayPlan plan_on_array(Kind kind, const Sizes& s, const ArrayTile& t, const Hardware& h) {
    ArrayPlan p;
    p.one_row = kind == Kind::kGemm && s.n == 1;
    p.passes = passes_of(s, t);
    const Passes& n = p.passes;
    const int64_t tile_cycles = cycles_on_array(t, h);
    p.tile_cycles = real(tile_cycles);
    p.compute_cycles = compute_cycles(tile_cycles, s, t);
    p.operations = padded_operations(s);
    p.weight_bits = product({t.kw, t.kh, t.ic, t.oc, h.weight_bits});
    p.bias_bits = t.oc * h.bias_bits;
    p.input_bits = product({t.iw, t.ih, t.ic, t.n, h.input_bits});
    p.sum_bits = product({t.ow, t.oh, t.oc, t.n, h.sum_bits});
    buffer_traffic(p.bits, s, t, n, h);
    const double outputs = real(product({s.ow, s.oh, s.oc, s.n}));
    p.bits.ifmap = p.one_row ? real(s.ic) * n.oc * real(h.input_bits)
                             : real(product({t.iw, t.ih, t.ic, t.n})) * n.ow * n.oh * n.n * n.ic *
                                   n.kw * n.kh * std::ceil(n.oc) * real(h.input_bits);
    // Image and batch are the innermost loops: weights come once.
    p.bits.filter = real(product({s.kw, s.kh, s.ic, s.oc})) * real(h.weight_bits);
    if (!p.one_row) p.bits.psum = 2 * outputs * (n.sums() - 1) * real(h.sum_bits);
    p.bits.ofmap = outputs * real(h.sum_bits);
    p.bits.bias = real(s.oc * h.bias_bits);
    return p;
}

double stall_cycles(const ArrayPlan& p, const Hardware& h, bool keeps_result) {
    const TileCycles c = tile_cycles(p, h);
    if (p.one_row) return gemm_stalls(c, c, p.passes);
    const Stalls stalls = convolution_stalls(c, p.passes);
    if (!keeps_result) return stalls.all();
    const double counted = p.passes.ow * p.passes.oh * p.passes.n * p.passes.oc - 2;
    const double average =
        stalls.middle_tiles == 0 ? 0 : std::ceil(stalls.middle / stalls.middle_tiles);
    return stalls.all() - (std::min(stalls.middle, average * counted) + stalls.tail);
}

double least_stall_cycles(const ArrayPlan& p, const Hardware& widest, const Hardware& narrowest) {
    // Case 1 of a convolution may count -1 tiles, but the first and the last tile wait at least as
    // long as it does: no port makes the sum larger by being wider.
    if (!p.one_row) return stall_cycles(p, widest, false);
    return std::max(0.0, gemm_stalls(tile_cycles(p, widest), tile_cycles(p, narrowest), p.passes));
}

Cost charge_on_array(Kind kind, const Sizes& sizes, const Hardware& h, bool keeps_result) {
    const Sizes s = padded_for_array(sizes, h);
    const ArrayPlan p = plan_on_array(kind, s, array_tile(s, h), h);
    Cost cost;
    cost.bits = p.bits;
    if (keeps_result && !p.one_row) cost.bits.ofmap = 0;
    cost.compute_cycles = p.compute_cycles;
    cost.stall_cycles = stall_cycles(p, h, keeps_result);
    cost.operations = p.operations;
    return cost;
}

}  // namespace smeaton::sim::simdit
