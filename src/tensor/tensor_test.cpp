#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace smeaton::tensor {
namespace {

TEST(DType, names_read_back) {
    EXPECT_EQ(dtype_named("bf16"), DType::kBF16);
    EXPECT_EQ(name(DType::kF8E4M3FN), "f8e4m3fn");
    EXPECT_EQ(dtype_named("float"), std::nullopt);
    for (int i = 0; i <= static_cast<int>(DType::kString); ++i)
        EXPECT_EQ(dtype_named(name(static_cast<DType>(i))), static_cast<DType>(i));
}

TEST(DType, sub_byte_types_are_packed) {
    EXPECT_EQ(byte_count(DType::kI4, 3), 2);
    EXPECT_EQ(byte_count(DType::kU2, 5), 2);
    EXPECT_EQ(byte_count(DType::kBool, 5), 5);
    EXPECT_EQ(byte_count(DType::kF64, 5), 40);
}

TEST(Tensor, is_zero_filled_aligned_and_writable_when_alone) {
    Tensor t(DType::kF32, {2, 3});
    EXPECT_EQ(t.elements(), 6);
    EXPECT_EQ(t.bytes(), 24);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(t.data()) % 64, 0u);
    for (float v : t.as<float>()) EXPECT_EQ(v, 0.0f);
    t.set_from_double(4, 2.5);
    EXPECT_EQ(t.as<float>()[4], 2.5f);
    EXPECT_EQ(t.at_as_int(4), 2);
    Tensor copy = t;
    EXPECT_THROW(t.mutable_data(), InternalError) << "shared tensors are immutable";
}

TEST(Tensor, views_bytes_that_it_keeps_alive_and_never_writes_them) {
    auto bytes = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
    std::weak_ptr<std::vector<float>> watch = bytes;
    Tensor view(DType::kF32, {2, 2}, reinterpret_cast<const std::byte*>(bytes->data()), bytes);
    bytes.reset();
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(view.at_as_double(3), 4.0);
    EXPECT_THROW(view.mutable_data(), InternalError);
    Tensor flat = view.reshaped({4});
    view = Tensor();
    EXPECT_EQ(flat.at_as_double(2), 3.0);
    flat = Tensor();
    EXPECT_TRUE(watch.expired());
}

TEST(Tensor, reshape_keeps_the_element_count) {
    Tensor t = of_i64({1, 2, 3, 4});
    EXPECT_EQ(t.reshaped({2, 1, 2}).shape(), (std::vector<int64_t>{2, 1, 2}));
    EXPECT_THROW(t.reshaped({3}), InternalError);
}

TEST(Tensor, a_scalar_has_one_element_and_a_zero_dim_none) {
    EXPECT_EQ(scalar_f32(3.5f).elements(), 1);
    EXPECT_EQ(scalar_f32(3.5f).at_as_double(0), 3.5);
    Tensor empty(DType::kI64, {4, 0, int64_t{1} << 62, 16});
    EXPECT_EQ(empty.elements(), 0);
    EXPECT_NE(empty.data(), nullptr);
}

TEST(Tensor, impossible_shapes_are_refused_before_anything_is_allocated) {
    EXPECT_THROW(Tensor(DType::kF32, {-1, 2}), UserError);
    EXPECT_THROW(Tensor(DType::kF32, {int64_t{1} << 40, int64_t{1} << 40}), UserError);
    EXPECT_THROW(Tensor(DType::kF64, {int64_t{1} << 60}), UserError);
}

TEST(Tensor, sameness_and_hash_see_dtype_shape_and_bytes) {
    Tensor a = of_i64({1, 2});
    EXPECT_TRUE(same(a, of_i64({1, 2})));
    EXPECT_EQ(content_hash(a), content_hash(of_i64({1, 2})));
    for (const Tensor& b : {of_i64({1, 3}), of_i64({2, 1}), a.reshaped({1, 2}), of_i64({1}),
                            Tensor(DType::kF64, {2}), Tensor(DType::kU64, {2})}) {
        EXPECT_FALSE(same(a, b));
        EXPECT_NE(content_hash(a), content_hash(b));
    }
}

TEST(Tensor, content_hash_is_the_same_in_every_run) {
    EXPECT_EQ(content_hash(of_i64({1, 2, 3})), 0x8139b3ef18bba7b1ull);
}

TEST(Tensor, strings_are_kept_apart) {
    Tensor t = Tensor::of_strings({2}, {"a", "bc"});
    EXPECT_EQ(t.strings()[1], "bc");
    EXPECT_EQ(t.bytes(), 0);
    EXPECT_TRUE(same(t, Tensor::of_strings({2}, {"a", "bc"})));
    EXPECT_FALSE(same(t, Tensor::of_strings({2}, {"ab", "c"})));
    EXPECT_NE(content_hash(t), content_hash(Tensor::of_strings({2}, {"ab", "c"})));
    EXPECT_THROW(t.at_as_double(0), InternalError);
}

}  // namespace
}  // namespace smeaton::tensor
