// What a tiling rewrite may know of a machine: plain numbers, no names of products.
#pragma once

#include <cstdint>
#include <vector>

#include "base/name.h"

namespace smeaton::gir {

struct TargetLevel {
    Name name;                   ///< "reg", "l1", "l2", "l3", "dram"
    int64_t capacity_bytes = 0;  ///< 0: unbounded
    int64_t line_bytes = 64;
    bool software_managed = false;
    bool per_core = true;  ///< private to a core, else shared by all
};

struct Target {
    std::vector<TargetLevel> levels;  ///< innermost (registers) first, outermost last
    int vector_bytes = 64;            ///< 64 AVX-512, 32 AVX2, 16 plain
    int vector_registers = 32;
    int fma_latency_times_rate = 8;  ///< independent FMAs needed to fill the pipe
    int cores = 1;

    const TargetLevel& registers() const { return levels.front(); }
    const TargetLevel& outermost() const { return levels.back(); }
    const TargetLevel* find(Name level) const {
        for (const TargetLevel& l : levels)
            if (l.name == level) return &l;
        return nullptr;
    }
};

}  // namespace smeaton::gir
