// Texts out of a file: shown safely in messages, checked before they become names.
#pragma once

#include <string>
#include <string_view>

namespace smeaton::model::onnx {

/// `text` between quotes for a message: at most 100 bytes, control characters as
/// escapes (\n, \x1b), broken ones as '?'.
std::string in_quotes(std::string_view text);

/// `text`, when it is UTF-8; else UserError. `what`: "the name of a node".
std::string checked_name(const std::string& text, std::string_view what);

}  // namespace smeaton::model::onnx
