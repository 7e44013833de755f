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
constexpr double kMaxPoolGflops = 0.42, kAveragePoolGflops = 1.1;  // elements of windows
constexpr double kLayoutPasses = 4;  // over the bytes of a convolution: to its layout, it, back
constexpr double kLayoutUs = 15;

/// What the threads of one operator wait for each other.
double split_us(EagerKind kind) {
    switch (kind) {
        case EagerKind::Convolution:
            return 110;
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

double EagerCosts::us(const EagerWork& work, size_t cores) const {
    const bool small = work.kind == EagerKind::Loop && work.written < kGrainBytes;
    const size_t k = small ? 1 : cores;
    const auto share = static_cast<double>(k);
    const bool layouts = work.kind == EagerKind::Convolution;
    double ns = (work.read + work.written) * (layouts ? kLayoutPasses : 1) / gb_s[k - 1];
    if (work.kind == EagerKind::MaxPool)
        ns = std::max(ns, work.flops / (kMaxPoolGflops * share));
    else if (work.kind == EagerKind::AveragePool)
        ns = std::max(ns, work.flops / (kAveragePoolGflops * share));
    else
        ns = std::max(ns, work.flops / gflops[k - 1]);
    return call_us + (layouts ? kLayoutUs : 0) + ns * 1e-3 + (k > 1 ? split_us(work.kind) : 0);
}

EagerCosts eager_costs(const std::string& machine_file, int cores) {
    EagerCosts costs;
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
