#include "model/states.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/text/text.h"
#include "model/verify.h"

namespace smeaton::model {
namespace {

Graph small() {
    return parse(R"(graph small
  input x: f32[N,2]
  input h: f32[2]
  const w: f32[2](0.5, 1.0)
  y: f32[N,2] = Add(x, h) since 14 as Add_0
  w_next: f32[2] = Mul(w, h) since 14 as Mul_1
  output y
  output w_next
)",
                 "small.txt");
}

TEST(States, an_initializer_becomes_an_input_that_starts_at_its_value) {
    const Graph graph = declare_states(small(), {{"w", "w_next"}});
    EXPECT_EQ(print(graph), R"(graph small
  input x: f32[N,2]
  input h: f32[2]
  input w: f32[2]
  y: f32[N,2] = Add(x, h) since 14 as Add_0
  w_next: f32[2] = Mul(w, h) since 14 as Mul_1
  output y
  output w_next into w from f32[2](0.5, 1.0)
)");
    EXPECT_NO_THROW(verify(graph, "states"));
    ASSERT_NE(state_of_input(graph, 2), nullptr);
    EXPECT_EQ(state_of_input(graph, 0), nullptr);
    EXPECT_TRUE(goes_into_state(graph, 1));
    EXPECT_FALSE(goes_into_state(graph, 0));
}

TEST(States, one_output_may_go_into_two) {
    const Graph graph = declare_states(small(), {{"h", "w_next"}, {"w", "w_next"}});
    ASSERT_EQ(graph.states.size(), 2u);
    EXPECT_FALSE(graph.states[0].first.has_value());
}

TEST(States, sizes_and_element_types_must_agree) {
    EXPECT_THROW(declare_states(small(), {{"h", "y"}}), UserError);
    EXPECT_THROW(declare_states(small(), {{"h", "z"}}), UserError);
    EXPECT_THROW(declare_states(small(), {{"z", "y"}}), UserError);
    const Graph open = declare_states(small(), {{"x", "y"}});
    EXPECT_THROW(require_sized_states(open), UserError);
}

}  // namespace
}  // namespace smeaton::model
