#include "search/phaze/layer_bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace smeaton::search::phaze {

namespace {

constexpr double kRounding = 1e-14;

double time_at(const std::vector<Latency>& latencies, size_t place) {
    const Latency& l = latencies[place / 2];
    return place % 2 == 0 ? l.one : l.all;
}

}  // namespace

LayerCores::LayerCores(const Chip& chip, size_t tasks) {
    const auto most = static_cast<int>(tasks);
    const int less = std::min(chip.n_tc, chip.n_vc);
    pairs = std::min(less, most);
    more_tensor = std::min(chip.n_tc - less, most);
    more_vector = std::min(chip.n_vc - less, most);
}

double LayerBounds::bound(int layer, const LayerCores& cores, const std::vector<Latency>& latencies,
                          double low) const {
    if (static_cast<size_t>(layer) >= layers_.size()) return low;
    for (const Scales& known : layers_[static_cast<size_t>(layer)]) {
        if (!cores.within(known.cores)) continue;
        double scale = std::numeric_limits<double>::infinity();
        const double need = low / known.lower_bound;
        for (size_t i = 0; i < known.places.size() && scale > need; ++i)
            scale = std::min(scale, time_at(latencies, known.places[i]) * known.per_time[i]);
        low = std::max(low, scale * known.lower_bound * (1 - kRounding));
    }
    return low;
}

void LayerBounds::add(std::vector<Known> all) {
    auto key = [](const Known& k) {
        std::vector<double> times;
        for (const Latency& l : k.latencies) times.push_back(l.one), times.push_back(l.all);
        return std::tuple(k.layer, -k.lower_bound, k.cores, times);
    };
    std::sort(all.begin(), all.end(),
              [&](const Known& a, const Known& b) { return key(a) < key(b); });
    for (const Known& k : all) {
        if (!std::isfinite(k.lower_bound) || !(k.lower_bound > 0)) continue;
        if (bound(k.layer, k.cores, k.latencies, 0) >= k.lower_bound * (1 - 2 * kRounding))
            continue;
        if (layers_.size() <= static_cast<size_t>(k.layer))
            layers_.resize(static_cast<size_t>(k.layer) + 1);
        Scales scales{k.cores, {}, {}, k.lower_bound};
        for (size_t i = 0; i < 2 * k.latencies.size(); ++i) {
            const double time = time_at(k.latencies, i);
            if (time > 0) scales.places.push_back(i), scales.per_time.push_back(1 / time);
        }
        layers_[static_cast<size_t>(k.layer)].push_back(std::move(scales));
    }
}

}  // namespace smeaton::search::phaze
