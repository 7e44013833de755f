#include "gir/rewrite/early.h"

#include <algorithm>

#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

const std::string kGive = R"(
kernel give(x -> y)
  parallel i: 3 any
    move y[i] <- x[i]
)";

// Two gradients, and states that take them at the end; `between` stands between.
Program updated(const std::string& between = "  run give(x -> y)\n",
                const std::string& more = kGive) {
    return program_of(R"(program updated
  buffer x: memory f32[i: 3] input
  buffer rate: memory f32[] input
  buffer v: memory f32[i: 3] state
  buffer w: memory f32[i: 3] state
  buffer half: memory f32[] temp
  buffer gv: memory f32[i: 3] temp
  buffer gw: memory f32[i: 3] temp
  buffer y: memory f32[i: 3] output
  run back_w(x, w -> gw)
  run back_v(gw, v -> gv)
)" + between + R"(  run halve(rate -> half)
  run step_v(gv, half, v -> v)
  run step_w(gw, half, w -> w)

kernel back_w(x, w -> gw)
  parallel i: 3 any
    binary mul gw[i] <- x[i], w[i]

kernel back_v(gw, v -> gv)
  parallel i: 3 any
    binary mul gv[i] <- gw[i], v[i]

kernel halve(rate -> half)
  binary mul half[] <- rate[], 0.5

kernel step_v(gv, half, v -> v)
  parallel i: 3 any
    let t: local f32[]
    binary mul t[] <- gv[i], half[]
    binary sub v[i] <- v[i], t[]

kernel step_w(gw, half, w -> w)
  parallel i: 3 any
    let t: local f32[]
    binary mul t[] <- gw[i], half[]
    binary sub w[i] <- w[i], t[]
)" + more);
}

std::vector<std::string> names_of_steps(const Program& program) {
    std::vector<std::string> names;
    for (const KernelPtr& k : kernels(program)) names.push_back(k->name.str());
    return names;
}

using Names = std::vector<std::string>;

TEST(StatesEarly, a_state_changes_behind_its_gradient) {
    const Program program = updated();
    const Program changed = states_early(program, {});
    EXPECT_EQ(names_of_steps(changed),
              Names({"back_w", "give", "halve", "step_w", "back_v", "step_v"}));
    EXPECT_TRUE(means_the_same(program, changed));
}

TEST(StatesEarly, a_reader_of_the_old_value_comes_first) {
    const std::string show = R"(
kernel show(w -> y)
  parallel i: 3 any
    move y[i] <- w[i]
)";
    // An output is made as early as it can be, too.
    const Program program = updated("  run show(w -> y)\n", show);
    const Program changed = states_early(program, {});
    const Names steps = names_of_steps(changed);
    const auto at = [&](const char* name) {
        return std::find(steps.begin(), steps.end(), name) - steps.begin();
    };
    EXPECT_LT(at("show"), at("step_w"));
    EXPECT_LT(at("step_w"), at("back_v"));
    EXPECT_TRUE(means_the_same(program, changed));
}

TEST(StatesEarly, a_check_comes_before_every_change) {
    const std::string guard = R"(
kernel guard(gv ->)
  let c: local bool[]
  binary lt c[] <- gv[0], 100.0
  check c[] "too large"
)";
    const Program program = updated("  run guard(gv ->)\n  run give(x -> y)\n", guard + kGive);
    const Program changed = states_early(program, {});
    const Names steps = names_of_steps(changed);
    EXPECT_EQ(Names(steps.end() - 3, steps.end()), Names({"guard", "step_v", "step_w"}));
    EXPECT_TRUE(means_the_same(program, changed));
}

TEST(StatesEarly, what_is_in_its_place_stays) {
    const Program program = states_early(updated(), {});
    EXPECT_EQ(print(states_early(program, {})), print(program));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
