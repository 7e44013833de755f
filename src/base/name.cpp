#include "base/name.h"

#include <mutex>
#include <unordered_map>
#include <unordered_set>

namespace smeaton {

Name::Name(std::string_view text) {
    // What this thread named before it finds without a lock: compilers on several threads name
    // things all the time.
    thread_local std::unordered_map<std::string_view, const std::string*> mine;
    if (auto known = mine.find(text); known != mine.end()) {
        text_ = known->second;
        return;
    }
    // Names live as long as the process; node-based storage keeps the addresses stable.
    static std::mutex mutex;
    static auto* table = new std::unordered_set<std::string>();
    {
        const std::lock_guard lock(mutex);
        text_ = &*table->emplace(text).first;
    }
    mine.emplace(*text_, text_);
}

}  // namespace smeaton
