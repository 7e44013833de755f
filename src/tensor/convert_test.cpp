#include "tensor/convert.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace smeaton::tensor {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

double decode(DType t, unsigned code) {
    auto low = static_cast<std::byte>(code & 0xff);
    auto high = static_cast<std::byte>(code >> 8);
    std::array<std::byte, 2> bytes{low, high};
    return load_double(t, bytes.data(), 0);
}

unsigned encode(DType t, double v) {
    std::array<std::byte, 2> bytes{};
    store_double(t, bytes.data(), 0, v);
    return std::to_integer<unsigned>(bytes[0]) | std::to_integer<unsigned>(bytes[1]) << 8;
}

struct Known {
    unsigned code;
    double value;
};

void expect_known(DType t, std::initializer_list<Known> table) {
    for (const Known& row : table) {
        EXPECT_EQ(decode(t, row.code), row.value) << name(t) << " code " << row.code;
        EXPECT_EQ(encode(t, row.value), row.code) << name(t) << " value " << row.value;
    }
}

TEST(Convert, f16_known_patterns) {
    expect_known(DType::kF16, {{0x0000, 0.0},
                               {0x3c00, 1.0},
                               {0xc000, -2.0},
                               {0x7bff, 65504.0},
                               {0x0400, 0x1p-14},
                               {0x0001, 0x1p-24},
                               {0x03ff, 1023 * 0x1p-24},
                               {0x3555, 0.333251953125},
                               {0x7c00, kInf},
                               {0xfc00, -kInf}});
    EXPECT_TRUE(std::signbit(decode(DType::kF16, 0x8000)));
    EXPECT_TRUE(std::isnan(f16_to_float(0x7e00)));
    EXPECT_TRUE(std::isnan(f16_to_float(0x7c01)));
    EXPECT_TRUE(std::isnan(f16_to_float(float_to_f16(NAN))));
}

TEST(Convert, f16_rounds_to_nearest_even_once) {
    EXPECT_EQ(float_to_f16(65519.0f), 0x7bff);
    EXPECT_EQ(float_to_f16(65520.0f), 0x7c00) << "half an ulp over the largest goes to infinity";
    EXPECT_EQ(float_to_f16(2049.0f), 0x6800) << "tie to even, down";
    EXPECT_EQ(float_to_f16(2051.0f), 0x6802) << "tie to even, up";
    EXPECT_EQ(float_to_f16(0x1p-25f), 0x0000);
    EXPECT_EQ(float_to_f16(0x1.8p-25f), 0x0001);
    // Through float this would round twice: first to the tie, then to even.
    EXPECT_EQ(encode(DType::kF16, 1.0 + 0x1p-11 + 0x1p-40), 0x3c01u);
    EXPECT_EQ(encode(DType::kBF16, 1.0 + 0x1p-8 + 0x1p-40), 0x3f81u);
    EXPECT_EQ(encode(DType::kBF16, 1.0 + 0x1p-7 + 0x1p-8 - 0x1p-40), 0x3f81u);
}

TEST(Convert, every_f16_and_bf16_reads_and_writes_back) {
    for (unsigned code = 0; code < 0x10000; ++code) {
        auto c = static_cast<uint16_t>(code);
        if (!std::isnan(f16_to_float(c))) {
            EXPECT_EQ(float_to_f16(f16_to_float(c)), c);
            EXPECT_EQ(encode(DType::kF16, f16_to_float(c)), code);
        }
        if (!std::isnan(bf16_to_float(c))) {
            EXPECT_EQ(float_to_bf16(bf16_to_float(c)), c);
            EXPECT_EQ(encode(DType::kBF16, bf16_to_float(c)), code);
        }
    }
}

TEST(Convert, bf16_known_patterns) {
    expect_known(DType::kBF16, {{0x3f80, 1.0},
                                {0xbf80, -1.0},
                                {0x7f80, kInf},
                                {0x7f7f, 0x1.fep127},
                                {0x0080, 0x1p-126},
                                {0x0001, 0x1p-133},
                                {0x4049, 3.140625}});
    EXPECT_EQ(float_to_bf16(1.00390625f), 0x3f80) << "tie to even, down";
    EXPECT_EQ(float_to_bf16(1.01171875f), 0x3f82) << "tie to even, up";
    EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(NAN))));
}

TEST(Convert, f8_known_patterns) {
    expect_known(DType::kF8E4M3FN, {{0x00, 0.0},
                                    {0x38, 1.0},
                                    {0x7e, 448.0},
                                    {0xfe, -448.0},
                                    {0x08, 0x1p-6},
                                    {0x01, 0x1p-9},
                                    {0x3c, 1.5}});
    EXPECT_TRUE(std::isnan(decode(DType::kF8E4M3FN, 0x7f)));
    EXPECT_TRUE(std::isnan(decode(DType::kF8E4M3FN, 0xff)));
    expect_known(DType::kF8E4M3FNUZ,
                 {{0x00, 0.0}, {0x40, 1.0}, {0x7f, 240.0}, {0x01, 0x1p-10}, {0xff, -240.0}});
    EXPECT_TRUE(std::isnan(decode(DType::kF8E4M3FNUZ, 0x80)));
    expect_known(DType::kF8E5M2,
                 {{0x00, 0.0}, {0x3c, 1.0}, {0x7b, 57344.0}, {0x01, 0x1p-16}, {0xbc, -1.0}});
    EXPECT_EQ(decode(DType::kF8E5M2, 0x7c), kInf);
    EXPECT_TRUE(std::isnan(decode(DType::kF8E5M2, 0x7d)));
    expect_known(DType::kF8E5M2FNUZ, {{0x00, 0.0}, {0x40, 1.0}, {0x7f, 57344.0}, {0x01, 0x1p-17}});
    EXPECT_TRUE(std::isnan(decode(DType::kF8E5M2FNUZ, 0x80)));
    expect_known(DType::kF8E8M0, {{0, 0x1p-127}, {127, 1.0}, {128, 2.0}, {254, 0x1p127}});
    EXPECT_TRUE(std::isnan(decode(DType::kF8E8M0, 255)));
}

TEST(Convert, small_floats_saturate_and_keep_nan) {
    EXPECT_EQ(encode(DType::kF8E4M3FN, 1e9), 0x7eu);
    EXPECT_EQ(encode(DType::kF8E4M3FN, -kInf), 0xfeu);
    EXPECT_EQ(encode(DType::kF8E5M2, kInf), 0x7bu);
    EXPECT_EQ(encode(DType::kF8E4M3FNUZ, -0.0), 0x00u) << "there is no -0; its code is NaN";
    EXPECT_EQ(encode(DType::kF4E2M1, 100.0), 7u);
    for (DType t :
         {DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ, DType::kF8E8M0})
        EXPECT_TRUE(std::isnan(decode(t, encode(t, NAN)))) << name(t);
}

TEST(Convert, every_f8_reads_and_writes_back) {
    for (DType t : {DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2FNUZ, DType::kF8E8M0})
        for (unsigned code = 0; code < 256; ++code)
            if (double v = decode(t, code); !std::isnan(v)) {
                EXPECT_EQ(encode(t, v), code) << name(t);
            }
}

TEST(Convert, four_and_two_bit_types_are_packed_low_bits_first) {
    const std::byte nibbles[] = {std::byte{0xf1}, std::byte{0x78}};
    EXPECT_EQ(load_int(DType::kI4, nibbles, 0), 1);
    EXPECT_EQ(load_int(DType::kI4, nibbles, 1), -1);
    EXPECT_EQ(load_int(DType::kI4, nibbles, 2), -8);
    EXPECT_EQ(load_int(DType::kI4, nibbles, 3), 7);
    EXPECT_EQ(load_int(DType::kU4, nibbles, 1), 15);
    const double e2m1[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    for (unsigned code = 0; code < 8; ++code) {
        EXPECT_EQ(decode(DType::kF4E2M1, code), e2m1[code]);
        EXPECT_EQ(decode(DType::kF4E2M1, code | 8), -e2m1[code]);
    }
    const std::byte pairs[] = {std::byte{0b11100100}};
    for (int i = 0; i < 4; ++i) EXPECT_EQ(load_int(DType::kU2, pairs, i), i);
    EXPECT_EQ(load_int(DType::kI2, pairs, 2), -2);
    EXPECT_EQ(load_double(DType::kI2, pairs, 3), -1.0);

    std::byte out[2] = {std::byte{0xff}, std::byte{0xff}};
    store_int(DType::kI4, out, 1, -3);
    store_int(DType::kI4, out, 2, 5);
    EXPECT_EQ(std::to_integer<int>(out[0]), 0xdf) << "neighbours stay";
    EXPECT_EQ(std::to_integer<int>(out[1]), 0xf5);
    store_double(DType::kF4E2M1, out, 0, -6.0);
    EXPECT_EQ(load_double(DType::kF4E2M1, out, 0), -6.0);
}

TEST(Convert, integers_wrap_and_floats_truncate) {
    std::byte b[8];
    store_int(DType::kI8, b, 0, 200);
    EXPECT_EQ(load_int(DType::kI8, b, 0), -56);
    store_double(DType::kI32, b, 0, -2.9);
    EXPECT_EQ(load_int(DType::kI32, b, 0), -2);
    store_double(DType::kU8, b, 0, 300.0);
    EXPECT_EQ(load_int(DType::kU8, b, 0), 44);
    store_double(DType::kI64, b, 0, 1e30);
    EXPECT_EQ(load_int(DType::kI64, b, 0), std::numeric_limits<int64_t>::max());
    store_double(DType::kI64, b, 0, NAN);
    EXPECT_EQ(load_int(DType::kI64, b, 0), 0);
    store_double(DType::kU64, b, 0, 1.5e19);
    EXPECT_EQ(load_double(DType::kU64, b, 0), 1.5e19);
    store_double(DType::kBool, b, 0, 0.25);
    EXPECT_EQ(load_int(DType::kBool, b, 0), 1);
    store_int(DType::kF32, b, 0, (int64_t{1} << 53) + 1);
    EXPECT_EQ(load_double(DType::kF32, b, 0), 0x1p53);
}

}  // namespace
}  // namespace smeaton::tensor
