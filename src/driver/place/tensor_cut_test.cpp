#include "driver/place/tensor_cut.h"

#include <gtest/gtest.h>

#include "driver/place/model.h"
#include "lower/evaluate.h"
#include "model/hf/builder.h"
#include "model/shape/infer.h"

namespace smeaton::driver {
namespace {

using model::ValueId;
using search::phaze::Engine;
using search::phaze::Operator;
using Part = TensorCut::Part;

constexpr int64_t kBatch = 2, kLength = 24, kWidth = 64, kHeads = 4, kDepth = 16, kWords = 512;

/// Attention with a sum around it and a gated feed-forward, three times; a head.
LayeredModel transformer() {
    model::hf::Builder b("small");
    ValueId x = b.input("x", tensor::DType::kF32, {kBatch, kLength, kWidth});
    for (int layer = 0; layer < 3; ++layer) {
        auto scope = b.scope("layers." + std::to_string(layer));
        auto heads = [&](const char* name, const std::vector<int64_t>& perm) {
            const ValueId y = b.linear(x, name, kWidth, kWidth);
            return b.transpose(b.reshape(y, {kBatch, kLength, kHeads, kDepth}), perm);
        };
        const ValueId q = heads("q", {0, 2, 1, 3}), k = heads("k", {0, 2, 3, 1}),
                      v = heads("v", {0, 2, 1, 3});
        const ValueId mixed = b.matmul(b.softmax(b.matmul(q, k)), v);
        const ValueId joined =
            b.reshape(b.transpose(mixed, {0, 2, 1, 3}), {kBatch, kLength, kWidth});
        x = b.add(x, b.linear(joined, "o", kWidth, kWidth));
        const ValueId gate = b.linear(x, "gate", kWidth, 3 * kWidth),
                      up = b.linear(x, "up", kWidth, 3 * kWidth);
        x = b.add(x, b.linear(b.mul(gate, up), "down", 3 * kWidth, kWidth));
    }
    b.output(b.linear(x, "head", kWidth, kWords), "y");
    return layered_model(model::infer_shapes(b.take(), {}, lower::evaluate));
}

TensorCut cut_of(const LayeredModel& m, int layer, int t) {
    return tensor_cut(m.graph(), m.layers[static_cast<size_t>(layer)].nodes,
                      moved_by(m.graph(), m.graph().inputs), t);
}

int count(const TensorCut& cut, Part part) {
    int n = 0;
    for (const auto& [node, p] : cut.parts) n += p == part;
    return n;
}

TEST(TensorCut, ALayerIsCutByHeadsAndByColumnsThenRows) {
    const LayeredModel m = transformer();
    const TensorCut cut = cut_of(m, m.repeated_first, 2);
    EXPECT_EQ(count(cut, Part::kColumns), 5);  // q, k, v, gate, up
    EXPECT_EQ(count(cut, Part::kRows), 2);     // scores, and what they weigh
    EXPECT_EQ(count(cut, Part::kInner), 2);    // o, down
    EXPECT_EQ(cut.sums.size(), 2U);            // forward: behind o and down
    EXPECT_EQ(cut.gradients.size(), 2U);       // backward: before q, k, v and before gate, up
    EXPECT_EQ(cut.split_parameters, 4 * kWidth * kWidth + 9 * kWidth * kWidth);
    // The head's columns stay where they are: nobody behind reads them.
    const TensorCut head = cut_of(m, static_cast<int>(m.layers.size()) - 1, 2);
    EXPECT_EQ(count(head, Part::kColumns), 1);
    EXPECT_TRUE(head.sums.empty());
}

TEST(TensorCut, WhatNeedsTheAxisWholeLeavesItsProductsWhole) {
    const LayeredModel m = transformer();
    const TensorCut cut = cut_of(m, m.repeated_first, 8);  // 8 devices, 4 heads
    EXPECT_EQ(cut.parts.size(), 3U);                       // gate, up, down
    EXPECT_NE(cut.why.find("Reshape"), std::string::npos) << cut.why;
    EXPECT_FALSE(cut_of(m, m.repeated_first, 7).any());
}

double multiply_adds(const search::phaze::Work& work, search::phaze::Direction direction) {
    double sum = 0;
    for (const int k : work.layers)
        for (const search::phaze::Task& t :
             tasks_of(work.kinds[static_cast<size_t>(k)].operators, direction, {}))
            if (t.engine != Engine::kVector) sum += t.tensor.multiply_adds();
    return sum;
}

// t devices do the work of one together, and send a ring's part of two tensors each way a layer.
TEST(TensorCut, TheDevicesShareTheWork) {
    const LayeredModel m = transformer();
    WorkRequest request;
    request.batch = 64;
    const search::phaze::Work whole = phaze_work("small", m, kBatch, request);
    request.t = 4;
    const search::phaze::Work part = phaze_work("small", m, kBatch, request);
    EXPECT_EQ(part.t, 4);
    for (const auto direction :
         {search::phaze::Direction::kForward, search::phaze::Direction::kBackward})
        EXPECT_EQ(4 * multiply_adds(part, direction), multiply_adds(whole, direction));
    const double tensor = 2.0 * kBatch * kLength * kWidth, ring = 2.0 * 3 / 4;
    double forward = 0, backward = 0;
    for (const int k : part.layers) {
        const search::phaze::LayerKind& kind = part.kinds[static_cast<size_t>(k)];
        EXPECT_TRUE(kind.tensor_parallel);
        for (const Operator& op : kind.operators)
            forward += op.forward_sent_bytes, backward += op.backward_sent_bytes;
    }
    EXPECT_EQ(forward, 3 * 2 * ring * tensor);
    EXPECT_EQ(backward, (3 * 2 + 1) * ring * tensor);  // the head's too
    double held = 0, held_whole = 0;
    for (const int k : part.layers) held += part.kinds[static_cast<size_t>(k)].held_bytes;
    for (const int k : whole.layers) held_whole += whole.kinds[static_cast<size_t>(k)].held_bytes;
    EXPECT_EQ(4 * held, held_whole);
}

// Sums are tasks of the direction in which they happen, between what makes and what reads them.
TEST(TensorCut, SumsStandBetweenTheirMakerAndTheirReaders) {
    const LayeredModel m = transformer();
    WorkRequest request;
    request.batch = 64, request.t = 2;
    const search::phaze::Work work = phaze_work("small", m, kBatch, request);
    const auto& operators =
        work.kinds[static_cast<size_t>(work.layers[static_cast<size_t>(m.repeated_first)])]
            .operators;
    for (const auto direction :
         {search::phaze::Direction::kForward, search::phaze::Direction::kBackward}) {
        int sums = 0;
        const auto tasks = tasks_of(operators, direction, {});
        std::vector<int> readers(tasks.size(), 0);
        for (const search::phaze::Task& t : tasks)
            for (const int a : t.after) ++readers[static_cast<size_t>(a)];
        for (size_t i = 0; i < tasks.size(); ++i) {
            if (tasks[i].sent_bytes == 0) continue;
            ++sums;
            EXPECT_FALSE(tasks[i].after.empty()) << tasks[i].name;
        }
        EXPECT_EQ(sums, 2);
    }
}

TEST(TensorCut, AConvolutionIsNotCutAndSaysWhy) {
    model::hf::Builder b("image");
    const ValueId x = b.input("x", tensor::DType::kF32, {1, 8, 16, 16});
    b.output(b.node(model::OpType::kRelu, {x}), "y");
    const LayeredModel m = layered_model(model::infer_shapes(b.take(), {}, lower::evaluate));
    WorkRequest request;
    request.batch = 4, request.t = 2;
    const search::phaze::Work work = phaze_work("image", m, 1, request);
    EXPECT_NE(work.why_whole.find("no product"), std::string::npos) << work.why_whole;
}

}  // namespace
}  // namespace smeaton::driver
