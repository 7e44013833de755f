// The three roads of trouble (docs/glossary.md): UserError for what a user can cause, InternalError
// through check() for what cannot be, and values (std::optional, result structs) for expected
// outcomes.
#pragma once

#include <fmt/core.h>

#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace smeaton {

/// Something the user can mend. The message says file, node or key, what was expected, what to do.
class UserError : public std::runtime_error {
public:
    explicit UserError(const std::string& message) : std::runtime_error(message) {}
    template <class... Args>
    explicit UserError(fmt::format_string<Args...> text, Args&&... args)
        : std::runtime_error(fmt::format(text, std::forward<Args>(args)...)) {}
};

/// A fault of ours.
class InternalError : public std::logic_error {
public:
    explicit InternalError(const std::string& message) : std::logic_error(message) {}
};

[[noreturn]] void fail_check(std::string_view condition, const std::string& message,
                             std::source_location where);

/// Runs `body`; a UserError or InternalError that leaves it gets "while <what>: " in front.
template <class Body>
auto with_context(const std::string& what, Body&& body) {
    try {
        return body();
    } catch (const UserError& error) {
        throw UserError(std::string("while ") + what + ": " + error.what());
    } catch (const InternalError& error) {
        throw InternalError(std::string("while ") + what + ": " + error.what());
    }
}

}  // namespace smeaton

/// check(condition, "format", args...): throws InternalError with the place when the condition
/// fails.
#define SMEATON_CHECK(condition, ...)                                   \
    do {                                                                \
        if (!(condition)) [[unlikely]]                                  \
            ::smeaton::fail_check(#condition, fmt::format(__VA_ARGS__), \
                                  std::source_location::current());     \
    } while (false)
