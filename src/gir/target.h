// What a tiling rewrite may know of a machine: plain numbers, no names of products.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/name.h"

namespace smeaton::gir {

/// Operands that a level may hold: the first and second of mma, its accumulator, those of other
/// ops.
enum class OperandRole { A, B, Acc, Vector };

struct TargetLevel {
    Name name;                   ///< "reg", "l1", "l2", "l3", "dram"
    int64_t capacity_bytes = 0;  ///< 0: unbounded
    int64_t line_bytes = 64;
    bool software_managed = false;
    bool per_core = true;                 ///< private to a core, else shared by all
    std::vector<OperandRole> roles = {};  ///< operands it takes; empty: all

    bool takes(OperandRole role) const {
        return roles.empty() || std::find(roles.begin(), roles.end(), role) != roles.end();
    }
};

struct Target {
    std::vector<TargetLevel> levels;  ///< innermost (registers) first, outermost last
    int vector_bytes = 64;            ///< 64 AVX-512, 32 AVX2, 16 plain
    int vector_registers = 32;
    int fma_latency_times_rate = 8;  ///< independent FMAs needed to fill the pipe
    int cores = 1;
    int array_rows = 0;     ///< systolic array: contracted elements taken at once; 0: no array
    int array_columns = 0;  ///< results along the lanes made at once

    const TargetLevel& registers() const { return levels.front(); }
    const TargetLevel& outermost() const { return levels.back(); }
    /// The innermost level that takes the role and has room for `bytes` beside as many again (a
    /// register file: for just them).
    const TargetLevel& level_for(OperandRole role, int64_t bytes) const {
        for (size_t i = 0; i < levels.size(); ++i) {
            int64_t wanted = i == 0 ? bytes : 2 * bytes;
            bool room = levels[i].capacity_bytes == 0 || wanted <= levels[i].capacity_bytes;
            if (levels[i].takes(role) && room) return levels[i];
        }
        return outermost();
    }
    const TargetLevel* find(Name level) const {
        for (const TargetLevel& l : levels)
            if (l.name == level) return &l;
        return nullptr;
    }
};

}  // namespace smeaton::gir
