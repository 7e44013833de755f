#include "sim/operands.h"

#include <algorithm>

#include "gir/names.h"

namespace smeaton::sim {
namespace {

bool is_constant(const gir::Program& program, Name root, const std::set<Name>& made_at_load) {
    const gir::Buffer* b = program.find_buffer(root);
    return made_at_load.count(root) > 0 ||
           (b && (b->lifetime == gir::Lifetime::Weight || b->lifetime == gir::Lifetime::State));
}

bool is_vector(const gir::Program& program, Name buffer) {
    const gir::Buffer* b = program.find_buffer(buffer);
    return b && std::count_if(b->dims.begin(), b->dims.end(),
                              [](const gir::NamedDim& d) { return !d.extent.is(1); }) <= 1;
}

}  // namespace

cost::OperandBytes operand_bytes(const cost::KernelModel& model, const cost::KernelCost& cost,
                                 const gir::Program& program, const std::set<Name>& made_at_load) {
    cost::OperandBytes bytes;
    for (const auto& [buffer, asked] : model.buffers) {
        auto read = static_cast<double>(asked.read_bytes);
        auto written = static_cast<double>(asked.write_bytes);
        Name root = gir::root_of(program, buffer);
        if (read > 0 && written > 0)
            bytes.psum += read + written;
        else if (written > 0)
            bytes.ofmap += written;
        else if (!is_constant(program, root, made_at_load))
            bytes.ifmap += read;
        else
            (is_vector(program, buffer) ? bytes.bias : bytes.filter) += read;
    }
    // The ledger counts what is asked for; caches fetch less of it, or whole lines.
    double asked = bytes.total();
    double moved = cost.levels.back().read_bytes + cost.levels.back().write_bytes;
    return bytes * (asked > 0 ? moved / asked : 0);
}

}  // namespace smeaton::sim
