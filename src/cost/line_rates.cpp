#include "cost/line_rates.h"

#include <limits>

namespace smeaton::cost {

LineRates::LineRates(const std::vector<Line>& lines) : left_(lines.size()), rising_(lines.size()) {
    for (const Line& line : lines) capacity_.push_back(line.bytes_per_ns);
}

const std::vector<double>& LineRates::of(const std::vector<const Flow*>& flows) {
    used_.clear();
    for (const Flow* flow : flows)
        for (int line : flow->lines) {
            const auto l = static_cast<size_t>(line);
            if (rising_[l]++ > 0) continue;
            used_.push_back(line);
            left_[l] = capacity_[l];
        }
    rates_.assign(flows.size(), -1);
    for (size_t rising = flows.size(); rising > 0;) {
        double full_at = std::numeric_limits<double>::infinity();
        size_t full = 0;
        for (int line : used_) {
            const auto l = static_cast<size_t>(line);
            if (rising_[l] == 0 || left_[l] / rising_[l] >= full_at) continue;
            full_at = left_[l] / rising_[l];
            full = l;
        }
        for (size_t f = 0; f < flows.size(); ++f) {
            if (rates_[f] >= 0) continue;
            bool crosses = false;
            for (int line : flows[f]->lines) crosses = crosses || static_cast<size_t>(line) == full;
            if (!crosses) continue;
            rates_[f] = full_at;
            --rising;
            for (int line : flows[f]->lines) {
                left_[static_cast<size_t>(line)] -= full_at;
                --rising_[static_cast<size_t>(line)];
            }
        }
    }
    return rates_;
}

}  // namespace smeaton::cost
