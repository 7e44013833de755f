// SimDIT publishes no energy and no area. What it counts, at the published prices of a technology:
//
//     pJ  = multiply-adds x (product + 32-bit sum) + vector operations, weighed by their cycles, x
//           32-bit sum + bytes of each buffer x the price of an SRAM of its size + bytes of DRAM x
//           the price that the space gives
//     mm2 = bit cells of the SRAM over the share of a macro that they fill + cells of multipliers
//           and adders (no wires, no control)
//
// Half of a double buffer is an SRAM by itself. Products are of 8-bit integers, or of 16- or 32-bit
// floats with float sums. Instructions and immediates are left out.
#pragma once

#include <optional>

#include "machine/machine.h"
#include "sim/simdit/charge.h"
#include "sim/simdit/hardware.h"

namespace smeaton::search {

/// pJ of a byte of each buffer.
struct BufferPrices {
    double wbuf = 0, ibuf = 0, obuf = 0, bbuf = 0, vmem = 0;
};

struct SimditPrices {
    machine::Technology technology{};
    double dram_pj_per_byte = 0;

    /// UserError for widths without a published figure.
    double multiply_add_pj(const sim::simdit::Hardware&) const;
    double vector_operation_pj(bool training) const;
    double sram_pj_per_byte(double bits) const;
    BufferPrices buffers(const sim::simdit::Hardware&) const;
    /// Nothing where the technology has no areas of operations.
    std::optional<double> area_mm2(const sim::simdit::Hardware&) const;
};

/// pJ of these bits, operations apart.
double traffic_pj(const sim::simdit::Traffic&, const BufferPrices&, double dram_pj_per_byte);

}  // namespace smeaton::search
