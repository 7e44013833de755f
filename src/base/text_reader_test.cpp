#include "base/text_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text_writer.h"

namespace smeaton {
namespace {

template <class Body>
std::string error_of(Body&& body) {
    try {
        body();
    } catch (const UserError& error) {
        return error.what();
    }
    return "no error";
}

TEST(TextReader, reads_a_line_of_mixed_tokens) {
    TextReader r("t", "mma acc[m,\"a/b.c\"] += 3 * -2.5e-3 -> <- .. == 0xff  # tail");
    EXPECT_EQ(r.identifier(), "mma");
    EXPECT_EQ(r.name(), "acc");
    r.expect("[");
    EXPECT_EQ(r.name(), "m");
    r.expect(",");
    EXPECT_TRUE(r.at(TokenKind::String));
    EXPECT_EQ(r.name(), "a/b.c");
    r.expect("]");
    r.expect("+=");
    EXPECT_EQ(r.integer(), 3);
    r.expect("*");
    EXPECT_DOUBLE_EQ(r.number(), -2.5e-3);
    r.expect("->");
    r.expect("<-");
    r.expect("..");
    r.expect("==");
    EXPECT_EQ(r.unsigned_integer(), 255u);
    EXPECT_TRUE(r.at_line_end());
    r.end_line();
    EXPECT_TRUE(r.at_end());
}

TEST(TextReader, knows_the_level_of_each_line_and_skips_empty_and_comment_lines) {
    TextReader r("t", "a\n  b\n\n# c\n    # d\n  e\nf\n");
    EXPECT_TRUE(r.line_at(0));
    r.expect("a");
    r.end_line();
    EXPECT_FALSE(r.line_at(2));
    EXPECT_TRUE(r.line_at(1));
    r.expect("b");
    EXPECT_FALSE(r.line_at(1)) << "b's line is over only after end_line";
    r.end_line();
    EXPECT_TRUE(r.line_at(1));
    r.expect("e");
    r.end_line();
    EXPECT_FALSE(r.line_at(1));
    EXPECT_TRUE(r.line_at(0));
}

TEST(TextReader, reads_infinities_and_nan) {
    TextReader r("t", "inf -inf nan 7");
    EXPECT_EQ(r.number(), std::numeric_limits<double>::infinity());
    EXPECT_EQ(r.number(), -std::numeric_limits<double>::infinity());
    EXPECT_TRUE(std::isnan(r.number()));
    EXPECT_EQ(r.number(), 7.0);
    EXPECT_FALSE(r.at_number());
}

TEST(TextReader, reads_the_whole_range_of_64_bit_integers) {
    TextReader r("t", "9223372036854775807 -9223372036854775808 18446744073709551615");
    EXPECT_EQ(r.integer(), std::numeric_limits<int64_t>::max());
    EXPECT_EQ(r.integer(), std::numeric_limits<int64_t>::min());
    EXPECT_EQ(r.unsigned_integer(), std::numeric_limits<uint64_t>::max());
    EXPECT_EQ(error_of([] { TextReader("t", "9223372036854775808").integer(); }),
              "t:1:1: integer does not fit 64 bits");
}

TEST(TextReader, a_quoted_word_is_never_a_keyword) {
    TextReader r("t", "\"for\" for");
    EXPECT_FALSE(r.accept("for"));
    EXPECT_EQ(r.name(), "for");
    EXPECT_TRUE(r.accept("for"));
}

TEST(TextReader, errors_name_file_line_column_expectation_and_finding) {
    EXPECT_EQ(error_of([] {
                  TextReader r("x.gir", "a\n  let 5");
                  r.next(), r.end_line(), r.next();
                  r.identifier();
              }),
              "x.gir:2:7: expected an identifier, found '5'");
    EXPECT_EQ(error_of([] { TextReader("t", "a").expect("->"); }),
              "t:1:1: expected '->', found 'a'");
    EXPECT_EQ(error_of([] {
                  TextReader r("t", "a\n");
                  r.next();
                  r.integer();
              }),
              "t:1:2: expected an integer, found the end of the line");
    EXPECT_EQ(error_of([] { TextReader("t", "").name(); }),
              "t:1:1: expected a name, found the end of the text");
    EXPECT_EQ(error_of([] { TextReader("t", "    a").line_at(1); }),
              "t:1:5: expected a line indented by at most 2 spaces");
}

TEST(TextReader, malformed_text_is_refused) {
    using testing::HasSubstr;
    EXPECT_THAT(error_of([] { TextReader("t", "   a"); }),
                HasSubstr("t:1:4: expected indentation"));
    EXPECT_THAT(error_of([] { TextReader("t", "a\tb"); }), HasSubstr("t:1:2: expected spaces"));
    EXPECT_THAT(error_of([] { TextReader("t", "\"abc"); }), HasSubstr("closing quote"));
    EXPECT_THAT(error_of([] { TextReader("t", "\"\\q\""); }), HasSubstr("backslash"));
    EXPECT_THAT(error_of([] { TextReader("t", "12ab"); }), HasSubstr("t:1:3: expected a number"));
    EXPECT_THAT(error_of([] { TextReader("t", "0x"); }), HasSubstr("hexadecimal"));
    EXPECT_THAT(error_of([] { TextReader("t", "a \x01"); }), HasSubstr("unexpected character"));
}

TEST(TextWriter, names_read_back_to_themselves) {
    for (std::string name : {"Conv_20", "_x", "/layer1/0.conv", "12", "a b", "", "q\"uo\\te",
                             "line\nbreak\ttab", "\x01\x7f", "größe"}) {
        TextReader r("t", name_text(name));
        EXPECT_EQ(r.name(), name);
        EXPECT_TRUE(r.at_line_end());
    }
    EXPECT_EQ(name_text("Conv_20"), "Conv_20");
    EXPECT_EQ(name_text("a.b"), "\"a.b\"");
}

TEST(TextWriter, floats_read_back_to_the_same_bits) {
    for (double v : {0.0, 1.0, -1.0, 0.1, 1e300, 5e-324, 1.0 / 3, 123456789.0, -2.5e-7})
        EXPECT_EQ(TextReader("t", float_text(v)).number(), v) << float_text(v);
    for (float v : {0.1f, 16777216.0f, 1e-45f, 3.4028235e38f})
        EXPECT_EQ(static_cast<float>(TextReader("t", float_text(v)).number()), v) << float_text(v);
    EXPECT_EQ(float_text(1.0), "1.0");
    EXPECT_EQ(float_text(0.1f), "0.1");
    EXPECT_TRUE(std::signbit(TextReader("t", float_text(-0.0)).number()));
}

TEST(TextWriter, printable_leaves_nothing_that_controls_a_terminal) {
    EXPECT_EQ(printable("a\nb\tc\x1b[31m\x7f"), "a\\nb\\tc\\x1b[31m\\x7f");
    EXPECT_EQ(printable("\xc2\x9b[2J"), "\\x9b[2J");  // U+009B begins a sequence too
    EXPECT_EQ(printable("\xc2\xa0\xc3\xa9 \xc2"), "\xc2\xa0\xc3\xa9 \xc2");
}

}  // namespace
}  // namespace smeaton
