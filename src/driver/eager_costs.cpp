#include "driver/eager_costs.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/error.h"
#include "machine/query.h"
#include "machine/read.h"

namespace smeaton::driver {

namespace {

// Rates of PyTorch 2.13 on a server's core with AVX-512, of single operators in the caches.
constexpr double kGflops = 150, kGbS = 25;
/// PyTorch leaves loops over fewer elements on one thread (at::internal::GRAIN_SIZE).
constexpr double kGrainBytes = 32768 * 4;
// Elements of windows, pixel by pixel (channels_last).
constexpr double kMaxPoolGflops = 3.5, kAveragePoolGflops = 6;
constexpr double kPoolUs = 15;
/// Over the bytes of a convolution: it, and the copies of what it reads and of its weights.
constexpr double kConvolutionPasses = 2;
constexpr double kConvolutionUs = 35;
/// A tensor goes into shared memory of its own, its descriptor through a socket.
constexpr double kProcessMessageUs = 1000;

/// What a split costs beside its share of `alone_us`. Short convolutions gain nothing by it.
double split_us(const EagerWork& work, double alone_us) {
    constexpr double kContraction = 16;  // operations per written byte, of dense ones
    switch (work.kind) {
        case EagerKind::Convolution:
            return std::min(work.flops > kContraction * work.written ? 50.0 : 20.0, alone_us);
        case EagerKind::Matrix:
            return 25;
        case EagerKind::Loop:
        case EagerKind::MaxPool:
        case EagerKind::AveragePool:
            break;
    }
    return 5;
}

}  // namespace

void EagerWork::add(const EagerWork& next) {
    flops += next.flops;
    read = std::max(0.0, read + next.read - written);
    written = next.written;
    if (kind == EagerKind::Loop) kind = next.kind;
}

EagerWork eager_work(const model::OperatorSummary& op, const tensor::Bindings& bind) {
    static const std::map<std::string_view, EagerKind> kKinds = {
        {"Conv", EagerKind::Convolution},        {"ConvTranspose", EagerKind::Convolution},
        {"MatMul", EagerKind::Matrix},           {"Gemm", EagerKind::Matrix},
        {"Einsum", EagerKind::Matrix},           {"MaxPool", EagerKind::MaxPool},
        {"AveragePool", EagerKind::AveragePool}, {"GlobalAveragePool", EagerKind::AveragePool}};
    const auto found = kKinds.find(op.op);
    auto number = [&](const tensor::Dim& d) { return static_cast<double>(d.bind(bind).value()); };
    return {found == kKinds.end() ? EagerKind::Loop : found->second, number(op.flops),
            number(op.read_bytes), number(op.written_bytes)};
}

double EagerCosts::fixed_us(const EagerWork& work) const {
    const bool pools = work.kind == EagerKind::MaxPool || work.kind == EagerKind::AveragePool;
    const bool convolves = work.kind == EagerKind::Convolution;
    return call_us + (convolves ? kConvolutionUs : pools ? kPoolUs : 0);
}

double EagerCosts::busy_us(const EagerWork& work, size_t cores) const {
    const auto share = static_cast<double>(cores);
    const bool convolves = work.kind == EagerKind::Convolution;
    const double moved_ns =
        (work.read + work.written) * (convolves ? kConvolutionPasses : 1) / gb_s[cores - 1];
    const double computed_ns =
        work.kind == EagerKind::MaxPool       ? work.flops / (kMaxPoolGflops * share)
        : work.kind == EagerKind::AveragePool ? work.flops / (kAveragePoolGflops * share)
                                              : work.flops / gflops[cores - 1];
    return std::max(moved_ns, computed_ns) * 1e-3;
}

double EagerCosts::us(const EagerWork& work, size_t cores) const {
    const bool small = work.kind == EagerKind::Loop && work.written < kGrainBytes;
    const double fixed = fixed_us(work) + (cores < gflops.size() ? again_us : 0);
    if (small || cores == 1) return fixed + busy_us(work, 1);
    return fixed + busy_us(work, cores) + split_us(work, busy_us(work, 1));
}

double EagerCosts::alone_us(const EagerWork& work) const {
    return fixed_us(work) + busy_us(work, 1);
}

EagerCosts eager_costs(const std::string& machine_file, int cores, bool processes) {
    EagerCosts costs;
    if (processes) {
        costs.held_us = costs.lock_us = costs.again_us = 0;  // each has a lock of its own
        costs.message_us = kProcessMessageUs;
    }
    if (machine_file.empty()) {
        costs.of = "figures that are assumed (give --machine FILE for a machine's)";
        for (int k = 1; k <= cores; ++k) {
            costs.gflops.push_back(kGflops * k);
            costs.gb_s.push_back(kGbS * k);
        }
        return costs;
    }
    const machine::Machine m = machine::read_machine_file(machine_file);
    const auto peak = machine::peak_gflops(m, tensor::DType::kF32);
    if (!peak) throw UserError("{}: no unit has a rate of fma in f32", machine_file);
    if (m.levels.empty() || !m.levels.back().read)
        throw UserError("{}: its outermost level has no read bandwidth", machine_file);
    const double busy = machine::all_busy_share(
                            m, *machine::best_unit(m, machine::OpClass::Fma, tensor::DType::kF32))
                            .value;
    for (int k = 1; k <= cores; ++k) {
        costs.gflops.push_back(peak->value * k * (k > 1 ? busy : 1));
        costs.gb_s.push_back(machine::total_gb_s(*m.levels.back().read, k).value);
    }
    costs.of = m.name;
    return costs;
}

}  // namespace smeaton::driver
