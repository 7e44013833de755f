// For the tests of rewrites: running a program before and after on the same inputs.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "gir/interp/interp.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"

namespace smeaton::gir::rewrite {

inline Program program_of(const std::string& text) {
    return parse_program(text, "test.gir");
}

/// Inputs that count 1, 2, 3, ... (integers stay below 4, to serve as indices).
inline std::map<Name, Tensor> counting_inputs(const Program& program) {
    std::map<Name, Tensor> inputs;
    for (const Buffer& b : program.buffers) {
        bool state = b.lifetime == Lifetime::State && b.alias_of.empty();
        if (b.lifetime != Lifetime::Input && !state) continue;
        std::vector<int64_t> shape;
        for (const NamedDim& d : b.dims) shape.push_back(d.extent.value());
        Tensor t(b.dtype, shape);
        for (int64_t i = 0; i < t.elements(); ++i)
            if (tensor::is_float(b.dtype))
                t.set_from_double(i, static_cast<double>(i + 1));
            else
                t.set_from_int(i, i % 4);
        inputs[b.name] = t;
    }
    return inputs;
}

/// The rewritten program is sound, gives the outputs of the original and leaves the same states.
inline ::testing::AssertionResult means_the_same(const Program& original,
                                                 const Program& rewritten) {
    for (const std::string& fault : find_faults(original))
        return ::testing::AssertionFailure() << "the original: " << fault;
    for (const std::string& fault : find_faults(rewritten))
        return ::testing::AssertionFailure() << fault << "\n" << print(rewritten);
    const auto inputs = counting_inputs(original);
    const interp::Result want = interp::run(original, inputs), got = interp::run(rewritten, inputs);
    std::map<Name, Tensor> all = want.outputs, others = got.outputs;
    all.insert(want.state.begin(), want.state.end());
    others.insert(got.state.begin(), got.state.end());
    for (const auto& [name, tensor] : all)
        for (int64_t i = 0; i < tensor.elements(); ++i) {
            double a = tensor.at_as_double(i), b = others.at(name).at_as_double(i);
            if (a == b || std::abs(a - b) <= 1e-5 * std::abs(a)) continue;
            return ::testing::AssertionFailure()
                   << name.str() << "[" << i << "]: " << a << " became " << b << "\n"
                   << print(rewritten);
        }
    return ::testing::AssertionSuccess();
}

}  // namespace smeaton::gir::rewrite
