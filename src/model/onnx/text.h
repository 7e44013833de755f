// Texts out of a file: shown safely in messages, checked before they become names.
#pragma once

#include <string>
#include <string_view>

namespace smeaton::model::onnx {

/// `text` between quotes for a message: at most 100 bytes, control and broken characters as '?'.
std::string in_quotes(std::string_view text);

/// `text`, when it is UTF-8 without control characters; else UserError. `what`: "the name of a
/// node".
std::string checked_name(const std::string& text, std::string_view what);

}  // namespace smeaton::model::onnx
