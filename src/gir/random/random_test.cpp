#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "gir/interp/interp.h"
#include "gir/ledger/ledger.h"
#include "gir/random/random_program.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"

namespace smeaton::gir {
namespace {

RandomOptions many_types() {
    RandomOptions o;
    o.floats = {DType::kF32, DType::kF64, DType::kF16};
    o.integers = {DType::kI64, DType::kI32, DType::kI8, DType::kU8};
    return o;
}

TEST(RandomPrograms, most_attempts_are_sound) {
    int sound = 0, all = 0;
    std::map<std::string, int> reasons;
    for (uint64_t seed = 0; seed < 300; ++seed, ++all) {
        std::vector<std::string> faults = find_faults(random_attempt(seed).program);
        sound += faults.empty();
        if (!faults.empty()) ++reasons[faults[0]];
    }
    EXPECT_GE(sound, all * 8 / 10) << reasons.begin()->first;
}

TEST(RandomPrograms, the_same_seed_gives_the_same_program) {
    for (uint64_t seed : {1u, 17u, 99u})
        EXPECT_EQ(print(random_case(seed).program), print(random_case(seed).program));
    EXPECT_NE(print(random_case(1).program), print(random_case(2).program));
}

// The text form reads back, the widened, plain and counted runs agree to the bit, and the ledger is
// what the interpreter counts.
TEST(RandomPrograms, ledger_equals_what_the_interpreter_counts) {
    for (uint64_t seed = 0; seed < 250; ++seed) {
        RandomCase made = random_case(seed, seed % 2 ? many_types() : RandomOptions{});
        std::string text = print(made.program);
        SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + text);
        Program again = parse_program(text, "printed", large_constants(made.program));
        ASSERT_EQ(print(again), text);
        interp::Options counting, plain;
        counting.count = true;
        counting.levels = levels_used(made.program);
        plain.widen = false;
        interp::Result counted = interp::run(made.program, made.inputs, counting);
        interp::Result wide = interp::run(made.program, made.inputs);
        interp::Result narrow = interp::run(made.program, made.inputs, plain);
        ASSERT_EQ(traffic_at(ledger(made.program, *counting.levels)).str(), counted.traffic.str());
        for (const auto& [name, tensor] : counted.outputs) {
            EXPECT_TRUE(same(tensor, wide.outputs.at(name)));
            EXPECT_TRUE(same(tensor, narrow.outputs.at(name)));
            for (int64_t i = 0; i < tensor.elements(); ++i)
                ASSERT_FALSE(std::isnan(tensor.at_as_double(i))) << "element " << i;
        }
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace smeaton::gir
