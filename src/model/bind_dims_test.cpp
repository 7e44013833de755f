#include "model/bind_dims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace smeaton::model {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const Dim N = Dim::symbol("N");

/// Inputs a[N, 3], b[N, b:1], and c of unknown rank.
Graph three_inputs() {
    Graph graph;
    graph.values = {{"a", DType::kF32, std::vector<Dim>{N, 3}, {}},
                    {"b", DType::kF32, std::vector<Dim>{N, Dim::symbol("b:1")}, {}},
                    {"c", DType::kF32, std::nullopt, {}},
                    {"hint", DType::kF32, std::vector<Dim>{N * 2}, {}}};
    graph.inputs = {{0}, {1}, {2}};
    return graph;
}

std::vector<Dim> shape(const Graph& graph, size_t value) {
    return *graph.values[value].shape;
}

std::string refusal(const DimBindings& bindings) {
    try {
        bind_dims(three_inputs(), bindings);
        return "";
    } catch (const UserError& error) {
        return error.what();
    }
}

TEST(BindDims, a_fed_shape_binds_its_names_everywhere) {
    const Graph graph = bind_dims(three_inputs(), {.fed_shapes = {{"a", {5, 3}}, {"c", {7, 0}}}});
    EXPECT_EQ(shape(graph, 0), (std::vector<Dim>{5, 3}));
    EXPECT_EQ(shape(graph, 1), (std::vector<Dim>{5, Dim::symbol("b:1")}));
    EXPECT_EQ(shape(graph, 2), (std::vector<Dim>{7, 0}));
    EXPECT_EQ(shape(graph, 3), (std::vector<Dim>{10}));
    EXPECT_THAT(unbound_dims(graph), ElementsAre(HasSubstr("input 'b', axis 1: ")));
}

TEST(BindDims, a_fed_zero_is_an_empty_tensor) {
    const Graph graph = bind_dims(three_inputs(), {.fed_shapes = {{"a", {0, 3}}}});
    EXPECT_EQ(shape(graph, 1)[0], Dim(0));
}

TEST(BindDims, options_bind_by_name_and_by_input_and_axis) {
    const Graph model = three_inputs();
    const DimBindings options = dim_bindings(model, {{"N", 4}, {"b:-1", 6}});
    const Graph graph = bind_dims(model, options);
    EXPECT_EQ(shape(graph, 1), (std::vector<Dim>{4, 6}));
    EXPECT_THAT(unbound_dims(graph), ElementsAre("input 'c': its rank"));
    const Graph by_axis = bind_dims(model, dim_bindings(model, {{"a:0", 9}}));
    EXPECT_EQ(shape(by_axis, 1)[0], Dim(9));
    const Graph by_symbol = bind_dims(model, dim_bindings(model, {{"b:1", 8}}));
    EXPECT_EQ(shape(by_symbol, 1)[1], Dim(8));
}

TEST(BindDims, unknown_names_are_refused_with_the_known_ones) {
    const auto refused = [](const std::string& option) -> std::string {
        try {
            dim_bindings(three_inputs(), {{option, 1}});
            return "";
        } catch (const UserError& error) {
            return error.what();
        }
    };
    EXPECT_THAT(refused("M"), HasSubstr("the open ones are: 'N', 'b:1'"));
    EXPECT_THAT(refused("z:0"), HasSubstr("no input 'z'; its inputs are 'a', 'b', 'c'"));
    EXPECT_THAT(refusal({.fed_shapes = {{"z", {1}}}}), HasSubstr("no input 'z'"));
    EXPECT_THAT(refusal({.by_axis = {{{"a", 2}, 1}}}), HasSubstr("has the axes 0 to 1"));
    EXPECT_THAT(refusal({.by_axis = {{{"c", 0}, 1}}}), HasSubstr("rank of input 'c' is not known"));
}

TEST(BindDims, contradictions_are_refused) {
    EXPECT_THAT(refusal({.fed_shapes = {{"a", {5, 4}}}}),
                HasSubstr("input 'a' (fed), axis 1: size 4, but the model states 3"));
    EXPECT_THAT(refusal({.fed_shapes = {{"a", {5}}}}),
                HasSubstr("fed 1 dimensions, but the model states 2"));
    EXPECT_THAT(refusal({.fed_shapes = {{"a", {5, 3}}}, .by_name = {{"N", 4}}}),
                HasSubstr("--dim N=4 contradicts input 'a' (fed), axis 0, which gives 5"));
    EXPECT_THAT(refusal({.by_name = {{"N", 4}}, .by_axis = {{{"b", 0}, 5}}}),
                HasSubstr("--dim b:0=5 contradicts --dim N=4"));
    EXPECT_THAT(refusal({.by_axis = {{{"a", 1}, 5}}}), HasSubstr("the model states 3"));
    EXPECT_THAT(refusal({.by_name = {{"N", -1}}}), HasSubstr("not negative"));
    EXPECT_THAT(refusal({.fed_shapes = {{"a", {-1, 3}}}}), HasSubstr("negative size -1"));
}

TEST(BindDims, fed_shapes_that_disagree_on_a_name_win_with_one_warning) {
    const Graph graph =
        bind_dims(three_inputs(), {.fed_shapes = {{"a", {5, 3}}, {"b", {6, 2}}, {"c", {}}}});
    EXPECT_EQ(shape(graph, 0)[0], Dim(5));
    EXPECT_EQ(shape(graph, 1)[0], Dim(6));
    EXPECT_THAT(graph.warnings, ElementsAre(HasSubstr("dimension 'N' is 5 in input 'a' (fed)")));
    EXPECT_THAT(unbound_dims(graph), IsEmpty());
}

TEST(BindDims, a_name_fed_with_two_values_cannot_serve_an_input_that_is_not_fed) {
    Graph graph = three_inputs();
    graph.values.push_back({"d", DType::kF32, std::vector<Dim>{N}, {}});
    graph.inputs.push_back({4});
    EXPECT_THROW(bind_dims(graph, {.fed_shapes = {{"a", {5, 3}}, {"b", {6, 2}}}}), UserError);
}

TEST(BindDims, names_in_subgraphs_are_bound) {
    Graph graph = three_inputs();
    Node node;
    node.attributes["then_branch"] = std::make_shared<const Graph>(three_inputs());
    graph.nodes.push_back(node);
    const Graph bound = bind_dims(graph, {.by_name = {{"N", 2}}});
    const Graph& inner = *std::get<GraphPtr>(bound.nodes[0].attributes.at("then_branch"));
    EXPECT_EQ(shape(inner, 0)[0], Dim(2));
    EXPECT_FALSE(
        shape(*std::get<GraphPtr>(graph.nodes[0].attributes.at("then_branch")), 0)[0].is_const())
        << "the graph that was given is unchanged";
}

}  // namespace

}  // namespace smeaton::model
