// A Hugging Face config.json as a table of keys, each of which is read, known to leave the graph
// alone, or refused.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace smeaton::model::hf {

/// Keys by any of several names: configurations of one meaning differ in spelling.
using Names = std::initializer_list<const char*>;

/// Every reading call marks the keys that it names as honoured; UserError naming the key and what
/// was expected where the value is of the wrong kind. A key that holds null counts as absent.
class Config {
public:
    /// UserError on text that is no JSON object.
    explicit Config(const std::string& text);
    ~Config();
    Config(Config&&) noexcept;

    bool has(Names) const;
    /// A whole number from `least` on. UserError when it is absent.
    int64_t integer(Names, int64_t least = 1) const;
    int64_t integer_or(Names, int64_t otherwise, int64_t least = 1) const;
    std::optional<int64_t> integer_if(Names, int64_t least = 1) const;
    double number(Names, double otherwise) const;
    bool flag(Names, bool otherwise) const;
    std::string text(Names, const std::string& otherwise) const;
    std::vector<std::string> texts(Names) const;  ///< empty where absent
    std::vector<int64_t> integers(Names) const;  ///< empty where absent; one number is a list of it

    /// The object behind a key, to be read like this one; nothing where it is absent.
    std::optional<Config> object(Names) const;

    int64_t size() const;  ///< number of keys

    /// UserError unless the key is absent, false, 0 or an empty list: other values change
    /// the graph in a way that is not built.
    void refuse(const char* key, const std::string& why) const;

    /// After all reading. UserError naming a key that was not read and that may change the graph;
    /// gives those that were taken to be without effect though nobody knows them (text, null,
    /// false).
    std::vector<std::string> unread() const;

private:
    struct Impl;
    explicit Config(std::unique_ptr<Impl>);
    std::unique_ptr<Impl> impl_;
};

/// Keys that leave sizes and operators of every graph alone, sorted; `*` stands for any letters.
const std::vector<std::string_view>& keys_without_effect();

}  // namespace smeaton::model::hf
