// A map of few keys, in one piece of memory: as std::map, but what was found moves when a key is
// added or goes.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <utility>
#include <vector>

namespace smeaton {

template <class Key, class Value>
class FlatMap {
public:
    using value_type = std::pair<Key, Value>;
    using iterator = typename std::vector<value_type>::iterator;
    using const_iterator = typename std::vector<value_type>::const_iterator;

    FlatMap() = default;
    FlatMap(std::initializer_list<value_type> entries) {
        for (const value_type& e : entries) emplace(e.first, e.second);
    }

    iterator begin() { return entries_.begin(); }
    iterator end() { return entries_.end(); }
    const_iterator begin() const { return entries_.begin(); }
    const_iterator end() const { return entries_.end(); }
    bool empty() const { return entries_.empty(); }
    size_t size() const { return entries_.size(); }

    const_iterator find(const Key& key) const {
        if (entries_.size() > kFew) {
            auto at = place(key);
            return at != entries_.end() && at->first == key ? at : entries_.end();
        }
        auto at = entries_.begin();
        while (at != entries_.end() && !(at->first == key)) ++at;
        return at;
    }
    iterator find(const Key& key) {
        return entries_.begin() + (std::as_const(*this).find(key) - entries_.cbegin());
    }
    size_t count(const Key& key) const { return find(key) == end() ? 0 : 1; }
    const Value& at(const Key& key) const {
        auto found = find(key);
        if (found == end()) throw std::out_of_range("FlatMap::at");
        return found->second;
    }

    /// Nothing where the key is there already.
    template <class Made>
    std::pair<iterator, bool> emplace(const Key& key, Made&& made) {
        if (auto found = find(key); found != end()) return {found, false};
        return {entries_.emplace(place(key), key, std::forward<Made>(made)), true};
    }
    Value& operator[](const Key& key) {
        if (auto found = find(key); found != end()) return found->second;
        return entries_.emplace(place(key), key, Value())->second;
    }
    size_t erase(const Key& key) {
        auto found = find(key);
        if (found == end()) return 0;
        entries_.erase(found);
        return 1;
    }

    friend bool operator==(const FlatMap&, const FlatMap&) = default;

private:
    static constexpr size_t kFew = 16;  // equality is cheaper than order

    const_iterator place(const Key& key) const {
        return std::lower_bound(entries_.begin(), entries_.end(), key,
                                [](const value_type& e, const Key& k) { return e.first < k; });
    }

    std::vector<value_type> entries_;  // in the order of their keys
};

}  // namespace smeaton
