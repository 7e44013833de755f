// Counters of the OS, as a folder that looks like sysfs.
#include "run/energy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace smeaton::run {
namespace {

struct Sysfs {
    std::string path = ::testing::TempDir() + "energy_test_" + std::to_string(::getpid());
    Sysfs() { std::filesystem::create_directories(path); }
    ~Sysfs() { std::filesystem::remove_all(path); }
    void set(const std::string& zone, const char* key, const std::string& value) const {
        std::filesystem::create_directories(path + "/" + zone);
        std::ofstream(path + "/" + zone + "/" + key) << value << "\n";
    }
    void zone(const std::string& zone, const std::string& name, int64_t uj) const {
        set(zone, "name", name);
        set(zone, "energy_uj", std::to_string(uj));
        set(zone, "max_energy_range_uj", "1000000");
    }
};

TEST(EnergyMeter, packages_and_memory_are_added_and_parts_of_packages_are_not) {
    const Sysfs sysfs;
    sysfs.zone("intel-rapl:0", "package-0", 100'000);
    sysfs.zone("intel-rapl:0:0", "core", 50'000);
    sysfs.zone("intel-rapl:0:1", "dram", 10'000);
    sysfs.zone("intel-rapl:1", "package-1", 900'000);
    sysfs.zone("intel-rapl-mmio:0", "package-0", 5);
    EnergyMeter meter(sysfs.path);
    ASSERT_TRUE(meter.works());
    EXPECT_EQ(meter.about(), "RAPL: package-0, dram, package-1");
    meter.start();
    EXPECT_EQ(meter.joules(), 0);
    sysfs.zone("intel-rapl:0", "package-0", 350'000);
    sysfs.zone("intel-rapl:0:0", "core", 350'000);
    sysfs.zone("intel-rapl:0:1", "dram", 20'000);
    sysfs.zone("intel-rapl:1", "package-1", 150'000);  // came round
    EXPECT_NEAR(meter.joules(), 0.25 + 0.01 + 0.25, 1e-9);
}

TEST(EnergyMeter, what_is_not_there_or_not_for_us_is_told) {
    const Sysfs sysfs;
    EXPECT_FALSE(EnergyMeter(sysfs.path + "/none").works());
    EXPECT_EQ(EnergyMeter(sysfs.path).about(), "the system has no RAPL counters in " + sysfs.path);
    sysfs.set("intel-rapl:0", "name", "package-0");
    const EnergyMeter meter(sysfs.path);
    EXPECT_FALSE(meter.works());
    EXPECT_EQ(meter.about(),
              sysfs.path + "/intel-rapl:0/energy_uj cannot be read (mostly root alone may)");
}

}  // namespace
}  // namespace smeaton::run
