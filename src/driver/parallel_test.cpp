// Kernels side by side: what is chosen, that it is what list order gives, and what is kept.
#include "driver/parallel.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/error.h"
#include "base/output_file.h"
#include "driver/here.h"
#include "driver/parallel_file.h"
#include "machine/print.h"
#include "machine/read.h"
#include "schedule/check.h"

namespace smeaton::driver {
namespace {

// Two branches that write their parts of one buffer, a check, and a state that counts.
const char* const kProgram = R"(program branches
  buffer x: memory f32[i: 64, j: 512] input
  buffer n: memory f32[k: 4] state
  buffer a: memory f32[i: 64, j: 512] temp
  buffer c: memory f32[i: 64, j: 512] temp
  buffer both: memory f32[h: 128, j: 512] temp
  buffer y: memory f32[i: 64, j: 512] output
  buffer z: memory f32[] output
  run k0(x -> a)
  run k1(a -> both)
  run k2(x -> c)
  run k3(c, x -> both)
  run k4(both -> y)
  run k5(x -> z)
  run k6(n -> n)

kernel k0(x -> a)
  parallel i: 64, j: 512 any
    unary exp a[i,j] <- x[i,j]

kernel k1(a -> both)
  parallel i: 64, j: 512 any
    unary exp both[i,j] <- a[i,j]

kernel k2(x -> c)
  parallel i: 64, j: 512 any
    unary exp c[i,j] <- x[63-i,j]

kernel k3(c, x -> both)
  parallel i: 64, j: 512 any
    binary sub both[i+64,j] <- c[i,j], x[i,j]

kernel k4(both -> y)
  parallel i: 64, j: 512 any
    binary add y[i,j] <- both[i,j], both[i+64,j]

kernel k5(x -> z)
  let ok: local bool[]
  binary lt ok[] <- x[0,0], 100.0
  check ok[] "too large"
  move z[] <- x[0,0]

kernel k6(n -> n)
  parallel k: 4 any
    binary add n[k] <- n[k], 1.0
)";

/// A cache folder with a description of this machine (what probing would take ten seconds for), and
/// the program in a file.
struct Folder {
    std::string path = ::testing::TempDir() + "parallel_test_" + std::to_string(::getpid());
    std::string program = path + "/branches.gir";
    Folder() {
        std::filesystem::create_directories(path);
        const std::string shipped = std::string(SMEATON_SOURCE_DIR) + "/machines/server-cpu.yaml";
        write_file(machine_file_here(path), machine::print(machine::read_machine_file(shipped)));
        write_file(program, kProgram);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    SessionOptions options(const std::string& parallel) const {
        SessionOptions o;
        o.threads = 2;
        o.cache_folder = path;
        o.parallel = parallel;
        return o;
    }
};

std::map<std::string, Tensor> feeds(double first = 0.5) {
    Tensor x(DType::kF32, {64, 512});
    for (int64_t i = 0; i < x.elements(); ++i)
        x.set_from_double(i, static_cast<double>(i % 101) / 50 - 1);
    x.set_from_double(0, first);
    return {{"x", x}};
}

TEST(Parallel, outputs_and_states_are_those_of_one_kernel_after_another) {
    const Folder folder;
    Session serial(folder.program, folder.options("off"));
    const std::vector<Tensor> want = serial.run(feeds());
    EXPECT_EQ(serial.parallel(feeds()).method, "serial");
    EXPECT_TRUE(serial.parallel(feeds()).why.empty());
    for (const char* how : {"list", "linear", "exact", "auto"}) {
        Session session(folder.program, folder.options(how));
        for (int run = 0; run < 3; ++run) {
            const std::vector<Tensor> got = session.run(feeds());
            ASSERT_EQ(got.size(), want.size());
            EXPECT_TRUE(tensor::same(got[0], want[0])) << how;
        }
        // Trying ways to run counts for nothing.
        EXPECT_EQ(session.state().at("n").at_as_double(0), 3) << how;
        EXPECT_THROW(session.run(feeds(1000)), UserError);
        EXPECT_EQ(session.state().at("n").at_as_double(0), 3) << how;
        const ParallelChoice choice = session.parallel(feeds());
        EXPECT_EQ(choice.wanted, how);
        if (how != std::string("auto")) {
            EXPECT_EQ(choice.method, how);
        }
        EXPECT_GT(choice.serial_us, 0);
        EXPECT_GT(choice.scheduled_us, 0);
        EXPECT_LE(choice.bound_us, schedule::makespan_us(choice.schedule) * (1 + 1e-9));
        EXPECT_TRUE(schedule::check(choice.graph, schedule::cores_of_one_kind(2), choice.schedule)
                        .faults.empty());
    }
}

TEST(Parallel, branches_that_write_parts_of_one_buffer_run_side_by_side) {
    const Folder folder;
    Session session(folder.program, folder.options("linear"));
    const ParallelChoice choice = session.parallel(feeds());
    const auto& tasks = choice.schedule.tasks;
    // Ramiel's clusters: one branch on each core.
    EXPECT_EQ(tasks[0].cores, tasks[1].cores);
    EXPECT_EQ(tasks[2].cores, tasks[3].cores);
    EXPECT_NE(tasks[0].cores, tasks[2].cores);
    // The state waits for the check, though no byte says so.
    EXPECT_GE(tasks[6].start_us, tasks[5].finish_us);
}

TEST(Parallel, what_was_timed_is_kept_for_the_next_session) {
    const Folder folder;
    ParallelChoice first, second;
    {
        Session session(folder.program, folder.options("auto"));
        first = session.parallel(feeds());
    }
    {
        Session session(folder.program, folder.options("auto"));
        second = session.parallel(feeds());
    }
    EXPECT_FALSE(first.kept);
    EXPECT_TRUE(second.kept);
    EXPECT_EQ(second.method, first.method);
    EXPECT_EQ(second.serial_us, first.serial_us);
    EXPECT_EQ(parallel_text(second), parallel_text(first));
    // What is not whole, or not ours, is timed anew.
    for (const auto& entry : std::filesystem::directory_iterator(folder.path))
        if (entry.path().extension() == ".parallel")
            write_file(entry.path(), parallel_text(first).substr(0, 90));
    Session session(folder.program, folder.options("auto"));
    EXPECT_FALSE(session.parallel(feeds()).kept);
}

TEST(Parallel, a_line_of_kernels_and_one_thread_are_left_alone) {
    const Folder folder;
    SessionOptions one = folder.options("auto");
    one.threads = 1;
    Session alone(folder.program, one);
    EXPECT_EQ(alone.parallel(feeds()).method, "serial");
    EXPECT_EQ(alone.parallel(feeds()).serial_us, 0);
    EXPECT_NE(alone.parallel(feeds()).why, "");
    write_file(folder.path + "/line.gir", R"(program line
  buffer x: memory f32[i: 64] input
  buffer a: memory f32[i: 64] temp
  buffer y: memory f32[i: 64] output
  run k0(x -> a)
  run k1(a -> y)

kernel k0(x -> a)
  parallel i: 64 any
    unary exp a[i] <- x[i]

kernel k1(a -> y)
  parallel i: 64 any
    unary exp y[i] <- a[63-i]
)");
    Session line(folder.path + "/line.gir", folder.options("auto"));
    const ParallelChoice choice = line.parallel({{"x", Tensor(DType::kF32, {64})}});
    EXPECT_EQ(choice.method, "serial");
    EXPECT_EQ(choice.serial_us, 0);
    EXPECT_NE(choice.why, "");
}

TEST(Parallel, another_word_is_an_error_that_lists_them) {
    const Folder folder;
    try {
        Session session(folder.program, folder.options("fast"));
        FAIL() << "it was taken";
    } catch (const UserError& error) {
        EXPECT_EQ(std::string(error.what()),
                  "parallel 'fast': expected one of off, linear, list, ilp, cpsat, exact, auto");
    }
}

TEST(Parallel, the_kept_text_reads_back_and_errors_name_the_place) {
    ParallelChoice c;
    c.wanted = "auto";
    c.method = c.tried = "list";
    c.threads = 2;
    c.cpu = "a \"CPU\", 2 cores";
    c.serial_us = 10.5;
    c.graph.tasks = {{"a", {4, 2.25}}, {"b c", {3, 1.5}}};
    c.schedule.tasks = {{{0}, {0, 1}, 0, 2.25}, {{1}, {1}, 2.25, 5.25}};
    ParallelChoice asked = c;
    asked.schedule.tasks.clear();
    const std::string text = parallel_text(c);
    EXPECT_EQ(parallel_text(parse_parallel(text, "f", asked)), text);
    asked.graph.tasks[1].name = "d";
    try {
        parse_parallel(text, "f", asked);
        FAIL() << "it was taken";
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("f:11:"), std::string::npos) << error.what();
    }
}

TEST(OnNeighbours, cores_apart_are_brought_together_and_the_schedule_holds) {
    std::mt19937 random(3);
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<uint32_t>(n)); };
    const schedule::Cores cores = schedule::cores_of_one_kind(4);
    for (int round = 0; round < 50; ++round) {
        schedule::TaskGraph graph;
        for (int t = 0; t < 20; ++t) {
            const double us = 1 + below(20);
            graph.tasks.push_back({"t" + std::to_string(t), {us, us * 0.6, us * 0.5, us * 0.4}});
            for (int from = 0; from < t; ++from)
                if (below(6) == 0) graph.edges.push_back({{from}, {t}, 1.0 * below(3), 0});
        }
        const schedule::Links links(graph);
        std::vector<schedule::Choice> sequence;
        for (int t = 0; t < 20; ++t) {
            std::vector<int> slots;
            while (slots.empty())
                for (int s = 0; s < 4; ++s)
                    if (below(2) == 0) slots.push_back(s);
            sequence.push_back({t, slots});
        }
        const schedule::Schedule any = schedule::replay(graph, links, cores, sequence);
        const schedule::Schedule placed = on_neighbours(graph, cores, any);
        EXPECT_TRUE(schedule::check(graph, cores, placed).faults.empty());
        for (size_t t = 0; t < 20; ++t) {
            const std::vector<int>& own = placed.tasks[t].cores;
            EXPECT_EQ(own.size(), any.tasks[t].cores.size());
            EXPECT_EQ(own.back() - own.front() + 1, static_cast<int>(own.size()));
        }
    }
}

}  // namespace
}  // namespace smeaton::driver
