#include "search/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "search/test_spaces.h"

namespace smeaton::search {

namespace {

using ::testing::HasSubstr;

struct Logged {
    TestFolder folder;
    Space space;
    std::unique_ptr<Evaluator> evaluator;

    Logged() {
        folder.write("base.json", kTestBase);
        space = read_space(folder.write("space.yaml", random_space(3)), open_simdit_base);
        evaluator = simdit_evaluator(space, {{"a", test_network(3), {}, false, 1}});
    }
    std::string file() const { return folder.path("log.db"); }
    std::unique_ptr<Store> open() const { return open_log(file(), space, evaluator->identity()); }
    Result run(bool exhaustive, Store* store) const {
        Options options;
        options.exhaustive = exhaustive;
        options.store = store;
        options.threads = 1;
        return search(space, whole(space), *evaluator, options);
    }
    std::string refusal(const std::string& identity) const {
        try {
            open_log(file(), space, identity);
            return "";
        } catch (const UserError& error) {
            return error.what();
        }
    }
};

/// A store whose process dies after so many points.
class Dying : public Store {
public:
    Dying(std::unique_ptr<Store> store, int left) : store_(std::move(store)), left_(left) {}
    const Evaluation* find(const Point& p) const override { return store_->find(p); }
    void add(const Point& p, const Evaluation& e) override {
        if (left_-- == 0) kill(getpid(), SIGKILL);
        store_->add(p, e);
    }
    void commit() override { store_->commit(); }

private:
    std::unique_ptr<Store> store_;
    int left_;
};

}  // namespace

TEST(Log, ARepeatedSearchEvaluatesNothing) {
    const Logged l;
    const Result first = l.run(false, l.open().get()), again = l.run(false, l.open().get());
    EXPECT_GT(first.evaluated, 0);
    EXPECT_EQ(again.evaluated, 0);
    EXPECT_EQ(again.from_store, first.evaluated);
    EXPECT_EQ(again.best->point, first.best->point);
    EXPECT_EQ(again.best->evaluation.cycles, first.best->evaluation.cycles);
    EXPECT_EQ(again.front.size(), first.front.size());
}

TEST(Log, AKilledSearchGoesOnToTheSameAnswer) {
    for (const bool exhaustive : {false, true}) {
        const Logged l;
        const Result whole = l.run(exhaustive, nullptr);
        double before = 0;
        for (int dies_after : {1, 3, 5, 2, 7}) {
            const pid_t child = fork();
            if (child == 0) {
                Dying store(l.open(), dies_after);
                l.run(exhaustive, &store);
                _exit(0);
            }
            int status = 0;
            waitpid(child, &status, 0);
            EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
            before += dies_after;
        }
        const Result rest = l.run(exhaustive, l.open().get());
        EXPECT_EQ(rest.evaluated + rest.from_store, whole.evaluated);
        EXPECT_EQ(rest.best->point, whole.best->point);
        ASSERT_EQ(rest.front.size(), whole.front.size());
        for (size_t i = 0; i < rest.front.size(); ++i)
            EXPECT_EQ(rest.front[i].evaluation.criteria, whole.front[i].evaluation.criteria);
        EXPECT_EQ(l.run(exhaustive, l.open().get()).evaluated, 0);
    }
}

TEST(Log, AnotherSearchsAndOneInUseAreRefused) {
    Logged l;
    {
        const auto store = l.open();
        EXPECT_THAT(l.refusal(l.evaluator->identity()), HasSubstr("another process is writing"));
    }
    EXPECT_EQ(l.refusal(l.evaluator->identity()), "");
    EXPECT_THAT(l.refusal("another model"), HasSubstr("the log of another search: of another"));
    l.space.text += "#";
    EXPECT_THAT(l.refusal(l.evaluator->identity()), HasSubstr("its space is not"));
    l.folder.write("log.db", std::string(4096, 'x'));
    EXPECT_THAT(l.refusal("any"), HasSubstr("nor any database"));
}

}  // namespace smeaton::search
