// The text cases of tests/gir: fused kernels move what they must, control flow and symbolic sizes
// run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "gir/interp/interp.h"
#include "gir/ledger/ledger.h"
#include "gir/text/parse.h"
#include "gir/verify/verify.h"
#include "gir/walk.h"

namespace smeaton::gir {
namespace {

Program example(const std::string& name) {
    std::ifstream in(SMEATON_SOURCE_DIR "/tests/gir/" + name + ".gir");
    std::stringstream text;
    text << in.rdbuf();
    Program p = parse_program(text.str(), name + ".gir");
    EXPECT_THAT(find_faults(p), testing::IsEmpty());
    return p;
}

Tensor filled(const Buffer& b, const Bindings& bindings) {
    std::vector<int64_t> shape;
    for (const NamedDim& d : b.dims) shape.push_back(d.extent.bind(bindings).value());
    Tensor t(b.dtype, shape);
    for (int64_t i = 0; i < t.elements(); ++i) {
        if (tensor::is_float(b.dtype))
            t.set_from_double(i, static_cast<double>(i % 37) / 16.0 - 1);
        else
            t.set_from_int(i, (i * 7919) % 30522);
    }
    return t;
}

std::map<Name, Tensor> filled_inputs(const Program& p, const Bindings& bindings = {}) {
    std::map<Name, Tensor> inputs;
    for (const Buffer& b : p.buffers)
        if (b.lifetime == Lifetime::Input) inputs[b.name] = filled(b, bindings);
    return inputs;
}

class FusedKernels : public testing::TestWithParam<const char*> {};

// PF-1 to PF-17: bias adds, transposes, residuals, embedding, means, layer norms, softmaxes, GELUs.
TEST_P(FusedKernels, move_their_inputs_and_outputs_and_nothing_else) {
    Program p = example(GetParam());
    interp::Options counting;
    counting.count = true;
    counting.levels = levels_used(p);
    interp::Result counted = interp::run(p, filled_inputs(p), counting);
    EXPECT_EQ(traffic_at(ledger(p)).str(), counted.traffic.str());
    for (const KernelPtr& k : kernels(p)) {
        SCOPED_TRACE(k->name.str());
        Ledger l = ledger(*k, p);
        Compulsory c = compulsory(*k, p, l);
        EXPECT_EQ(l.levels.front().level, Name("dram"));
        EXPECT_EQ(l.levels.front().read_bytes, c.read_bytes);
        EXPECT_EQ(l.levels.front().write_bytes, c.write_bytes);
        // Inputs + outputs: of a gathered table the rows that are asked for.
        Dim all(0);
        for (Name n : k->reads) {
            if (n == Name("table")) {
                all += Dim(128 * 512 * 4);
                continue;
            }
            Dim elements(1);
            for (const NamedDim& d : p.buffer(n).dims) elements *= d.extent;
            all += elements * Dim(tensor::bits(p.buffer(n).dtype) / 8);
        }
        EXPECT_EQ(l.levels.front().read_bytes, all);
    }
}

INSTANTIATE_TEST_SUITE_P(Examples, FusedKernels,
                         testing::Values("pf_bias_add", "pf_transpose", "pf_residual",
                                         "pf_embedding", "pf_norms"));

TEST(LoopSymbolic, runs_for_each_size_and_keeps_its_formula) {
    Program p = example("loop_symbolic");
    Ledger formula = ledger(p);
    EXPECT_EQ(formula.buffers.at("y").write_bytes, Dim::symbol("N") * Dim(32));
    for (int64_t n : {1, 4, 6}) {
        for (int64_t trips : {0, 1, 3}) {
            Bindings sizes{{"N", n}};
            std::map<Name, Tensor> inputs;
            Tensor x = filled(p.buffer("x"), sizes);
            inputs["x"] = x;
            inputs["go"] = Tensor(DType::kBool, {});
            inputs["go"].set_from_int(0, 1);
            inputs["steps"] = Tensor(DType::kI64, {});
            inputs["steps"].set_from_int(0, trips);
            interp::Options options;
            options.bindings = sizes;
            interp::Result r = interp::run(p, inputs, options);
            double factor = 1 + static_cast<double>(trips * (trips - 1)) / 2;
            const Tensor& y = r.outputs.at("y");
            ASSERT_EQ(y.elements(), n * 8);
            for (int64_t i = 0; i < y.elements(); ++i)
                EXPECT_FLOAT_EQ(y.as<float>()[i],
                                static_cast<float>(x.at_as_double(i) * factor * 0.5));
            EXPECT_EQ(r.outputs.at("counts").elements(), trips);
            EXPECT_EQ(r.settled.at("K"), trips);
            inputs["go"].set_from_int(0, 0);
            r = interp::run(p, inputs, options);
            EXPECT_FLOAT_EQ(r.outputs.at("y").as<float>()[0], -x.as<float>()[0] * 0.5f);
        }
    }
}

}  // namespace
}  // namespace smeaton::gir
