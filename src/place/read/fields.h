// A JSON object read key by key; messages name the file, the place in it, and the key.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"

namespace smeaton::place {

using Json = nlohmann::ordered_json;

class Fields {
public:
    Fields(const Json& json, std::string file, std::string where)
        : json_(json), file_(std::move(file)), where_(std::move(where)) {
        if (!json.is_object()) fail("expected an object");
    }

    [[noreturn]] void fail(const std::string& message) const {
        throw UserError("{}: {}{}{}", file_, where_, where_.empty() ? "" : ": ", message);
    }
    bool has(const char* key) const { return json_.contains(key); }
    const Json& at(const char* key) const {
        if (!has(key)) fail(fmt::format("the key '{}' is missing", key));
        return json_[key];
    }
    double number(const char* key) const { return number_of(at(key), key); }
    /// From 0 on.
    double amount(const char* key) const {
        const double v = number(key);
        if (v < 0) fail(fmt::format("'{}' is {}: expected a number from 0 on", key, v));
        return v;
    }
    double amount_or(const char* key, double other) const { return has(key) ? amount(key) : other; }
    int whole(const char* key, int low, int high = 1'000'000'000) const {
        const double v = number(key);
        if (v != std::floor(v) || v < low || v > high)
            fail(fmt::format("'{}' is {}: expected a whole number from {} to {}", key, v, low,
                             high));
        return static_cast<int>(v);
    }
    /// true, false, 0 or 1.
    bool truth(const char* key) const {
        const Json& j = at(key);
        if (j.is_boolean()) return j.get<bool>();
        return whole(key, 0, 1) == 1;
    }
    /// A text or a number, as text.
    std::string word(const char* key) const { return word_of(at(key), key); }
    std::string word_of(const Json& j, const char* key) const {
        if (j.is_string()) return j.get<std::string>();
        if (j.is_number()) return j.dump();
        fail(fmt::format("'{}' is to be a number or a text", key));
    }
    const Json& list(const char* key) const {
        const Json& j = at(key);
        if (!j.is_array()) fail(fmt::format("'{}' is to be a list", key));
        return j;
    }
    const Json& object(const char* key) const {
        const Json& j = at(key);
        if (!j.is_object()) fail(fmt::format("'{}' is to be an object", key));
        return j;
    }
    Fields inside(const Json& j, const std::string& where) const {
        return {j, file_, where_.empty() ? where : where_ + "." + where};
    }
    double number_of(const Json& j, const std::string& key) const {
        if (!j.is_number() || !std::isfinite(j.get<double>()))
            fail(fmt::format("'{}' is to be a number", key));
        return j.get<double>();
    }
    const std::string& file() const { return file_; }

private:
    const Json& json_;
    std::string file_, where_;
};

}  // namespace smeaton::place
