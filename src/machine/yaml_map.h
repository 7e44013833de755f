// A YAML mapping read key by key: what is asked for is known, what is left over is an error that
// names file, line, key and the nearest known key. Used by readers of descriptions only.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/machine.h"

namespace smeaton::machine {

enum class Quantity { Plain, Bytes };  ///< Bytes accepts 32KiB, 1MiB, 8GiB

/// A finite number, with a suffix where bytes are meant; nothing for other text.
std::optional<double> parse_figure(std::string_view text, Quantity);

class YamlMap {
public:
    /// `what` says in messages what the mapping describes ("level l2"). UserError unless a mapping
    /// with scalar, distinct keys.
    YamlMap(const YAML::Node& node, std::string file, std::string what);

    std::string text(const std::string& key);  ///< UserError when missing
    std::optional<std::string> optional_text(const std::string& key);
    Number number(const std::string& key, Quantity = Quantity::Plain);
    int64_t whole(const std::string& key, double most);  ///< UserError unless one of 1 to `most`
    std::optional<Number> optional_number(const std::string& key, Quantity = Quantity::Plain);
    std::vector<std::string> words(const std::string& key);  ///< empty when missing
    std::vector<YAML::Node> items(const std::string& key);   ///< empty when missing
    YAML::Node child(const std::string& key);                ///< undefined node when missing
    std::vector<std::string> keys() const;

    /// UserError for the first key that nothing asked for.
    void finish() const;
    [[noreturn]] void fail(const YAML::Node& at, const std::string& message) const;
    const std::string& file() const { return file_; }
    void rename(std::string what) { what_ = std::move(what); }

private:
    YAML::Node find(const std::string& key);
    YAML::Node required(const std::string& key);
    Number read_number(const YAML::Node&, const std::string& key, Quantity) const;
    double read_figure(const YAML::Node&, const std::string& key, Quantity) const;

    YAML::Node node_;
    std::string file_, what_;
    std::vector<std::string> asked_;
};

}  // namespace smeaton::machine
