#include "base/name.h"

#include <mutex>
#include <unordered_set>

namespace smeaton {

Name::Name(std::string_view text) {
    // Names live as long as the process; node-based storage keeps the addresses stable.
    static std::mutex mutex;
    static auto* table = new std::unordered_set<std::string>();
    std::lock_guard lock(mutex);
    text_ = &*table->emplace(text).first;
}

}  // namespace smeaton
