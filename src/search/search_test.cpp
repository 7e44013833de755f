// Branch and bound against every point, bounds against points, points against the published closed
// form.
#include "search/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "search/simdit_prices.h"
#include "search/test_spaces.h"
#include "sim/simdit/charge.h"

namespace smeaton::search {

namespace {

using ::testing::HasSubstr;

struct Case {
    TestFolder folder;
    Space space;
    std::unique_ptr<Evaluator> evaluator;

    explicit Case(int seed) : Case(random_space(seed), seed) {}
    Case(const std::string& text, int seed) {
        folder.write("base.json", kTestBase);
        space = read_space(folder.write("space.yaml", text), open_simdit_base);
        evaluator = simdit_evaluator(space, {{"a", test_network(seed), {}, false, 1},
                                             {"b", test_network(seed + 1000), {}, true, 0.25}});
    }
    Result run(Options options) const { return search(space, whole(space), *evaluator, options); }
};

std::vector<Criteria> criteria_of(const std::vector<Found>& front) {
    std::vector<Criteria> all;
    for (const Found& f : front) all.push_back(f.evaluation.criteria);
    return all;
}

Options exhaustive() {
    Options options;
    options.exhaustive = options.keep_points = true;
    options.threads = 1;
    return options;
}

Options bounded(int threads = 2) {
    Options options;
    options.threads = threads;
    return options;
}

/// Of a network, from its totals.
double pj_of(const std::vector<sim::simdit::Operation>& operations, const sim::simdit::Hardware& h,
             bool training, const SimditPrices& prices) {
    const sim::simdit::Totals t = totals(operations, charge(operations, h, {.training = training}));
    return traffic_pj(t.bits(), prices.buffers(h), prices.dram_pj_per_byte) +
           t.array.operations / 2 * prices.multiply_add_pj(h) +
           t.vector.operations * prices.vector_operation_pj(training);
}

/// The same figures from an evaluator that looks at points alike together.
class InFamilies : public Evaluator {
public:
    InFamilies(std::unique_ptr<Evaluator> own, size_t axes) : own_(std::move(own)), axes_(axes) {}
    std::unique_ptr<Evaluator> another() const override {
        return std::make_unique<InFamilies>(own_->another(), axes_);
    }
    Evaluation evaluate(const Point& p) override { return own_->evaluate(p); }
    Criteria bound(const Box& box) override { return own_->bound(box); }
    std::vector<bool> decisive() const override { return costly(); }
    std::vector<bool> costly() const override {
        std::vector<bool> costly(axes_, false);
        for (size_t axis = 1; axis < axes_; axis += 2) costly[axis] = true;
        return costly;
    }
    bool climbs() const override { return true; }
    bool tells(Criterion c) const override { return own_->tells(c); }
    std::string identity() const override { return own_->identity(); }

private:
    std::unique_ptr<Evaluator> own_;
    size_t axes_;
};

Box box_of(const Point& point) {
    Box box;
    for (uint32_t i : point) box.push_back({i, i});
    return box;
}

}  // namespace

TEST(Search, BoundsFindWhatEveryPointFinds) {
    double all = 0, looked_at = 0;
    int compared = 0;
    for (int seed = 1; compared < 50; ++seed) {
        const Case c(seed);
        const Result every = c.run(exhaustive()), some = c.run(bounded());
        ASSERT_EQ(every.best.has_value(), some.best.has_value()) << seed;
        if (!every.best) continue;
        ++compared;
        EXPECT_TRUE(some.proven && some.front_proven) << seed;
        EXPECT_EQ(some.gap, 0) << seed;
        EXPECT_EQ(every.best->evaluation.criteria, some.best->evaluation.criteria) << seed;
        EXPECT_EQ(criteria_of(every.front), criteria_of(some.front)) << seed;
        EXPECT_EQ(some.evaluated + some.pruned, every.evaluated) << seed;
        Options least_energy = bounded();
        least_energy.by = kEnergy, least_energy.front = false;
        const Result energy = c.run(least_energy);
        EXPECT_TRUE(energy.proven) << seed;
        for (const Found& f : every.points) {
            if (!f.evaluation.refused.empty()) continue;
            EXPECT_GE(f.evaluation.criteria[kEnergy] * (1 + 1e-12), energy.lower_bound) << seed;
        }
        all += every.evaluated, looked_at += some.evaluated;
    }
    EXPECT_LT(looked_at, all / 4);
}

TEST(Search, PointsAlikeAreLookedAtTogether) {
    for (int seed = 1; seed <= 20; ++seed) {
        const Case c(seed);
        const InFamilies evaluator(c.evaluator->another(), c.space.axes.size());
        const Result every = c.run(exhaustive());
        for (bool all : {true, false})
            for (int threads : {1, 3}) {
                Options options = bounded(threads);
                options.exhaustive = options.keep_points = all;
                const Result some = search(c.space, whole(c.space), evaluator, options);
                ASSERT_EQ(every.best.has_value(), some.best.has_value()) << seed;
                EXPECT_TRUE(some.front_proven) << seed;
                EXPECT_EQ(criteria_of(every.front), criteria_of(some.front)) << seed;
                EXPECT_EQ(some.evaluated + some.pruned, every.evaluated) << seed;
                if (!all) continue;
                std::set<Point> points;
                for (const Found& f : some.points) points.insert(f.point);
                EXPECT_EQ(static_cast<double>(points.size()), every.evaluated) << seed;
            }
    }
}

TEST(Search, TheBestAloneNeedsLessThanTheFront) {
    const Case c(3);
    Options options = bounded();
    const Result front = c.run(options);
    options.front = false;
    const Result best = c.run(options);
    EXPECT_EQ(best.best->evaluation.criteria[kTime], front.best->evaluation.criteria[kTime]);
    EXPECT_TRUE(best.proven);
    EXPECT_LE(best.evaluated, front.evaluated);
}

TEST(Search, ThreadsChangeNothing) {
    const Case c(7);
    const Result one = c.run(bounded(1)), three = c.run(bounded(3));
    EXPECT_EQ(one.evaluated, three.evaluated);
    EXPECT_EQ(one.best->point, three.best->point);
    EXPECT_EQ(criteria_of(one.front), criteria_of(three.front));
}

TEST(Search, NoPointIsBelowTheBoundOfItsBox) {
    std::mt19937 random(5);
    for (int seed = 60; seed < 70; ++seed) {
        const Case c(seed);
        for (int i = 0; i < 40; ++i) {
            Box box;
            Point point;
            for (const Axis& axis : c.space.axes) {
                const auto count = static_cast<uint32_t>(axis.values.size());
                uint32_t a = random() % count, b = random() % count;
                box.push_back({std::min(a, b), std::max(a, b)});
                point.push_back(box.back().low + random() % (box.back().high - box.back().low + 1));
            }
            const Evaluation e = c.evaluator->evaluate(point);
            if (!e.refused.empty()) continue;
            const Criteria bound = c.evaluator->bound(box);
            for (size_t k = 0; k < bound.size(); ++k)
                EXPECT_LE(bound[k], e.criteria[k] * (1 + 1e-12)) << seed << " " << k;
            const Criteria own = c.evaluator->bound(box_of(point));
            EXPECT_NEAR(own[kTime], e.criteria[kTime], 1e-9 * own[kTime]) << seed;
            EXPECT_EQ(own[kMemory], e.criteria[kMemory]) << seed;
        }
    }
}

TEST(Search, APointCostsWhatTheClosedFormSays) {
    using namespace sim::simdit;
    const Case c(11);
    int compared = 0;
    const Result every = c.run(exhaustive());
    for (const Found& f : every.points) {
        if (!f.evaluation.refused.empty() || ++compared % 7 != 0) continue;
        Hardware h = parse_numbers(kTestBase, "base.json");
        for (size_t i = 0; i < f.point.size(); ++i)
            for (const HardwareKey& k : hardware_keys())
                if (k.key == c.space.axes[i].key)
                    h.*k.value = static_cast<int64_t>(value(c.space, f.point, i));
        verify(h, "point");
        const auto a = test_network(11), b = test_network(1011);
        EXPECT_NEAR(f.evaluation.cycles[0], totals(a, charge(a, h, {})).cycles(), 1e-6);
        EXPECT_NEAR(f.evaluation.cycles[1], totals(b, charge(b, h, {.training = true})).cycles(),
                    1e-6);
        EXPECT_EQ(f.evaluation.criteria[kMemory], static_cast<double>(h.sram_bits()) / 8);
        const SimditPrices prices{machine::Technology::Nm45, 160};
        EXPECT_DOUBLE_EQ(f.evaluation.criteria[kArea], *prices.area_mm2(h));
        const double pj = pj_of(a, h, false, prices) + 0.25 * pj_of(b, h, true, prices);
        EXPECT_NEAR(f.evaluation.criteria[kEnergy], pj, 1e-9 * pj);
    }
    EXPECT_GT(compared, 20);
}

TEST(Search, PartsTogetherAreTheWhole) {
    const Case c(21);
    const Result all = c.run(bounded());
    Front front;
    Box lower = whole(c.space), upper = lower;
    size_t axis = 0;
    while (lower[axis].single()) ++axis;
    lower[axis].high = (upper[axis].low + upper[axis].high) / 2;
    upper[axis].low = lower[axis].high + 1;
    for (const Box& part : {lower, upper})
        for (const Found& f : search(c.space, part, *c.evaluator, bounded()).front) front.add(f);
    EXPECT_EQ(criteria_of(front.points()), criteria_of(all.front));
}

TEST(Search, AStoppedSearchStatesItsGap) {
    const Case c(3);
    Options options = bounded();
    options.time_limit_s = 0;
    const Result r = c.run(options);
    EXPECT_FALSE(r.proven);
    EXPECT_GT(r.gap, 0);
    options.time_limit_s.reset();
    EXPECT_LE(r.lower_bound, c.run(options).best->evaluation.criteria[kTime]);
}

}  // namespace smeaton::search
