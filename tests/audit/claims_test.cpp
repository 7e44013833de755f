// Kernels of many kinds at full shape: the ledger's bytes are those that caches fetch.
#include "claims.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "gir/common_cpu.h"
#include "gir/rewrite/for_target.h"
#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::audit {
namespace {

gir::Program tiled(const std::string& file, const gir::Target& target) {
    std::ifstream in(std::string(SMEATON_SOURCE_DIR) + "/tests/blocks/" + file);
    gir::Program p = gir::parse_program(std::string(std::istreambuf_iterator<char>(in), {}), file);
    return gir::rewrite::for_target(std::move(p), target);
}

gir::interp::Memory zeros(const gir::Program& p) {
    std::map<Name, tensor::Tensor> inputs;
    for (const gir::Buffer& b : p.buffers) {
        if (b.lifetime != gir::Lifetime::Input) continue;
        std::vector<int64_t> shape;
        for (const gir::NamedDim& d : b.dims) shape.push_back(d.extent.value());
        inputs[b.name] = tensor::Tensor(b.dtype, shape);
    }
    return gir::interp::make_memory(p, inputs);
}

/// Kernels whose bytes differ for a reason that the ledger does not count.
const std::map<std::string, std::string> kApart = {
    {"reorder_y", "an iteration takes half of each line: the next fetches it again"},
    {"sigmoid", "an iteration takes half of some lines: the next fetches them again"},
    {"border_x_cl_w", "columns of three channels are parts of lines, which go out whole"},
    {"qk", "a panel that is still dirty is written again in its place"},
};

class Claims : public ::testing::TestWithParam<const char*> {};

TEST_P(Claims, are_what_caches_hold) {
    const gir::Target target = gir::common_cpu();
    const gir::Program program = tiled(GetParam(), target);
    const gir::interp::Memory memory = zeros(program);
    for (const gir::Step& step : program.steps) {
        const auto& run = std::get<gir::RunStep>(step.node);
        if (run.once) continue;
        std::string apart;
        for (const Boundary& b : boundaries(program, *run.kernel, target, memory)) {
            const gir::interp::Agreement& a = b.bytes;
            if (!b.holds())
                apart += fmt::format("{} to {}: ledger {} + {}, caches {} + {}; ", a.outside,
                                     a.inside, a.ledger_read_bytes, a.ledger_write_bytes,
                                     a.trace_read_bytes, a.trace_write_bytes);
        }
        EXPECT_EQ(apart.empty(), kApart.count(run.kernel->name.str()) == 0)
            << run.kernel->name.str() << ": " << apart;
    }
}

INSTANTIATE_TEST_SUITE_P(Blocks, Claims,
                         ::testing::Values("resnet_block.gir", "bert_layer.gir",
                                           "pooled_concat.gir"));

}  // namespace
}  // namespace smeaton::audit
