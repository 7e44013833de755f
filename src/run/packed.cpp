#include "run/packed.h"

#include "base/error.h"

namespace smeaton::run {

namespace {

constexpr int64_t kAlign = 128;  // lines are fetched in pairs

int64_t rounded_up(int64_t bytes) {
    return (bytes + kAlign - 1) / kAlign * kAlign;
}

}  // namespace

std::vector<std::shared_ptr<PackedStore::Packed>> PackedStore::get(
    const std::vector<Wanted>& wanted) {
    std::lock_guard lock(mutex_);
    std::erase_if(held_, [](const auto& entry) { return entry.second.expired(); });
    std::map<std::string, int64_t> offsets;  // of those that nobody holds
    int64_t total = 0;
    for (const Wanted& w : wanted)
        if (held_.count(w.key) == 0 && offsets.emplace(w.key, total).second)
            total += rounded_up(w.bytes);
    const auto block = std::make_shared<const Block>(total);
    std::vector<std::shared_ptr<Packed>> all;
    for (const Wanted& w : wanted) {
        std::weak_ptr<Packed>& place = held_[w.key];
        std::shared_ptr<Packed> packed = place.lock();
        if (!packed) {
            packed = std::make_shared<Packed>(block, offsets.at(w.key), w.bytes);
            place = packed;
        }
        SMEATON_CHECK(packed->bytes == w.bytes, "{} bytes are held under the key of {}",
                      packed->bytes, w.bytes);
        all.push_back(std::move(packed));
    }
    return all;
}

int64_t PackedStore::bytes() const {
    std::lock_guard lock(mutex_);
    int64_t sum = 0;
    for (const auto& [key, place] : held_)
        if (std::shared_ptr<Packed> packed = place.lock()) sum += packed->bytes;
    return sum;
}

}  // namespace smeaton::run
