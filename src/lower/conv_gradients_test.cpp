// Gradients of convolutions with zeros inserted and without: the same values, more products.
#include <fmt/format.h>

#include <cmath>

#include "gir/walk.h"
#include "lower/evaluate.h"
#include "lower/test_graphs.h"
#include "model/grad/differentiate.h"

namespace smeaton::lower {
namespace {

using namespace test;

struct Derived {
    std::map<std::string, Tensor> outputs;
    int64_t products = 0;
};

Derived derived(const model::Graph& graph, bool zeros_inserted) {
    model::GradientOptions options;
    options.loss = model::loss_named("mse");
    options.zeros_inserted = zeros_inserted;
    const model::GradientGraph g = model::differentiate(graph, options, evaluate);
    const gir::Program program = lower(g.shaped);
    gir::verify(program, "lowering");
    std::map<Name, Tensor> inputs;
    for (const gir::Buffer& b : program.buffers) {
        if (b.lifetime != gir::Lifetime::Input || !b.alias_of.empty()) continue;
        std::vector<int64_t> shape;
        for (const gir::NamedDim& d : b.dims) shape.push_back(d.extent.value());
        inputs[b.name] = counting(shape);
    }
    const gir::interp::Result result = gir::interp::run(program, inputs);
    Derived d;
    for (const gir::Buffer& b : program.buffers)
        if (b.lifetime == gir::Lifetime::Output && b.alias_of.empty())
            d.outputs[b.value_name] = result.outputs.at(b.name);
    for (const gir::KernelPtr& k : gir::kernels(program))
        gir::for_each_op(k->body, [&](const gir::Op& op) {
            if (op.kind == gir::OpKind::Mma) d.products += gir::points(k->body);
        });
    return d;
}

/// The weight is an initializer.
model::Graph convolution(int kernel, int stride, int pad, int group, int extent) {
    model::Graph graph = model::parse(
        fmt::format("graph g\n  opset \"\" 17\n  input x: f32[2,2,{0},{0}]\n"
                    "  input w: f32[4,{1},{2},{2}]\n  h = Conv(x, w) {{group: {3}, pads: "
                    "[{4},{4},{4},{4}], strides: [{5},{5}]}} since 11 as C\n  output h\n",
                    extent, 2 / group, kernel, group, pad, stride),
        "test");
    const model::ValueId w = graph.inputs.at(1);
    graph.inputs.pop_back();
    graph.at(w).constant = counting({4, 2 / group, kernel, kernel});
    return graph;
}

TEST(ConvGradients, zeros_between_positions_change_no_value) {
    for (auto [kernel, stride, pad, extent] :
         {std::tuple{1, 2, 0, 6}, {3, 2, 1, 6}, {3, 2, 1, 7}, {3, 3, 0, 8}, {5, 2, 2, 7}})
        for (int group : {1, 2}) {
            const model::Graph graph = convolution(kernel, stride, pad, group, extent);
            const Derived dense = derived(graph, false), gaps = derived(graph, true);
            for (const auto& [name, want] : dense.outputs) {
                ASSERT_EQ(gaps.outputs.count(name), 1u) << name;
                double largest = 0;
                for (double v : values(want)) largest = std::max(largest, std::abs(v));
                expect_near(gaps.outputs.at(name), values(want), 1e-5 * largest);
            }
            EXPECT_EQ(gaps.outputs.size(), dense.outputs.size() + 1) << "that of the input too";
            EXPECT_GT(gaps.products, dense.products) << kernel << " " << stride;
        }
}

}  // namespace
}  // namespace smeaton::lower
