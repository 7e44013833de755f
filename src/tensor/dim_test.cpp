#include "tensor/dim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"

namespace smeaton::tensor {
namespace {

Dim d(const char* text) {
    return parse_dim(text);
}

const Dim N = Dim::symbol("N");
const Dim S = Dim::symbol("S");

TEST(Dim, equal_expressions_compare_equal_however_they_were_built) {
    EXPECT_EQ((N + 1) * (N - 1), N * N - 1);
    EXPECT_EQ(N * S, S * N);
    EXPECT_EQ(N + S - N, S);
    EXPECT_EQ(N * 0, Dim(0));
    EXPECT_TRUE((N - N + 5).is(5));
    EXPECT_NE(N, S);
    EXPECT_NE(N, Dim(1));
    EXPECT_EQ(floor_div(N + 15, 16), floor_div(N - 1, 16) + 1);
    EXPECT_EQ(ceil_div(N, 16), floor_div(N + 15, 16));
}

TEST(Dim, floor_div_takes_out_what_divides) {
    EXPECT_EQ(floor_div(N * 16, 16), N);
    EXPECT_EQ(floor_div(N * 16 + 5, 16), N);
    EXPECT_EQ(floor_div(N * 16 - 1, 16), N - 1);
    EXPECT_EQ(ceil_div(N * 16 + 1, 16), N + 1);
    EXPECT_EQ(floor_div(N * 4 + 5, 8), floor_div(N + 1, 2));
    EXPECT_EQ(floor_div(N * 18 + S, 16).str(), "N + floor((2*N + S)/16)");
    EXPECT_EQ(floor_div(N, 1), N);
}

TEST(Dim, nested_floors_become_one) {
    EXPECT_EQ(floor_div(floor_div(N, 4), 3), floor_div(N, 12));
    EXPECT_EQ(floor_div(floor_div(N + 1, 2) + 1, 2), floor_div(N + 3, 4));
    EXPECT_EQ(floor_div(floor_div(N, 2) + S, 3), floor_div(N + S * 2, 6));
}

TEST(Dim, known_sizes_divide_towards_minus_infinity) {
    EXPECT_TRUE(floor_div(Dim(-1), 2).is(-1));
    EXPECT_TRUE(ceil_div(Dim(-1), 2).is(0));
    EXPECT_TRUE(ceil_div(Dim(7), 2).is(4));
    EXPECT_THROW(floor_div(N, 0), InternalError);
}

TEST(Dim, simplification_keeps_the_value) {
    std::mt19937 random(1);
    auto pick = [&](int low, int high) {
        return std::uniform_int_distribution<int>(low, high)(random);
    };
    for (int round = 0; round < 2000; ++round) {
        // The same expression over Dims and over numbers.
        int64_t n = pick(0, 50), s = pick(0, 50);
        Dim x = N;
        int64_t v = n;
        for (int step = 0; step < 6; ++step) {
            int64_t k = pick(1, 9), j = pick(-9, 9);
            int64_t floor = v >= 0 ? v / k : -((-v + k - 1) / k);
            switch (pick(0, 4)) {
                case 0:
                    x += Dim(j) * S, v += j * s;
                    break;
                case 1:
                    x = floor_div(x, k), v = floor;
                    break;
                case 2:
                    x += j, v += j;
                    break;
                case 3:
                    x *= k, v *= k;
                    break;
                default:
                    x -= floor_div(x, k), v -= floor;
                    break;
            }
        }
        EXPECT_EQ(x.bind({{"N", n}, {"S", s}}), Dim(v)) << x.str() << " at " << n << ", " << s;
        EXPECT_EQ(x.bind({{"N", n}}).bind({{"S", s}}), Dim(v)) << x.str();
        EXPECT_EQ(parse_dim(x.str()), x);
        EXPECT_EQ(parse_dim(x.str()).str(), x.str());
    }
}

TEST(Dim, bind_replaces_only_what_is_bound) {
    Dim x = floor_div(N + S, 2) + N * S;
    EXPECT_EQ(x.bind({{"S", 4}}), floor_div(N, 2) + 2 + N * 4);
    EXPECT_EQ(x.bind({{"S", 4}, {"N", 3}, {"Z", 9}}).value(), 15);
    EXPECT_THROW(x.bind({{"S", 4}}).value(), InternalError);
    EXPECT_FALSE(x.if_const());
    EXPECT_THAT(x.symbols(), testing::ElementsAre(Name("N"), Name("S")));
}

TEST(Dim, exact_div_divides_polynomials_or_says_no) {
    EXPECT_EQ(exact_div(N * S * 6, N * 2), S * 3);
    EXPECT_EQ(exact_div(N * N - 1, N + 1), N - 1);
    EXPECT_EQ(exact_div((N + S) * (N - 3), N + S), N - 3);
    EXPECT_EQ(exact_div(floor_div(N, 2) * 8, floor_div(N, 2)), Dim(8));
    EXPECT_EQ(exact_div(Dim(12), Dim(4)), Dim(3));
    EXPECT_EQ(exact_div(Dim(0), N), Dim(0));
    EXPECT_EQ(exact_div(N, Dim(2)), std::nullopt);
    EXPECT_EQ(exact_div(N + 1, N), std::nullopt);
    EXPECT_EQ(exact_div(Dim(12), N), std::nullopt);
    EXPECT_EQ(exact_div(N, Dim(0)), std::nullopt);
}

TEST(Dim, prints_for_a_person_and_reads_back) {
    EXPECT_EQ(Dim(128).str(), "128");
    EXPECT_EQ((N * S * 2 + 3).str(), "2*N*S + 3");
    EXPECT_EQ(floor_div(N + 15, 16).str(), "floor((N + 15)/16)");
    EXPECT_EQ(floor_div(N, 2).str(), "floor(N/2)");
    EXPECT_EQ((Dim(3) - N).str(), "-N + 3");
    EXPECT_EQ(Dim::symbol("past + 1").str(), "\"past + 1\"");
    EXPECT_EQ(Dim::symbol("floor").str(), "\"floor\"");
    EXPECT_EQ(d("\"floor\" + 1"), Dim::symbol("floor") + 1);
    EXPECT_EQ(d("ceil(N/16) * (2 - -S)"), ceil_div(N, 16) * (S + 2));
    EXPECT_EQ(d(" 7 "), Dim(7));
}

TEST(Dim, malformed_text_is_refused_with_its_place) {
    auto message = [](const char* text) -> std::string {
        try {
            parse_dim(text);
        } catch (const UserError& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_EQ(message("N +"), "size \"N +\":1:4: expected a size, found the end of the line");
    EXPECT_EQ(message(""), "size \"\":1:1: expected a size, found the end of the text");
    EXPECT_THAT(message("floor(N/0)"), testing::HasSubstr("positive divisor"));
    EXPECT_THAT(message("N/2"), testing::HasSubstr("found '/'"));
    EXPECT_THAT(message("2 N"), testing::HasSubstr("found 'N'"));
}

TEST(Dim, a_size_beyond_64_bits_is_refused) {
    EXPECT_THROW(Dim(int64_t{1} << 40) * Dim(int64_t{1} << 40), UserError);
    EXPECT_THROW(N * (int64_t{1} << 62) * 4, UserError);
}

TEST(Dim, order_is_total_and_known_sizes_come_first) {
    std::vector<Dim> dims = {Dim(1), Dim(2), N, S, N + 1, N * S, floor_div(N, 2)};
    for (const Dim& a : dims)
        for (const Dim& b : dims) EXPECT_EQ((a < b) + (b < a) + (a == b), 1) << a.str() << b.str();
    EXPECT_LT(Dim(5), N);
}

}  // namespace
}  // namespace smeaton::tensor
