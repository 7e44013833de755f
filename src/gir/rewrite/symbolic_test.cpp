// A size that is open stays open: through rewriting, in the text, in the ledger.
#include <fstream>
#include <iterator>

#include "gir/common_cpu.h"
#include "gir/ledger/ledger.h"
#include "gir/rewrite/for_target.h"
#include "gir/rewrite/test_programs.h"

namespace smeaton::gir::rewrite {
namespace {

Program example() {
    std::ifstream in(std::string(SMEATON_SOURCE_DIR) + "/tests/gir/symbolic_chain.gir");
    return program_of({std::istreambuf_iterator<char>(in), {}});
}

TEST(SymbolicChain, becomes_one_kernel_whose_bytes_are_a_formula) {
    const Program original = example();
    const Program p = for_target(original, common_cpu());
    EXPECT_EQ(find_faults(p), std::vector<std::string>{});
    ASSERT_EQ(p.steps.size(), 1u);
    EXPECT_EQ(print(parse_program(print(p), "test")), print(p));

    const Dim n = Dim::symbol("N");
    Ledger moved = ledger(p);
    EXPECT_EQ(moved.levels.front().read_bytes, n * Dim(2 * 48 * 4));  // a row, and the bias to it
    EXPECT_EQ(moved.levels.front().write_bytes, n * Dim(48 * 4));
    EXPECT_EQ(ledger(original).levels.front().write_bytes, n * Dim(3 * 48 * 4));

    Tensor bias(DType::kF32, {48});
    for (int64_t i = 0; i < 48; ++i) bias.set_from_double(i, static_cast<double>(i) - 24);
    for (int64_t rows : {1, 7}) {
        interp::Options options;
        options.bindings = {{"N", rows}};
        Tensor x(DType::kF32, {rows, 48});
        for (int64_t i = 0; i < x.elements(); ++i)
            x.set_from_double(i, static_cast<double>(i % 31) - 9);
        Tensor want = interp::run(original, {{"x", x}, {"b", bias}}, options).outputs.at("y");
        Tensor got = interp::run(p, {{"x", x}, {"b", bias}}, options).outputs.at("y");
        ASSERT_EQ(got.shape(), want.shape());
        for (int64_t i = 0; i < want.elements(); ++i)
            EXPECT_EQ(got.at_as_double(i), want.at_as_double(i));
    }
}

}  // namespace
}  // namespace smeaton::gir::rewrite
