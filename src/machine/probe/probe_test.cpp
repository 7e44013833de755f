#include "machine/probe/probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "machine/print.h"
#include "machine/probe/amx.h"
#include "machine/probe/apart.h"
#include "machine/probe/bench.h"
#include "machine/probe/better.h"
#include "machine/probe/in_flight.h"
#include "machine/probe/kept.h"
#include "machine/query.h"
#include "machine/read.h"

namespace smeaton::machine {
namespace {

TEST(Cpu, lists_of_cpus_are_ranges_and_numbers) {
    EXPECT_EQ(parse_cpu_list("0-3,8", "f"), (std::vector{0, 1, 2, 3, 8}));
    EXPECT_EQ(parse_cpu_list("5", "f"), std::vector{5});
    EXPECT_THROW(parse_cpu_list("", "f"), UserError);
    EXPECT_THROW(parse_cpu_list("1-", "f"), UserError);
    EXPECT_THROW(parse_cpu_list("1;2", "f"), UserError);
}

TEST(Cpu, a_quota_is_cpus_and_max_is_none) {
    EXPECT_DOUBLE_EQ(parse_cpu_max("150000 100000"), 1.5);
    EXPECT_EQ(parse_cpu_max("max 100000"), 0);
    EXPECT_EQ(parse_cpu_max(""), 0);
}

TEST(Cpu, sizes_are_powers_of_1024) {
    EXPECT_EQ(parse_cache_size("32K"), 32768);
    EXPECT_EQ(parse_cache_size("8M"), 8 << 20);
    EXPECT_EQ(parse_cache_size("x"), 0);
}

TEST(Cpu, the_tightest_quota_on_the_way_to_the_root_counts) {
    std::string root = testing::TempDir() + "/cgroup_of_probe_test";
    std::filesystem::create_directories(root + "/a/b");
    std::ofstream(root + "/a/cpu.max") << "150000 100000\n";
    std::ofstream(root + "/a/b/cpu.max") << "max 100000\n";
    EXPECT_DOUBLE_EQ(cgroup2_quota(root, "/a/b"), 1.5);
    EXPECT_EQ(cgroup2_quota(root, "/"), 0);
    std::ofstream(root + "/cpu.max") << "50000 100000\n";
    EXPECT_DOUBLE_EQ(cgroup2_quota(root, "/a/b"), 0.5);
    std::filesystem::remove_all(root);
}

TEST(Cpu, this_machine_has_cores_and_growing_caches) {
    CpuFeatures cpu = cpu_features();
    EXPECT_GE(cpu.cores, 1);
    EXPECT_LE(cpu.cores, static_cast<int>(cpu.core_cpus.size()));
    EXPECT_LE(cpu.core_cpus.size(), cpu.cpus.size());
    EXPECT_GT(cpu.memory_bytes, 0);
    ASSERT_FALSE(cpu.caches.empty());
    for (size_t i = 0; i < cpu.caches.size(); ++i) {
        EXPECT_GT(cpu.caches[i].bytes, 0);
        if (i > 0) {
            EXPECT_GT(cpu.caches[i].level, cpu.caches[i - 1].level);
        }
    }
}

TEST(Sample, the_better_end_counts_but_for_one_alone) {
    EXPECT_EQ(undisturbed({5, 1, 3, 2, 4}, Better::More), (Interval{1.4, 4.6, 5}));
    EXPECT_EQ(undisturbed({5, 1, 3, 2, 4}, Better::Less), (Interval{1, 1.4, 4.6}));
    EXPECT_EQ(undisturbed({7}, Better::More), Interval::exact(7));
    EXPECT_EQ(undisturbed({123456, 123456}, Better::Less), Interval::exact(123500));
}

TEST(Sample, the_median_stands_between_its_quantiles) {
    EXPECT_EQ(spread({5, 1, 3, 2, 4}), (Interval{1.4, 3, 4.6}));
    EXPECT_EQ(spread({7}), Interval::exact(7));
}

TEST(Sample, rounds_visit_every_figure_and_stop_in_time) {
    std::string order;
    std::vector<Measurement> two{{"a",
                                  [&] {
                                      order += 'a';
                                      return 1.0;
                                  },
                                  {}},
                                 {"b",
                                  [&] {
                                      order += 'b';
                                      return 2.0;
                                  },
                                  {}}};
    EXPECT_EQ(measure(two, Rounds{3, 3, 0, nullptr}), 3);
    EXPECT_EQ(order, "ababab");
    EXPECT_EQ(two[1].samples, (std::vector<double>{2, 2, 2}));
}

TEST(Crew, workers_run_the_body_once_each_and_pass_errors_on) {
    Crew crew({cpu_features().core_cpus});
    std::vector<int> seen(crew.size());
    EXPECT_GT(crew.run(crew.size(), [&](int worker) { ++seen[worker]; }).wall_ns, 0);
    EXPECT_EQ(seen, std::vector<int>(crew.size(), 1));
    EXPECT_THROW(crew.run(1, [](int) { throw UserError("no"); }), UserError);
    EXPECT_GT(crew.run(1, [](int) {}).busy_ns, 0);
}

TEST(Memory, the_chain_visits_every_line_once) {
    std::vector<char> memory(64 * 64);
    void* start = make_chain(memory.data(), 64 * 64, 64);
    void* at = start;
    for (int steps = 1; steps < 64; ++steps) {
        at = follow_chain(at, 1);
        EXPECT_NE(at, start) << steps;
    }
    EXPECT_EQ(follow_chain(at, 1), start);
}

TEST(InFlight, both_chains_go_on_by_as_many_steps) {
#if !defined(__x86_64__)
    GTEST_SKIP() << "[SKIP] the code is for x86-64 CPUs";
#endif
    std::vector<char> memory(2 * 64 * 64);
    void* starts[] = {make_chain(memory.data(), 64 * 64, 64),
                      make_chain(memory.data() + 64 * 64, 64 * 64, 64)};
    for (int between : {0, 1, 500}) {
        const TwoChains chains(between);
        ASSERT_TRUE(chains.runs());
        void *first = starts[0], *second = starts[1];
        chains.follow(first, second, 37);
        EXPECT_EQ(first, follow_chain(starts[0], 37)) << between;
        EXPECT_EQ(second, follow_chain(starts[1], 37)) << between;
    }
}

TEST(InFlight, is_where_two_waits_no_longer_overlap) {
    int asked = 0;
    auto core = [&](int holds) {
        return [&asked, holds](int between) {
            ++asked;
            return (between < holds ? 100.0 : 200.0) + 0.02 * between;
        };
    };
    EXPECT_EQ(instructions_in_flight(core(512)), 512);
    EXPECT_EQ(instructions_in_flight(core(97)), 97);
    EXPECT_LT(asked, 30);
    EXPECT_EQ(instructions_in_flight(core(1 << 20)), std::nullopt);
}

// Of each level and rate the better, with both spreads; ratios and waits of the faster level.
TEST(Better, figures_of_two_probes_are_those_of_the_less_disturbed) {
    const auto probed = [](double clock, double l1, double stall, double add, double all) {
        return parse_machine(fmt::format(R"(name: here
about: ["measured at {0} GHz"]
clock_ghz: {0}
scopes:
  - {{name: core, count: 2}}
levels:
  - {{name: reg, next: l1, private_to: core, managed: software, capacity: 1KiB}}
  - {{name: l1, next: dram, private_to: core, managed: hardware, capacity: 32KiB, line: 64, read_gb_s: {{one: {1}}}, write_gb_s: {{one: 50}}, split: {2}, latency_ns: {3}}}
  - {{name: dram, managed: hardware, capacity: 1GiB, line: 64, read_gb_s: {{one: 10}}, write_gb_s: {{one: 5}}, stall_ns: {2}}}
units:
  - name: vector
    kind: vector
    private_to: core
    vector_bits: 256
    registers: 16
    rates:
      - {{op: fma, dtype: f32, gops_per_s: {4}, all_gops_per_s: {5}, latency_cycles: {3}}}
)",
                                         clock, l1, stall, 8 / clock, add, all),
                             "probe.yaml");
    };
    const Machine slow = probed(2, 100, 300, 40, 90), fast = probed(3, 150, 200, 80, 85);
    const std::optional<Machine> both = better_of(slow, fast);
    ASSERT_TRUE(both);
    EXPECT_EQ(both->clock_ghz.interval(), (Interval{2, 3, 3}));
    EXPECT_EQ(both->about.size(), 3u);
    const Level &l1 = both->levels[1], &dram = both->levels[2];
    EXPECT_EQ(l1.read->one_gb_s.interval(), (Interval{100, 150, 150}));
    EXPECT_EQ(l1.split->interval(), (Interval{200, 200, 300}));
    EXPECT_EQ(l1.latency_ns->value, 8.0 / 3);
    // Neither's memory was faster: what was told first stays.
    EXPECT_EQ(dram.stall_ns->interval(), (Interval{200, 300, 300}));
    const Rate& rate = both->units[0].rates[0];
    EXPECT_EQ(rate.gops_per_s->value, 80);
    EXPECT_EQ(rate.all_gops_per_s->value, 90);
    EXPECT_EQ(rate.latency_cycles->value, 8.0 / 3);
    EXPECT_EQ(better_of(fast, slow)->clock_ghz, both->clock_ghz);
    EXPECT_EQ(better_of(*both, fast)->about.size(), 3u);
    Machine other = fast;
    other.levels[1].capacity_bytes = Number(65536);
    EXPECT_FALSE(better_of(slow, other));
}

TEST(Kept, half_is_gone_between_the_idle_times_around_it) {
    // All there: 100 ns; all gone: 300; the half, 200, is a quarter of the way from 1 ms to 2.
    std::optional<Interval> ms = half_gone_ms({{0, 100}, {1, 180}, {2, 260}, {4, 290}, {8, 300}});
    ASSERT_TRUE(ms);
    EXPECT_DOUBLE_EQ(ms->value, 1.25);
    EXPECT_EQ(ms->low, 1);
    EXPECT_EQ(ms->high, 2);
    // Lost at once: in no time nothing is lost.
    ms = half_gone_ms({{0, 100}, {1, 300}, {2, 300}});
    ASSERT_TRUE(ms);
    EXPECT_EQ(ms->value, 0.5);
    EXPECT_EQ(ms->low, 0.25);
    // There after 2 ms: a slow sweep after 1 ms was slow for another reason.
    ms = half_gone_ms({{0, 100}, {1, 300}, {2, 100}, {4, 300}});
    ASSERT_TRUE(ms);
    EXPECT_EQ(ms->value, 3);
    // What is there as good as before is not lost.
    EXPECT_FALSE(half_gone_ms({{0, 100}, {1, 110}, {2, 120}}));
}

TEST(Kept, sweeps_follow_idle_times_that_double) {
    int swept = 0;
    std::vector<IdleSweep> sweeps = idle_sweeps([&] { ++swept; }, 1);
    ASSERT_EQ(sweeps.size(), 10u);
    EXPECT_EQ(sweeps[0].idle_ms, 0);
    EXPECT_EQ(sweeps[1].idle_ms, 0.25);
    EXPECT_EQ(sweeps[9].idle_ms, 64);
    EXPECT_EQ(swept, 30);
}

TEST(Plan, working_sets_lie_in_their_level_and_beyond_the_one_before) {
    CpuFeatures cpu;
    cpu.memory_bytes = int64_t{8} << 30;
    cpu.caches = {{1, 32 << 10, 64, 1, 4}, {2, 1 << 20, 64, 1, 4}, {3, 8 << 20, 64, 4, 1}};
    std::vector<LevelPlan> plans = plan_levels(cpu, 4);
    ASSERT_EQ(plans.size(), 4u);
    EXPECT_EQ(plans[0].set_bytes, 16 << 10);
    EXPECT_EQ(plans[1].set_bytes, 512 << 10);
    EXPECT_EQ(plans[2].set_bytes, 3 << 19);  // 1.5 x l2 = 3/4 of a share of 2 MiB
    EXPECT_GE(plans[3].set_bytes, 4 * (8 << 20));
    // Of a large shared one, four times the level before: others push out the rest.
    cpu.caches = {{1, 48 << 10, 64, 1, 4}, {2, 2 << 20, 64, 1, 4}, {3, 300 << 20, 64, 2, 2}};
    EXPECT_EQ(plan_levels(cpu, 4)[2].set_bytes, 8 << 20);
    cpu.caches = {{1, 32 << 10, 64, 1, 4}, {2, 1 << 20, 64, 1, 4}, {3, 8 << 20, 64, 4, 1}};
    cpu.memory_bytes = 256 << 20;  // little room
    plans = plan_levels(cpu, 4);
    EXPECT_LE(2 * plans[3].set_bytes + 3 * plans[3].shared_set_bytes, cpu.memory_bytes / 3);
}

TEST(Stall, is_what_is_longer_than_arithmetic_and_transfer) {
    EXPECT_EQ(stall_per_page(700, 300, 200, 8192), 200);
    EXPECT_EQ(stall_per_page(700, 300, 500, 8192), 100);
    EXPECT_EQ(stall_per_page(700, 300, 800, 8192), 0);
}

// No core loads four elements in a cycle one by one, nor takes ten cycles for one.
TEST(Apart, lanes_come_at_the_rates_of_a_core_of_every_width_that_it_has) {
#if !defined(__x86_64__)
    GTEST_SKIP() << "[SKIP] the loops are for x86-64 CPUs";
#endif
    const CpuFeatures here = cpu_features();
    for (int bits = 128; bits <= here.vector_bits; bits *= 2) {
        const std::optional<ApartRates> rates = apart_rates(here, bits);
        ASSERT_TRUE(rates) << bits;
        EXPECT_GT(rates->inserts_per_cycle, 0.1) << bits;
        EXPECT_LT(rates->inserts_per_cycle, 4) << bits;
        EXPECT_EQ(rates->gathers_per_cycle > 0, bits > 128) << bits;
        EXPECT_LT(rates->gathers_per_cycle, bits / 32) << bits;
        EXPECT_EQ(apart_rates(here, bits)->inserts_per_cycle, rates->inserts_per_cycle) << bits;
    }
    EXPECT_FALSE(apart_rates(here, 64));
    EXPECT_FALSE(apart_rates(here, 2 * std::max(512, here.vector_bits)));
}

// The loops of lesser CPUs run here as well.
TEST(Loops, of_every_width_run_with_and_without_fma) {
#if !defined(__x86_64__)
    GTEST_SKIP() << "[SKIP] the loops are for x86-64 CPUs";
#endif
    CpuFeatures here = cpu_features(), plain = here, avx2 = here;
    plain.isa = {"sse2"};
    plain.vector_bits = 128;
    std::vector<CpuFeatures> kinds{plain, here};
    if (here.vector_bits == 512) {
        std::erase_if(avx2.isa, [](const std::string& f) { return f.rfind("avx512", 0) == 0; });
        avx2.vector_bits = 256;
        kinds.push_back(avx2);
    }
    Crew crew({here.core_cpus.front()});
    for (const CpuFeatures& cpu : kinds) {
        std::vector<ComputeLoop> loops = compute_loops(cpu);
        EXPECT_EQ(loops.back().width_bits, cpu.vector_bits);
        for (const ComputeLoop& loop : loops)
            EXPECT_GT(crew.run(1, [&](int) { loop.run(1000); }).busy_ns, 0);
        for (const ComputeLoop& loop : loops) {
            ASSERT_EQ(loop.shape.has_value(), loop.chain != nullptr);
            if (!loop.shape) continue;
            EXPECT_EQ(loop.shape->columns * loop.shape->group * tensor::bits(loop.shape->b),
                      loop.width_bits);
            EXPECT_GT(crew.run(1, [&](int) { loop.chain(1000); }).busy_ns, 0);
        }
        for (int bits = 128; bits <= cpu.vector_bits; bits *= 2)
            crew.run(1, [&](int) { fma_chain(cpu, bits).run(1000); });
        Region region(1 << 20);
        SweepLoops sweeps = sweep_loops(cpu);
        crew.run(1, [&](int) {
            sweeps.write(region.data(), 1 << 19);
            region.data()[5] = 7;
            sweeps.read(region.data(), 1 << 19);
            sweeps.copy(region.data(), region.data() + (1 << 19), 1 << 19);
        });
        EXPECT_EQ(region.data()[(1 << 19) + 5], 7);
        const StreamTile tile = stream_tile(cpu);
        EXPECT_EQ(tile != nullptr, cpu.vector_bits > 128);
        if (tile) crew.run(1, [&](int) { tile(region.data(), 1 << 20); });
    }
}

// The products run where the CPU has them; elsewhere there are none, and no unit.
TEST(Loops, of_tiles_are_for_cpus_that_have_them) {
    CpuFeatures cpu = cpu_features();
    std::vector<TileLoop> loops = tile_loops(cpu);
    if (!cpu.has("amx-tile")) {
        EXPECT_TRUE(loops.empty());
        GTEST_SKIP() << "[SKIP] this CPU has no tiles: their loops were not run";
    }
    Crew crew({cpu.core_cpus.front()});
    for (const TileLoop& loop : loops) {
        EXPECT_EQ(loop.multiply_adds_per_iteration, 4.0 * 16 * 16 * loop.shape.group);
        EXPECT_GT(crew.run(1, [&](int) { loop.run(100); }).busy_ns, 0);
        EXPECT_GT(crew.run(1, [&](int) { loop.chain(100); }).busy_ns, 0);
    }
    if (!loops.empty()) {
        crew.run(1, [](int) { load_tiles(10); });
        crew.run(1, [](int) { store_tiles(10); });
    }
}

// One short probe; the figures need only be of this world: tests share the machine with builds.
TEST(Probe, describes_this_machine_in_a_file_that_reads_back) {
#if !defined(__x86_64__)
    GTEST_SKIP() << "[SKIP] probe measures x86-64 CPUs";
#endif
    ProbeOptions options;
    options.seconds = 0.5;
    options.at_least_rounds = 3;
    int lines = 0;
    options.progress = [&](const std::string&) { ++lines; };
    Machine m = probe(options);
    EXPECT_GT(lines, 3);
    EXPECT_EQ(parse_machine(print(m), "probe.yaml"), m);
    CpuFeatures cpu = cpu_features();
    EXPECT_EQ(core_count(m), cpu.cores);
    const Unit* unit = main_vector_unit(m);
    ASSERT_NE(unit, nullptr);
    EXPECT_GT(peak_gflops(m, tensor::DType::kF32)->value, 1);
    EXPECT_LT(peak_gflops(m, tensor::DType::kF32)->value, 1000);
    EXPECT_GT(m.clock_ghz.value, 0.3);
    EXPECT_LT(m.clock_ghz.value, 8);
    EXPECT_EQ(peak_gflops(m, tensor::DType::kBF16).has_value(), cpu.has("avx512bf16"));
    for (const ContractionShape& s : unit->shapes) {
        EXPECT_GT(s.gops_per_s->value, 1);
        EXPECT_GT(s.latency_cycles->value, 0.5);
        EXPECT_LT(s.latency_cycles->value, 100);
    }
    size_t dots = unit->vector_bits->value == 512
                      ? size_t{cpu.has("avx512bf16")} + size_t{cpu.has("avx512vnni")}
                      : size_t{unit->vector_bits->value == 256 && cpu.has("avxvnni")};
    EXPECT_EQ(unit->shapes.size(), dots);
    bool tiles = std::any_of(m.units.begin(), m.units.end(),
                             [](const Unit& u) { return u.kind == UnitKind::Matrix; });
    EXPECT_EQ(tiles, !tile_loops(cpu).empty());
    EXPECT_EQ(find_level(m, "tmm") != nullptr, tiles);
    const Level *l1 = find_level(m, "l1"), *dram = find_level(m, "dram");
    ASSERT_TRUE(l1 && dram);
    EXPECT_GT(l1->read->one_gb_s.high, dram->read->one_gb_s.low);
    EXPECT_LT(l1->latency_ns->low, dram->latency_ns->high);
    EXPECT_EQ(m.handoff.has_value(), cpu.cores > 1);
    for (const Unit& u : m.units)
        if (u.in_flight) {
            EXPECT_EQ(u.kind, UnitKind::Scalar);
            EXPECT_GT(u.in_flight->value, 16);
            EXPECT_LT(u.in_flight->value, 2048);
        }
}

TEST(Probe, more_cores_than_allowed_are_refused) {
    ProbeOptions options;
    options.cores = 100000;
    EXPECT_THROW(probe(options), UserError);
}

}  // namespace
}  // namespace smeaton::machine
