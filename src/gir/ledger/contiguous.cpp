#include "gir/ledger/contiguous.h"

#include <algorithm>
#include <cstdlib>

#include "gir/layout.h"

namespace smeaton::gir {

namespace {

MemoryStrides strides_of(size_t rank, const std::vector<PhysicalDim>& physical,
                         const std::vector<Dim>& extents) {
    MemoryStrides out{std::vector<Dim>(rank, Dim(0)), std::vector<int64_t>(rank, 0)};
    std::vector<int64_t> finest(rank, 0);
    Dim stride(1);
    for (size_t p = physical.size(); p-- > 0;) {
        const auto d = static_cast<size_t>(physical[p].dim);
        if (finest[d] == 0 || physical[p].div < finest[d]) {
            finest[d] = physical[p].div;
            out.strides[d] = physical[p].div == 1 ? stride : Dim(0);
            out.blocks[d] = physical[p].mod;
        }
        stride *= extents[p];
    }
    return out;
}

// Element step of the slice per step of variable v; false where an index stands between. `limit`:
// steps until the end of a block, 0: none.
bool step_of(const Slice& s, int v, const DimVars& vars, const MemoryStrides& memory, Dim& step,
             int64_t& limit) {
    for (size_t d = 0; d < s.at.size(); ++d) {
        if (s.at[d].index) {
            std::set<int> through;
            note_dims(*s.at[d].index, vars, through);
            if (through.count(v) > 0) return false;
        }
        for (const Term& t : s.at[d].affine.terms) {
            auto found = vars.find(t.var);
            if (found == vars.end() || found->second != v) continue;
            step += memory.strides[d] * Dim(t.coefficient);
            if (memory.blocks[d] > 0)
                limit = std::max<int64_t>(memory.blocks[d] / std::abs(t.coefficient), 1);
        }
    }
    return true;
}

}  // namespace

MemoryStrides memory_strides(const Tile& tile, const Loops& loops) {
    std::vector<PhysicalDim> physical;
    std::vector<Dim> extents;
    for (const NamedDim& d : tile.dims) {
        PhysicalDim p;
        p.dim = static_cast<int>(physical.size());
        physical.push_back(p);
        extents.push_back(loops.bound(d.extent));
    }
    return strides_of(tile.dims.size(), physical, extents);
}

MemoryStrides memory_strides(const Buffer& buffer, const Loops& loops) {
    std::vector<Dim> extents;
    for (const Dim& e : physical_extents(buffer)) extents.push_back(loops.bound(e));
    return strides_of(buffer.dims.size(), physical_dims(buffer), extents);
}

Dim contiguous_elements(const Slice& s, const MemoryStrides& memory, const std::set<int>& dims,
                        const DimVars& vars, const Loops& loops) {
    Dim run(1);
    std::set<int> left = dims;
    bool grew = true;
    while (grew) {
        grew = false;
        for (int v : left) {
            Dim step(0);
            int64_t limit = 0;
            if (!step_of(s, v, vars, memory, step, limit) || step != run) continue;
            const Dim& extent = loops.extents()[static_cast<size_t>(v)];
            left.erase(v);
            if (limit > 0 && (!extent.is_const() || extent.value() > limit))
                return run * Dim(limit);
            run *= extent;
            grew = true;
            break;
        }
    }
    return run;
}

}  // namespace smeaton::gir
