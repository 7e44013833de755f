// Sessions that several threads use at once: each is given what it would be given alone.
#include "driver/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <numeric>
#include <thread>

#include "base/output_file.h"
#include "base/temporary_folder.h"
#include "model/onnx/write.h"
#include "model/text/test_written.h"
#include "model/text/text.h"
#include "tensor/tensor.h"

namespace smeaton::driver {
namespace {

using Feeds = std::map<std::string, Tensor>;

Tensor filled(const std::vector<int64_t>& shape, int64_t seed) {
    Tensor t(DType::kF32, shape);
    for (int64_t i = 0; i < t.elements(); ++i)
        t.set_from_double(i, static_cast<double>((i * 7 + seed) % 23) / 23 - 0.4);
    return t;
}

/// Two layers of so many rows as are fed; the first weight is worth packing and letting go.
model::Graph two_layers() {
    model::Written g("x: f32[N,96]");
    const std::string a = g.node("MatMul(x, " + g.weight({96, 256}) + ") since 13");
    const std::string b = g.node("Relu(" + a + ") since 14");
    const std::string c = g.node("MatMul(" + b + ", " + g.weight({256, 40}) + ") since 13");
    return g.graph(g.node("Softmax(" + c + ") {axis: 1} since 13"));
}

template <class Work>
void by_threads(int count, const Work& work) {
    std::vector<std::thread> threads;
    for (int t = 0; t < count; ++t) threads.emplace_back([&work, t] { work(t); });
    for (std::thread& t : threads) t.join();
}

/// Forms are compiled, better code comes from behind, weights are let go and read again, while
/// others run.
TEST(Session, ThreadsAreGivenWhatOneAloneIs) {
    const TemporaryFolder folder;
    const std::string file = folder.path + "/two_layers.onnx";
    write_file(file, model::onnx::write_model(two_layers()));
    const std::vector<Feeds> fed = {{{"x", filled({3, 96}, 3)}}, {{"x", filled({33, 96}, 4)}}};
    std::vector<Tensor> alone;
    {
        SessionOptions options;
        options.threads = 1;
        options.cache_folder = folder.path + "/alone";
        Session session(file, options);
        for (const Feeds& feeds : fed) alone.push_back(session.run(feeds).front());
    }
    SessionOptions options;
    options.threads = 2;
    options.compile = "quick";
    options.cache_folder = folder.path + "/shared";
    Session session(file, options);
    std::mutex mutex;
    int wrong = 0;
    by_threads(4, [&](int t) {
        for (int i = 0; i < 20; ++i) {
            const size_t which = static_cast<size_t>(t + i) % fed.size();
            const bool right = tensor::same(session.run(fed[which]).front(), alone[which]) &&
                               (t > 0 || i % 5 > 0 ||
                                (session.memory(fed[which]).weights_bytes > 0 &&
                                 !session.profile(fed[which], 1).empty() &&
                                 !session.trace(fed[which]).spans.empty() &&
                                 session.tuned(fed[which]) != nullptr));
            const std::lock_guard lock(mutex);
            wrong += !right;
        }
    });
    EXPECT_EQ(wrong, 0);
}

TEST(Session, ThreadsTakeTurnsAtAState) {
    const TemporaryFolder folder;
    SessionOptions options;
    options.threads = 2;
    options.cache_folder = folder.path;
    options.state = {{"n", "next"}};
    Session session(model::parse(R"(graph count
  opset "" 18
  input n: f32[]
  const one: f32[](1)
  next: f32[] = Add(n, one) since 14 as count
  output next
)",
                                 "count"),
                    "count", options);
    std::mutex mutex;
    std::vector<float> seen;
    by_threads(4, [&](int) {
        for (int i = 0; i < 25; ++i) {
            const float n = session.run({}, {"next"}).front().as<float>()[0];
            const std::lock_guard lock(mutex);
            seen.push_back(n);
        }
    });
    std::sort(seen.begin(), seen.end());
    std::vector<float> counted(100);
    std::iota(counted.begin(), counted.end(), 1.0f);
    EXPECT_EQ(seen, counted);
    EXPECT_EQ(session.state().at("n").as<float>()[0], 100);
}

}  // namespace
}  // namespace smeaton::driver
