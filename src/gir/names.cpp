#include "gir/names.h"

#include <algorithm>

#include "base/error.h"

namespace smeaton::gir {

Name root_of(const Program& program, Name buffer) {
    Name root = buffer;
    size_t hops = 0;
    for (const Buffer* b = program.find_buffer(root); b != nullptr && !b->alias_of.empty();
         b = program.find_buffer(root)) {
        SMEATON_CHECK(hops++ <= program.buffers.size(), "buffer {}: its aliases run in a circle",
                      buffer);
        root = b->alias_of;
    }
    return root;
}

bool walks(const Slice& s, Name var) {
    return std::any_of(s.at.begin(), s.at.end(), [&](const Coord& c) {
        return c.affine.uses(var) || (c.index && walks(*c.index, var));
    });
}

bool uses(const Slice& s, Name var) {
    for (const Coord& c : s.at)
        if (c.affine.uses(var) || (c.index && uses(*c.index, var))) return true;
    return s.within && std::any_of(s.within->bounds.begin(), s.within->bounds.end(),
                                   [&](const Bound& b) { return b.expr.uses(var); });
}

}  // namespace smeaton::gir
