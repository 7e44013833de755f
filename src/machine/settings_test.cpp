#include "machine/settings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "machine/query.h"
#include "machine/read.h"
#include "machine/verify.h"

namespace smeaton::machine {
namespace {

Machine chip() {
    return read_machine_file(SMEATON_SOURCE_DIR "/machines/systolic-chip.yaml");
}

const Setting& named(const std::vector<Setting>& all, const std::string& key) {
    const auto at =
        std::find_if(all.begin(), all.end(), [&](const Setting& s) { return s.key == key; });
    EXPECT_NE(at, all.end()) << key;
    return *at;
}

TEST(Settings, EachSetsWhatItTells) {
    const Machine m = chip();
    const std::vector<Setting> all = settings_of(m);
    EXPECT_GT(all.size(), 40u);
    for (const Setting& s : all) {
        Machine other = m;
        s.set(other, 2 * s.value);
        EXPECT_FALSE(other == m) << s.key;
        EXPECT_EQ(named(settings_of(other), s.key).value, 2 * s.value) << s.key;
        EXPECT_NO_THROW(verify(other, "chip")) << s.key;
    }
}

TEST(Settings, LanesBringTheirRates) {
    Machine m = chip();
    const double before = rate_gops(m, m.units[1], OpClass::Div, tensor::DType::kF32)->value;
    named(settings_of(m), "units.simd.lanes").set(m, 128);
    EXPECT_EQ(m.units[1].vector_bits->value, 4096);
    EXPECT_DOUBLE_EQ(rate_gops(m, m.units[1], OpClass::Div, tensor::DType::kF32)->value,
                     4 * before);
}

TEST(Settings, ABandwidthIsOfReadsWritesAndCopies) {
    Machine m = chip();
    named(settings_of(m), "levels.dram.bandwidth_gb_s").set(m, 102.4);
    const Level& dram = m.levels.back();
    EXPECT_DOUBLE_EQ(dram.read->one_gb_s.value, 102.4);
    EXPECT_DOUBLE_EQ(dram.copy->one_gb_s.value, 102.4);
}

TEST(Settings, AnArrayWithARateOfItsOwnDoesNotGrow) {
    Machine m = chip();
    EXPECT_NE(named(settings_of(m), "units.array.rows").fixed, "");
    m.units[0].rates[0].per_cycle.reset();
    EXPECT_EQ(named(settings_of(m), "units.array.rows").fixed, "");
}

}  // namespace
}  // namespace smeaton::machine
