// Bounds of layers' schedules that go from chip to chip: where no task is faster than on a chip
// that is known and no core is there that it lacked, no schedule is shorter; where every task takes
// a times as long at least, nor is it by less than a.
//
//   known chip: 8 pairs, tasks of 4, 6, 2, none shorter than 9     here: 4 pairs, tasks of 8, 12, 5
//   -> none shorter than 18
#pragma once

#include <compare>
#include <vector>

#include "search/phaze/work.h"

namespace smeaton::search::phaze {

/// Cores as task_graph() has them. A schedule for fewer of each is one for more.
struct LayerCores {
    int pairs = 0, more_tensor = 0, more_vector = 0;
    LayerCores() = default;
    LayerCores(const Chip&, size_t tasks);
    bool within(const LayerCores& o) const {
        return pairs <= o.pairs && more_tensor <= o.more_tensor && more_vector <= o.more_vector;
    }
    friend auto operator<=>(const LayerCores&, const LayerCores&) = default;
};

class LayerBounds {
public:
    struct Known {
        int layer = 0;  ///< a list of tasks
        LayerCores cores;
        std::vector<Latency> latencies;
        double lower_bound = 0;
    };

    /// At least `low`.
    double bound(int layer, const LayerCores&, const std::vector<Latency>&, double low) const;
    /// In an order that does not depend on who found them; those that tell nothing new are left.
    void add(std::vector<Known>);

private:
    /// Of one chip's: a factor for each time that is not 0.
    struct Scales {
        LayerCores cores;
        std::vector<size_t> places;
        std::vector<double> per_time;
        double lower_bound;
    };
    std::vector<std::vector<Scales>> layers_;
};

}  // namespace smeaton::search::phaze
