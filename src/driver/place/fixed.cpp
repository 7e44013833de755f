#include "driver/place/fixed.h"

#include "base/error.h"

namespace smeaton::driver {

namespace {

int whole_of(const std::string& key, const std::string& value) {
    if (value.empty() || value.size() > 7 ||
        value.find_first_not_of("0123456789") != std::string::npos || std::stoi(value) < 1)
        throw UserError("--fixed {}={}: expected a whole number from 1 on", key, value);
    return std::stoi(value);
}

/// A word that has one value which there is.
void require_only(const std::string& key, const std::string& value, const std::string& only) {
    if (value != only)
        throw UserError("--fixed {}={}: plans have {} = {} only", key, value, key, only);
}

}  // namespace

FixedWords parse_fixed(const std::string& text) {
    FixedWords fixed;
    for (size_t at = 0; at < text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        const std::string item = text.substr(at, comma - at);
        at = comma + 1;
        const size_t equals = item.find('=');
        if (equals == std::string::npos) throw UserError("--fixed '{}': expected KEY=VALUE", item);
        const std::string key = item.substr(0, equals), value = item.substr(equals + 1);
        if (key == "t")
            fixed.t = whole_of(key, value);
        else if (key == "p")
            fixed.p = whole_of(key, value);
        else if (key == "d")
            fixed.d = whole_of(key, value);
        else if (key == "microbatch")
            fixed.microbatch = whole_of(key, value);
        else if (key == "schedule")
            require_only(key, value, "1f1b");
        else if (key == "v")
            require_only(key, value, "1");
        else if (key == "sp")
            require_only(key, value, "off");
        else if (key == "zero")
            require_only(key, value, "0");
        else if (key == "recompute" && (value == "none" || value == "full"))
            fixed.recompute = value == "full";
        else
            throw UserError(
                "--fixed {}: expected t=, p=, d=, microbatch=, recompute=none|full, schedule=1f1b, "
                "v=1, sp=off, zero=0",
                item);
    }
    return fixed;
}

}  // namespace smeaton::driver
