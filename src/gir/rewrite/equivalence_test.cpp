// Every rewrite against the naive program on random inputs: the interpreter is the judge.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "gir/common_cpu.h"
#include "gir/interp/interp.h"
#include "gir/random/random_program.h"
#include "gir/rewrite/claim/claim.h"
#include "gir/rewrite/fuse.h"
#include "gir/rewrite/layout_choice.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/rewrite/tile.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"

namespace smeaton::gir::rewrite {
namespace {

struct Stage {
    const char* name;
    std::function<Program(Program)> rewrite;
};

std::vector<Stage> stages(const Target& target) {
    Rules rules = sized_for(target);
    rules.verify = true;
    return {{"fuse", [=](Program p) { return fuse(std::move(p), rules); }},
            {"layout",
             [=](Program p) {
                 p = choose_layouts(std::move(p), target, rules);
                 return add_borders(std::move(p), target, rules);
             }},
            {"tile", [=](Program p) { return tile(p, target); }},
            {"claim", [=](Program p) { return claim_residents(std::move(p), target, rules); }},
            {"spell", [=](Program p) { return spell(std::move(p), target); }}};
}

// A sum in another order differs by rounding; anything else must agree to the bit.
bool close(double a, double b, double scale, bool exact) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    if (a == b) return true;
    return !exact && std::abs(a - b) <= 1e-4 * scale + 1e-5 * std::abs(a);
}

::testing::AssertionResult same_outputs(const interp::Result& want, const interp::Result& got,
                                        bool exact) {
    for (const auto& [name, tensor] : want.outputs) {
        const Tensor& other = got.outputs.at(name);
        double scale = 0;
        for (int64_t i = 0; i < tensor.elements(); ++i)
            if (double v = std::abs(tensor.at_as_double(i)); std::isfinite(v))
                scale = std::max(scale, v);
        for (int64_t i = 0; i < tensor.elements(); ++i)
            if (!close(tensor.at_as_double(i), other.at_as_double(i), scale, exact))
                return ::testing::AssertionFailure()
                       << name.str() << "[" << i << "]: " << tensor.at_as_double(i) << " became "
                       << other.at_as_double(i);
    }
    return ::testing::AssertionSuccess();
}

// SMEATON_FUZZ_CASES sets how many (a few hundred by default), SMEATON_FUZZ_SEED the first.
uint64_t setting(const char* name, uint64_t otherwise) {
    const char* wanted = std::getenv(name);
    return wanted ? std::strtoull(wanted, nullptr, 10) : otherwise;
}

Target cpu(uint64_t seed) {
    const Target targets[] = {common_cpu(64, 32, 2), common_cpu(32, 16, 2), common_cpu(16, 16, 2)};
    return targets[seed % 3];
}

/// A scratchpad instead of caches, as large as the registers or a few times that, in one part or
/// two.
Target chip(uint64_t seed) {
    Target target = cpu(seed);
    TargetLevel scratchpad = target.levels[1];
    scratchpad.next = target.outermost().name;
    scratchpad.software_managed = true;
    scratchpad.capacity = target.registers().capacity.bytes() << seed % 5;
    scratchpad.parts = 1 + static_cast<int>(seed % 2);
    target.levels = {target.registers(), scratchpad, target.outermost()};
    return target;
}

void expect_the_same_after_every_stage(uint64_t seed, const Target& target) {
    RandomCase random = random_case(seed);
    interp::Result want = interp::run(random.program, random.inputs);
    Program program = random.program;
    for (const Stage& stage : stages(target)) {
        program = stage.rewrite(program);
        VerifyOptions room{capacities(target)};
        ASSERT_EQ(find_faults(program, room), std::vector<std::string>{})
            << "seed " << seed << " after " << stage.name << "\n"
            << print(random.program) << print(program);
        ASSERT_TRUE(same_outputs(want, interp::run(program, random.inputs), random.exact))
            << "seed " << seed << " after " << stage.name << "\n"
            << print(random.program) << print(program);
    }
}

void expect_the_same_of_random_programs(const std::function<Target(uint64_t)>& target) {
    const uint64_t first = setting("SMEATON_FUZZ_SEED", 1);
    const uint64_t last = first + setting("SMEATON_FUZZ_CASES", 150);
    for (uint64_t seed = first; seed < last && !testing::Test::HasFatalFailure(); ++seed)
        expect_the_same_after_every_stage(seed, target(seed));
}

TEST(Rewrites, random_programs_mean_the_same_after_every_stage) {
    expect_the_same_of_random_programs(cpu);
}

TEST(Rewrites, random_programs_mean_the_same_after_every_stage_for_a_chip) {
    expect_the_same_of_random_programs(chip);
}

TEST(Rewrites, seeds_that_found_a_fault_once) {
    for (uint64_t seed : {887, 10544, 14820, 21873, 27115, 901822, 8000036, 31002527, 41001390,
                          41003789, 51000746, 61001356, 70002563, 70006778, 70007303})
        expect_the_same_after_every_stage(seed, cpu(seed));
    for (uint64_t seed : {5000237}) expect_the_same_after_every_stage(seed, chip(seed));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
