// Gradients of convolutions with zeros inserted and without: the same values, more products.
#include <fmt/format.h>

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

Derived derived(const std::string& body, bool zeros_inserted) {
    model::GradientOptions options;
    options.loss = model::loss_named("mse");
    options.zeros_inserted = zeros_inserted;
    const model::GradientGraph g = model::differentiate(
        model::parse("graph g\n  opset \"\" 17\n" + body, "test"), options, evaluate);
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

std::string convolution(int kernel, int stride, int pad, int group, int extent) {
    std::string weights;
    for (int i = 0; i < 4 * (2 / group) * kernel * kernel; ++i)
        weights += fmt::format("{}{}.5", i == 0 ? "" : ", ", i % 7 - 3);
    return fmt::format(
        R"(  input x: f32[2,2,{0},{0}]
  const w: f32[4,{1},{2},{2}]({3})
  h = Conv(x, w) {{group: {4}, pads: [{5},{5},{5},{5}], strides: [{6},{6}]}} since 11 as C
  output h
)",
        extent, 2 / group, kernel, weights, group, pad, stride);
}

TEST(ConvGradients, zeros_between_positions_change_no_value) {
    for (auto [kernel, stride, pad, extent] :
         {std::tuple{1, 2, 0, 6}, {3, 2, 1, 6}, {3, 2, 1, 7}, {3, 3, 0, 8}, {5, 2, 2, 7}})
        for (int group : {1, 2}) {
            const std::string body = convolution(kernel, stride, pad, group, extent);
            const Derived dense = derived(body, false), gaps = derived(body, true);
            for (const auto& [name, want] : dense.outputs) {
                ASSERT_EQ(gaps.outputs.count(name), 1u) << name;
                expect_near(gaps.outputs.at(name), values(want), 1e-3);
            }
            EXPECT_EQ(gaps.outputs.size(), dense.outputs.size() + 1) << "that of the input too";
            EXPECT_GT(gaps.products, dense.products) << body;
        }
}

}  // namespace
}  // namespace smeaton::lower
