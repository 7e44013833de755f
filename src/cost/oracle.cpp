#include "cost/oracle.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include "cost/kernel_cost.h"
#include "machine/query.h"

namespace smeaton::cost {

namespace {

using machine::Machine;
using machine::OpClass;
using machine::Unit;
using tensor::DType;

constexpr double kClockGhz = 3;
constexpr double kUnboundedBytes = 1e15;
constexpr const char* kSource = "as in most CPUs";

machine::Number number(double value) {
    return {value, kSource};
}

std::optional<machine::Bandwidth> bandwidth(double bytes_per_cycle) {
    if (bytes_per_cycle <= 0) return std::nullopt;
    return machine::Bandwidth{number(bytes_per_cycle * kClockGhz), std::nullopt};
}

machine::OperandRole role_of(gir::OperandRole role) {
    switch (role) {
        case gir::OperandRole::A:
            return machine::OperandRole::A;
        case gir::OperandRole::B:
            return machine::OperandRole::B;
        case gir::OperandRole::Acc:
            return machine::OperandRole::Acc;
        case gir::OperandRole::Vector:
            return machine::OperandRole::Vector;
    }
    return machine::OperandRole::Vector;
}

machine::Level level_like(const gir::TargetLevel& level, bool registers) {
    machine::Level l;
    l.name = level.name.str();
    l.next = level.next.str();
    l.private_to = level.scope.str();
    l.managed = level.software_managed ? machine::Managed::Software : machine::Managed::Hardware;
    for (gir::OperandRole role : level.roles) l.roles.push_back(role_of(role));
    l.capacity_bytes = number(level.capacity.bounded()
                                  ? static_cast<double>(level.capacity.noting(nullptr).bytes())
                                  : kUnboundedBytes);
    if (registers) return l;
    l.line_bytes = number(static_cast<double>(level.line_bytes));
    l.read = bandwidth(level.read_bytes_per_cycle);
    l.write = bandwidth(level.write_bytes_per_cycle);
    return l;
}

machine::Rate rate(OpClass op, DType dtype, double elements_per_cycle) {
    machine::Rate r;
    r.op = op;
    r.dtype = dtype;
    r.per_cycle = number(elements_per_cycle);
    return r;
}

/// Rates of a vector unit that begins `begun` instructions of f32 in a cycle. Elements of other
/// widths by their lanes; divisions, roots, and gathers that the target does not tell of, by
/// vectors of 10, 11 and 20 cycles.
std::vector<machine::Rate> vector_rates(const gir::Target& target, double begun) {
    auto per_cycle = [&](DType t) { return begun * static_cast<double>(target.lanes(t)); };
    std::vector<machine::Rate> rates;
    for (DType t : {DType::kF32, DType::kF64, DType::kI32, DType::kI64}) {
        if (tensor::is_float(t)) {
            rates.push_back(rate(OpClass::Fma, t, per_cycle(t)));
            rates.push_back(rate(OpClass::Div, t, per_cycle(t) / 20));
            rates.push_back(rate(OpClass::Sqrt, t, per_cycle(t) / 22));
        }
        rates.push_back(rate(OpClass::Mul, t, per_cycle(t) / (tensor::is_float(t) ? 1 : 2)));
        for (OpClass op : {OpClass::Add, OpClass::MinMax, OpClass::Compare, OpClass::Select,
                           OpClass::Logic, OpClass::Convert})
            rates.push_back(rate(op, t, per_cycle(t)));
        const double shuffles = target.shuffles_per_cycle;
        const auto lanes = static_cast<double>(target.lanes(t));
        rates.push_back(
            rate(OpClass::Shuffle, t, shuffles > 0 ? shuffles * lanes : per_cycle(t) / 2));
        rates.push_back(rate(OpClass::Scale, t, per_cycle(t) / 2));
        const double gathers = target.gathers_per_cycle;
        rates.push_back(rate(OpClass::Gather, t, gathers > 0 ? gathers : per_cycle(t) / 40));
        if (const double inserts = target.inserts_per_cycle; inserts > 0)
            rates.push_back(rate(OpClass::Insert, t, inserts));
    }
    return rates;
}

/// The scope that has units of its own; "" where the machine is one core.
std::string core_of(const gir::Target& target) {
    return target.scopes.empty() ? "" : target.core_scope().str();
}

Unit vector_unit(const gir::Target& target) {
    const gir::MmaShape fma = target.vector_multiply_add();
    Unit unit;
    unit.name = "vector";
    unit.kind = machine::UnitKind::Vector;
    unit.private_to = core_of(target);
    unit.vector_bits = number(target.vector_bytes * 8);
    unit.registers = number(target.vector_registers);
    for (const gir::TargetLanes& l : target.lanes_of) unit.lanes.push_back({l.dtype, l.lanes});
    unit.rates = vector_rates(target, fma.per_cycle);
    for (machine::Rate& r : unit.rates)
        if (r.op == OpClass::Fma || r.op == OpClass::Add)
            r.latency_cycles = number(fma.latency_cycles);
    return unit;
}

Unit scalar_unit(const gir::Target& target) {
    Unit unit;
    unit.name = "scalar";
    unit.kind = machine::UnitKind::Scalar;
    unit.private_to = core_of(target);
    unit.rates = {rate(OpClass::Fma, DType::kF32, 2), rate(OpClass::Fma, DType::kF64, 2),
                  rate(OpClass::Add, DType::kI64, 4)};
    return unit;
}

Unit& unit_named(std::vector<Unit>& units, const std::string& name, machine::UnitKind kind,
                 const gir::Target& target) {
    auto unit =
        std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
    if (unit != units.end()) return *unit;
    units.emplace_back();
    units.back().name = name;
    units.back().kind = kind;
    units.back().private_to = core_of(target);
    return units.back();
}

/// An array: what it holds is told by what it takes at once; each op fills and drains it.
void add_array(const gir::MmaShape& shape, Unit& unit) {
    unit.dataflow = shape.holds_b      ? machine::Dataflow::WeightStationary
                    : shape.group == 1 ? machine::Dataflow::OutputStationary
                                       : machine::Dataflow::InputStationary;
    const int64_t rows = shape.group == 1 ? shape.rows : shape.group;
    const int64_t columns = shape.group > 1 && !shape.holds_b ? shape.rows : shape.columns;
    unit.rows = number(static_cast<double>(rows));
    unit.columns = number(static_cast<double>(columns));
    unit.rates.push_back(
        rate(OpClass::Fma, shape.a, shape.per_cycle * static_cast<double>(rows * columns)));
}

/// Units beside the vector one, each with its shapes.
void add_shapes(const gir::Target& target, std::vector<Unit>& units) {
    for (const gir::MmaShape& shape : target.shapes) {
        const bool plain = shape.rows == 1 && shape.group == 1 && shape.a == shape.acc;
        if (plain) continue;  // the vector unit's own rates
        if (shape.fill_cycles > 0) {
            add_array(shape,
                      unit_named(units, shape.unit.str(), machine::UnitKind::Systolic, target));
            continue;
        }
        Unit& unit =
            unit_named(units, shape.unit.str() + "-shapes", machine::UnitKind::Matrix, target);
        machine::ContractionShape s;
        s.a = shape.a;
        s.b = shape.b;
        s.acc = shape.acc;
        s.rows = shape.rows;
        s.columns = shape.columns;
        s.group = shape.group;
        s.per_cycle = number(shape.per_cycle);
        s.latency_cycles = number(shape.latency_cycles);
        unit.shapes.push_back(s);
    }
}

}  // namespace

Machine machine_like(const gir::Target& target) {
    Machine m;
    m.name = "like-the-target";
    m.clock_ghz = number(kClockGhz);
    for (const gir::TargetScope& s : target.scopes) m.scopes.push_back({s.name.str(), s.count});
    for (const gir::TargetLevel& level : target.levels)
        m.levels.push_back(level_like(level, &level == &target.registers()));
    m.units = {scalar_unit(target), vector_unit(target)};
    add_shapes(target, m.units);
    return m;
}

namespace {

/// Made when it is first asked: most targets of a search are not.
class LazyMachine {
public:
    explicit LazyMachine(const gir::Target& target) : target_(target) {}
    const Machine& get() {
        std::call_once(once_, [&] { machine_ = machine_like(target_); });
        return machine_;
    }

private:
    gir::Target target_;
    std::once_flag once_;
    Machine machine_;
};

}  // namespace

std::function<double(const gir::Program&, const gir::Kernel&, gir::Region*)> oracle_on(
    const gir::Target& target) {
    auto lazy = std::make_shared<LazyMachine>(target);
    return [lazy](const gir::Program& program, const gir::Kernel& kernel, gir::Region* asked) {
        const Machine* m = &lazy->get();
        CostOptions options;
        options.threads = 1;
        options.asked = asked;
        options.time_alone = true;
        const KernelModel model = model_kernel(program, kernel, *m, options);
        Warm warm = [&](const std::string& cache, const Array& array) {
            const machine::Level& level = *machine::find_level(*m, cache);
            return room_of(*m, level, options).holds(2 * array.bytes) ? 1.0 : 0.0;
        };
        return cost_of(model, *m, options, warm).time_us.value;
    };
}

}  // namespace smeaton::cost
