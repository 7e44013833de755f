// For tests of lowering: a graph in short text, its program, its results.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gir/interp/interp.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"
#include "lower/lower.h"
#include "model/shape/infer.h"
#include "model/text/text.h"

namespace smeaton::lower::test {

using tensor::DType;
using tensor::Tensor;

/// The text form of model graphs without its header; dims must be numbers.
inline model::ShapedGraph shaped_graph(const std::string& body) {
    return model::infer_shapes(model::parse("graph g\n" + body, "test"));
}

inline gir::Program program_of(const std::string& body) {
    gir::Program program = lower(shaped_graph(body));
    gir::verify(program, "lowering");
    return program;
}

inline Tensor f32(std::vector<int64_t> shape, const std::vector<double>& values) {
    Tensor t(DType::kF32, std::move(shape));
    for (size_t i = 0; i < values.size(); ++i)
        t.set_from_double(static_cast<int64_t>(i), values[i]);
    return t;
}

/// 1, 2, 3, ... with alternating thirds, so that no two positions look alike.
inline Tensor counting(std::vector<int64_t> shape) {
    Tensor t(DType::kF32, std::move(shape));
    for (int64_t i = 0; i < t.elements(); ++i)
        t.set_from_double(i, static_cast<double>(i + 1) * (i % 3 == 2 ? -0.25 : 0.5));
    return t;
}

/// Outputs in the graph's order; `feeds` in the order of its inputs.
inline std::vector<Tensor> run(const std::string& body, const std::vector<Tensor>& feeds) {
    const gir::Program program = program_of(body);
    std::map<Name, Tensor> inputs;
    size_t next = 0;
    for (const gir::Buffer& b : program.buffers)
        if (b.lifetime == gir::Lifetime::Input && b.alias_of.empty())
            inputs[b.name] = feeds.at(next++);
    const gir::interp::Result result = gir::interp::run(program, inputs);
    std::vector<Tensor> out;
    for (const gir::Buffer& b : program.buffers)
        if (b.lifetime == gir::Lifetime::Output && b.alias_of.empty())
            out.push_back(result.outputs.at(b.name));
    return out;
}

inline std::vector<double> values(const Tensor& t) {
    std::vector<double> out;
    for (int64_t i = 0; i < t.elements(); ++i) out.push_back(t.at_as_double(i));
    return out;
}

inline void expect_near(const Tensor& got, const std::vector<double>& want, double slack = 1e-5) {
    ASSERT_EQ(got.elements(), static_cast<int64_t>(want.size()));
    for (size_t i = 0; i < want.size(); ++i)
        EXPECT_NEAR(got.at_as_double(static_cast<int64_t>(i)), want[i], slack) << "element " << i;
}

}  // namespace smeaton::lower::test
