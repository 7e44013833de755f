#include "cost/fed.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "cost/contraction.h"
#include "gir/walk.h"
#include "machine/query.h"
#include "machine/roles.h"
#include "machine/words.h"

namespace smeaton::cost {
namespace {

using machine::Level;
using machine::Machine;
using machine::OperandRole;

/// The scratchpad that is there for this operand of an array; null: none, or one for everything,
/// which holds what is read again.
const Level* pad_for(const Machine& m, OperandRole role) {
    const Level& level = machine::level_taking(m, role);
    return level.next.empty() || level.roles.empty() ? nullptr : &level;
}

double parts_of(const Level& level) {
    return level.depth ? level.depth->value : 1;
}

double bytes_of_part(const Level& level) {
    return std::floor(level.capacity_bytes.value / parts_of(level));
}

const gir::Slice& operand(const gir::Op& op, OperandRole role) {
    if (role == OperandRole::Acc) return op.dst;
    return std::get<gir::Slice>(op.srcs[role == OperandRole::A ? 0 : 1]);
}

/// Of an operand, the box that one execution works on.
double bytes_at_once(const Nest& nest, const gir::Op& op, const gir::Slice& s) {
    double bytes = tensor::bits(dtype_of(nest, s.target)) / 8.0;
    for (const gir::Coord& c : s.at) {
        int64_t reach = 1;
        for (const gir::NamedDim& d : op.dims)
            reach += std::abs(c.affine.coefficient(d.name)) * (d.extent.value() - 1);
        bytes *= static_cast<double>(reach);
    }
    return bytes;
}

/// Of one op of the kernel's nest.
void add_unfed(std::vector<Unfed>& found, const Nest& nest, const gir::Op& op, const Machine& m,
               const std::vector<ShapeRow>& rows, const std::set<Name>& scratchpads) {
    const ContractionWork work = take_contraction(nest, op, rows, 1, scratchpads);
    if (work.uses.empty() || work.uses.front().row.kind != machine::UnitKind::Systolic) return;
    for (const OperandAccess& access : work.accesses) {
        const Level* pad = pad_for(m, access.role);
        if (!pad || access.level != Name(m.levels.back().name)) continue;
        found.push_back({work.uses.front().row.shape.unit, access.role, pad->name,
                         bytes_at_once(nest, op, operand(op, access.role))});
    }
}

}  // namespace

std::vector<Unfed> unfed_operands(const Nest& nest, const Machine& m,
                                  const std::vector<ShapeRow>& rows,
                                  const std::set<Name>& scratchpads) {
    std::vector<Unfed> found;
    if (std::none_of(rows.begin(), rows.end(),
                     [](const ShapeRow& row) { return row.kind == machine::UnitKind::Systolic; }))
        return found;
    gir::for_each_op(nest.body, [&](const gir::Op& op) {
        if (op.kind == gir::OpKind::Mma) add_unfed(found, nest, op, m, rows, scratchpads);
    });
    return found;
}

void require_fed(const std::string& kernel, const std::vector<Unfed>& unfed, const Machine& m) {
    for (const Unfed& u : unfed) {
        const Level& pad = *machine::find_level(m, u.scratchpad);
        if (u.bytes <= bytes_of_part(pad)) continue;
        throw UserError(
            "machine {0}: levels.{1}.capacity: a tile has {2} bytes; unit {3} works on {4} bytes "
            "of its operand '{5}' at once in kernel {6}: give it {7} bytes, or 'roles: [{5}]' to a "
            "larger level",
            m.name, pad.name, bytes_of_part(pad), u.unit, u.bytes, machine::text(u.role), kernel,
            u.bytes * parts_of(pad));
    }
}

}  // namespace smeaton::cost
