// An interned name: copies and compares as a pointer, sorts by its text (so that order never
// depends on what was interned first).
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string>
#include <string_view>

namespace smeaton {

class Name {
public:
    Name() : Name(std::string_view{}) {}
    Name(std::string_view text);
    Name(const char* text) : Name(std::string_view(text)) {}
    Name(const std::string& text) : Name(std::string_view(text)) {}

    const std::string& str() const { return *text_; }
    bool empty() const { return text_->empty(); }

    friend bool operator==(Name a, Name b) { return a.text_ == b.text_; }
    friend bool operator!=(Name a, Name b) { return a.text_ != b.text_; }
    friend bool operator<(Name a, Name b) { return a.text_ != b.text_ && *a.text_ < *b.text_; }

private:
    friend struct std::hash<Name>;
    const std::string* text_;
};

}  // namespace smeaton

template <>
struct std::hash<smeaton::Name> {
    size_t operator()(smeaton::Name n) const noexcept { return std::hash<const void*>()(n.text_); }
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
