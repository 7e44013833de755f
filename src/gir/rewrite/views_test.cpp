#include "gir/rewrite/views.h"

#include "gir/rewrite/test_programs.h"

namespace smeaton::gir::rewrite {
namespace {

std::string mapped(const std::vector<Affine>& at, const std::vector<int64_t>& from,
                   const std::vector<int64_t>& to, const Extents& extents) {
    auto out = through_view(at, from, to, extents);
    if (!out) return "refused";
    std::string text;
    for (const Affine& a : *out) text += (text.empty() ? "" : ", ") + affine_text(a);
    return text;
}

const Affine m = Name("m"), h = Name("h"), d = Name("d");

TEST(ThroughView, merged_dims_become_one_coordinate) {
    EXPECT_EQ(mapped({m, h, d}, {128, 12, 64}, {128, 768}, {{"m", 128}, {"h", 12}, {"d", 64}}),
              "m, h*64+d");
}

TEST(ThroughView, a_split_dim_gives_its_parts) {
    EXPECT_EQ(
        mapped({m, h * 64 + d}, {128, 768}, {128, 12, 64}, {{"m", 128}, {"h", 12}, {"d", 64}}),
        "m, h, d");
}

TEST(ThroughView, constants_are_shared_out_over_the_dims) {
    EXPECT_EQ(mapped({d + 70}, {128}, {2, 64}, {{"d", 10}}), "1, d+6");
}

TEST(ThroughView, dims_of_extent_one_come_and_go) {
    EXPECT_EQ(mapped({Affine(0), m}, {1, 5}, {5, 1}, {{"m", 5}}), "m, 0");
    EXPECT_EQ(mapped({Affine(0)}, {1}, {}, {}), "");
}

TEST(ThroughView, what_crosses_a_row_is_refused) {
    EXPECT_EQ(mapped({d}, {128}, {2, 64}, {{"d", 65}}), "refused");
    EXPECT_EQ(mapped({d + 60}, {128}, {2, 64}, {{"d", 10}}), "refused");
}

TEST(ThroughView, negative_and_unknown_coordinates_are_refused) {
    EXPECT_EQ(mapped({d - 1}, {128}, {2, 64}, {{"d", 10}}), "refused");
    EXPECT_EQ(mapped({d}, {128}, {2, 64}, {}), "refused");
}

TEST(ThroughView, a_buffer_without_elements_is_refused) {
    EXPECT_EQ(mapped({m, d}, {0, 4}, {1, 0, 4}, {{"m", 0}, {"d", 4}}), "refused");
    EXPECT_EQ(mapped({m, d}, {4, 0}, {4, 0}, {{"m", 4}, {"d", 0}}), "refused");
}

TEST(ThroughViews, reads_of_a_view_become_reads_of_its_base) {
    const Program program = program_of(R"(program viewed
  buffer x: memory f32[m: 2, k: 6] input
  buffer v: memory f32[m: 2, h: 3, d: 2] temp alias of x
  buffer y: memory f32[h: 3, m: 2, d: 2] output
  run turn(v -> y)

kernel turn(v -> y)
  parallel h: 3, m: 2, d: 2 any
    move y[h,m,d] <- v[m,h,d]
)");
    const Program through = through_views(program, {});
    EXPECT_EQ(print(through), R"(program viewed
  buffer x: memory f32[m: 2, k: 6] input
  buffer y: memory f32[h: 3, m: 2, d: 2] output
  run turn(x -> y)

kernel turn(x -> y)
  parallel h: 3, m: 2, d: 2 any
    move y[h,m,d] <- x[m,h*2+d]
)");
    EXPECT_TRUE(means_the_same(program, through));
}

TEST(ThroughViews, a_dim_name_used_twice_counts_with_its_larger_extent) {
    const Program program = program_of(R"(program twice
  buffer x: memory f32[i: 2, j: 4] input
  buffer v: memory f32[j: 8] temp alias of x
  buffer y: memory f32[j: 8] output
  buffer z: memory f32[j: 4] output
  run copy(v -> y, z)

kernel copy(v -> y, z)
  move y[j] <- v[j] over j: 8
  move z[j] <- v[j] over j: 4
)");
    EXPECT_TRUE(means_the_same(program, through_views(program, {})));
}

/// Groups of channels change places, and are channels again.
std::string shuffled(const std::string& edit_from = "", const std::string& edit_to = "") {
    std::string text = R"(program shuffled
  buffer x: memory f32[g: 2, c: 3, p: 5] input
  buffer z: memory f32[c: 3, g: 2, p: 5] temp
  buffer v: memory f32[k: 6, p: 5] temp alias of z
  buffer y: memory f32[k: 3, p: 5] output
  run turn(x -> z)
  run pick(v -> y)

kernel turn(x -> z)
  parallel c: 3, g: 2, p: 5 any
    move z[c,g,p] <- x[g,c,p]

kernel pick(v -> y)
  parallel k: 3, p: 5 any
    move y[k,p] <- v[k+1,p]
)";
    if (!edit_from.empty()) text.replace(text.find(edit_from), edit_from.size(), edit_to);
    return text;
}

TEST(WrittenThrough, a_view_takes_the_place_of_what_it_views) {
    const Program program = program_of(shuffled());
    const std::optional<Program> written = written_through(program, "v");
    ASSERT_TRUE(written);
    EXPECT_EQ(print(*written), R"(program shuffled
  buffer x: memory f32[g: 2, c: 3, p: 5] input
  buffer v: memory f32[k: 6, p: 5] temp
  buffer y: memory f32[k: 3, p: 5] output
  run turn(x -> v)
  run pick(v -> y)

kernel turn(x -> v)
  parallel c: 3, g: 2, p: 5 any
    move v[c*2+g,p] <- x[g,c,p]

kernel pick(v -> y)
  parallel k: 3, p: 5 any
    move y[k,p] <- v[k+1,p]
)");
    EXPECT_TRUE(means_the_same(program, *written));
}

TEST(WrittenThrough, buffers_with_another_use_stay) {
    auto refused = [](const std::string& from, const std::string& to) {
        return !written_through(program_of(shuffled(from, to)), "v");
    };
    EXPECT_FALSE(written_through(program_of(shuffled()), "z"));  // no view
    EXPECT_TRUE(refused("[c: 3, g: 2, p: 5] temp", "[c: 3, g: 2, p: 5] output"));
    EXPECT_TRUE(
        refused("  buffer y:", "  buffer w: memory f32[q: 30] temp alias of z\n  buffer y:"));
    // Two axes of three and two channels that do not follow each other have no place of their own.
    EXPECT_TRUE(refused("f32[k: 6, p: 5] temp alias", "f32[k: 2, p: 15] temp alias"));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
