#include "search/phaze/prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <numeric>

namespace smeaton::search::phaze {

namespace {

constexpr size_t kSides = 9, kCores = 13, kBuffers = 8;  // powers of two that the template has

size_t power_of(int n) {
    return static_cast<size_t>(std::bit_width(static_cast<unsigned>(n)) - 1);
}

Cores cores_of(const Chip& chip, int cores) {
    return {chip.width, chip.depth, mesh_of(cores)};
}

}  // namespace

int Operators::add(const TensorOperator& op) {
    const auto found = std::find(operators_.begin(), operators_.end(), op);
    const auto place = static_cast<int>(found - operators_.begin());
    if (found == operators_.end()) operators_.push_back(op), mappers_.emplace_back(op);
    return place;
}

bool Operators::know(const Price& price) {
    TensorOperator op;
    const char* at = price.part.c_str();
    for (int64_t& size : op.sizes) {
        char* end = nullptr;
        size = std::strtoll(at, &end, 10);
        if (end == at) return false;
        at = end;
    }
    const auto found = std::find(operators_.begin(), operators_.end(), op);
    return found != operators_.end() &&
           mappers_[static_cast<size_t>(found - operators_.begin())].know({price.on, price.cycles});
}

std::vector<size_t> Operators::sorted() const {
    std::vector<size_t> order(operators_.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return operators_[a] < operators_[b]; });
    return order;
}

std::vector<Price> Operators::news() {
    std::vector<Price> all;
    for (const size_t i : sorted())
        for (Priced& p : mappers_[i].news())
            all.push_back({fmt::format("{}", fmt::join(operators_[i].sizes, " ")), std::move(p.on),
                           p.cycles});
    return all;
}

double Operators::seconds() const {
    double sum = 0;
    for (const size_t i : sorted()) sum += mappers_[i].seconds();
    return sum;
}

Prices::Prices(Operators& operators, bool published_memories)
    : operators_(operators), published_(published_memories) {}

double& Prices::known(std::vector<std::vector<double>>& all, int place, const Chip& chip,
                      int cores) {
    if (all.size() < operators_.count()) all.resize(operators_.count());
    std::vector<double>& table = all[static_cast<size_t>(place)];
    if (table.empty()) table.assign(kSides * kSides * kCores * kBuffers, -1);
    const size_t array = power_of(chip.width) * kSides + power_of(chip.depth);
    return table[(array * kCores + power_of(cores)) * kBuffers + power_of(chip.buffer_mb)];
}

double Prices::cycles(int place, const Chip& chip, int cores) {
    double& cycles = known(cycles_, place, chip, cores);
    if (cycles < 0)
        cycles = operators_.at(place).cycles(cores_of(chip, cores), memories_of(chip, published_));
    return cycles;
}

double Prices::bound(int place, const Chip& chip, int cores) {
    double& bound = known(bounds_, place, chip, cores);
    if (bound < 0)
        bound = operators_.at(place).bound(cores_of(chip, cores), memories_of(chip, published_));
    return bound;
}

}  // namespace smeaton::search::phaze
