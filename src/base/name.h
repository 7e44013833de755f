// An interned name: copies and compares as a pointer, sorts by its text (so that order never
// depends on what was interned first).
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace smeaton {

class Name {
public:
    Name() : entry_(&kEmpty) {}
    Name(std::string_view text);
    Name(const char* text) : Name(std::string_view(text)) {}
    Name(const std::string& text) : Name(std::string_view(text)) {}

    const std::string& str() const { return entry_->text; }
    bool empty() const { return entry_ == &kEmpty; }

    friend bool operator==(Name a, Name b) { return a.entry_ == b.entry_; }
    friend bool operator!=(Name a, Name b) { return a.entry_ != b.entry_; }
    friend bool operator<(Name a, Name b) {
        if (a.entry_->head != b.entry_->head) return a.entry_->head < b.entry_->head;
        return a.entry_ != b.entry_ && a.entry_->text < b.entry_->text;
    }

private:
    friend struct std::hash<Name>;
    /// `head`: the first eight bytes as a number of their order, which tells most names apart.
    struct Entry {
        uint64_t head = 0;
        std::string text = {};
    };
    struct Table;  // name.cpp
    static const Entry kEmpty;

    const Entry* entry_;
};

}  // namespace smeaton

template <>
struct std::hash<smeaton::Name> {
    size_t operator()(smeaton::Name n) const noexcept { return std::hash<const void*>()(n.entry_); }
};

/// "{}" only: fmt/core.h declares, but does not define, formatting with a specification.
template <>
struct fmt::formatter<smeaton::Name> {
    template <class Context>
    constexpr auto parse(Context& context) {
        return context.begin();
    }
    template <class Context>
    auto format(smeaton::Name n, Context& context) const {
        auto out = context.out();
        for (char c : n.str()) *out++ = c;
        return out;
    }
};
