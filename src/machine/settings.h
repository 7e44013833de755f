// The numbers of a machine by key, to be set one by one:
//     clock_ghz                        scopes.core.count
//     levels.vmem.capacity             units.array.rows         units.simd.lanes
//     levels.dram.bandwidth_gb_s       links.nvlink.bandwidth_gb_s
// Keys are those of a description, with the name of what they stand in; `read_gb_s` and its likes
// mean the rate of one unit alone. Two keys set several figures at once: `lanes` of a vector unit
// (its width, and all its rates in proportion) and `bandwidth_gb_s` of a level (what it reads,
// writes and copies in proportion; the value is that of the reads).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "machine/machine.h"

namespace smeaton::machine {

/// Which way a machine gets better, all else equal.
enum class Better { More, Less, Unknown };

struct Setting {
    std::string key;
    double value = 0;
    bool whole = false;  ///< whole numbers only
    Better better = Better::Unknown;
    std::string fixed;  ///< why it cannot be set; empty: it can
    std::function<void(Machine&, double)> set;
};

/// All of a machine, in the order of its description. Setting two keys that share a figure
/// (`lanes` and `vector_bits`) leaves the last one's.
std::vector<Setting> settings_of(const Machine&);

}  // namespace smeaton::machine
