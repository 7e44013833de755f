#include "search/phaze/mapping.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

namespace smeaton::search::phaze {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr Sizes kOnes = {1, 1, 1, 1, 1, 1, 1};

/// Every way to write n as a product of `places` factors.
void factorings(int64_t n, size_t places, std::vector<int64_t>& now,
                std::vector<std::vector<int64_t>>& out) {
    if (places == 0) {
        if (n == 1) out.push_back(now);
        return;
    }
    for (int64_t d = 1; d <= n; ++d) {
        if (n % d != 0) continue;
        now.push_back(d);
        factorings(n / d, places - 1, now, out);
        now.pop_back();
    }
}

struct BruteForce {
    const TensorOperator& op;
    const Cores& cores;
    const Memories& memories;
    std::vector<std::array<size_t, 7>> orders = {};
    std::vector<std::vector<std::vector<int64_t>>> ways = {};
    double best = kInfinite;

    void run() {
        std::array<size_t, 7> order{};
        std::iota(order.begin(), order.end(), 0);
        std::vector<size_t> active, rest;
        for (size_t d = 0; d < 7; ++d) (op.sizes[d] > 1 ? active : rest).push_back(d);
        do {
            std::copy(active.begin(), active.end(), order.begin());
            std::copy(rest.begin(), rest.end(), order.begin() + static_cast<long>(active.size()));
            orders.push_back(order);
        } while (std::next_permutation(active.begin(), active.end()));
        for (size_t d = 0; d < 7; ++d) {
            std::vector<int64_t> now;
            ways.emplace_back();
            factorings(op.sizes[d], 8, now, ways.back());
        }
        choose(0, Mapping{});
    }
    void choose(size_t dim, Mapping m) {
        if (dim == 7) return price(m);
        for (const std::vector<int64_t>& f : ways[dim]) {
            const bool weight = dim == kC || dim == kK || dim == kR || dim == kS;
            if (f[2] > 1 && !weight) continue;
            m.x[dim] = f[0], m.y[dim] = f[1], m.registers[dim] = f[2], m.core[dim] = f[3];
            m.mesh_x[dim] = f[4], m.mesh_y[dim] = f[5], m.buffer[dim] = f[6];
            choose(dim + 1, m);
        }
    }
    void price(Mapping& m) {
        m.orders.fill(orders[0]);
        if (cycles_of(op, m, cores, memories) == kInfinite) return;
        for (const auto& dram : orders)
            for (const auto& buffer : orders)
                for (const auto& core : orders)
                    for (const auto& registers : orders) {
                        m.orders = {dram, buffer, core, registers};
                        best = std::min(best, cycles_of(op, m, cores, memories));
                    }
    }
};

TEST(Mapping, TheSearchEqualsBruteForceOverAllMappings) {
    const std::vector<Sizes> operators = {
        {4, 2, 2, 1, 1, 1, 1}, {2, 4, 3, 1, 1, 1, 1}, {3, 2, 4, 1, 1, 1, 1}, {4, 4, 1, 1, 1, 1, 1},
        {1, 4, 6, 1, 1, 1, 1}, {1, 2, 2, 3, 1, 1, 1}, {1, 2, 1, 2, 1, 4, 1}, {2, 1, 3, 2, 1, 1, 1},
        {5, 2, 2, 1, 1, 1, 1}, {6, 1, 2, 1, 1, 1, 2}, {1, 1, 2, 2, 1, 3, 1}, {8, 3, 1, 1, 1, 1, 1}};
    int at = 0;
    for (const Sizes& sizes : operators) {
        std::mt19937 random(static_cast<unsigned>(at));
        const TensorOperator op{sizes};
        const Cores cores{
            1 << random() % 2, 1 << random() % 3, {at % 3 == 0 ? 2 : 1, at % 4 == 0 ? 2 : 1}};
        const Memories memories{double(4 + random() % 12), double(6 + random() % 30),
                                1 + static_cast<int>(random() % 3), at % 2 == 1};
        BruteForce brute{op, cores, memories};
        brute.run();
        Mapper mapper(op);
        EXPECT_NEAR(mapper.cycles(cores, memories), brute.best, 1e-9 * brute.best) << at;
        EXPECT_LE(mapper.bound(cores, memories), brute.best * (1 + 1e-9)) << at;
        ++at;
    }
}

// As the published mapper goes: the array full first, then registers, the mesh, and tiles that
// cannot grow, level by level with the order that reads least there.
double greedy(const TensorOperator& op, const Cores& cores, const Memories& memories) {
    std::array<size_t, 7> order{};
    std::iota(order.begin(), order.end(), 0);
    Mapping m;
    m.orders.fill(order);
    Sizes left = op.sizes;
    auto grow = [&](Sizes& into, auto&& fits) {
        for (bool more = true; more;) {
            more = false;
            for (const size_t d : {kK, kC, kN, kP, kQ, kR, kS})
                for (int64_t f = 2; f <= left[d]; ++f) {
                    if (left[d] % f != 0) continue;
                    into[d] *= f;
                    if (fits()) {
                        left[d] /= f, more = true;
                        break;
                    }
                    into[d] /= f;
                    break;
                }
        }
    };
    auto valid = [&] { return cycles_of(op, m, cores, memories) < kInfinite; };
    if (!valid()) return kInfinite;
    grow(m.x, valid), grow(m.y, valid);
    grow(m.registers,
         [&] { return m.registers[kN] * m.registers[kP] * m.registers[kQ] == 1 && valid(); });
    grow(m.mesh_x, valid), grow(m.mesh_y, valid);
    grow(m.core, valid), grow(m.buffer, valid);
    const std::array<std::array<size_t, 7>, 3> choices = {
        {{kN, kP, kQ, kC, kK, kR, kS}, {kK, kN, kC, kR, kS, kP, kQ}, {kC, kR, kS, kN, kK, kP, kQ}}};
    double best = kInfinite;
    for (size_t level = 4; level-- > 0;) {
        auto kept = m.orders[level];
        for (const auto& o : choices) {
            m.orders[level] = o;
            const double now = cycles_of(op, m, cores, memories);
            if (now < best) best = now, kept = o;
        }
        m.orders[level] = kept;
    }
    return best;
}

TEST(Mapping, TheSearchIsNeverWorseThanAGreedyOneOnTwoHundredOperators) {
    std::mt19937 random(5);
    auto pick = [&](std::initializer_list<int64_t> of) { return of.begin()[random() % of.size()]; };
    int better = 0;
    for (int i = 0; i < 200; ++i) {
        TensorOperator op;
        if (i % 5 == 4)
            op.sizes = {pick({1, 2, 4}), pick({3, 16, 64}), pick({32, 64}), pick({1, 3}),
                        pick({1, 3}),    pick({7, 14}),     pick({7, 14})};
        else
            op.sizes = {pick({64, 512, 1000, 4096}),
                        pick({64, 300, 1024, 4096}),
                        pick({64, 768, 1024, 11008}),
                        1,
                        1,
                        1,
                        1};
        const Chip chip{
            static_cast<int>(pick({1, 4, 8, 64})), 1, static_cast<int>(pick({16, 64, 128})),
            static_cast<int>(pick({16, 64, 128})), static_cast<int>(pick({2, 16, 128}))};
        const Cores cores{chip.width, chip.depth, mesh_of(chip.n_tc)};
        const Memories memories = memories_of(chip, i % 2 == 1);
        Mapper mapper(op);
        const double found = mapper.cycles(cores, memories), simple = greedy(op, cores, memories);
        EXPECT_LE(found, simple * (1 + 1e-9)) << i;
        EXPECT_GE(found, mapper.bound(cores, memories) * (1 - 1e-9)) << i;
        better += found < simple * (1 - 1e-9);
    }
    EXPECT_GT(better, 0);
}

// Buffers in bytes held against elements act as twice their size and more.
TEST(Mapping, phaze_defect_8_BuffersHoldElementsOfTwoBytes) {
    const Chip chip{8, 2, 128, 128, 2};
    const Memories ours = memories_of(chip, false), published = memories_of(chip, true);
    EXPECT_EQ(ours.core_words, 16.0 * 128 * 128 / 2);
    EXPECT_EQ(published.core_words, 2 * ours.core_words);
    EXPECT_TRUE(published.core_per_tensor && !ours.core_per_tensor);
    EXPECT_EQ(published.register_words, 2 * ours.register_words);
    Mapper mapper(TensorOperator{{4096, 4096, 4096, 1, 1, 1, 1}});
    const Cores cores{chip.width, chip.depth, mesh_of(chip.n_tc)};
    EXPECT_GT(mapper.cycles(cores, ours), mapper.cycles(cores, published));
}

}  // namespace
}  // namespace smeaton::search::phaze
