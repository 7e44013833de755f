#include "run/packed.h"

#include "base/error.h"

namespace smeaton::run {

std::shared_ptr<PackedStore::Packed> PackedStore::get(const std::string& key, int64_t bytes) {
    std::lock_guard lock(mutex_);
    std::erase_if(held_, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<Packed>& place = held_[key];
    std::shared_ptr<Packed> packed = place.lock();
    if (!packed) {
        packed = std::make_shared<Packed>();
        packed->block = Block(bytes);
        packed->bytes = bytes;
        place = packed;
    }
    SMEATON_CHECK(packed->bytes == bytes, "{} bytes are held under the key of {}", packed->bytes,
                  bytes);
    return packed;
}

int64_t PackedStore::bytes() const {
    std::lock_guard lock(mutex_);
    int64_t sum = 0;
    for (const auto& [key, place] : held_)
        if (std::shared_ptr<Packed> packed = place.lock()) sum += packed->bytes;
    return sum;
}

}  // namespace smeaton::run
