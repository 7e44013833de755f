#include "run/compile.h"

#include <gtest/gtest.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/temporary_folder.h"
#include "run/cache.h"
#include "run/cpu.h"

namespace smeaton::run {
namespace {

namespace fs = std::filesystem;

class Compile : public testing::Test {
protected:
    void SetUp() override {
        options_.flags = {"-O1", "-fPIC"};
        options_.cache_folder = folder_;
    }

    static std::string source(int value) {
        return fmt::format(
            "extern \"C\" int answer(void* const*, char*, long, long) {{ return {}; }}\n", value);
    }
    int answer(int value) {
        library_ = compile_cached({source(value)}, options_);
        return library_->function("answer")(nullptr, nullptr, 0, 0);
    }
    std::string entry() const { return folder_ + "/" + cache_entries(folder_).at(0).file; }

    TemporaryFolder temporary_;
    const std::string& folder_ = temporary_.path;
    CompileOptions options_;
    std::shared_ptr<Library> library_;
};

TEST_F(Compile, the_second_time_comes_from_the_cache) {
    EXPECT_EQ(answer(41), 41);
    EXPECT_FALSE(library_->from_cache);
    EXPECT_EQ(answer(41), 41);
    EXPECT_TRUE(library_->from_cache);
    EXPECT_EQ(answer(42), 42);
    EXPECT_FALSE(library_->from_cache);
}

TEST_F(Compile, flags_are_part_of_the_key) {
    answer(1);
    options_.flags.push_back("-DX");
    answer(1);
    EXPECT_FALSE(library_->from_cache);
}

TEST_F(Compile, a_cut_off_entry_is_built_again) {
    answer(7);
    library_.reset();
    fs::resize_file(entry(), fs::file_size(entry()) / 2);
    EXPECT_EQ(answer(7), 7);
    EXPECT_FALSE(library_->from_cache);
    EXPECT_TRUE(seal_holds(entry()));
}

TEST_F(Compile, an_entry_with_a_changed_byte_is_built_again) {
    answer(7);
    library_.reset();
    std::fstream file(entry(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(200);
    file.put('\x55');
    file.close();
    EXPECT_FALSE(seal_holds(entry()));
    EXPECT_EQ(answer(7), 7);
    EXPECT_FALSE(library_->from_cache);
}

TEST_F(Compile, several_units_become_one_library_and_progress_is_told) {
    std::vector<double> told;
    options_.progress = [&](double f) { told.push_back(f); };
    auto library = compile_cached(
        {"extern \"C\" int one() { return 1; }", "extern \"C\" int two() { return 2; }"}, options_);
    EXPECT_NE(library->symbol("one"), library->symbol("two"));
    EXPECT_THROW(library->symbol("three"), InternalError);
    ASSERT_GE(told.size(), 3u);
    EXPECT_EQ(told.front(), 0.0);
    EXPECT_EQ(told.back(), 1.0);
}

TEST_F(Compile, threads_may_build_the_same_thing_at_once) {
    std::vector<std::thread> threads;
    std::vector<int> got(3);
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            got[static_cast<size_t>(t)] =
                compile_cached({source(9)}, options_)->function("answer")(nullptr, nullptr, 0, 0);
        });
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(got, (std::vector<int>{9, 9, 9}));
    EXPECT_EQ(cache_entries(folder_).size(), 1u);
}

TEST_F(Compile, an_absent_compiler_is_named) {
    options_.compiler = "no-such-compiler";
    EXPECT_THROW(answer(1), UserError);
}

TEST_F(Compile, a_path_without_compilers_says_what_to_install) {
    std::string path = std::getenv("PATH");
    setenv("PATH", folder_.c_str(), 1);
    try {
        answer(1);
        ADD_FAILURE() << "nothing was thrown";
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("apt-get install g++"), std::string::npos);
    }
    setenv("PATH", path.c_str(), 1);
}

TEST_F(Compile, what_is_cached_runs_without_a_compiler) {
    EXPECT_EQ(answer(5), 5);
    library_.reset();
    const std::string path = std::getenv("PATH");
    setenv("PATH", "/no-such-folder", 1);
    EXPECT_EQ(answer(5), 5);
    EXPECT_TRUE(library_->from_cache);
    EXPECT_THROW(answer(6), UserError);
    setenv("PATH", path.c_str(), 1);
}

/// A compiler that fails the first time it is asked for something, and counts.
std::string flaky_compiler(const std::string& folder, int failures) {
    const std::string path = folder + "/flaky";
    std::ofstream(path) << fmt::format(
        "#!/bin/sh\nn=$(cat {0}/count 2>/dev/null || echo 0); n=$((n + 1)); echo $n > {0}/count\n"
        "[ $n -gt {1} ] || {{ echo no room for a process; exit 41; }}\nexec g++ \"$@\"\n",
        folder, failures);
    fs::permissions(path, fs::perms::owner_all);
    return path;
}

TEST_F(Compile, a_compiler_that_fails_once_is_asked_again) {
    options_.compiler = flaky_compiler(folder_, 1);
    EXPECT_EQ(answer(3), 3);
}

TEST_F(Compile, a_compiler_that_does_not_run_says_how_it_ended_and_what_it_said) {
    options_.compiler = flaky_compiler(folder_, 100);
    try {
        answer(4);
        FAIL() << "nothing was thrown";
    } catch (const UserError& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("does not run"), std::string::npos) << text;
        EXPECT_NE(text.find("exit status 41"), std::string::npos) << text;
        EXPECT_NE(text.find("no room for a process"), std::string::npos) << text;
    }
    std::ofstream(folder_ + "/broken") << "#!/no/such/interpreter\n";
    fs::permissions(folder_ + "/broken", fs::perms::owner_all);
    options_.compiler = folder_ + "/broken";
    try {
        answer(4);
        FAIL() << "nothing was thrown";
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("errno 2"), std::string::npos) << error.what();
    }
}

TEST_F(Compile, code_that_does_not_compile_is_our_fault_and_shows_the_log) {
    try {
        compile_cached({"int f( {"}, options_);
        FAIL() << "nothing was thrown";
    } catch (const InternalError& error) {
        EXPECT_NE(std::string(error.what()).find("error"), std::string::npos);
    }
    EXPECT_TRUE(cache_entries(folder_).empty());
}

TEST_F(Compile, a_folder_that_cannot_be_made_is_named) {
    options_.cache_folder = "/proc/no-such-place/smeaton";
    try {
        answer(1);
        FAIL() << "nothing was thrown";
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("/proc/no-such-place/smeaton"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("XDG_CACHE_HOME"), std::string::npos);
    }
}

TEST_F(Compile, a_folder_mounted_noexec_is_named) {
    struct statvfs info;
    if (statvfs("/dev/shm", &info) != 0 || (info.f_flag & ST_NOEXEC) == 0)
        GTEST_SKIP() << "[SKIP] /dev/shm is not mounted noexec here";
    options_.cache_folder = fmt::format("/dev/shm/smeaton-test-{}", getpid());
    EXPECT_THROW(answer(1), UserError);
    fs::remove_all(options_.cache_folder);
}

TEST_F(Compile, trimming_removes_what_was_used_longest_ago) {
    answer(1);
    std::string first = cache_entries(folder_)[0].file;
    int64_t bytes = cache_entries(folder_)[0].bytes;
    fs::last_write_time(folder_ + "/" + first,
                        fs::file_time_type::clock::now() - std::chrono::hours(1));
    answer(2);
    EXPECT_EQ(trim_cache(folder_, bytes + bytes / 2), bytes);
    ASSERT_EQ(cache_entries(folder_).size(), 1u);
    EXPECT_NE(cache_entries(folder_)[0].file, first);
    EXPECT_GT(trim_cache(folder_, 0), 0);
    EXPECT_TRUE(cache_entries(folder_).empty());
}

TEST_F(Compile, build_folders_of_dead_processes_are_removed) {
    fs::create_directories(folder_ + "/build-999999999-0");
    std::string own = fmt::format("{}/build-{}-7", folder_, getpid());
    fs::create_directories(own);
    trim_cache(folder_, 1 << 20);
    EXPECT_FALSE(fs::exists(folder_ + "/build-999999999-0"));
    EXPECT_TRUE(fs::exists(own));
}

TEST(Cpu, at_least_one_core_and_a_known_instruction_set) {
    EXPECT_GE(usable_cores(), 1);
    EXPECT_LE(usable_cores(), static_cast<int>(allowed_cores().size()));
    EXPECT_FALSE(host_isa().empty());
}

}  // namespace
}  // namespace smeaton::run
