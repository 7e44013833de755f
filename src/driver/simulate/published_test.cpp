#include "driver/simulate/published.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace smeaton::driver {
namespace {

using ::testing::HasSubstr;

TEST(Published, ATopologyFileHasSizesOfItsOwn) {
    LayerRequest with_batch, with_dim;
    with_batch.model = with_dim.model = "net.csv";
    with_batch.batch = 8;
    with_dim.dims = {"N=8"};
    for (const LayerRequest& layers : {with_batch, with_dim}) {
        try {
            simulate_scalesim({layers, "8x8", "os"});
            FAIL() << "the sizes would have been passed over";
        } catch (const UserError& error) {
            EXPECT_THAT(error.what(), HasSubstr("net.csv: --dim and --batch"));
        }
    }
}

}  // namespace
}  // namespace smeaton::driver
