#include "machine/read.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "machine/figures.h"
#include "machine/print.h"
#include "machine/query.h"
#include "machine/roles.h"
#include "machine/shipped.h"
#include "machine/verify.h"

namespace smeaton::machine {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const char* const kSmall = R"(name: small
about:
  - "A machine of the tests."
sources:
  sheet: "The data sheet, page 3"
clock_ghz: {value: 2, low: 1.8, high: 2.2, source: sheet}
power_w: 5
scopes:
  - {name: cluster, count: 2}
  - {name: core, count: 2}
levels:
  - name: reg
    next: l1
    private_to: core
    managed: software
    capacity: 512
  - name: l1
    next: l2
    private_to: core
    managed: hardware
    capacity: {value: 32KiB, source: sheet}
    line: 64
    ways: 8
    read_gb_s: {one: 64}
    write_gb_s: {one: 32}
    latency_ns: 2
  - name: l2
    next: dram
    private_to: cluster
    managed: hardware
    capacity: 1MiB
    line: 64
    read_gb_s: {one: 32, all: {value: 100, low: 90, high: 110}}
    write_gb_s: {one: 16, all: 50}
    copy_gb_s: {one: 24}
  - name: dram
    managed: hardware
    roles: [a, b]
    capacity: 8GiB
    line: 64
    read_gb_s: {one: 10, all: 12}
    write_gb_s: {one: 5, all: 6}
    read_energy_pj_per_byte: {value: 150, source: "sheet, note 2"}
units:
  - name: simd
    kind: vector
    private_to: core
    clock_ghz: 1.5
    vector_bits: 128
    registers: 32
    isa: [neon]
    lanes:
      - {dtype: i8, count: 16}
    rates:
      - {op: fma, dtype: f32, per_cycle: 8, latency_cycles: 4, energy_pj: 1.5}
      - {op: div, dtype: f32, gops_per_s: 3}
    shapes:
      - {a: u8, b: i8, acc: i32, rows: 1, columns: 4, group: 4, gops_per_s: 32, acc_in: reg}
  - name: array
    kind: systolic
    rows: 16
    columns: 8
    rates:
      - {op: fma, dtype: i8, per_cycle: 128}
  - name: tensor
    kind: matrix
    private_to: core
    shapes:
      - {a: i8, b: i8, acc: i32, rows: 8, columns: 8, group: 4, per_cycle: {value: 0.5, source: sheet}, latency_cycles: 4, energy_pj: 0.2, a_from: l1, b_from: l1}
links:
  - name: bus
    between: core
    topology: ring
    count: 2
    bandwidth_gb_s: 20
    latency_ns: 30
handoff:
  spin_ns: 100
  wake_ns: 5000
)";

std::string replaced(std::string from, std::string to) {
    std::string text = kSmall;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos) text.replace(at, from.size(), to);
    return text;
}

std::string error_of(const std::string& yaml) {
    try {
        parse_machine(yaml, "m.yaml");
    } catch (const UserError& error) {
        return error.what();
    }
    ADD_FAILURE() << "accepted:\n" << yaml;
    return "";
}

TEST(MachineText, canonical_text_prints_as_it_was_read) {
    EXPECT_EQ(print(parse_machine(kSmall, "m.yaml")), kSmall);
}

// A chip: what CPUs do not have.
const char* const kChip = R"(name: chip
clock_ghz: 1
technology: "45nm"
leakage_w: {value: 0.1, low: 0.05, high: 0.2}
levels:
  - name: reg
    next: dram
    managed: software
    roles: [vector]
    capacity: 256
  - name: wbuf
    next: dram
    managed: software
    roles: [b]
    capacity: 1KiB
    read_gb_s: {one: 64}
    write_gb_s: {one: 64}
    depth: 2
    port_gb_s: 8
    area_mm2: 0.1
    leakage_w: 0.01
  - name: ibuf
    next: dram
    managed: software
    roles: [a, acc]
    capacity: 4KiB
    read_gb_s: {one: 64}
    write_gb_s: {one: 64}
  - name: dram
    managed: software
    capacity: 1GiB
    read_gb_s: {one: 10}
    write_gb_s: {one: 10}
units:
  - name: array
    kind: systolic
    rows: 8
    columns: 8
    dataflow: weight_stationary
    area_mm2: 0.5
    leakage_w: 0.02
    rates:
      - {op: fma, dtype: f32, energy_pj: 4.6}
)";

std::string chip(const std::string& from, const std::string& to) {
    std::string text = kChip;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(MachineText, what_chips_have_prints_as_it_was_read) {
    EXPECT_EQ(print(parse_machine(kChip, "chip.yaml")), kChip);
}

TEST(MachineText, an_array_without_a_rate_does_rows_by_columns_in_a_cycle) {
    Machine m = parse_machine(kChip, "chip.yaml");
    EXPECT_EQ(rate_gops(m, m.units[0], OpClass::Fma, tensor::DType::kF32)->value, 64);
    EXPECT_THAT(error_of(chip("op: fma, dtype: f32, energy_pj: 4.6", "op: add, dtype: f32")),
                HasSubstr("exactly one of 'per_cycle' and 'gops_per_s'"));
}

TEST(MachineText, words_of_chips_are_those_of_their_lists) {
    EXPECT_THAT(error_of(chip("weight_stationary", "weights")), HasSubstr("output_stationary"));
    EXPECT_THAT(error_of(chip("\"45nm\"", "\"5nm\"")), HasSubstr("7nm"));
}

TEST(MachineVerify, a_buffer_holds_at_least_one_tile_of_its_array) {
    // Half of 1 KiB: 8 x 8 elements of f32 take 256 bytes.
    EXPECT_THAT(error_of(chip("capacity: 1KiB", "capacity: 504")),
                AllOf(HasSubstr("level wbuf"), HasSubstr("252 bytes"), HasSubstr("unit array"),
                      HasSubstr("256")));
    EXPECT_NO_THROW(parse_machine(chip("capacity: 1KiB", "capacity: 512"), "chip.yaml"));
    // Where sums stay, a row of weights is enough.
    std::string sums = chip("capacity: 1KiB", "capacity: 64");
    EXPECT_THROW(parse_machine(sums, "chip.yaml"), UserError);
    sums.replace(sums.find("weight_stationary"), 17, "output_stationary");
    EXPECT_NO_THROW(parse_machine(sums, "chip.yaml"));
}

// The sum of what comes to it, where a level takes several operands.
TEST(MachineVerify, a_buffer_of_several_operands_holds_one_tile_of_each) {
    std::string all = chip("roles: [b]", "roles: [a, b, acc]");
    // 8 x 8 weights, a row of 8 inputs and of 8 sums.
    EXPECT_THAT(error_of(std::string(all).replace(all.find("capacity: 1KiB"), 14, "capacity: 639")),
                AllOf(HasSubstr("level wbuf"), HasSubstr("'capacity'"), HasSubstr("takes 320")));
    EXPECT_NO_THROW(
        parse_machine(all.replace(all.find("capacity: 1KiB"), 14, "capacity: 640"), "chip.yaml"));
}

TEST(MachineVerify, an_array_has_a_level_for_each_operand) {
    EXPECT_THAT(error_of(chip("roles: [b]", "roles: [a]")),
                AllOf(HasSubstr("unit array"), HasSubstr("no level between the registers and"),
                      HasSubstr("roles: [b]")));
}

TEST(MachineVerify, the_first_level_is_the_registers_of_the_vector_unit) {
    std::string other = replaced("  - name: reg\n", "  - name: regs\n");
    other.replace(other.find("acc_in: reg"), 11, "acc_in: regs");
    EXPECT_THAT(error_of(other), AllOf(HasSubstr("levels"), HasSubstr("'reg'"),
                                       HasSubstr("unit simd"), HasSubstr("it is 'regs'")));
    EXPECT_THAT(error_of(replaced("managed: software\n    capacity: 512",
                                  "managed: software\n    roles: [acc]\n    capacity: 512")),
                HasSubstr("takes 'vector'"));
    // A multiply-add works on three vectors of 16 bytes.
    EXPECT_THAT(error_of(replaced("capacity: 512", "capacity: 47")),
                AllOf(HasSubstr("level reg"), HasSubstr("'capacity'"), HasSubstr("takes 48")));
    EXPECT_NO_THROW(parse_machine(replaced("capacity: 512", "capacity: 48"), "m.yaml"));
}

std::string refusal_of(const Machine& m) {
    try {
        verify(m, "m.yaml");
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

TEST(MachineVerify, a_level_of_sixteen_bytes_is_refused_on_every_machine_that_ships) {
    for (const std::string& name : shipped_names()) {
        const Machine m = read_machine_file(name);
        for (size_t i = 0; i < m.levels.size(); ++i) {
            Machine other = m;
            other.levels[i].capacity_bytes = Number(16);
            EXPECT_THAT(refusal_of(other),
                        AllOf(HasSubstr("'capacity'"), HasSubstr(m.levels[i].name)))
                << name;
        }
    }
}

/// The machine without a level; who was fed by it is fed by what fed it.
Machine without_level(const Machine& m, size_t i) {
    Machine other = m;
    other.levels.erase(other.levels.begin() + static_cast<std::ptrdiff_t>(i));
    for (Level& level : other.levels)
        if (level.next == m.levels[i].name) level.next = m.levels[i].next;
    return other;
}

// A cache may be absent, and a scratchpad beside others that take all that it takes.
TEST(MachineVerify, a_level_that_is_needed_may_not_be_missing_on_any_machine_that_ships) {
    for (const std::string& name : shipped_names()) {
        const Machine m = read_machine_file(name);
        for (size_t i = 0; i < m.levels.size(); ++i) {
            const Level& gone = m.levels[i];
            const Machine other = without_level(m, i);
            const bool others_take =
                i > 0 && !gone.roles.empty() &&
                std::all_of(gone.roles.begin(), gone.roles.end(), [&](OperandRole role) {
                    return !level_taking(other, role).next.empty();
                });
            const bool optional = gone.managed == Managed::Hardware || others_take;
            EXPECT_EQ(refusal_of(other).empty(), optional) << name << " without " << gone.name;
            if (i == 0) {
                EXPECT_THAT(refusal_of(other), HasSubstr("'reg'"));
            }
        }
    }
}

TEST(MachineVerify, a_cache_holds_at_least_one_set) {
    EXPECT_THAT(error_of(replaced("{value: 32KiB, source: sheet}", "511")),
                AllOf(HasSubstr("level l1"), HasSubstr("'capacity'"), HasSubstr("(512)")));
    EXPECT_NO_THROW(parse_machine(replaced("{value: 32KiB, source: sheet}", "512"), "m.yaml"));
}

TEST(MachineVerify, parts_and_ports_belong_to_scratchpads) {
    EXPECT_THAT(
        error_of(replaced("    line: 64\n    ways: 8\n", "    line: 64\n    depth: 2\n")),
        AllOf(HasSubstr("level l1"), HasSubstr("'depth' belongs to a level managed by software")));
    EXPECT_THAT(
        error_of(chip("    read_gb_s: {one: 10}", "    read_gb_s: {one: 10}\n    port_gb_s: 1")),
        AllOf(HasSubstr("level dram"), HasSubstr("'port_gb_s'")));
    EXPECT_THAT(error_of(chip("depth: 2", "depth: 1.5")), HasSubstr("whole number"));
    EXPECT_THAT(error_of(chip("port_gb_s: 8", "port_gb_s: -8")), HasSubstr("port_gb_s"));
    EXPECT_THAT(error_of(replaced("    kind: matrix\n",
                                  "    kind: matrix\n    dataflow: weight_stationary\n")),
                HasSubstr("'dataflow' belongs to a systolic unit"));
}

TEST(MachineVerify, zeros_are_skipped_by_arrays_and_in_whole_rules) {
    const std::string flow = "    dataflow: weight_stationary\n";
    auto with = [&](const std::string& keys) { return error_of(chip(flow, flow + keys)); };
    EXPECT_THAT(with("    sparse_n: 2\n"), HasSubstr("'sparse_n' and 'sparse_m' go together"));
    EXPECT_THAT(with("    sparse_n: 4\n    sparse_m: 2\n"), HasSubstr("at most 'sparse_m'"));
    EXPECT_THAT(with("    sparse_n: 1.5\n    sparse_m: 2\n"), HasSubstr("whole number"));
    EXPECT_THAT(with("    nonzero_share: {value: 0.5, low: 0.4, high: 1.1}\n"),
                HasSubstr("a share: at most 1"));
    EXPECT_THAT(
        error_of(replaced("    kind: matrix\n", "    kind: matrix\n    nonzero_share: 1\n")),
        HasSubstr("belong to a systolic unit"));
}

TEST(MachineText, any_spelling_of_a_size_reads_the_same) {
    Machine machine = parse_machine(replaced("capacity: 1MiB", "capacity: 1048576"), "m.yaml");
    EXPECT_EQ(print(machine), kSmall);
}

TEST(MachineText, every_part_arrives) {
    Machine m = parse_machine(kSmall, "m.yaml");
    EXPECT_EQ(m.clock_ghz.low, 1.8);
    EXPECT_EQ(m.clock_ghz.source, "sheet");
    EXPECT_EQ(m.levels[1].capacity_bytes.value, 32768);
    EXPECT_EQ(m.levels[2].read->all_gb_s->high, 110);
    EXPECT_EQ(m.levels[3].roles, (std::vector{OperandRole::A, OperandRole::B}));
    EXPECT_EQ(m.units[0].rates[1].op, OpClass::Div);
    EXPECT_EQ(m.levels[1].ways->value, 8);
    EXPECT_EQ(lanes_of(m.units[0], tensor::DType::kI8), 16);
    EXPECT_EQ(lanes_of(m.units[0], tensor::DType::kF64), 2);
    ASSERT_EQ(m.units[2].shapes.size(), 1u);
    EXPECT_EQ(m.units[2].shapes[0].group, 4);
    EXPECT_EQ(m.units[2].shapes[0].b_from, "l1");
    EXPECT_EQ(m.links[0].topology, Topology::Ring);
    EXPECT_EQ(unit_count(m, "core"), 4);
    EXPECT_EQ(unit_count(m, "cluster"), 2);
}

TEST(MachineText, an_unknown_key_names_file_line_key_and_the_nearest_known_key) {
    EXPECT_THAT(error_of(replaced("    latency_ns: 2\n", "    latencyns: 2\n")),
                AllOf(HasSubstr("m.yaml:26"), HasSubstr("level l1"), HasSubstr("'latencyns'"),
                      HasSubstr("nearest is 'latency_ns'")));
    EXPECT_THAT(error_of(replaced("power_w: 5", "powr_w: 5")), HasSubstr("nearest is 'power_w'"));
    EXPECT_THAT(error_of(replaced("low: 1.8", "lo: 1.8")),
                AllOf(HasSubstr("clock_ghz"), HasSubstr("nearest is 'low'")));
    EXPECT_THAT(error_of(replaced("energy_pj: 1.5", "energy: 1.5")),
                AllOf(HasSubstr("unit simd, rate"), HasSubstr("nearest is 'energy_pj'")));
}

TEST(MachineText, a_word_outside_its_list_is_refused_with_the_list) {
    EXPECT_THAT(error_of(replaced("op: div", "op: dvi")),
                AllOf(HasSubstr("'dvi'"), HasSubstr("nearest: 'div'"), HasSubstr("sqrt")));
    EXPECT_THAT(error_of(replaced("dtype: i8", "dtype: int8")), HasSubstr("'int8'"));
    EXPECT_THAT(error_of(replaced("topology: ring", "topology: star")), HasSubstr("mesh"));
    EXPECT_THAT(error_of(replaced("roles: [a, b]", "roles: [a, w]")), HasSubstr("'w'"));
}

TEST(MachineText, what_is_not_a_number_is_refused) {
    for (const char* text : {"fast", "1e999", "nan", "0x10", "[1]", "-3", "0", "12 GHz"})
        EXPECT_THAT(error_of(replaced("power_w: 5", std::string("power_w: ") + text)),
                    HasSubstr("power_w"))
            << text;
    EXPECT_THAT(error_of(replaced("capacity: 1MiB", "capacity: 1MB")), HasSubstr("64KiB"));
}

TEST(MachineText, a_range_that_misses_its_value_is_refused) {
    EXPECT_THAT(error_of(replaced("low: 1.8", "low: 2.1")), HasSubstr("low <= value <= high"));
}

TEST(MachineText, missing_and_repeated_keys_are_refused) {
    EXPECT_THAT(error_of(replaced("name: small\n", "")), HasSubstr("'name' is missing"));
    EXPECT_THAT(error_of(replaced("name: small\n", "nane: small\n")),
                HasSubstr("'name' is missing (nearest: 'nane')"));
    EXPECT_THAT(error_of(replaced("power_w: 5", "power_w: 5\npower_w: 6")),
                HasSubstr("given twice"));
    EXPECT_THAT(error_of(replaced("gops_per_s: 3", "gops_per_s: 3, per_cycle: 2")),
                HasSubstr("exactly one"));
    EXPECT_THAT(error_of(replaced("op: div, dtype: f32", "op: fma, dtype: f32")),
                HasSubstr("given twice"));
}

TEST(MachineText, what_is_not_yaml_names_the_line) {
    EXPECT_THAT(error_of("name: x\nlevels: [\n"), HasSubstr("m.yaml:"));
    EXPECT_THAT(error_of(""), HasSubstr("m.yaml"));
    EXPECT_THAT(error_of("- a\n- b\n"), HasSubstr("expected a mapping"));
}

TEST(MachineText, a_missing_file_says_what_to_do) {
    try {
        read_machine_file("/nowhere/at/all.yaml");
        FAIL();
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("/nowhere/at/all.yaml"), HasSubstr("probe")));
    }
}

TEST(MachineText, a_name_that_ships_is_read_and_a_near_one_is_offered) {
    for (const std::string& name : shipped_names()) EXPECT_EQ(read_machine_file(name).name, name);
    try {
        read_machine_file("server-cup");
        FAIL();
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("nearest: 'server-cpu'"), HasSubstr("edge-cpu")));
    }
}

TEST(MachineText, a_folder_is_no_description) {
    try {
        read_machine_file("/tmp");
        FAIL();
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("/tmp: cannot be read"));
    }
}

// Bytes changed, dropped or doubled at random: read or refused, never anything else.
TEST(MachineText, damaged_texts_are_read_or_refused) {
    uint64_t state = 1;
    auto below = [&](size_t n) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<size_t>(state >> 33) % n;
    };
    const std::string letters = "{}[]:,-#&*!|>'\"%@\n\t 09aez.";
    int refused = 0;
    for (int i = 0; i < 2000; ++i) {
        std::string text = kSmall;
        for (size_t edits = 1 + below(3); edits > 0; --edits) {
            size_t at = below(text.size());
            switch (below(3)) {
                case 0:
                    text[at] = letters[below(letters.size())];
                    break;
                case 1:
                    text.erase(at, 1 + below(20));
                    break;
                default:
                    text.insert(at, text.substr(at, below(60)));
            }
        }
        try {
            parse_machine(text, "damaged.yaml");
        } catch (const UserError& error) {
            EXPECT_THAT(error.what(), HasSubstr("damaged.yaml"));
            ++refused;
        }
    }
    EXPECT_GT(refused, 1000);
}

TEST(MachineText, deep_nesting_is_refused) {
    EXPECT_THROW(parse_machine(std::string(100000, '['), "deep.yaml"), UserError);
    EXPECT_THROW(parse_machine("name: " + std::string(100000, '{'), "deep.yaml"), UserError);
}

TEST(MachineVerify, levels_must_form_one_tree) {
    EXPECT_THAT(error_of(replaced("next: l2", "next: l4")), HasSubstr("names no level"));
    EXPECT_THAT(error_of(replaced("next: dram", "next: l1")), HasSubstr("further down"));
    EXPECT_THAT(error_of(replaced("    next: dram\n", "")), HasSubstr("exactly one level"));
    EXPECT_THAT(error_of(replaced("name: l2", "name: l1")), HasSubstr("l1"));
}

TEST(MachineVerify, levels_must_grow_outwards) {
    EXPECT_THAT(error_of(replaced("capacity: 1MiB", "capacity: 16KiB")),
                AllOf(HasSubstr("level l1"), HasSubstr("'capacity'"), HasSubstr("more than 'l2'")));
}

TEST(MachineVerify, registers_may_hold_more_than_what_they_are_fed_from) {
    const Machine gpu = parse_machine(replaced("capacity: 512", "capacity: 256KiB"), "m.yaml");
    EXPECT_GT(gpu.levels[0].capacity_bytes.value, gpu.levels[1].capacity_bytes.value);
}

TEST(MachineVerify, implausible_figures_are_refused_with_their_unit) {
    EXPECT_THAT(error_of(replaced("clock_ghz: 1.5", "clock_ghz: 1500")),
                AllOf(HasSubstr("unit simd"), HasSubstr("'clock_ghz' is 1500"), HasSubstr("GHz")));
    EXPECT_THAT(error_of(replaced("latency_ns: 2", "latency_ns: 2e9")), HasSubstr("nanoseconds"));
    EXPECT_THAT(error_of(replaced("spin_ns: 100", "spin_ns: 1e-7")), HasSubstr("nanoseconds"));
    EXPECT_THAT(error_of(replaced("power_w: 5", "power_w: 5e9")), HasSubstr("watts"));
}

TEST(MachineVerify, all_together_get_no_less_than_one_alone) {
    EXPECT_THAT(error_of(replaced("{one: 10, all: 12}", "{one: 13, all: 12}")),
                AllOf(HasSubstr("level dram, read_gb_s"), HasSubstr("'all' is 12"),
                      HasSubstr("total of all")));
    EXPECT_THAT(error_of(replaced("gops_per_s: 3}", "gops_per_s: 3, all_gops_per_s: 2}")),
                AllOf(HasSubstr("rate div f32"), HasSubstr("all_gops_per_s")));
    // Measured ones may differ by chance, within their ranges.
    parse_machine(
        replaced("{one: 10, all: 12}",
                 "{one: {value: 10, low: 9, high: 11}, all: {value: 9.8, low: 9, high: 10}}"),
        "m.yaml");
}

TEST(MachineVerify, a_source_of_one_word_is_in_the_table) {
    EXPECT_THAT(error_of(replaced("high: 2.2, source: sheet", "high: 2.2, source: shet")),
                AllOf(HasSubstr("'shet'"), HasSubstr("nearest: 'sheet'")));
    EXPECT_THAT(error_of(replaced("\"sheet, note 2\"", "\"book: page 2\"")), HasSubstr("'book'"));
    parse_machine(replaced("\"sheet, note 2\"", "\"told by the vendor: in person\""), "m.yaml");
}

TEST(MachineFigures, each_can_be_another) {
    const Figures figures(kSmall, "m.yaml");
    const Machine small = parse_machine(kSmall, "m.yaml");
    size_t possible = 0;
    for (size_t i = 0; i < figures.all().size(); ++i) {
        const std::optional<Machine> other = figures.scaled(i, 2);
        if (!other) continue;
        ++possible;
        EXPECT_NE(*other, small) << figures.all()[i].where << " " << figures.all()[i].key;
    }
    // All but those that nothing may be twice: a level would outgrow the next, gops_per_s its
    // total.
    EXPECT_GT(possible, figures.all().size() * 8 / 10);
    const Figure& clock = figures.all()[0];
    EXPECT_EQ(clock.key, "clock_ghz");
    EXPECT_EQ(clock.source, "sheet");
    EXPECT_EQ(figures.scaled(0, 2)->clock_ghz.high, 4.4);
}

TEST(MachineVerify, a_level_shared_more_widely_than_its_parent_is_refused) {
    EXPECT_THAT(error_of(replaced("    next: l1\n    private_to: core\n", "    next: l1\n")),
                HasSubstr("shared more widely"));
}

TEST(MachineVerify, names_must_refer_to_what_exists) {
    EXPECT_THAT(error_of(replaced("private_to: cluster", "private_to: socket")),
                HasSubstr("'socket'"));
    EXPECT_THAT(error_of(replaced("between: core", "between: chip")), HasSubstr("'chip'"));
}

TEST(MachineVerify, units_have_the_fields_of_their_kind) {
    EXPECT_THAT(error_of(replaced("    vector_bits: 128\n", "")), HasSubstr("vector_bits"));
    EXPECT_THAT(error_of(replaced("    rows: 16\n", "")), HasSubstr("rows"));
    EXPECT_THAT(error_of(replaced("registers: 32", "registers: 31.5")), HasSubstr("whole number"));
    EXPECT_THAT(error_of(replaced("{name: core, count: 2}", "{name: core, count: 1e300}")),
                HasSubstr("'count' must be a whole number"));
}

TEST(MachineVerify, instructions_in_flight_are_of_a_scalar_unit) {
    EXPECT_THAT(
        error_of(replaced("    registers: 32\n", "    registers: 32\n    in_flight: 512\n")),
        AllOf(HasSubstr("unit simd"), HasSubstr("belongs to a scalar unit")));
    const std::string scalar =
        "units:\n  - name: core\n    kind: scalar\n    in_flight: 512\n    rates:\n"
        "      - {op: add, dtype: i64, per_cycle: 4}\n";
    const Machine m = parse_machine(replaced("units:\n", scalar), "m.yaml");
    EXPECT_EQ(m.units.front().in_flight->value, 512);
    EXPECT_EQ(parse_machine(print(m), "m.yaml"), m);
}

TEST(MachineVerify, caches_and_memory_need_bandwidth) {
    EXPECT_THAT(error_of(replaced("    read_gb_s: {one: 10, all: 12}\n", "")),
                AllOf(HasSubstr("level dram"), HasSubstr("read_gb_s")));
}

// ---- the shipped descriptions ----

std::vector<std::string> shipped() {
    std::vector<std::string> paths;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(SMEATON_SOURCE_DIR) + "/machines"))
        if (entry.path().extension() == ".yaml") paths.push_back(entry.path().string());
    std::sort(paths.begin(), paths.end());
    return paths;
}

TEST(MachineVerify, shapes_belong_to_units_that_contract) {
    EXPECT_THAT(error_of(replaced("kind: matrix", "kind: scalar")),
                AllOf(HasSubstr("unit tensor"), HasSubstr("at least one row")));
    EXPECT_THAT(
        error_of(replaced("a_from: l1", "a_from: l7")),
        AllOf(HasSubstr("i8 x i8 -> i32 8x8x4"), HasSubstr("'a_from' names no level: 'l7'")));
    EXPECT_THAT(error_of(replaced("rows: 8, columns: 8", "rows: 0, columns: 8")),
                AllOf(HasSubstr("m.yaml:"), HasSubstr("'rows' must be a whole number")));
    EXPECT_THAT(error_of(replaced("latency_cycles: 4, energy_pj: 0.2", "gops_per_s: 4")),
                HasSubstr("exactly one of 'per_cycle' and 'gops_per_s'"));
    EXPECT_THAT(error_of(replaced("group: 4, per_cycle", "groups: 4, per_cycle")),
                HasSubstr("'group'"));
    EXPECT_THAT(error_of(replaced("count: 16}", "count: 16}\n      - {dtype: i8, count: 8}")),
                HasSubstr("lanes of i8 are given twice"));
    EXPECT_THAT(error_of(replaced("    capacity: 512\n", "    capacity: 512\n    ways: 2\n")),
                HasSubstr("'ways' belongs to a level managed by hardware"));
}

TEST(ShippedMachines, are_in_canonical_form) {
    ASSERT_GE(shipped().size(), 3u);
    for (const std::string& path : shipped()) {
        std::ifstream in(path);
        std::ostringstream text;
        text << in.rdbuf();
        EXPECT_EQ(print(read_machine_file(path)), text.str()) << path;
    }
}

/// A source is a name from the table, alone or followed by ':' and where in it.
bool sourced(const Machine& machine, const Number& n) {
    for (const auto& [name, reference] : machine.sources)
        if (n.source == name || n.source.rfind(name + ":", 0) == 0) return true;
    return false;
}

TEST(ShippedMachines, every_number_names_its_source) {
    for (const std::string& path : shipped()) {
        Machine m = read_machine_file(path);
        auto expect = [&](const std::optional<Number>& n, const std::string& what) {
            EXPECT_TRUE(!n || sourced(m, *n)) << path << ": " << what << " = " << n->value;
        };
        expect(m.clock_ghz, "clock");
        expect(m.area_mm2, "area");
        expect(m.power_w, "power");
        expect(m.price_usd, "price");
        expect(m.leakage_w, "leakage");
        for (const Level& level : m.levels) {
            expect(level.capacity_bytes, level.name + " capacity");
            expect(level.line_bytes, level.name + " line");
            expect(level.ways, level.name + " ways");
            expect(level.latency_ns, level.name + " latency");
            expect(level.depth, level.name + " depth");
            expect(level.port_gb_s, level.name + " port");
            expect(level.area_mm2, level.name + " area");
            expect(level.leakage_w, level.name + " leakage");
            expect(level.read_energy_pj_per_byte, level.name + " read energy");
            expect(level.write_energy_pj_per_byte, level.name + " write energy");
            for (const auto& bandwidth : {level.read, level.write, level.copy}) {
                if (!bandwidth) continue;
                expect(bandwidth->one_gb_s, level.name + " one");
                expect(bandwidth->all_gb_s, level.name + " all");
            }
        }
        for (const Unit& unit : m.units) {
            for (const auto& n : {unit.clock_ghz, unit.vector_bits, unit.registers, unit.rows,
                                  unit.columns, unit.in_flight, unit.area_mm2, unit.leakage_w})
                expect(n, unit.name);
            for (const ContractionShape& shape : unit.shapes)
                for (const auto& n :
                     {shape.per_cycle, shape.gops_per_s, shape.latency_cycles, shape.energy_pj})
                    expect(n, unit.name + " shape");
            for (const Rate& rate : unit.rates)
                for (const auto& n : {rate.per_cycle, rate.gops_per_s, rate.all_gops_per_s,
                                      rate.latency_cycles, rate.energy_pj})
                    expect(n, unit.name + " rate");
        }
        for (const Link& link : m.links) {
            expect(link.bandwidth_gb_s, link.name);
            expect(link.latency_ns, link.name);
        }
    }
}

TEST(ShippedMachines, can_say_what_general_code_needs) {
    for (const std::string& path : shipped()) {
        Machine m = read_machine_file(path);
        EXPECT_NE(main_vector_unit(m), nullptr) << path;
        EXPECT_TRUE(peak_gflops(m, tensor::DType::kF32).has_value()) << path;
        for (OpClass op :
             {OpClass::Add, OpClass::Mul, OpClass::MinMax, OpClass::Compare, OpClass::Select,
              OpClass::Logic, OpClass::Convert, OpClass::Div, OpClass::Sqrt})
            EXPECT_NE(
                best_unit(m, op, op == OpClass::Logic ? tensor::DType::kI32 : tensor::DType::kF32),
                nullptr)
                << path;
    }
}

}  // namespace
}  // namespace smeaton::machine
