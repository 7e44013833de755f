// Who evaluates which points, where points alike are cheap for whoever had one of them.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "search/space.h"

namespace smeaton::search {

/// Points that differ in no costly axis are kin. Whoever had kin of a point before gets it, as long
/// as nobody else is idle: then whole groups that nobody has begun change hands, and half of one
/// that is begun where so much is left that working out anew what is shared is worth it.
class Kinship {
public:
    /// `costly`: by axis (Evaluator::costly).
    Kinship(std::vector<bool> costly, size_t workers)
        : costly_(std::move(costly)), queues_(workers) {}

    /// From one thread, while nobody asks for a next one. `item` stands for the point.
    void add(const Point& point, size_t item);
    /// The next item for a worker, from any thread; nothing: there is no more for it.
    std::optional<size_t> next(size_t worker);
    /// All that nobody has taken is forgotten; from any thread.
    void clear();

private:
    using Place = std::vector<uint32_t>;
    struct Group {
        Place place;
        std::deque<size_t> items;
    };
    /// Kin differ in what they ask for anew as well: two workers on 472 machines took as long as
    /// one.
    static constexpr size_t kWorthSharing = 1024;

    size_t left(size_t worker) const;
    bool takes_over(size_t worker);

    std::vector<bool> costly_;
    std::mutex mutex_;
    std::vector<std::deque<Group>> queues_;  ///< by worker, the one begun first
    std::map<Place, size_t> owners_;
};

}  // namespace smeaton::search
