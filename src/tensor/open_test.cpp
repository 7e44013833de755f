#include "tensor/open.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text_reader.h"
#include "tensor/tensor_text.h"

namespace smeaton::tensor {
namespace {

TEST(Open, has_a_shape_and_no_memory) {
    const Tensor large = open_tensor(DType::kF32, {1 << 20, 1 << 10});  // 4 GiB that nobody holds
    EXPECT_TRUE(is_open(large));
    EXPECT_EQ(large.bytes(), int64_t{1} << 32);
    EXPECT_TRUE(is_open(large.reshaped({1 << 30})));
    EXPECT_FALSE(is_open(Tensor(DType::kF32, {2})));
    EXPECT_FALSE(is_open(Tensor()));
    EXPECT_THROW(open_tensor(DType::kF32, {-1}), UserError);
}

TEST(Open, elements_are_refused) {
    const Tensor t = open_tensor(DType::kF32, {2, 3});
    EXPECT_THROW(require_data(t), UserError);
    EXPECT_THROW((void)t.at_as_double(0), UserError);
    EXPECT_THROW((void)t.at_as_int(0), UserError);
    EXPECT_THROW((void)content_hash(t), UserError);
    EXPECT_FALSE(same(t, t));
    EXPECT_NO_THROW(require_data(Tensor(DType::kF32, {2})));
}

TEST(Open, prints_and_parses) {
    const Tensor t = open_tensor(DType::kF16, {2, 3});
    EXPECT_EQ(tensor_text(t), "f16[2,3] open");
    TextReader reader("text", "f16[2,3] open");
    const Tensor read = read_tensor(reader, {});
    EXPECT_TRUE(is_open(read));
    EXPECT_EQ(read.dtype(), DType::kF16);
    EXPECT_EQ(read.shape(), t.shape());
}

}  // namespace
}  // namespace smeaton::tensor
