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

}  // namespace

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\x{:02x}", byte);
        else
            out += c;
    }
    return out + "\"";
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
