#include "base/name.h"

#include <deque>
#include <mutex>
#include <unordered_map>

namespace smeaton {

// All zeros until it is set: names of static storage may be empty ones, and are so before.
const Name::Entry Name::kEmpty = {};

/// Names live as long as the process, at stable addresses.
struct Name::Table {
    std::mutex mutex;
    std::deque<Entry> entries;
    std::unordered_map<std::string_view, const Entry*> known;

    static uint64_t head_of(std::string_view text) {
        uint64_t head = 0;
        for (size_t i = 0; i < sizeof head; ++i)
            head = head << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0);
        return head;
    }

    const Entry* entry_of(std::string_view text) {
        const std::lock_guard lock(mutex);
        if (auto found = known.find(text); found != known.end()) return found->second;
        const Entry& entry = entries.emplace_back(Entry{head_of(text), std::string(text)});
        return known.emplace(entry.text, &entry).first->second;
    }
};

Name::Name(std::string_view text) : entry_(&kEmpty) {
    if (text.empty()) return;
    // What this thread named before it finds without a lock: compilers on several threads name
    // things all the time.
    thread_local std::unordered_map<std::string_view, const Entry*> mine;
    if (auto known = mine.find(text); known != mine.end()) {
        entry_ = known->second;
        return;
    }
    static auto* table = new Table();
    entry_ = table->entry_of(text);
    mine.emplace(entry_->text, entry_);
}

}  // namespace smeaton
