#include "search/kinship.h"

#include <algorithm>
#include <iterator>

namespace smeaton::search {

size_t Kinship::left(size_t worker) const {
    size_t items = 0;
    for (const Group& group : queues_[worker]) items += group.items.size();
    return items;
}

void Kinship::add(const Point& point, size_t item) {
    Place place;
    for (size_t axis = 0; axis < costly_.size(); ++axis)
        if (costly_[axis]) place.push_back(point[axis]);
    auto known = owners_.find(place);
    if (known == owners_.end()) {
        size_t least = 0;
        for (size_t w = 1; w < queues_.size(); ++w)
            if (queues_[w].size() < queues_[least].size()) least = w;
        known = owners_.emplace(place, least).first;
    }
    std::deque<Group>& queue = queues_[known->second];
    auto group = std::find_if(queue.rbegin(), queue.rend(),
                              [&](const Group& g) { return g.place == place; });
    if (group == queue.rend()) {
        queue.push_back({std::move(place), {}});
        group = queue.rbegin();
    }
    group->items.push_back(item);
}

/// From whoever has the most left to do.
bool Kinship::takes_over(size_t worker) {
    size_t busiest = worker, most = 0;
    for (size_t w = 0; w < queues_.size(); ++w) {
        const bool spare = queues_[w].size() > 1 || left(w) >= kWorthSharing;
        if (w != worker && spare && left(w) > most) busiest = w, most = left(w);
    }
    if (busiest == worker) return false;
    std::deque<Group>& from = queues_[busiest];
    if (from.size() > 1) {
        owners_[from.back().place] = worker;
        queues_[worker].push_back(std::move(from.back()));
        from.pop_back();
        return true;
    }
    std::deque<size_t>& items = from.back().items;
    const auto half = items.begin() + static_cast<std::ptrdiff_t>(items.size() / 2);
    queues_[worker].push_back({from.back().place, {half, items.end()}});
    items.erase(half, items.end());
    return true;
}

std::optional<size_t> Kinship::next(size_t worker) {
    const std::lock_guard lock(mutex_);
    std::deque<Group>& mine = queues_[worker];
    // The group that is begun stays, empty or not: nobody takes it over as a whole.
    while (!mine.empty() && mine.front().items.empty()) mine.pop_front();
    if (mine.empty() && !takes_over(worker)) return std::nullopt;
    const size_t item = mine.front().items.front();
    mine.front().items.pop_front();
    return item;
}

void Kinship::clear() {
    const std::lock_guard lock(mutex_);
    for (std::deque<Group>& queue : queues_) queue.clear();
}

}  // namespace smeaton::search
