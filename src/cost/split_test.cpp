#include "cost/split.h"

#include <gtest/gtest.h>

#include "cost/kernel_cost.h"
#include "cost/target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/walk.h"
#include "machine/read.h"

namespace smeaton::cost {
namespace {

/// Rows of so many columns, each summed up in vectors; `layout` of x.
gir::Program rows(int64_t columns, const std::string& column, const std::string& layout = "") {
    std::string text = R"(program p
  buffer x: dram f32[r: 28, c: COLUMNS] input LAYOUT
  buffer y: dram f32[r: 28, v: 32] output
  run k(x -> y)

kernel k(x -> y)
  parallel r: 28 core
    move y[r,v] <- x[r,COLUMN] over v: 32
)";
    for (const auto& [from, to] :
         {std::pair<std::string, std::string>{"COLUMNS", std::to_string(columns)},
          {"COLUMN", column},
          {"LAYOUT", layout}})
        text.replace(text.find(from), from.size(), to);
    return gir::parse_program(text, "test.gir");
}

double share(const gir::Program& program, double width, const std::set<Name>& still = {}) {
    const gir::Kernel& kernel = *gir::kernels(program).front();
    const Nest nest = nest_of(program, kernel);
    double found = -1;
    gir::for_each_op(nest.body, [&](const gir::Op& op) {
        found = split_share(nest, std::get<gir::Slice>(op.srcs.at(0)), {"v", width, still}, 64);
    });
    return found;
}

TEST(Split, vectors_begin_wherever_rows_and_columns_lead_to) {
    // Rows of four lines: every vector is one line, or the half of one.
    EXPECT_EQ(share(rows(64, "v"), 16), 0);
    EXPECT_EQ(share(rows(64, "v"), 8), 0);
    // Rows of 58 elements begin at every even place of a line: of eight, one is its first; half a
    // line crosses the end from 10, 12 and 14.
    EXPECT_EQ(share(rows(58, "v"), 16), 7.0 / 8);
    EXPECT_EQ(share(rows(58, "v"), 8), 3.0 / 8);
    // At a place of its own in all rows.
    EXPECT_EQ(share(rows(64, "v+1"), 16), 1);
    EXPECT_EQ(share(rows(64, "v+4"), 8), 0.5);
    // One row alone begins at a line.
    EXPECT_EQ(share(rows(58, "v"), 16, {"r"}), 0);
    // Columns in blocks of a line, whatever their number.
    EXPECT_EQ(share(rows(58, "v", "[c/16, r, c%16]"), 16), 0);
}

TEST(Split, takes_the_first_caches_bandwidth_as_the_machine_tells) {
    machine::Machine m =
        machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/server-cpu.yaml");
    auto first_level = [&](int64_t columns) {
        const gir::Program program = gir::rewrite::spell(rows(columns, "v"), target_of(m));
        const CostOptions options{1, 0};
        const KernelCost cost =
            cost_of(model_kernel(program, *gir::kernels(program).front(), m, options), m, options);
        return cost.levels.front().read_bytes;
    };
    // 28 rows of two vectors, of 64 bytes each.
    EXPECT_EQ(first_level(58), 28 * 2 * 64);
    for (machine::Level& level : m.levels)
        if (level.name == "l1") level.split = machine::Number(2.5);
    EXPECT_EQ(first_level(64), 28 * 2 * 64);
    EXPECT_EQ(first_level(58), 28 * 2 * 64 * (1 + 1.5 * 7 / 8));
}

}  // namespace
}  // namespace smeaton::cost
