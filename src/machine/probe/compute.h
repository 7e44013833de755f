// Loops that keep one compute unit busy with one class of operation.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "machine/machine.h"
#include "machine/probe/cpu.h"

namespace smeaton::machine {

struct ComputeLoop {
    int width_bits = 0;  ///< 0: scalar
    OpClass op = OpClass::Fma;
    tensor::DType dtype = tensor::DType::kF32;
    double elements_per_iteration = 0;  ///< element operations
    void (*run)(int64_t iterations) = nullptr;
    /// Of instructions that take groups of elements: what they contract, without speeds, and
    /// dependent ones that their latency is measured by (kChainLength in an iteration).
    std::optional<ContractionShape> shape = std::nullopt;
    void (*chain)(int64_t iterations) = nullptr;
};
/// Instructions in an iteration of a chain.
constexpr int kChainLength = 4;

/// What this CPU can run: scalar, and each of 128, 256, 512 bits that it has, with what code
/// emitted for that width uses. Loops of 128 bits keep to SSE2 (and FMA where the CPU has it).
/// UserError on CPUs other than x86-64.
std::vector<ComputeLoop> compute_loops(const CpuFeatures&);

/// Dependent f32 multiply-adds at one of the widths of compute_loops, not scalar: what their
/// latency is measured by. elements_per_iteration counts instructions.
ComputeLoop fma_chain(const CpuFeatures&, int width_bits);
/// Dependent integer additions, one cycle each: what the clock is measured by.
ComputeLoop clock_chain();

}  // namespace smeaton::machine
