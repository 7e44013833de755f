#include "machine/verify.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/nearest.h"
#include "machine/roles.h"
#include "machine/words.h"

namespace smeaton::machine {
namespace {

/// What a figure can be on any machine that there is or may be; beyond it the unit was mistaken.
struct Plausible {
    const char* key;
    double least, most;
    const char* unit;
};
constexpr Plausible kPlausible[] = {
    {"clock_ghz", 1e-3, 20, "GHz"},
    {"area_mm2", 1e-2, 1e6, "square millimetres"},
    {"power_w", 1e-4, 1e6, "watts"},
    {"price_usd", 1e-2, 1e9, "US dollars"},
    {"capacity", 1, 1e15, "bytes (KiB, MiB, GiB may follow)"},
    {"line", 1, 1 << 20, "bytes"},
    {"ways", 1, 1 << 16, "lines of a set"},
    {"read_gb_s", 1e-3, 1e7, "GB/s"},
    {"write_gb_s", 1e-3, 1e7, "GB/s"},
    {"copy_gb_s", 1e-3, 1e7, "GB/s"},
    {"split", 1, 1e3, "times the bandwidth of one in a line"},
    {"latency_ns", 1e-2, 1e7, "nanoseconds"},
    {"stall_ns", 1e-2, 1e7, "nanoseconds"},
    {"kept_ms", 1e-3, 1e7, "milliseconds"},
    {"read_energy_pj_per_byte", 1e-4, 1e6, "picojoules per byte"},
    {"write_energy_pj_per_byte", 1e-4, 1e6, "picojoules per byte"},
    {"vector_bits", 8, 1 << 20, "bits"},
    {"registers", 1, 1 << 20, "registers of a vector"},
    {"in_flight", 1, 1 << 20, "instructions"},
    {"rows", 1, 1 << 20, "cells"},
    {"columns", 1, 1 << 20, "cells"},
    {"per_cycle", 1e-5, 1e8, "elements in a cycle"},
    {"gops_per_s", 1e-6, 1e9, "giga-elements per second"},
    {"all_gops_per_s", 1e-6, 1e9, "giga-elements per second"},
    {"latency_cycles", 1e-2, 1e6, "cycles"},
    {"energy_pj", 1e-6, 1e7, "picojoules per element"},
    {"bandwidth_gb_s", 1e-4, 1e7, "GB/s"},
    {"energy_pj_per_byte", 1e-4, 1e6, "picojoules per byte"},
    {"spin_ns", 1e-1, 1e7, "nanoseconds"},
    {"wake_ns", 1e-1, 1e9, "nanoseconds"},
};

const Plausible* plausible(std::string_view key) {
    for (const Plausible& p : kPlausible)
        if (p.key == key) return &p;
    return nullptr;
}

/// Collects the context of one check so that each message reads "<file>: <where>: ...".
class Judge {
public:
    Judge(const Machine& machine, const std::string& file)
        : sources_(machine.sources), file_(file) {}

    template <class... Args>
    void require(bool holds, const std::string& where, fmt::format_string<Args...> text,
                 Args&&... args) const {
        if (!holds)
            throw UserError("{}: {}: {}", file_, where,
                            fmt::format(text, std::forward<Args>(args)...));
    }
    void positive(const Number& n, const std::string& where, const char* key) const {
        require(std::isfinite(n.high) && n.low > 0 && n.low <= n.value && n.value <= n.high, where,
                "'{}' must be positive with low <= value <= high, got {} <= {} <= {}", key, n.low,
                n.value, n.high);
        if (const Plausible* p = plausible(key))
            require(p->least <= n.value && n.value <= p->most, where,
                    "'{}' is {}, which is implausible: it is in {}, expected {:g} to {:g}", key,
                    n.value, p->unit, p->least, p->most);
        known_source(n, where, key);
    }
    void positive(const std::optional<Number>& n, const std::string& where, const char* key) const {
        if (n) positive(*n, where, key);
    }
    /// What all units get together, which is no less than what one gets.
    void together(const std::optional<Number>& all, const Number& one, const std::string& where,
                  const char* all_key, const char* one_key) const {
        if (all)
            require(all->high >= one.low, where,
                    "'{}' is {}, below what one alone gets ('{}', {}); it is the total of all",
                    all_key, all->value, one_key, one.value);
    }
    void whole(const std::optional<Number>& n, const std::string& where, const char* key) const {
        if (!n) return;
        positive(*n, where, key);
        require(n->value == std::floor(n->value) && !n->ranged(), where,
                "'{}' must be a whole number without a range, got {}", key, n->value);
    }
    void name(const std::string& name, const std::string& where) const {
        bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
            return std::isalnum(c) || c == '_' || c == '-' || c == '.';
        });
        require(plain, where, "the name '{}' must consist of letters, digits, '_', '-' and '.'",
                name);
    }

private:
    /// A source whose first part (up to ':' or ',') is one word is a name from the table.
    void known_source(const Number& n, const std::string& where, const char* key) const {
        const std::string head = n.source.substr(0, n.source.find_first_of(":,"));
        if (head.empty() || head.find(' ') != std::string::npos) return;
        if (std::any_of(sources_.begin(), sources_.end(),
                        [&](const auto& source) { return source.first == head; }))
            return;
        std::vector<std::string> names;
        for (const auto& [name, reference] : sources_) names.push_back(name);
        require(false, where,
                "'{}' has the source '{}', which 'sources' does not list{}; add it there, or say "
                "in a sentence where the figure is from",
                key, head, nearest_hint(head, names));
    }

    const std::vector<std::pair<std::string, std::string>>& sources_;
    const std::string& file_;
};

/// Depth of a scope from the root (0: the machine); -1 when there is no such scope.
int scope_depth(const Machine& machine, const std::string& scope) {
    if (scope.empty()) return 0;
    for (size_t i = 0; i < machine.scopes.size(); ++i)
        if (machine.scopes[i].name == scope) return static_cast<int>(i) + 1;
    return -1;
}

void verify_scopes(const Machine& machine, const Judge& judge) {
    std::set<std::string> names;
    for (const Scope& scope : machine.scopes) {
        std::string where = "scope " + scope.name;
        judge.name(scope.name, where);
        judge.require(scope.name != "any", where, "the name is reserved");
        judge.require(scope.count > 0, where, "'count' must be positive, got {}", scope.count);
        judge.require(names.insert(scope.name).second, where, "the name is given twice");
    }
}

void verify_bandwidth(const std::optional<Bandwidth>& bandwidth, const std::string& where,
                      const char* key, const Judge& judge) {
    if (!bandwidth) return;
    judge.positive(bandwidth->one_gb_s, where, key);
    judge.positive(bandwidth->all_gb_s, where, key);
    judge.together(bandwidth->all_gb_s, bandwidth->one_gb_s, where + ", " + key, "all", "one");
}

void verify_level(const Level& level, const Machine& machine, const Judge& judge) {
    std::string where = "level " + level.name;
    judge.name(level.name, where);
    judge.positive(level.capacity_bytes, where, "capacity");
    judge.whole(level.line_bytes, where, "line");
    judge.require(level.managed == Managed::Software || level.line_bytes.has_value(), where,
                  "a level managed by hardware needs 'line'");
    judge.whole(level.ways, where, "ways");
    if (level.managed == Managed::Hardware && !level.next.empty()) {
        const double set = level.line_bytes->value * (level.ways ? level.ways->value : 1);
        judge.require(level.capacity_bytes.value >= set, where,
                      "'capacity' is {} bytes, less than one set of its lines ({})",
                      level.capacity_bytes.value, set);
    }
    judge.require(!level.ways || level.managed == Managed::Hardware, where,
                  "'ways' belongs to a level managed by hardware");
    verify_bandwidth(level.read, where, "read_gb_s", judge);
    verify_bandwidth(level.write, where, "write_gb_s", judge);
    verify_bandwidth(level.copy, where, "copy_gb_s", judge);
    judge.require(!level.copy || (level.read && level.write), where,
                  "'copy_gb_s' needs 'read_gb_s' and 'write_gb_s' beside it");
    judge.positive(level.latency_ns, where, "latency_ns");
    judge.positive(level.split, where, "split");
    judge.require(!level.split || (level.managed == Managed::Hardware && level.split->low >= 1),
                  where, "'split' belongs to a level managed by hardware and is 1 at least");
    judge.positive(level.stall_ns, where, "stall_ns");
    judge.require(!level.stall_ns || level.managed == Managed::Hardware, where,
                  "'stall_ns' belongs to a level managed by hardware");
    judge.positive(level.kept_ms, where, "kept_ms");
    judge.require(!level.kept_ms || (level.managed == Managed::Hardware && !level.next.empty()),
                  where, "'kept_ms' belongs to a level managed by hardware with a 'next'");
    judge.whole(level.depth, where, "depth");
    judge.require(!level.depth || level.managed == Managed::Software, where,
                  "'depth' belongs to a level managed by software");
    judge.positive(level.port_gb_s, where, "port_gb_s");
    judge.require(!level.port_gb_s || (level.managed == Managed::Software && !level.next.empty()),
                  where, "'port_gb_s' belongs to a level managed by software with a 'next'");
    judge.positive(level.area_mm2, where, "area_mm2");
    judge.positive(level.leakage_w, where, "leakage_w");
    judge.positive(level.read_energy_pj_per_byte, where, "read_energy_pj_per_byte");
    judge.positive(level.write_energy_pj_per_byte, where, "write_energy_pj_per_byte");
    judge.require(scope_depth(machine, level.private_to) >= 0, where,
                  "'private_to' names no scope: '{}'", level.private_to);
    bool registers = &level == &machine.levels.front() && level.managed == Managed::Software;
    judge.require(registers || (level.read && level.write), where,
                  "'read_gb_s' and 'write_gb_s' are needed (only the innermost level, registers "
                  "that keep pace with their unit, may leave them out)");
}

void verify_levels(const Machine& machine, const Judge& judge) {
    judge.require(!machine.levels.empty(), "levels", "at least one level is needed");
    auto find = [&](const std::string& name) {
        return std::find_if(machine.levels.begin(), machine.levels.end(),
                            [&](const Level& l) { return l.name == name; });
    };
    std::set<std::string> names;
    int outermost = 0;
    for (auto level = machine.levels.begin(); level != machine.levels.end(); ++level) {
        std::string where = "level " + level->name;
        verify_level(*level, machine, judge);
        judge.require(names.insert(level->name).second, where, "the name is given twice");
        if (level->next.empty()) {
            ++outermost;
            continue;
        }
        auto next = find(level->next);
        judge.require(next != machine.levels.end(), where, "'next' names no level: '{}'",
                      level->next);
        // Innermost first: a `next` that points backwards could only close a cycle.
        judge.require(next > level, where,
                      "'next' must name a level further down the list (innermost first), not '{}'",
                      level->next);
        // Register files may hold more than what they are fed from, as on GPUs.
        bool registers = level == machine.levels.begin() && level->managed == Managed::Software;
        judge.require(registers || level->capacity_bytes.value <= next->capacity_bytes.value, where,
                      "'capacity' is {} bytes, more than '{}' outwards of it has ({})",
                      level->capacity_bytes.value, next->name, next->capacity_bytes.value);
        judge.require(
            scope_depth(machine, level->private_to) >= scope_depth(machine, next->private_to),
            where, "is shared more widely than '{}' outwards of it", next->name);
    }
    judge.require(outermost == 1, "levels", "exactly one level must have no 'next', {} have none",
                  outermost);
    judge.require(machine.levels.back().next.empty(), "levels",
                  "the last level must be the outermost");
}

/// `by_size`: the speed may be that of rows x columns.
void verify_rate(const Rate& rate, bool by_size, const std::string& where, const Judge& judge) {
    judge.require((by_size && !rate.per_cycle && !rate.gops_per_s) ||
                      rate.per_cycle.has_value() != rate.gops_per_s.has_value(),
                  where, "give exactly one of 'per_cycle' and 'gops_per_s'");
    judge.positive(rate.per_cycle, where, "per_cycle");
    judge.positive(rate.gops_per_s, where, "gops_per_s");
    judge.positive(rate.all_gops_per_s, where, "all_gops_per_s");
    if (rate.gops_per_s)
        judge.together(rate.all_gops_per_s, *rate.gops_per_s, where, "all_gops_per_s",
                       "gops_per_s");
    judge.positive(rate.latency_cycles, where, "latency_cycles");
    judge.positive(rate.energy_pj, where, "energy_pj");
}

void verify_shape(const ContractionShape& shape, const Machine& machine, const std::string& where,
                  const Judge& judge) {
    judge.require(shape.per_cycle.has_value() != shape.gops_per_s.has_value(), where,
                  "give exactly one of 'per_cycle' and 'gops_per_s'");
    judge.require(shape.rows > 0 && shape.columns > 0 && shape.group > 0, where,
                  "'rows', 'columns' and 'group' must be positive");
    judge.positive(shape.per_cycle, where, "per_cycle");
    judge.positive(shape.gops_per_s, where, "gops_per_s");
    judge.positive(shape.latency_cycles, where, "latency_cycles");
    judge.positive(shape.energy_pj, where, "energy_pj");
    for (auto [key, level] :
         {std::pair{"a_from", &shape.a_from}, {"b_from", &shape.b_from}, {"acc_in", &shape.acc_in}})
        judge.require(level->empty() ||
                          std::any_of(machine.levels.begin(), machine.levels.end(),
                                      [&, l = level](const Level& at) { return at.name == *l; }),
                      where, "'{}' names no level: '{}'", key, *level);
}

void verify_shapes(const Unit& unit, const Machine& machine, const std::string& where,
                   const Judge& judge) {
    bool matrix = unit.kind == UnitKind::Matrix;
    judge.require(!matrix || (!unit.shapes.empty() && unit.rates.empty()), where,
                  "a matrix unit has 'shapes' and no 'rates'");
    judge.require(unit.shapes.empty() || matrix || unit.kind == UnitKind::Vector, where,
                  "'shapes' belong to a vector or matrix unit (a systolic one has 'rows' and "
                  "'columns')");
    std::set<std::string> seen;
    for (const ContractionShape& s : unit.shapes) {
        std::string row = fmt::format("{}, shape {} x {} -> {} {}x{}x{}", where, name(s.a),
                                      name(s.b), name(s.acc), s.rows, s.columns, s.group);
        verify_shape(s, machine, row, judge);
        judge.require(seen.insert(row).second, row, "is given twice");
    }
}

void verify_lanes(const Unit& unit, const std::string& where, const Judge& judge) {
    judge.require(unit.lanes.empty() || unit.kind == UnitKind::Vector, where,
                  "'lanes' belong to a vector unit");
    std::set<tensor::DType> seen;
    for (const Lanes& lanes : unit.lanes) {
        judge.require(lanes.count > 0, where, "lanes of {} must be positive", name(lanes.dtype));
        judge.require(seen.insert(lanes.dtype).second, where, "lanes of {} are given twice",
                      name(lanes.dtype));
    }
}

void verify_zeros(const Unit& unit, const std::string& where, const Judge& judge) {
    const bool systolic = unit.kind == UnitKind::Systolic;
    judge.require(systolic || (!unit.sparse_n && !unit.sparse_m && !unit.nonzero_share), where,
                  "'sparse_n', 'sparse_m' and 'nonzero_share' belong to a systolic unit");
    judge.require(unit.sparse_n.has_value() == unit.sparse_m.has_value(), where,
                  "'sparse_n' and 'sparse_m' go together: N of each M elements are kept");
    judge.whole(unit.sparse_n, where, "sparse_n");
    judge.whole(unit.sparse_m, where, "sparse_m");
    judge.require(!unit.sparse_n || unit.sparse_n->value <= unit.sparse_m->value, where,
                  "'sparse_n' must be at most 'sparse_m'");
    judge.positive(unit.nonzero_share, where, "nonzero_share");
    judge.require(!unit.nonzero_share || unit.nonzero_share->high <= 1, where,
                  "'nonzero_share' is a share: at most 1");
}

void verify_unit(const Unit& unit, const Machine& machine, const Judge& judge) {
    std::string where = "unit " + unit.name;
    judge.name(unit.name, where);
    judge.require(scope_depth(machine, unit.private_to) >= 0, where,
                  "'private_to' names no scope: '{}'", unit.private_to);
    judge.positive(unit.clock_ghz, where, "clock_ghz");
    bool vector = unit.kind == UnitKind::Vector, systolic = unit.kind == UnitKind::Systolic;
    judge.require(unit.vector_bits.has_value() == vector && unit.registers.has_value() == vector,
                  where,
                  "'vector_bits' and 'registers' belong to a vector unit, and it needs both");
    judge.require(unit.rows.has_value() == systolic && unit.columns.has_value() == systolic, where,
                  "'rows' and 'columns' belong to a systolic unit, and it needs both");
    judge.require(!unit.dataflow || systolic, where, "'dataflow' belongs to a systolic unit");
    judge.positive(unit.in_flight, where, "in_flight");
    judge.require(!unit.in_flight || unit.kind == UnitKind::Scalar, where,
                  "'in_flight' belongs to a scalar unit");
    verify_zeros(unit, where, judge);
    judge.positive(unit.area_mm2, where, "area_mm2");
    judge.positive(unit.leakage_w, where, "leakage_w");
    judge.whole(unit.vector_bits, where, "vector_bits");
    judge.whole(unit.registers, where, "registers");
    judge.whole(unit.rows, where, "rows");
    judge.whole(unit.columns, where, "columns");
    judge.require(!vector || std::fmod(unit.vector_bits->value, 8) == 0, where,
                  "'vector_bits' must be a multiple of 8");
    judge.require(unit.kind == UnitKind::Matrix || !unit.rates.empty(), where,
                  "'rates' must hold at least one row");
    verify_lanes(unit, where, judge);
    verify_shapes(unit, machine, where, judge);
    std::set<std::pair<OpClass, tensor::DType>> seen;
    for (const Rate& rate : unit.rates) {
        std::string row = fmt::format("{}, rate {} {}", where, text(rate.op), name(rate.dtype));
        verify_rate(rate, systolic && rate.op == OpClass::Fma, row, judge);
        judge.require(seen.emplace(rate.op, rate.dtype).second, row, "is given twice");
    }
}

/// The least that a unit works on at once of one operand.
struct Piece {
    OperandRole role;
    tensor::DType dtype;
    double elements;
    double bytes() const { return elements * tensor::bits(dtype) / 8; }
};

/// An array cannot work on less than what its cells hold, and a row of it for what streams.
std::vector<Piece> pieces_of_array(const Unit& unit, tensor::DType dtype) {
    const double rows = unit.rows->value, columns = unit.columns->value, cells = rows * columns;
    const Dataflow flow = unit.dataflow.value_or(Dataflow::WeightStationary);
    const bool sums_stay = flow == Dataflow::OutputStationary;
    const bool a_stays = flow == Dataflow::InputStationary;
    return {{OperandRole::A, dtype, a_stays ? cells : rows},
            {OperandRole::B, dtype,
             sums_stay ? columns
             : a_stays ? rows
                       : cells},
            {OperandRole::Acc, tensor::DType::kF32, sums_stay ? cells : columns}};
}

/// What comes to a scratchpad of the pieces has room in one part of it, and so has each that it
/// takes where others come first.
void verify_pieces(const Machine& machine, const Level& level, const Unit& unit,
                   const std::vector<Piece>& pieces, const Judge& judge) {
    double together = 0, largest = 0;
    std::string all;
    for (const Piece& p : pieces) {
        if (!takes(level, p.role)) continue;
        if (&level_taking(machine, p.role) == &level) together += p.bytes();
        largest = std::max(largest, p.bytes());
        all += fmt::format("{}{} elements of {} as '{}'", all.empty() ? "" : ", ", p.elements,
                           name(p.dtype), text(p.role));
    }
    const double least = std::max(together, largest);
    const double parts = level.depth ? level.depth->value : 1;
    const double part = level.capacity_bytes.value / parts;
    judge.require(part >= least, "level " + level.name,
                  "'capacity' leaves {} bytes for a tile; the least that unit {} works on ({}) "
                  "takes {}: give levels.{}.capacity {} bytes or more",
                  part, unit.name, all, least, level.name, parts * least);
}

/// The same of every scratchpad.
void verify_pieces(const Machine& machine, const Unit& unit, const std::vector<Piece>& pieces,
                   const Judge& judge) {
    for (size_t i = 1; i < machine.levels.size(); ++i)
        if (const Level& level = machine.levels[i];
            level.managed == Managed::Software && !level.next.empty())
            verify_pieces(machine, level, unit, pieces, judge);
}

void verify_array_levels(const Machine& machine, const Unit& unit, const Judge& judge) {
    for (const Rate& rate : unit.rates) {
        if (rate.op != OpClass::Fma) continue;
        const std::vector<Piece> pieces = pieces_of_array(unit, rate.dtype);
        for (const Piece& p : pieces) {
            const bool in_registers =
                p.role == OperandRole::Acc && takes(machine.levels.front(), p.role);
            judge.require(in_registers || !level_taking(machine, p.role).next.empty(),
                          "unit " + unit.name,
                          "no level between the registers and '{0}' takes its operand '{1}'; give "
                          "one 'roles: [{1}]' in 'levels'",
                          machine.levels.back().name, text(p.role));
        }
        verify_pieces(machine, unit, pieces, judge);
    }
}

/// The registers hold a vector of sums and one of each operand of a multiply-add; a scratchpad of
/// vectors one of these.
void verify_vector_levels(const Machine& machine, const Unit& unit, const Judge& judge) {
    const Level& registers = machine.levels.front();
    judge.require(registers.name == "reg" && registers.managed == Managed::Software &&
                      takes(registers, OperandRole::Vector),
                  "levels",
                  "the first must be 'reg', the registers of unit {}, managed by software, that "
                  "takes 'vector'; it is '{}'",
                  unit.name, registers.name);
    const double vector = unit.vector_bits->value / 8;
    judge.require(registers.capacity_bytes.value >= 3 * vector, "level " + registers.name,
                  "'capacity' is {} bytes; the least that unit {} works on, a vector of sums and "
                  "one of each operand, takes {}: give levels.{}.capacity as much",
                  registers.capacity_bytes.value, unit.name, 3 * vector, registers.name);
    verify_pieces(machine, unit, {{OperandRole::Vector, tensor::DType::kI8, vector}}, judge);
}

/// Units find room for the least that they work on where their operands come to. A machine of one
/// level is what a data sheet says (device.h): bytes and operations alone.
void verify_rooms(const Machine& machine, const Judge& judge) {
    if (machine.levels.size() == 1) return;
    for (const Unit& unit : machine.units)
        if (unit.kind == UnitKind::Vector) verify_vector_levels(machine, unit, judge);
    for (const Unit& unit : machine.units)
        if (unit.kind == UnitKind::Systolic) verify_array_levels(machine, unit, judge);
}

void verify_links(const Machine& machine, const Judge& judge) {
    std::set<std::string> names;
    for (const Link& link : machine.links) {
        std::string where = "link " + link.name;
        judge.name(link.name, where);
        judge.require(names.insert(link.name).second, where, "the name is given twice");
        judge.require(scope_depth(machine, link.between) >= 0, where,
                      "'between' names no scope: '{}'", link.between);
        judge.whole(link.count, where, "count");
        judge.positive(link.bandwidth_gb_s, where, "bandwidth_gb_s");
        judge.positive(link.latency_ns, where, "latency_ns");
        judge.positive(link.energy_pj_per_byte, where, "energy_pj_per_byte");
    }
}

}  // namespace

void verify(const Machine& machine, const std::string& file) {
    Judge judge(machine, file);
    judge.name(machine.name, "machine");
    judge.positive(machine.clock_ghz, "machine", "clock_ghz");
    judge.positive(machine.area_mm2, "machine", "area_mm2");
    judge.positive(machine.power_w, "machine", "power_w");
    judge.positive(machine.price_usd, "machine", "price_usd");
    judge.positive(machine.leakage_w, "machine", "leakage_w");
    verify_scopes(machine, judge);
    verify_levels(machine, judge);
    judge.require(!machine.units.empty(), "units", "at least one compute unit is needed");
    std::set<std::string> names;
    for (const Unit& unit : machine.units) {
        verify_unit(unit, machine, judge);
        judge.require(names.insert(unit.name).second, "unit " + unit.name,
                      "the name is given twice");
    }
    verify_rooms(machine, judge);
    verify_links(machine, judge);
    if (machine.handoff) {
        judge.positive(machine.handoff->spin_ns, "handoff", "spin_ns");
        judge.positive(machine.handoff->wake_ns, "handoff", "wake_ns");
    }
}

}  // namespace smeaton::machine
