#include "model/onnx/text.h"

#include <cstdint>

#include "base/error.h"
#include "base/text_writer.h"

namespace smeaton::model::onnx {

namespace {

constexpr size_t kShown = 100;

/// Bytes of the UTF-8 character at the start of `text`; 0 when there is none.
size_t utf8_length(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
    if (byte(0) < 0x80) return 1;
    const size_t length = byte(0) >= 0xf8   ? 0
                          : byte(0) >= 0xf0 ? 4
                          : byte(0) >= 0xe0 ? 3
                          : byte(0) >= 0xc2 ? 2
                                            : 0;
    if (length > text.size()) return 0;
    for (size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    // Over-long forms, surrogates, beyond U+10FFFF.
    if (byte(0) == 0xe0 && byte(1) < 0xa0) return 0;
    if (byte(0) == 0xed && byte(1) > 0x9f) return 0;
    if (byte(0) == 0xf0 && byte(1) < 0x90) return 0;
    if (byte(0) == 0xf4 && byte(1) > 0x8f) return 0;
    return byte(0) > 0xf4 ? 0 : length;
}

}  // namespace

std::string in_quotes(std::string_view text) {
    std::string shown = "'";
    size_t at = 0;
    while (at < text.size() && at < kShown) {
        const size_t length = utf8_length(text.substr(at));
        shown += length == 0 ? "?" : printable(text.substr(at, length));
        at += length == 0 ? 1 : length;
    }
    return shown + (at < text.size() ? "...'" : "'");
}

std::string checked_name(const std::string& text, std::string_view what) {
    for (size_t at = 0; at < text.size();) {
        const size_t length = utf8_length(std::string_view(text).substr(at));
        if (length == 0) throw UserError("{}, {}, is not UTF-8 text", what, in_quotes(text));
        at += length;
    }
    return text;
}

}  // namespace smeaton::model::onnx
