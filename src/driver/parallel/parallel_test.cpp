// Kernels side by side: what is chosen, that it is what list order gives, and what is kept.
#include "driver/parallel/parallel.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/error.h"
#include "base/output_file.h"
#include "driver/here.h"
#include "driver/parallel/file.h"
#include "driver/parallel/mix.h"
#include "driver/parallel/plan.h"
#include "driver/pipeline.h"
#include "driver/scheduling/energy.h"
#include "machine/print.h"
#include "machine/read.h"
#include "schedule/check.h"
#include "schedule/linear/hyper.h"

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
    /// The one choice that is kept here, as text.
    std::string kept_file() const {
        for (const auto& entry : std::filesystem::directory_iterator(path))
            if (entry.path().extension() == ".parallel") return entry.path();
        ADD_FAILURE() << "no choice is kept";
        return path + "/none";
    }
    std::string kept() const {
        std::ifstream in(kept_file(), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void keep(const std::string& text) const { write_file(kept_file(), text); }
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
    const auto choose = [&] {
        Session session(folder.program, folder.options("auto"));
        return session.parallel(feeds());
    };
    ParallelChoice first = choose();
    EXPECT_FALSE(first.kept);
    EXPECT_EQ(first.timings, 1);
    EXPECT_EQ(folder.kept(), parallel_text(first));
    // However busy the machine was: one that needs no second timing.
    first.uncertainty = 0.02;
    first.crowding = 1.5;
    folder.keep(parallel_text(first));
    const ParallelChoice second = choose();
    EXPECT_TRUE(second.kept);
    EXPECT_EQ(second.method, first.method);
    EXPECT_EQ(second.serial_us, first.serial_us);
    EXPECT_EQ(parallel_text(second), parallel_text(first));
    EXPECT_EQ(folder.kept(), parallel_text(first));
    // What is not whole, or not ours, is timed anew.
    folder.keep(parallel_text(first).substr(0, 90));
    EXPECT_FALSE(choose().kept);
}

TEST(Parallel, a_choice_is_final_once_certain_or_timed_often) {
    ParallelChoice c;
    c.wanted = "auto";
    const auto is = [&](double uncertainty, int timings) {
        c.uncertainty = uncertainty;
        c.timings = timings;
        return is_final(c);
    };
    EXPECT_TRUE(is(0, 1));
    EXPECT_TRUE(is(0.02, 1));
    EXPECT_FALSE(is(0.0201, 1));
    EXPECT_FALSE(is(0.0201, 2));
    EXPECT_TRUE(is(0.0201, 3));
    c.crowding = 1.5;
    EXPECT_TRUE(is(0.02, 1));
    c.crowding = 1.51;
    EXPECT_FALSE(is(0.02, 2));
    EXPECT_TRUE(is(0.02, 3));
    c.wanted = "list";
    EXPECT_TRUE(is(1, 1));
}

TEST(Parallel, what_a_busy_machine_left_uncertain_is_chosen_again_a_few_times) {
    const Folder folder;
    const auto choose = [&] {
        Session session(folder.program, folder.options("auto"));
        return session.parallel(feeds());
    };
    ParallelChoice choice = choose();
    const auto keep = [&](double uncertainty, int timings, double crowding = 1) {
        choice.uncertainty = uncertainty;
        choice.timings = timings;
        choice.crowding = crowding;
        folder.keep(parallel_text(choice));
    };
    keep(0.01, 1);
    EXPECT_TRUE(choose().kept);
    keep(1e6, 1);
    const ParallelChoice again = choose();
    EXPECT_FALSE(again.kept);
    EXPECT_EQ(again.timings, 2);
    EXPECT_LT(again.uncertainty, 1e6);
    // One that is no better known does not take the place of what is there.
    keep(0.0201, 2);
    EXPECT_LE(choose().uncertainty, 0.0201);
    keep(1e6, 3);
    EXPECT_TRUE(choose().kept);
    // However certain, one that was made while threads had less than a core each.
    keep(0, 1, 1e6);
    EXPECT_LT(choose().crowding, 1e6);
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
    Session line(folder.path + "/line.gir", folder.options("list"));
    const ParallelChoice choice = line.parallel({{"x", Tensor(DType::kF32, {64})}});
    EXPECT_EQ(choice.method, "serial");
    EXPECT_EQ(choice.serial_us, 0);
    EXPECT_NE(choice.why, "");
    // `auto` asks whether one thread does better.
    Session chosen(folder.path + "/line.gir", folder.options("auto"));
    const ParallelChoice ways = chosen.parallel({{"x", Tensor(DType::kF32, {64})}});
    EXPECT_EQ(ways.tried, "one_thread");
    ASSERT_EQ(ways.ways.size(), 2U);
    EXPECT_EQ(ways.ways[0].method, "serial");
    EXPECT_EQ(ways.method == "serial",
              ways.ways[1].us / ways.ways[0].us + ways.uncertainty >= 0.99);
}

TEST(Parallel, a_batch_gives_what_each_sample_gives_alone) {
    const Folder folder;
    std::string stateless = kProgram;
    for (const char* line : {"  buffer n: memory f32[k: 4] state\n", "  run k6(n -> n)\n"})
        stateless.erase(stateless.find(line), std::string(line).size());
    stateless.erase(stateless.find("kernel k6"));
    write_file(folder.program, stateless);
    std::vector<std::map<std::string, Tensor>> samples;
    for (int s = 0; s < 5; ++s) samples.push_back(feeds(0.25 * s));
    Session alone(folder.program, folder.options("off"));
    const std::pair<const char*, const char*> ways[] = {
        {"off", ""},          {"list", ""},        {"auto", ""},
        {"auto", "switched"}, {"linear", "plain"}, {"linear", "switched"}};
    for (const auto& [parallel, hyper] : ways) {
        SessionOptions options = folder.options(parallel);
        options.samples = 5;
        options.hyper = hyper;
        Session session(folder.program, options);
        for (int run = 0; run < 2; ++run) {
            const auto got = session.run_batch(samples);
            ASSERT_EQ(got.size(), 5U);
            for (size_t s = 0; s < 5; ++s) {
                const std::vector<Tensor> want = alone.run(samples[s]);
                for (size_t k = 0; k < want.size(); ++k)
                    EXPECT_TRUE(tensor::same(got[s][k], want[k])) << parallel << hyper << s << k;
            }
        }
        const ParallelChoice choice = session.parallel(samples[0]);
        EXPECT_EQ(choice.samples, parallel == std::string("off") ? 1 : 5);
        if (parallel != std::string("auto")) continue;
        // One sample on each core is weighed against the hyperclusters.
        const auto tried = [&](const std::string& method, const std::string& form) {
            return std::any_of(choice.ways.begin(), choice.ways.end(), [&](const TriedWay& w) {
                return w.method == method && w.hyper == form;
            });
        };
        EXPECT_TRUE(tried("sample_per_core", ""));
        EXPECT_TRUE(tried("linear", "switched"));
        EXPECT_EQ(tried("linear", "plain"), hyper == std::string());
        EXPECT_THROW(session.run_batch({samples[0]}), UserError);
    }
    // Where a check of one fails, so does the run.
    SessionOptions options = folder.options("linear");
    options.samples = 5;
    Session session(folder.program, options);
    samples[3] = feeds(1000);
    EXPECT_THROW(session.run_batch(samples), UserError);
}

TEST(Parallel, a_batch_of_a_model_with_states_is_refused) {
    const Folder folder;
    SessionOptions options = folder.options("auto");
    options.samples = 2;
    EXPECT_THROW(Session(folder.program, options), UserError);
    options.samples = 0;
    EXPECT_THROW(Session(folder.program, options), UserError);
    options = folder.options("list");
    options.hyper = "plain";
    EXPECT_THROW(Session(folder.program, options), UserError);
}

TEST(Mixed, takes_each_stretch_from_the_way_that_was_faster_there) {
    // a, then b and c side by side, then d, then e and f.
    schedule::TaskGraph graph;
    for (const char* name : {"a", "b", "c", "d", "e", "f"}) graph.tasks.push_back({name, {4, 2}});
    for (auto [from, to] : {std::pair(0, 1), {0, 2}, {1, 3}, {2, 3}, {3, 4}, {3, 5}})
        graph.edges.push_back({{from}, {to}, 0, 0});
    const schedule::Cores cores = schedule::cores_of_one_kind(2);
    TracedWay serial{on_all_cores(graph, cores), {}};
    TracedWay beside{schedule::replay(graph, schedule::Links(graph), cores,
                                      {{0, {0}}, {1, {0}}, {2, {1}}, {3, {1}}, {4, {0}}, {5, {1}}}),
                     {}};
    // Measured: b and c beside each other gain, e and f lose.
    serial.end_us = {{2, 5, 8, 10, 12, 14}, {2, 5, 8, 10, 12, 14}};
    beside.end_us = {{3, 7, 6.5, 10, 15, 14}, {3, 7, 6.5, 10, 15, 14}};
    const schedule::Schedule s = mixed(graph, cores, {serial, beside});
    EXPECT_TRUE(schedule::check(graph, cores, s).faults.empty());
    const auto count = [&](int t) { return s.tasks[static_cast<size_t>(t)].cores.size(); };
    EXPECT_EQ(count(0), 2U);
    EXPECT_EQ(count(1), 1U);
    EXPECT_EQ(count(2), 1U);
    EXPECT_EQ(count(3), 2U);
    EXPECT_EQ(count(4), 2U);
    EXPECT_EQ(count(5), 2U);
    // One way alone is itself.
    const schedule::Schedule same = mixed(graph, cores, {beside});
    for (size_t t = 0; t < 6; ++t) EXPECT_EQ(same.tasks[t].cores, beside.schedule.tasks[t].cores);
}

TEST(SamplePerCore, cores_go_round_and_the_rest_shares_them) {
    schedule::TaskGraph one;
    one.tasks = {{"a", {4, 3, 2.5, 2}}, {"b", {8, 5, 4, 3}}};
    one.edges = {{{0}, {1}, 1, 0}};
    const schedule::Cores cores = schedule::cores_of_one_kind(4);
    for (int samples = 1; samples <= 9; ++samples) {
        const schedule::TaskGraph graph = schedule::samples_of(one, samples);
        const schedule::Schedule s = sample_per_core(graph, cores, samples);
        EXPECT_TRUE(schedule::check(graph, cores, s).faults.empty());
        const int full = samples / 4, left = samples % 4;
        const double rest[] = {0, 5, 8, 12};  // on 4, 2 and 1 cores each
        EXPECT_EQ(schedule::makespan_us(s), 12 * full + rest[left]) << samples;
    }
}

TEST(PredictedEnergy, is_what_the_description_gives_and_labelled_so) {
    const Folder folder;
    Session session(folder.program, folder.options("list"));
    ParallelChoice choice = session.parallel(feeds());
    ParallelChoice silent = choice;
    const gir::Program program = session.tuned(feeds())->program;
    if (choice.energy_of.starts_with("RAPL")) return;  // measured: nothing is predicted
    machine::Machine machine =
        machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/server-cpu.yaml");
    machine.technology.reset();
    for (machine::Level& level : machine.levels)
        level.read_energy_pj_per_byte = level.write_energy_pj_per_byte = std::nullopt;
    predict_energy(silent, program, machine, {2, 0});
    EXPECT_EQ(silent.energy_of, "");
    EXPECT_NE(silent.energy_missing, "");
    for (machine::Level& level : machine.levels) {
        level.read_energy_pj_per_byte = machine::Number(machine::Interval::exact(2), "test");
        level.write_energy_pj_per_byte = level.read_energy_pj_per_byte;
    }
    for (machine::Unit& unit : machine.units)
        for (machine::Rate& rate : unit.rates)
            rate.energy_pj = machine::Number(machine::Interval::exact(10), "test");
    machine.leakage_w = machine::Number(machine::Interval::exact(50), "test");
    predict_energy(choice, program, machine, {2, 0});
    ASSERT_TRUE(choice.energy_of.starts_with("predicted")) << choice.energy_missing;
    ASSERT_EQ(choice.ways.size(), 2U);
    const TriedWay &a = choice.ways[0], &b = choice.ways[1];
    // Only the time differs: 50 W of it.
    EXPECT_NEAR(a.joules - b.joules, 50e-6 * (a.us - b.us), 1e-9);
    EXPECT_GT(a.joules, 50e-6 * a.us);
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
    c.uncertainty = 0.125;
    c.crowding = 1.25;
    c.timings = 2;
    c.ways = {{"serial", "", 10.5, 0.25}, {"linear", "plain", 12, 0}};
    c.energy_of = "RAPL: package-0";
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
        EXPECT_NE(std::string(error.what()).find("f:18:"), std::string::npos) << error.what();
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
