#include "run/fill.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace smeaton::run {
namespace {

// Elements of each size, of equal bytes and of others, and nothing beside them.
TEST(Fill, sets_so_many_elements) {
    const uint64_t elements[] = {0, 0x4040404040404040, 0xff800000fff0bfc1};
    for (int bytes : {1, 2, 4, 8})
        for (uint64_t element : elements)
            for (int64_t count : {0, 1, 7, 100}) {
                std::vector<char> at(static_cast<size_t>(count * bytes) + 16, 'x');
                run_fill({0, 0, count, bytes, element}, at.data() + 8);
                std::vector<char> wanted(at.size(), 'x');
                for (int64_t i = 0; i < count; ++i)
                    std::memcpy(wanted.data() + 8 + i * bytes, &element,
                                static_cast<size_t>(bytes));
                EXPECT_EQ(at, wanted) << bytes << " bytes, " << element << ", " << count;
            }
}

}  // namespace
}  // namespace smeaton::run
