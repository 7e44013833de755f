#include "base/text_writer.h"

#include <fmt/core.h>

#include <cctype>
#include <cmath>

namespace smeaton {

namespace {

template <class Float>
std::string shortest(Float value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    std::string text = fmt::format("{}", value);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

std::string escape(char c) {
    if (c == '\n') return "\\n";
    if (c == '\t') return "\\t";
    return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
}

}  // namespace

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += is_control(c) ? escape(c) : std::string(1, c);
    }
    return out + "\"";
}

std::string printable(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        // U+0080 to U+009F control a terminal too.
        const bool c1 = text[i] == '\xc2' && i + 1 < text.size() && (text[i + 1] & 0xe0) == 0x80;
        if (c1) {
            out += escape(text[++i]);
        } else {
            out += is_control(text[i]) ? escape(text[i]) : std::string(1, text[i]);
        }
    }
    return out;
}

std::string name_text(std::string_view name) {
    bool plain = !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0]));
    for (char c : name) plain = plain && (c == '_' || std::isalnum(static_cast<unsigned char>(c)));
    return plain ? std::string(name) : quoted(name);
}

std::string float_text(double value) {
    return shortest(value);
}
std::string float_text(float value) {
    return shortest(value);
}

}  // namespace smeaton
