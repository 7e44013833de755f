// Blocks of real models, tiled for machines they were not lowered for: every level holds what is
// put there, and the interpreter computes what it computed before.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

#include "cost/target.h"
#include "gir/interp/interp.h"
#include "gir/rewrite/for_target.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"
#include "gir/walk.h"
#include "machine/read.h"

namespace smeaton::driver {
namespace {

std::string path_of(const std::string& file) {
    return std::string(SMEATON_SOURCE_DIR) + "/" + file;
}

gir::Program read_block(const std::string& file) {
    std::ifstream in(path_of(file));
    std::stringstream text;
    text << in.rdbuf();
    return gir::parse_program(text.str(), file);
}

tensor::Tensor random_tensor(const gir::Buffer& b, std::mt19937& random, float scale) {
    std::vector<int64_t> shape;
    for (const gir::NamedDim& d : b.dims) shape.push_back(d.extent.value());
    tensor::Tensor t(b.dtype, shape);
    std::uniform_real_distribution<float> values(-scale, scale);
    for (float& v : t.mutable_as<float>()) v = values(random);
    return t;
}

// Weights get data, inputs are returned.
std::map<Name, tensor::Tensor> feed(gir::Program& program) {
    std::mt19937 random(7);
    std::map<Name, tensor::Tensor> inputs;
    for (gir::Buffer& b : program.buffers) {
        if (b.lifetime == gir::Lifetime::Weight) b.data = random_tensor(b, random, 0.05f);
        if (b.lifetime == gir::Lifetime::Input) inputs[b.name] = random_tensor(b, random, 1);
    }
    return inputs;
}

double worst_difference(const tensor::Tensor& a, const tensor::Tensor& b) {
    double worst = 0, scale = 0;
    for (int64_t i = 0; i < a.elements(); ++i) {
        double x = a.at_as_double(i), y = b.at_as_double(i);
        scale = std::max(scale, std::abs(x));
        double difference = std::abs(x - y);
        worst = difference <= worst ? worst : difference;  // NaN goes through
    }
    return worst / scale;
}

class OtherMachine : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(OtherMachine, holds_the_block_and_computes_the_same) {
    auto [machine, file] = GetParam();
    machine::Machine described = machine::read_machine_file(path_of(machine));
    gir::Target target = cost::target_of(described);
    gir::Program program = read_block(file);
    std::map<Name, tensor::Tensor> inputs = feed(program);
    gir::Program other = gir::rewrite::for_target(program, target);
    EXPECT_EQ(gir::find_faults(other, {gir::capacities(target)}), std::vector<std::string>{});
    gir::interp::Options interpret;
    interpret.levels = cost::levels_of(described);
    gir::interp::Result want = gir::interp::run(program, inputs);
    gir::interp::Result got = gir::interp::run(other, inputs, interpret);
    for (const auto& [name, tensor] : want.outputs)
        EXPECT_LT(worst_difference(tensor, got.outputs.at(name)), 1e-5) << name.str();
}

INSTANTIATE_TEST_SUITE_P(
    Blocks, OtherMachine,
    ::testing::Values(std::tuple("machines/systolic-chip.yaml", "tests/blocks/resnet_block.gir"),
                      std::tuple("machines/systolic-chip.yaml", "tests/blocks/bert_layer.gir"),
                      std::tuple("machines/edge-cpu.yaml", "tests/blocks/resnet_block.gir")));

// On the chip every contraction reads its operands from the scratchpads of their roles.
TEST(SystolicChip, contractions_read_from_their_scratchpads) {
    gir::Target target =
        cost::target_of(machine::read_machine_file(path_of("machines/systolic-chip.yaml")));
    for (const char* file : {"tests/blocks/resnet_block.gir", "tests/blocks/bert_layer.gir"}) {
        gir::Program program = read_block(file);
        feed(program);
        for (const gir::KernelPtr& kernel :
             gir::kernels(gir::rewrite::for_target(program, target))) {
            std::map<Name, Name> level_of;
            gir::for_each_stmt(kernel->body, [&](const gir::Stmt& s) {
                if (auto* let = std::get_if<gir::Let>(&s.node))
                    level_of[let->tile.name] = let->tile.level;
            });
            gir::for_each_op(kernel->body, [&](const gir::Op& op) {
                if (op.kind != gir::OpKind::Mma) return;
                EXPECT_EQ(level_of[std::get<gir::Slice>(op.srcs[0]).target].str(), "ibuf")
                    << gir::print(op);
                EXPECT_EQ(level_of[std::get<gir::Slice>(op.srcs[1]).target].str(), "wbuf")
                    << gir::print(op);
                EXPECT_EQ(level_of[op.dst.target].str(), "obuf") << gir::print(op);
            });
        }
    }
}

}  // namespace
}  // namespace smeaton::driver
