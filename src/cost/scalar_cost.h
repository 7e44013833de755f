// What one application of a scalar function costs on vector units, in instructions by class.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gir/scalar_list.h"
#include "machine/machine.h"
#include "tensor/dtype.h"

namespace smeaton::cost {

struct Instructions {
    machine::OpClass op;
    tensor::DType dtype;  ///< of the rate that it is charged at
    double count;
};

/// Instructions for one vector of results (or one scalar), without loads and stores. Special
/// functions count what their polynomials take (docs/cost.md); floats of 16 bits compute in f32 and
/// convert, integers of 8 and 16 bits cost what 32 do, 64 twice that. In f32 a function that the
/// unit has (`hardware`: exp, log, erf, tanh, sin, pow) is one instruction, alone and inside
/// others.
std::vector<Instructions> instructions(gir::ScalarFn, tensor::DType compute_dtype,
                                       const std::set<machine::OpClass>& hardware = {});
/// The special functions that the unit is rated for in f32.
std::set<machine::OpClass> functions_of(const machine::Unit&);
/// Of one multiply-add of a contraction.
std::vector<Instructions> multiply_add(tensor::DType compute_dtype);

/// G elements/s of a class on a unit, with the stand-ins for classes that a unit lacks: select is
/// three logic, scale (by a power of two) is what integer arithmetic on exponents takes, minmax is
/// compare and select, fma is mul and add, fma_load is fma, insert is gather, integers of one width
/// at another's by bits. UserError naming machine, unit, class and all others that are missing when
/// nothing stands in.
machine::Interval class_rate_gops(const machine::Machine&, const machine::Unit&, machine::OpClass,
                                  tensor::DType);

/// "div f32", ...: classes of general f32 code (and i32 arithmetic) that the unit has no rate for
/// and nothing stands in for.
std::vector<std::string> missing_rates(const machine::Machine&, const machine::Unit&);

/// pJ of the class on one element, with the same stand-ins: the unit's own figures, of the class or
/// of what stands in for it, else the technology's; nothing when a figure is missing.
std::optional<machine::Number> class_energy_pj(const machine::Machine&, const machine::Unit&,
                                               machine::OpClass, tensor::DType);

}  // namespace smeaton::cost
