#include "words.h"

#include <algorithm>
#include <array>
#include <utility>

namespace smeaton::python {
namespace {

// Arguments that are not called as the option is.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kRenamed = {
    {{"dim", "dims"},
     {"input", "feeds"},
     {"dump", "dump_folder"},
     {"graph", "model"},
     {"check", "expected"}}};

std::string argument_named(std::string_view option) {
    for (const auto& [from, to] : kRenamed)
        if (from == option) return std::string(to);
    std::string name(option);
    for (char& c : name)
        if (c == '-') c = '_';
    return name;
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// "N=VALUE" at the beginning of `text`; its length, 0 where there is none.
size_t binding_length(std::string_view text) {
    size_t end = std::min(text.find_first_of(" ,;)"), text.size());
    if (end > 0 && text[end - 1] == ':') --end;
    return text.substr(0, end).find('=') == std::string_view::npos ? 0 : end;
}

}  // namespace

std::string python_words(std::string_view message) {
    std::string out;
    bool command = false;
    for (size_t at = 0; at < message.size();) {
        if (message[at] == '`') command = !command;
        const bool begins = at == 0 || !(is_letter(message[at - 1]) || message[at - 1] == '-');
        if (command || !begins || message.substr(at, 2) != "--" || at + 2 == message.size() ||
            !is_letter(message[at + 2])) {
            out += message[at++];
            continue;
        }
        size_t end = at + 2;
        while (end < message.size() && (is_letter(message[end]) || message[end] == '-')) ++end;
        const std::string_view option = message.substr(at + 2, end - at - 2);
        out += argument_named(option);
        at = end;
        if (option != "dim" || at == message.size() || message[at] != ' ') continue;
        const size_t length = binding_length(message.substr(at + 1));
        if (length == 0) continue;
        const std::string_view binding = message.substr(at + 1, length);
        const size_t equals = binding.rfind('=');
        out += "={'" + std::string(binding.substr(0, equals)) +
               "': " + std::string(binding.substr(equals + 1)) + "}";
        at += 1 + length;
    }
    return out;
}

}  // namespace smeaton::python
