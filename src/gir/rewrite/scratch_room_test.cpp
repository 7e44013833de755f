#include "gir/rewrite/scratch_room.h"

#include <gtest/gtest.h>

namespace smeaton::gir::rewrite {
namespace {

Target chip() {
    Target target;
    auto level = [&](const char* name, const char* next, int64_t bytes, bool software,
                     std::vector<OperandRole> roles) {
        TargetLevel l;
        l.name = name;
        l.next = next;
        l.capacity = bytes;
        l.software_managed = software;
        l.roles = std::move(roles);
        target.levels.push_back(l);
    };
    level("reg", "vmem", 64, true, {OperandRole::Vector});
    level("wbuf", "dram", 1000, true, {OperandRole::B});
    level("obuf", "dram", 1000, true, {OperandRole::Acc, OperandRole::Vector});
    level("vmem", "dram", 1000, true, {OperandRole::Vector});
    level("dram", "", 1 << 20, true, {});
    return target;
}

TEST(ScratchRoom, a_full_level_gives_way_to_the_next_that_takes_vectors) {
    Target target = chip();
    ScratchRoom room(target);
    const TargetLevel& obuf = target.level("obuf");
    EXPECT_EQ(room.take(obuf, 600), Name("obuf"));
    EXPECT_EQ(room.take(obuf, 400), Name("obuf"));
    EXPECT_EQ(room.take(obuf, 1), Name("vmem"));
    EXPECT_EQ(room.take(obuf, 999), Name("vmem"));
    EXPECT_EQ(room.take(obuf, 600), Name("dram"));
}

TEST(ScratchRoom, what_lives_there_already_counts_and_registers_never_do) {
    Target target = chip();
    ScratchRoom room(target);
    room.note("obuf", 900);
    EXPECT_EQ(room.take(target.level("obuf"), 200), Name("vmem"));
    EXPECT_EQ(room.take(target.registers(), 1 << 16), Name("reg"));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
