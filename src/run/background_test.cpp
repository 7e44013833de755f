#include "run/background.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "base/temporary_folder.h"
#include "run/cache.h"

namespace smeaton::run {
namespace {

namespace fs = std::filesystem;

class Background : public testing::Test {
protected:
    void SetUp() override {
        options_.flags = {"-O1", "-fPIC"};
        options_.cache_folder = folder_;
    }

    static std::vector<std::string> source(int value) {
        return {fmt::format(
            "extern \"C\" int answer(void* const*, char*, long, long) {{ return {}; }}\n", value)};
    }
    static int answer(const std::shared_ptr<Library>& library) {
        return library->function("answer")(nullptr, nullptr, 0, 0);
    }
    bool has_build_folder() const {
        for (const auto& entry : fs::directory_iterator(folder_))
            if (entry.is_directory()) return true;
        return false;
    }

    TemporaryFolder temporary_;
    const std::string& folder_ = temporary_.path;
    CompileOptions options_;
};

TEST_F(Background, a_job_ends_by_itself_and_its_library_is_in_the_cache) {
    BackgroundCompiler compiler;
    auto job = compiler.add(source(7), options_);
    for (int i = 0; i < 6000 && !BackgroundCompiler::ended(*job); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(answer(BackgroundCompiler::result(*job)), 7);
    EXPECT_NE(load_cached(source(7), options_), nullptr);
}

TEST_F(Background, who_waits_gets_every_job) {
    BackgroundCompiler compiler;
    std::vector<BackgroundCompiler::JobPtr> jobs;
    for (int i = 0; i < 4; ++i) jobs.push_back(compiler.add(source(i), options_));
    for (int i = 3; i >= 0; --i)
        EXPECT_EQ(answer(compiler.wait(jobs[static_cast<size_t>(i)], {})), i);
}

TEST_F(Background, the_end_ends_compilers_and_leaves_nothing) {
    auto begin = std::chrono::steady_clock::now();
    {
        BackgroundCompiler compiler;
        options_.compiler = folder_ + "/slow";
        std::ofstream(options_.compiler)
            << "#!/bin/sh\ncase $1 in --version) echo slow;; *) exec sleep 60;; esac\n";
        fs::permissions(options_.compiler, fs::perms::owner_all);
        auto job = compiler.add(source(1), options_), waiting = compiler.add(source(2), options_);
        for (int i = 0; i < 1000 && !has_build_folder(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        EXPECT_TRUE(has_build_folder());
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
    EXPECT_FALSE(has_build_folder());
    EXPECT_TRUE(cache_entries(folder_).empty());
}

TEST_F(Background, a_failed_job_says_why_when_it_is_asked) {
    BackgroundCompiler compiler;
    auto job = compiler.add({"this is no C++"}, options_);
    for (int i = 0; i < 6000 && !BackgroundCompiler::ended(*job); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_THROW(BackgroundCompiler::result(*job), InternalError);
    EXPECT_THROW(compiler.wait(job, {}), InternalError);
}

TEST_F(Background, what_poll_throws_ends_the_waiting_and_the_job_can_be_waited_for_again) {
    BackgroundCompiler compiler;
    auto job = compiler.add(source(5), options_);
    auto refuse = [] { throw std::runtime_error("enough"); };
    try {
        compiler.wait(job, refuse);  // may have ended before anybody was asked
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "enough");
    }
    EXPECT_EQ(answer(compiler.wait(job, {})), 5);
}

TEST_F(Background, a_forked_child_compiles_when_it_waits) {
    auto compiler = std::make_unique<BackgroundCompiler>();
    compiler->wait(compiler->add(source(1), options_), {});
    auto job = compiler->add(source(2), options_);
    const pid_t child = fork();
    if (child == 0) {
        const bool good = answer(compiler->wait(job, {})) == 2;
        compiler.reset();
        _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(answer(compiler->wait(job, {})), 2);
}

TEST_F(Background, uncached_code_leaves_no_file) {
    EXPECT_EQ(answer(compile_uncached(source(9), options_)), 9);
    EXPECT_TRUE(cache_entries(folder_).empty());
    EXPECT_FALSE(has_build_folder());
    EXPECT_EQ(load_cached(source(9), options_), nullptr);
}

}  // namespace
}  // namespace smeaton::run
