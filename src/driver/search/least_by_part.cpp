#include "driver/search/least_by_part.h"

#include <algorithm>
#include <numeric>

namespace smeaton::driver {

namespace {

double sum_of(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

void LeastByPart::add(size_t workload, const std::vector<KernelShare>& kernels) {
    std::map<std::string, std::pair<Names, std::vector<double>>> by_phase;
    for (const KernelShare& k : kernels) {
        auto& [names, values] = by_phase[k.phase];
        names.push_back(k.name);
        values.push_back(k.objective);
    }
    for (auto& [phase, of] : by_phase) {
        const auto& [names, values] = of;
        const double sum = sum_of(values);
        const auto whole = phases_.emplace(Phase(workload, phase), sum).first;
        whole->second = std::min(whole->second, sum);
        std::vector<double>& least =
            kernels_[{workload, phase}].emplace(names, values).first->second;
        for (size_t i = 0; i < values.size(); ++i) least[i] = std::min(least[i], values[i]);
    }
}

Resplit LeastByPart::phases() const {
    Resplit split{.between = "phases", .parts = phases_.size()};
    for (const auto& [phase, least] : phases_) split.objective += least;
    return split;
}

Resplit LeastByPart::kernels() const {
    Resplit split{.between = "kernels"};
    for (const auto& [phase, programs] : kernels_) {
        const auto least = std::min_element(
            programs.begin(), programs.end(),
            [](const auto& a, const auto& b) { return sum_of(a.second) < sum_of(b.second); });
        split.parts += least->second.size();
        split.objective += sum_of(least->second);
    }
    return split;
}

}  // namespace smeaton::driver
