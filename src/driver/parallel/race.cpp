#include "driver/parallel/race.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace smeaton::driver {

namespace {

// A way whose ratio lies above the best one's by more than both uncertainties, and by this much, is
// left out.
constexpr double kBehind = 0.01;

double quantile(std::vector<double> values, double share) {
    const auto at =
        static_cast<size_t>(std::lround(share * static_cast<double>(values.size() - 1)));
    std::nth_element(values.begin(), values.begin() + static_cast<long>(at), values.end());
    return values[at];
}

class Race {
public:
    Race(size_t ways, const std::function<double(size_t)>& turn_us)
        : turn_us_(turn_us), ratios_(ways), running_(ways, true) {}

    void round(bool forth) {
        std::vector<double> us(ratios_.size(), 0);
        for (size_t k = 0; k < us.size(); ++k) {
            const size_t way = forth ? k : us.size() - 1 - k;
            if (running_[way]) us[way] = turn_us_(way);
        }
        first_us_.push_back(us[0]);
        for (size_t way = 0; way < us.size(); ++way)
            if (running_[way]) ratios_[way].push_back(us[way] / us[0]);
    }

    // The first stays: it is what the others are measured by.
    void leave_out_those_behind() {
        const std::vector<Raced> now = standing();
        size_t best = 0;
        for (size_t way = 1; way < now.size(); ++way)
            if (running_[way] && now[way].ratio < now[best].ratio) best = way;
        for (size_t way = 1; way < now.size(); ++way)
            if (now[way].ratio - now[way].uncertainty >
                now[best].ratio + now[best].uncertainty + kBehind)
                running_[way] = false;
    }

    std::vector<Raced> standing() const {
        std::vector<Raced> all;
        const double first_us = quantile(first_us_, 0.5);
        for (const std::vector<double>& ratios : ratios_) {
            Raced r;
            r.rounds = static_cast<int>(ratios.size());
            r.ratio = quantile(ratios, 0.5);
            r.us = r.ratio * first_us;
            const double sigma = (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / 1.349;
            r.uncertainty = 1.96 * 1.2533 * sigma / std::sqrt(r.rounds);
            std::vector<double> sorted = ratios;
            std::sort(sorted.begin(), sorted.end());
            r.upper = sorted[static_cast<size_t>(rounds_that_must_agree(r.rounds)) - 1];
            all.push_back(r);
        }
        return all;
    }

private:
    const std::function<double(size_t)>& turn_us_;
    std::vector<std::vector<double>> ratios_;  // by way
    std::vector<double> first_us_;             // by round
    std::vector<bool> running_;                // by way
};

}  // namespace

std::vector<Raced> race(size_t ways, const std::function<double(size_t)>& turn_us,
                        const RaceOptions& options) {
    SMEATON_CHECK(ways >= 2 && options.fewest_rounds >= 1, "{} ways, {} rounds", ways,
                  options.fewest_rounds);
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begin = Clock::now();
    const auto in_time = [&] {
        return std::chrono::duration<double>(Clock::now() - begin).count() < options.seconds;
    };
    Race race(ways, turn_us);
    for (int r = 0; r < options.fewest_rounds || (r < options.most_rounds && in_time()); ++r) {
        race.round(r % 2 == 0);
        if (r + 1 >= options.fewest_rounds) race.leave_out_those_behind();
    }
    return race.standing();
}

int rounds_that_must_agree(int rounds) {
    // Of all outcomes of so many fair coins, the share with `agree` heads or more.
    double share = std::pow(0.5, rounds), tail = 0;
    int agree = rounds;
    for (; agree > 0 && tail + share <= 1.0 / 40; --agree) {
        tail += share;
        share *= static_cast<double>(agree) / (rounds - agree + 1);
    }
    return std::min(agree + 1, rounds);
}

size_t best_rival(const std::vector<Raced>& raced) {
    size_t best = 1;
    for (size_t way = 2; way < raced.size(); ++way)
        if (raced[way].ratio < raced[best].ratio) best = way;
    return best;
}

size_t winner(const std::vector<Raced>& raced, double worthwhile) {
    const size_t best = best_rival(raced);
    return raced[best].upper < worthwhile ? best : 0;
}

}  // namespace smeaton::driver
