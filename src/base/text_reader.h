// TextReader: tokens of our line-based text forms (model graph, GIR).
//
// A text is a sequence of lines; a line's nesting is its indentation, two spaces per level. `#`
// starts a comment; empty lines and comment lines are skipped. Tokens: identifiers
// [A-Za-z_][A-Za-z0-9_]*, integers (decimal, 0x…), floats, "strings" (a name that is no identifier
// is written as a string), and punctuation, where -> <- += <= >= == != and .. are one token each.
//
// All errors are UserError("FILE:LINE:COL: expected X, found Y").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace smeaton {

enum class TokenKind { Identifier, Integer, Float, String, Punctuation, LineEnd, End };

struct Token {
    TokenKind kind = TokenKind::End;
    std::string text;    ///< as written; for strings the decoded contents
    int line = 0;        ///< from 1
    int column = 0;      ///< from 1, in bytes
    int level = 0;       ///< nesting level of its line
    bool first = false;  ///< first of its line
};

class TextReader {
public:
    /// `file` is what error messages name. UserError on characters, strings or indentation that no
    /// text of ours has.
    TextReader(std::string file, std::string_view text);

    const Token& peek(size_t ahead = 0) const;
    Token next();

    /// True when the next token is this identifier or punctuation (a quoted string never is).
    bool at(std::string_view word) const;
    bool at(TokenKind kind) const { return peek().kind == kind; }
    /// Takes the next token when it is this identifier or punctuation.
    bool accept(std::string_view word);
    void expect(std::string_view word);

    // Each takes one value; `what` is the X of "expected X, found Y".
    std::string identifier(std::string_view what = "an identifier");
    std::string name(std::string_view what = "a name");  ///< identifier or string
    std::string string(std::string_view what = "a string");
    int64_t integer(std::string_view what = "an integer");  ///< with sign
    uint64_t unsigned_integer(std::string_view what = "an unsigned integer");
    double number(std::string_view what = "a number");  ///< with sign; inf and nan too
    /// True when number() would take something.
    bool at_number() const;

    /// True when the next token starts a line of this level. UserError when it starts a deeper one.
    bool line_at(int level) const;
    bool at_line_end() const;
    void end_line();
    bool at_end() const { return peek().kind == TokenKind::End; }

    [[noreturn]] void fail_expected(std::string_view what) const;
    /// UserError("FILE:LINE:COL: message") at a token taken before, or at the next one.
    [[noreturn]] void fail(const Token& where, std::string_view message) const;
    [[noreturn]] void fail(std::string_view message) const { fail(peek(), message); }

private:
    std::string file_;
    std::vector<Token> tokens_;  // ends with one End
    size_t next_ = 0;
};

/// How a token is named in "found Y".
std::string describe(const Token&);

}  // namespace smeaton
