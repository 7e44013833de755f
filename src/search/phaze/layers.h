// Layers on chips: what their tasks take, the shortest schedules of them and bounds below these.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "search/phaze/layer_bounds.h"
#include "search/phaze/layer_time.h"
#include "search/phaze/prices.h"
#include "search/phaze/work.h"

namespace smeaton::search::phaze {

/// One direction of a layer.
struct Half {
    int id = 0;  ///< the same in all Layers that were made alike
    std::vector<Task> tasks;
    std::vector<int> operators;  ///< by task, its place among the priced; -1: no tensor operator
};

/// For one thread; what chips share is kept.
class Layers {
public:
    /// Of several threads.
    struct Shared {
        Operators operators;
        LayerBounds bounds;
    };

    Layers(std::shared_ptr<Shared>, const Rules&, double link_bytes_per_cycle);
    Half half(const LayerKind&, Direction);

    // All in cycles.

    /// By rooflines of the operators: their longest way, and the work of each type of core.
    double roofline(const Half&, const Chip&);
    /// The same by what operators cost, and what is known from other chips.
    double least(const Half&, const Chip&);
    const LayerTime& time(const Half&, const Chip&, Effort);
    /// With its schedule.
    LayerTime scheduled(const Half&, const Chip&, Effort);
    schedule::TaskGraph graph(const Half&, const Chip&);

    /// Bounds found since the last call.
    std::vector<LayerBounds::Known> news();
    const std::shared_ptr<Shared>& shared() const { return shared_; }

private:
    enum class Price { kRoofline, kMapped };
    using Steps = std::array<std::optional<LayerTime>, std::size(kEfforts)>;

    std::vector<Latency> latencies(const Half&, const Chip&, Price);
    double tensor_cycles(int place, const Chip&, int cores, Price);
    void take_steps(const Half&, const Chip&, const std::vector<Latency>&, Effort, Steps&);

    std::shared_ptr<Shared> shared_;
    Rules rules_;
    double link_bytes_per_cycle_;
    Prices prices_;
    int halves_ = 0;
    std::unordered_map<std::string, Steps> known_;  // by what a schedule depends on
    std::vector<LayerBounds::Known> news_;
};

}  // namespace smeaton::search::phaze
