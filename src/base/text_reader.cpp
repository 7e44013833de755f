#include "base/text_reader.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "base/error.h"

namespace smeaton {

namespace {

bool starts_identifier(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
}
bool in_identifier(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_hex(char c) {
    return std::isxdigit(static_cast<unsigned char>(c));
}

/// Cuts one line after the other into tokens.
class Scanner {
public:
    Scanner(const std::string& file, std::string_view text) : file_(file), text_(text) {}

    std::vector<Token> run() {
        size_t begin = 0;
        while (begin < text_.size()) {
            size_t end = text_.find('\n', begin);
            if (end == std::string_view::npos) end = text_.size();
            ++line_number_;
            scan_line(text_.substr(begin, end - begin));
            begin = end + 1;
        }
        Token end;
        end.line = line_number_ + 1;
        end.column = 1;
        end.first = true;
        tokens_.push_back(end);
        return std::move(tokens_);
    }

private:
    void scan_line(std::string_view line) {
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        line_ = line;
        at_ = line.find_first_not_of(' ');
        if (at_ == std::string_view::npos || line[at_] == '#') return;
        if (at_ % 2 != 0) fail("expected indentation by two spaces per level");
        level_ = static_cast<int>(at_ / 2);
        first_ = true;
        while (at_ < line_.size() && line_[at_] != '#') {
            if (line_[at_] == ' ')
                ++at_;
            else
                scan_token();
        }
        push(TokenKind::LineEnd, at_, "");
    }

    void scan_token() {
        char c = line_[at_];
        if (starts_identifier(c)) {
            size_t end = at_;
            while (end < line_.size() && in_identifier(line_[end])) ++end;
            take(TokenKind::Identifier, end);
        } else if (is_digit(c)) {
            scan_number();
        } else if (c == '"') {
            scan_string();
        } else {
            scan_punctuation();
        }
    }

    void scan_number() {
        size_t end = at_;
        auto digits = [&] {
            while (end < line_.size() && is_digit(line_[end])) ++end;
        };
        auto ahead = [&](size_t k) { return end + k < line_.size() ? line_[end + k] : '\0'; };
        bool is_float = false;
        if (line_[at_] == '0' && at_ + 1 < line_.size() && line_[at_ + 1] == 'x') {
            end = at_ + 2;
            while (end < line_.size() && is_hex(line_[end])) ++end;
            if (end == at_ + 2) fail("expected hexadecimal digits after 0x");
        } else {
            digits();
            if (ahead(0) == '.' && is_digit(ahead(1))) {
                is_float = true;
                ++end;
                digits();
            }
            bool sign = ahead(1) == '-' || ahead(1) == '+';
            if ((ahead(0) == 'e' || ahead(0) == 'E') && is_digit(ahead(sign ? 2 : 1))) {
                is_float = true;
                end += sign ? 2 : 1;
                digits();
            }
        }
        if (end < line_.size() && in_identifier(line_[end])) {
            at_ = end;
            fail("expected a number to end here (quote a name that starts with a digit)");
        }
        take(is_float ? TokenKind::Float : TokenKind::Integer, end);
    }

    void scan_string() {
        std::string value;
        size_t i = at_ + 1;
        for (; i < line_.size() && line_[i] != '"'; ++i) {
            if (line_[i] != '\\') {
                value += line_[i];
                continue;
            }
            ++i;
            char c = i < line_.size() ? line_[i] : '\0';
            if (c == 'n') {
                value += '\n';
            } else if (c == 't') {
                value += '\t';
            } else if (c == '\\' || c == '"') {
                value += c;
            } else if (c == 'x' && i + 2 < line_.size() && is_hex(line_[i + 1]) &&
                       is_hex(line_[i + 2])) {
                value += static_cast<char>(
                    std::strtol(std::string(line_.substr(i + 1, 2)).c_str(), nullptr, 16));
                i += 2;
            } else {
                at_ = i;
                fail("expected one of n t \\ \" xNN after the backslash");
            }
        }
        if (i >= line_.size()) fail("expected a closing quote in this line");
        push(TokenKind::String, at_, value);
        at_ = i + 1;
    }

    void scan_punctuation() {
        static constexpr std::string_view kPairs[] = {
            "->", "<-", "+=", "<=", ">=", "==", "!=", ".."};
        for (std::string_view pair : kPairs)
            if (line_.substr(at_, 2) == pair) return take(TokenKind::Punctuation, at_ + 2);
        static constexpr std::string_view kSingles = "()[]{}<>,:;=+-*/%.@|&!?~^$";
        if (kSingles.find(line_[at_]) == std::string_view::npos)
            fail(line_[at_] == '\t' ? "expected spaces, found a tab" : "unexpected character");
        take(TokenKind::Punctuation, at_ + 1);
    }

    void take(TokenKind kind, size_t end) {
        push(kind, at_, std::string(line_.substr(at_, end - at_)));
        at_ = end;
    }

    void push(TokenKind kind, size_t column, std::string text) {
        tokens_.push_back(
            {kind, std::move(text), line_number_, static_cast<int>(column) + 1, level_, first_});
        first_ = false;
    }

    [[noreturn]] void fail(std::string_view message) const {
        throw UserError("{}:{}:{}: {}", file_, line_number_, at_ + 1, message);
    }

    const std::string& file_;
    std::string_view text_;
    std::string_view line_;
    size_t at_ = 0;
    int line_number_ = 0;
    int level_ = 0;
    bool first_ = false;
    std::vector<Token> tokens_;
};

/// The value of inf and nan, which are identifiers to the scanner.
std::optional<double> special_number(const Token& token) {
    if (token.kind != TokenKind::Identifier) return std::nullopt;
    if (token.text == "inf") return std::numeric_limits<double>::infinity();
    if (token.text == "nan") return std::numeric_limits<double>::quiet_NaN();
    return std::nullopt;
}

std::optional<uint64_t> magnitude(const Token& token) {
    errno = 0;
    int base = token.text.size() > 1 && token.text[1] == 'x' ? 16 : 10;
    uint64_t value = std::strtoull(token.text.c_str(), nullptr, base);
    if (errno != 0) return std::nullopt;
    return value;
}

}  // namespace

std::string describe(const Token& token) {
    switch (token.kind) {
        case TokenKind::End:
            return "the end of the text";
        case TokenKind::LineEnd:
            return "the end of the line";
        case TokenKind::String:
            return "\"" + token.text + "\"";
        default:
            return "'" + token.text + "'";
    }
}

TextReader::TextReader(std::string file, std::string_view text) : file_(std::move(file)) {
    tokens_ = Scanner(file_, text).run();
}

const Token& TextReader::peek(size_t ahead) const {
    return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
}

Token TextReader::next() {
    Token token = peek();
    if (next_ + 1 < tokens_.size()) ++next_;
    return token;
}

bool TextReader::at(std::string_view word) const {
    const Token& token = peek();
    return (token.kind == TokenKind::Identifier || token.kind == TokenKind::Punctuation) &&
           token.text == word;
}

bool TextReader::accept(std::string_view word) {
    if (!at(word)) return false;
    next();
    return true;
}

void TextReader::expect(std::string_view word) {
    if (!accept(word)) fail_expected("'" + std::string(word) + "'");
}

std::string TextReader::identifier(std::string_view what) {
    if (!at(TokenKind::Identifier)) fail_expected(what);
    return next().text;
}

std::string TextReader::name(std::string_view what) {
    if (!at(TokenKind::Identifier) && !at(TokenKind::String)) fail_expected(what);
    return next().text;
}

std::string TextReader::string(std::string_view what) {
    if (!at(TokenKind::String)) fail_expected(what);
    return next().text;
}

int64_t TextReader::integer(std::string_view what) {
    bool negative = at("-");
    const Token& token = peek(negative ? 1 : 0);
    if (token.kind != TokenKind::Integer) fail_expected(what);
    auto value = magnitude(token);
    uint64_t limit = uint64_t{1} << 63;
    if (!value || *value > (negative ? limit : limit - 1))
        fail(token, "integer does not fit 64 bits");
    if (negative) next();
    next();
    return static_cast<int64_t>(negative ? ~*value + 1 : *value);
}

uint64_t TextReader::unsigned_integer(std::string_view what) {
    if (!at(TokenKind::Integer)) fail_expected(what);
    auto value = magnitude(peek());
    if (!value) fail("integer does not fit 64 bits");
    next();
    return *value;
}

bool TextReader::at_number() const {
    const Token& token = peek(at("-") ? 1 : 0);
    return token.kind == TokenKind::Integer || token.kind == TokenKind::Float ||
           special_number(token).has_value();
}

double TextReader::number(std::string_view what) {
    if (!at_number()) fail_expected(what);
    bool negative = accept("-");
    Token token = next();
    double value = special_number(token).value_or(0.0);
    if (token.kind == TokenKind::Integer || token.kind == TokenKind::Float)
        value = std::strtod(token.text.c_str(), nullptr);
    return negative ? -value : value;
}

bool TextReader::line_at(int level) const {
    const Token& token = peek();
    if (token.kind == TokenKind::End || !token.first) return false;
    if (token.level > level)
        fail(token, fmt::format("expected a line indented by at most {} spaces", 2 * level));
    return token.level == level;
}

bool TextReader::at_line_end() const {
    return at(TokenKind::LineEnd) || at(TokenKind::End);
}

void TextReader::end_line() {
    if (!at_line_end()) fail_expected("the end of the line");
    next();
}

void TextReader::fail_expected(std::string_view what) const {
    fail(peek(), fmt::format("expected {}, found {}", what, describe(peek())));
}

void TextReader::fail(const Token& where, std::string_view message) const {
    throw UserError("{}:{}:{}: {}", file_, where.line, where.column, message);
}

}  // namespace smeaton
