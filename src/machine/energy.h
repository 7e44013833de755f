// What a machine draws and how large it is: each figure as the description gives it, else from the
// tables of its technology (tech/tables.h), else nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machine/machine.h"

namespace smeaton::machine {

/// Does the description say anything of energy?
bool tells_energy(const Machine&);

/// pJ of one operation on one element: the row's own, else the technology's.
std::optional<Number> op_energy_pj(const Machine&, const Unit&, OpClass, tensor::DType);
/// pJ of one byte read from the level, or written to it. The technology knows SRAM only: nothing
/// for an outermost level that does not say.
std::optional<Number> access_energy_pj_per_byte(const Machine&, const Level&, bool write);

/// A figure of the whole machine, and what stands behind it.
struct WholeFigure {
    std::optional<Interval> value;     ///< nothing when a part is missing
    std::vector<std::string> missing;  ///< "unit simd: 'area_mm2'"
    struct Part {
        std::string what;
        double count = 1;
        Number each;
    };
    std::vector<Part> parts;
};

/// The machine's `area_mm2`, else all units and levels but the outermost; of those without a figure
/// the cells of adders, multipliers and memory alone, by the technology.
WholeFigure area_of(const Machine&);
/// W drawn at all times: the machine's `leakage_w`, else the sum of the parts that state one.
WholeFigure leakage_of(const Machine&);

}  // namespace smeaton::machine
