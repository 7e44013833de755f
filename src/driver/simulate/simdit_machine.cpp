#include "driver/simulate/simdit_machine.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "driver/precision.h"

namespace smeaton::driver {
namespace {

using machine::Bandwidth;
using machine::Level;
using machine::Machine;
using machine::Number;
using machine::OpClass;
using machine::OperandRole;
using machine::Rate;
using machine::Unit;
using sim::simdit::Hardware;
using tensor::DType;

constexpr double kClockGhz = 1.25;  // 800 ps
constexpr double kWord = 4;         // bytes of a vector unit's element
constexpr double kRegisters = 32;   // not SimDIT's: it works from memory
constexpr double kLine = 64;

Number from(double value, const char* key) {
    return {value, std::string("hardware: ") + key};
}
Number chosen(double value, const char* why) {
    return {value, std::string("design: ") + why};
}

double bytes(int64_t bits) {
    return static_cast<double>(bits) / 8;
}
double gb_s(double bytes_per_cycle) {
    return bytes_per_cycle * kClockGhz;
}

Level buffer(const char* name, std::vector<OperandRole> roles, Number capacity, double depth,
             double read_gb_s, double write_gb_s, Number port) {
    Level level;
    level.name = name;
    level.next = "dram";
    level.managed = machine::Managed::Software;
    level.roles = std::move(roles);
    level.capacity_bytes = std::move(capacity);
    level.read = Bandwidth{chosen(read_gb_s, "keeps pace with what it feeds"), std::nullopt};
    level.write = Bandwidth{chosen(write_gb_s, "keeps pace with what it feeds"), std::nullopt};
    level.depth = Number(depth, "simdit: double buffers of the array, single ones of the vectors");
    level.port_gb_s = std::move(port);
    return level;
}

std::vector<Level> levels_of(const Hardware& h) {
    const auto lanes = static_cast<double>(h.lanes());
    Level registers;
    registers.name = "reg";
    registers.next = "vmem";
    registers.managed = machine::Managed::Software;
    registers.roles = {OperandRole::Vector};
    registers.capacity_bytes = chosen(kRegisters * lanes * kWord, "32 registers of all lanes");
    auto port = [](int64_t bits, const char* key) { return from(gb_s(bytes(bits)), key); };
    // Bits that the array takes in a cycle bound what the weights' port gives it.
    const int64_t weight_port = std::min(h.weight_port, h.rows * h.weight_bits);
    const double row = gb_s(bytes(h.rows * std::max<int64_t>(h.input_bits, 32)));
    const double column = gb_s(bytes(h.columns * 32));
    std::vector<Level> levels = {
        registers,
        buffer("wbuf", {OperandRole::B}, from(bytes(h.wbuf_bits), "WBUF_CAPACITY_BITS"), 2, column,
               column, port(weight_port, "PARAMBUF_AXI_DATA_WIDTH")),
        buffer("ibuf", {OperandRole::A}, from(bytes(h.ibuf_bits), "IBUF_CAPACITY_BITS"), 2, row,
               row, port(h.input_port, "IBUF_AXI_DATA_WIDTH")),
        buffer("obuf", {OperandRole::Acc, OperandRole::Vector},
               from(2 * bytes(h.obuf_bits), "OBUF_CAPACITY_BITS"), 2, column, column,
               port(h.sum_port, "OBUF_AXI_DATA_WIDTH")),
        buffer("vmem", {OperandRole::Vector},
               from(2 * bytes(h.vmem_bits), "SIMD_VMEM_CAPACITY_BITS"), 1, 2 * column, column,
               port(h.vector_port, "SIMD_AXI_DATA_WIDTH"))};
    Level dram;
    dram.name = "dram";
    dram.managed = machine::Managed::Software;
    dram.capacity_bytes = chosen(16.0 * (1 << 30), "larger than any model");
    dram.line_bytes = chosen(kLine, "a burst");
    const Number all(gb_s(bytes(weight_port + h.input_port + h.sum_port + h.vector_port)),
                     "simdit: nothing but the ports limits it; their sum");
    dram.read = dram.write = dram.copy = Bandwidth{all, std::nullopt};
    levels.push_back(std::move(dram));
    return levels;
}

Unit array_of(const Hardware& h, const std::string& precision) {
    Unit array;
    array.name = "array";
    array.kind = machine::UnitKind::Systolic;
    array.rows = from(static_cast<double>(h.rows), "ARRAY_N");
    array.columns = from(static_cast<double>(h.columns), "ARRAY_M");
    array.dataflow = machine::Dataflow::WeightStationary;
    auto add = [&](DType t) { array.rates.emplace_back().dtype = t; };
    add(products_of(precision).value_or(DType::kF32));
    if (h.input_bits == 16) add(DType::kF16);
    return array;
}

Unit vector_unit_of(const Hardware& h) {
    constexpr int64_t kFloating = 16;  // bits from which on SimDIT's numbers are those of training
    const bool floating = h.input_bits >= kFloating;
    const auto lanes = static_cast<double>(h.lanes());
    Unit simd;
    simd.name = "simd";
    simd.kind = machine::UnitKind::Vector;
    simd.vector_bits = from(lanes * kWord * 8, "ARRAY_M, a lane for each column");
    simd.registers = chosen(kRegisters, "32 registers");
    auto add = [&](OpClass op, DType t, double cycles, const char* source) {
        Rate rate;
        rate.op = op;
        rate.dtype = t;
        rate.per_cycle = Number(lanes / cycles, source);
        rate.latency_cycles = Number(3, "simdit: a dependent operation starts two cycles later");
        simd.rates.push_back(std::move(rate));
    };
    for (auto [op, t] : {std::pair{OpClass::Add, DType::kF32},
                         {OpClass::Add, DType::kI32},
                         {OpClass::Mul, DType::kF32},
                         {OpClass::Mul, DType::kI32},
                         {OpClass::MinMax, DType::kF32},
                         {OpClass::Select, DType::kF32}})
        add(op, t, 1, "simdit: one cycle");
    for (auto [op, t] : {std::pair{OpClass::Fma, DType::kF32},
                         {OpClass::Compare, DType::kF32},
                         {OpClass::Logic, DType::kI32},
                         {OpClass::Convert, DType::kF32},
                         {OpClass::Shuffle, DType::kF32}})
        add(op, t, 1, "design: one cycle");
    add(OpClass::Div, DType::kF32, floating ? 5 : 9, "simdit: 5 cycles, of fixed point 9");
    add(OpClass::Sqrt, DType::kF32, floating ? 11 : 13,
        "simdit: as the inverse square root, 11 cycles, of fixed point 13");
    add(OpClass::Exp, DType::kF32, 3, "simdit: 3 cycles");
    add(OpClass::Gather, DType::kF32, 1,
        "simdit: transposes are free; here an element per lane and cycle");
    return simd;
}

}  // namespace

bool is_simdit_hardware(const std::string& text) {
    return text.find("\"ARRAY_N\"") != std::string::npos;
}

std::string precision_of(const Hardware& h, const std::string& file) {
    if (h.weight_bits != h.input_bits)
        throw UserError(
            "{}: 'WGT_DATA_WIDTH' is {} and 'ACT_DATA_WIDTH' is {}: natively both operands of a "
            "product have one type; make them equal, or take --model simdit",
            file, h.weight_bits, h.input_bits);
    switch (h.input_bits) {
        case 4:
            return "int4";
        case 8:
            return "int8";
        case 16:
            return "bf16";
        case 32:
            return "f32";
        default:
            throw UserError(
                "{}: 'ACT_DATA_WIDTH' is {}: natively operands have 4, 8, 16 or 32 bits; take one "
                "of these, or --model simdit",
                file, h.input_bits);
    }
}

Machine machine_of(const Hardware& h, const std::string& file) {
    for (const auto& [key, bits] :
         {std::pair{"BIAS_WIDTH", h.bias_bits}, {"ACC_WIDTH", h.sum_bits}})
        if (bits != 32)
            throw UserError("{}: '{}' is {}: natively sums and biases have 32 bits", file, key,
                            bits);
    Machine m;
    m.name = std::filesystem::path(file).stem().string();
    m.about = {"SimDIT's hardware file " + file};
    m.sources = {{"hardware", file},
                 {"simdit", "SimDIT, arXiv 2306.16767: organisation, cycles of vector operations"},
                 {"design", "chosen where SimDIT says nothing"}};
    m.clock_ghz = Number(kClockGhz, "simdit: 800 ps");
    m.levels = levels_of(h);
    m.units = {array_of(h, precision_of(h, file)), vector_unit_of(h)};
    return m;
}

}  // namespace smeaton::driver
