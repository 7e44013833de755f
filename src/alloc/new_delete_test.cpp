#include <gtest/gtest.h>
#include <mimalloc.h>

#include <memory>
#include <vector>

namespace {

TEST(Alloc, BlocksOfAProgramThatLinksItAreMimallocs) {
    const auto one = std::make_unique<int>(1);
    const std::vector<char> many(1 << 20);
    EXPECT_TRUE(mi_is_in_heap_region(one.get()));
    EXPECT_TRUE(mi_is_in_heap_region(many.data()));
}

}  // namespace
