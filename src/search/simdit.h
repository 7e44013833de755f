// SimDIT's closed form as a cost model for a search: exact for each point, and for a box of
// settings a bound that is proven.
//
// The bound of a box is the sum over distinct operations of the least that any tile costs which a
// buffer of the box gives, through the widest ports of the box. Which tiles there are is worked out
// exactly: a range of buffers whose least and largest have the same tile has no other (tile.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "search/evaluator.h"
#include "sim/simdit/operation.h"

namespace smeaton::search {

/// A network on which chips are judged.
struct SimditWorkload {
    std::string name;
    std::vector<sim::simdit::Operation> operations;
    /// Those that count, by their place; empty: all. What stands behind an operation decides how
    /// wide its results are, whether it counts or not.
    std::vector<bool> counted = {};
    bool training = false;
    double weight = 1;
    double baseline_cycles = 1;  ///< what its cycles count relative to
};

/// SimDIT's JSON: its keys vary. Figures: sram_bytes; bandwidth_gb_s at the clock for which its
/// latencies hold; area_mm2 and energy_pj where the space gives prices (simdit_prices.h).
std::unique_ptr<Base> open_simdit_base(const Space&);

/// UserError where the space caps a figure that SimDIT does not tell.
std::unique_ptr<Evaluator> simdit_evaluator(const Space&, std::vector<SimditWorkload>);

}  // namespace smeaton::search
