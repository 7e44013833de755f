#include "export/pytorch/text.h"

#include <fmt/format.h>

#include <cctype>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/text_writer.h"

namespace smeaton::pytorch {

using tensor::Dim;
using tensor::DType;

namespace {

// A mark is kMark, a letter, what it says, kMark.
constexpr char kMark = '\x01';

std::string mark(char kind, std::string_view body) {
    return fmt::format("{}{}{}{}", kMark, kind, body, kMark);
}

Mark read_mark(std::string_view body) {
    std::string rest(body.substr(1));
    switch (body[0]) {
        case 'v':
            return {Mark::Kind::Value, std::stoi(rest), {}};
        case 'm':
            return {Mark::Kind::Module, std::stoi(rest), {}};
        case 's':
            return {Mark::Kind::Size, 0, rest};
        default:
            return {Mark::Kind::Device, 0, {}};
    }
}

void walk(std::string_view text, const std::function<void(std::string_view)>& plain,
          const std::function<void(const Mark&)>& marked) {
    while (!text.empty()) {
        const size_t begin = text.find(kMark);
        plain(text.substr(0, begin));
        if (begin == std::string_view::npos) return;
        const size_t end = text.find(kMark, begin + 1);
        marked(read_mark(text.substr(begin + 1, end - begin - 1)));
        text.remove_prefix(end + 1);
    }
}

}  // namespace

std::string value_mark(int value) {
    return mark('v', std::to_string(value));
}

std::string module_mark(int module) {
    return mark('m', std::to_string(module));
}

std::string device_mark() {
    return mark('d', "");
}

std::string fill(std::string_view text, const std::function<std::string(const Mark&)>& spelling) {
    std::string out;
    walk(
        text, [&](std::string_view plain) { out += plain; },
        [&](const Mark& m) { out += spelling(m); });
    return out;
}

std::vector<Mark> marks_of(std::string_view text) {
    std::vector<Mark> marks;
    walk(
        text, [](std::string_view) {}, [&](const Mark& m) { marks.push_back(m); });
    return marks;
}

// ---- sizes
// ---------------------------------------------------------------------------------------

namespace {

// Dim::str() as Python reads it: parameters, quoted or not, become marks; floor(a/b) becomes a //
// b.
class DimText {
public:
    explicit DimText(std::string text) : text_(std::move(text)) {}

    std::string python() {
        std::string out;
        while (at_ < text_.size() && text_[at_] != ')') out += next();
        return out;
    }

private:
    std::string next() {
        const char c = text_[at_];
        if (c == '"') return quoted_name();
        if (std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_') return plain_name();
        ++at_;
        if (c == '(') {
            std::string inside = python();
            ++at_;
            return "(" + inside + ")";
        }
        if (c == '*') return " * ";
        if (c == '/') return " // ";
        return std::string(1, c);
    }

    std::string quoted_name() {
        std::string name;
        for (++at_; text_[at_] != '"'; ++at_) {
            if (text_[at_] == '\\') ++at_;
            name += text_[at_];
        }
        ++at_;
        return mark('s', name);
    }

    std::string plain_name() {
        const size_t begin = at_;
        auto in_name = [&](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
        };
        while (at_ < text_.size() && in_name(text_[at_])) ++at_;
        const std::string name = text_.substr(begin, at_ - begin);
        // What follows is in parentheses of its own.
        return name == "floor" ? "" : mark('s', name);
    }

    std::string text_;
    size_t at_ = 0;
};

}  // namespace

std::string dim_text(const Dim& d, bool factor) {
    if (d.is_const()) return std::to_string(d.value());
    const std::string text = DimText(d.str()).python();
    const bool sum = text.find(' ') != std::string::npos && text.front() != '(';
    return sum && factor ? "(" + text + ")" : text;
}

std::string dims_text(const std::vector<Dim>& dims) {
    std::string out;
    for (const Dim& d : dims) out += (out.empty() ? "" : ", ") + dim_text(d);
    return out;
}

std::string numbers_text(const std::vector<int64_t>& numbers) {
    return fmt::format("{}", fmt::join(numbers, ", "));
}

std::string tuple_text(const std::vector<int64_t>& numbers) {
    return fmt::format("({}{})", numbers_text(numbers), numbers.size() == 1 ? "," : "");
}

std::string one_or_tuple(const std::vector<int64_t>& numbers) {
    for (int64_t n : numbers)
        if (n != numbers[0]) return tuple_text(numbers);
    return std::to_string(numbers.at(0));
}

// ---- numbers and names
// ---------------------------------------------------------------------------

std::string literal(DType dtype, double value) {
    if (dtype == DType::kBool) return value != 0 ? "True" : "False";
    if (std::isnan(value)) return "torch.nan";
    if (std::isinf(value)) return value < 0 ? "-torch.inf" : "torch.inf";
    if (!tensor::is_float(dtype)) return fmt::format("{:.0f}", value);
    // The shortest text of the largest float is a double above it, which PyTorch refuses.
    const bool largest = std::abs(value) >= static_cast<double>(std::numeric_limits<float>::max());
    std::string text =
        dtype == DType::kF64 || largest ? float_text(value) : float_text(static_cast<float>(value));
    if (const size_t plus = text.find('+'); plus != std::string::npos) text.erase(plus, 1);
    return text;
}

std::string element_text(const tensor::Tensor& t, int64_t i) {
    if (tensor::is_integer(t.dtype())) return std::to_string(t.at_as_int(i));
    return literal(t.dtype(), t.at_as_double(i));
}

static const char* torch_name(DType dtype) {
    switch (dtype) {
        case DType::kBool:
            return "bool";
        case DType::kI8:
            return "int8";
        case DType::kI16:
            return "int16";
        case DType::kI32:
            return "int32";
        case DType::kI64:
            return "int64";
        case DType::kU8:
            return "uint8";
        case DType::kF16:
            return "float16";
        case DType::kBF16:
            return "bfloat16";
        case DType::kF32:
            return "float32";
        case DType::kF64:
            return "float64";
        default:
            return nullptr;
    }
}

bool has_dtype(DType dtype) {
    return torch_name(dtype) != nullptr;
}

std::string dtype_text(DType dtype) {
    if (!has_dtype(dtype)) throw UserError("PyTorch does not calculate with {}", name(dtype));
    return fmt::format("torch.{}", torch_name(dtype));
}

std::string identifier(std::string_view text) {
    static const std::set<std::string> kTaken = {
        "False",    "None",  "True",     "and",   "as",      "assert",      "async", "await",
        "break",    "class", "continue", "def",   "del",     "elif",        "else",  "except",
        "for",      "from",  "global",   "if",    "import",  "in",          "is",    "lambda",
        "nonlocal", "not",   "or",       "pass",  "raise",   "return",      "try",   "while",
        "with",     "yield", "match",    "case",  "self",    "nn",          "torch", "F",
        "Tensor",   "Path",  "type",     "model", "channel", "annotations", "Model", "clusters"};
    std::string out;
    for (char c : text) {
        const bool letter = std::isalnum(static_cast<unsigned char>(c)) != 0;
        if (letter)
            out += c;
        else if (!out.empty() && out.back() != '_')
            out += '_';
    }
    while (!out.empty() && out.back() == '_') out.pop_back();
    if (out.empty()) return "value";
    if (std::isdigit(static_cast<unsigned char>(out[0])) != 0) out = "v" + out;
    return kTaken.count(out) > 0 ? out + "_" : out;
}

std::string string_text(std::string_view text) {
    std::string out;
    for (char c : quoted(text)) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x80 ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
    }
    return out;
}

std::string plain_text(std::string_view text) {
    std::string out;
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"')
            out += '\'';
        else if (c == '\\')
            out += '/';
        else
            out += byte < 0x20 || byte >= 0x7f ? '?' : c;
    }
    return out;
}

}  // namespace smeaton::pytorch
