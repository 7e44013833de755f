#include "search/phaze/mapping.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace smeaton::search::phaze {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

double product(const Sizes& s) {
    double all = 1;
    for (const int64_t v : s) all *= static_cast<double>(v);
    return all;
}

Sizes times(Sizes a, const Sizes& b) {
    for (size_t i = 0; i < a.size(); ++i) a[i] *= b[i];
    return a;
}

enum class Operand { kWeight, kInput, kOutput };

bool indexes(Operand operand, size_t dim) {
    switch (operand) {
        case Operand::kWeight:
            return dim == kR || dim == kS || dim == kC || dim == kK;
        case Operand::kInput:
            return dim != kK;
        case Operand::kOutput:
            return dim == kP || dim == kQ || dim == kK || dim == kN;
    }
    return false;
}

/// How often a part of the operand is taken while these loops run, innermost first.
struct Loop {
    size_t dim;
    int64_t count;
};
double fetches(Operand operand, const std::vector<Loop>& loops) {
    double count = 1;
    bool still = true;
    for (const Loop& loop : loops) {
        if (loop.count == 1) continue;
        if (still && !indexes(operand, loop.dim)) continue;
        still = false;
        count *= static_cast<double>(loop.count);
    }
    return count;
}

void append(std::vector<Loop>& loops, const Sizes& counts, const std::array<size_t, 7>& order) {
    for (const size_t dim : order) loops.push_back({dim, counts[dim]});
}

bool fits(const Sizes& tile, const Memories& m) {
    const double w = weight_words(tile), i = input_words(tile), o = output_words(tile);
    return m.core_per_tensor ? std::max({w, i, o}) <= m.core_words : w + i + o <= m.core_words;
}

}  // namespace

double weight_words(const Sizes& t) {
    return static_cast<double>(t[kR] * t[kS]) * static_cast<double>(t[kC] * t[kK]);
}
double input_words(const Sizes& t) {
    return static_cast<double>((t[kP] + t[kR] - 1) * (t[kQ] + t[kS] - 1)) *
           static_cast<double>(t[kC] * t[kN]);
}
double output_words(const Sizes& t) {
    return static_cast<double>(t[kP] * t[kQ]) * static_cast<double>(t[kK] * t[kN]);
}

double TensorOperator::multiply_adds() const {
    return product(sizes);
}

Memories memories_of(const Chip& chip, bool published) {
    if (published) return {core_bytes(chip), buffer_bytes(chip), 32, true};
    return {core_bytes(chip) / 2, buffer_bytes(chip) / 2, 16, false};
}

double cycles_of(const TensorOperator& op, const Mapping& m, const Cores& cores,
                 const Memories& memories) {
    const Sizes array = times(m.x, m.y), mesh = times(m.mesh_x, m.mesh_y);
    const Sizes core = times(times(array, m.registers), m.core), across = times(core, mesh);
    const Sizes buffer = times(across, m.buffer);
    Sizes dram{};
    for (size_t i = 0; i < dram.size(); ++i) {
        SMEATON_CHECK(op.sizes[i] % buffer[i] == 0, "dim {}: {} of {}", i, buffer[i], op.sizes[i]);
        dram[i] = op.sizes[i] / buffer[i];
    }
    if (product(m.x) > cores.width || product(m.y) > cores.depth ||
        product(m.mesh_x) > cores.mesh.x || product(m.mesh_y) > cores.mesh.y ||
        weight_words(m.registers) > memories.register_words || !fits(core, memories) ||
        weight_words(buffer) + input_words(buffer) + output_words(buffer) > memories.buffer_words)
        return kInfinite;
    SMEATON_CHECK(m.registers[kN] * m.registers[kP] * m.registers[kQ] == 1,
                  "registers hold weights");
    double cycles = op.multiply_adds() / product(array) / product(mesh);
    auto level = [&](double tiles, const std::vector<Loop>& weight_loops,
                     const std::vector<Loop>& loops, const Sizes& weights, const Sizes& part,
                     const Sizes& tile, double rate) {
        const double out = output_words(part) * fetches(Operand::kOutput, loops);
        const double reads = weight_words(weights) * fetches(Operand::kWeight, weight_loops) +
                             input_words(part) * fetches(Operand::kInput, loops) + out -
                             output_words(tile);
        cycles = std::max({cycles, tiles * reads / rate, tiles * out / rate});
    };
    std::vector<Loop> loops;
    append(loops, dram, m.orders[0]);
    level(1, loops, loops, buffer, buffer, op.sizes, kDramWords);
    loops.clear();
    append(loops, m.buffer, m.orders[1]);
    level(product(dram), loops, loops, across, across, buffer, kBufferWords);
    std::vector<Loop> weight_loops;
    append(weight_loops, m.core, m.orders[2]);
    loops.clear();
    append(loops, m.registers, m.orders[3]);
    append(loops, m.core, m.orders[2]);
    level(product(dram) * product(m.buffer), weight_loops, loops, times(array, m.registers), array,
          core, kCoreWords);
    return cycles;
}

}  // namespace smeaton::search::phaze
