#include "cost/demand.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "gir/names.h"
#include "gir/walk.h"
#include "machine/query.h"

namespace smeaton::cost {
namespace {

using gir::Op;
using gir::OpKind;
using gir::Slice;
using machine::Level;

// Of each level, in this order.
enum LineKind { kRead, kWrite, kCopy, kPort, kLineKinds };

const Slice* moved_slice(const Op& op) {
    return op.kind == OpKind::Move && !op.srcs.empty() ? std::get_if<Slice>(&op.srcs[0]) : nullptr;
}

bool lies_in_registers(Name level) {
    return level == Name("reg") || level == Name("local");
}

}  // namespace

Demands::Demands(const Nest& nest, const machine::Machine& m, const CostOptions& options,
                 const WorkShape& shape, int64_t cores)
    : nest_(nest),
      m_(m),
      options_(options),
      shape_(shape),
      cores_(cores),
      vector_(vector_unit_of(m, options)) {
    rows_ = shapes_of(m, vector_);
    for (const machine::Unit& unit : m.units) engines_.push_back(unit.name);
    for (const char* way : {"into ", "out of "})
        for (const Level& level : m.levels) engines_.push_back(way + level.name);
    for (const Level& level : m.levels) {
        scratchpads_.insert(level.name);
        add_lines_of(level);
    }
    for (const machine::Rate& rate : vector_.rates)
        if (rate.op == machine::OpClass::Add && rate.latency_cycles)
            pipeline_ns_ = std::max(
                pipeline_ns_, rate.latency_cycles->value / machine::clock_of(m, vector_).value);
    if (options.overlap) return;
    for (const ShapeUse& use : take_contractions(nest, rows_, 1, scratchpads_).uses)
        if (use.row.kind != machine::UnitKind::Vector) array_ = engine_of(use.row.shape.unit);
}

int Demands::engine_of(Name unit) const {
    for (size_t u = 0; u < m_.units.size(); ++u)
        if (Name(m_.units[u].name) == unit) return static_cast<int>(u);
    return static_cast<int>(&vector_ - m_.units.data());
}

/// Without overlap: in a kernel without products on an array all work and all transfers are the
/// vector unit's, one at a time; in one with them that unit and the array take turns.
void Demands::take_turns(Demand& demand) const {
    const auto vector = static_cast<int>(&vector_ - m_.units.data());
    if (options_.overlap || demand.engine == array_) return;
    if (array_ >= 0 && demand.engine != vector) return;
    demand.engine = array_ >= 0 ? array_ : vector;
    demand.in_turn = true;
}

int Demands::level_index(Name name) const {
    for (size_t l = 0; l < m_.levels.size(); ++l)
        if (Name(m_.levels[l].name) == name) return static_cast<int>(l);
    return lies_in_registers(name) ? 0 : static_cast<int>(m_.levels.size()) - 1;
}

int Demands::level_of(Name target) const {
    auto tile = nest_.tiles.find(target);
    if (tile != nest_.tiles.end()) return level_index(tile->second.level);
    const Array* array = array_named(nest_, target);
    return level_index(array ? array->level : Name());
}

bool Demands::inwards(int inner, int outer) const {
    const Level& to = m_.levels[static_cast<size_t>(outer)];
    for (const Level* at = &m_.levels[static_cast<size_t>(inner)]; !at->next.empty();) {
        at = machine::find_level(m_, at->next);
        if (at == &to) return true;
    }
    return false;
}

/// What is moved inwards is the inner level's to fetch, outwards to store; between levels beside
/// each other, or within one, it goes by way of the vector unit.
int Demands::moving_engine(const Op& op) const {
    const auto units = static_cast<int>(m_.units.size());
    const auto levels = static_cast<int>(m_.levels.size());
    const int to = level_of(op.dst.target);
    const Slice* source = moved_slice(op);
    if (!source) return units + to;
    const int from = level_of(source->target);
    if (inwards(from, to)) return units + levels + from;
    if (inwards(to, from)) return units + to;
    return static_cast<int>(&vector_ - m_.units.data());
}

void Demands::add_lines_of(const Level& level) {
    const auto cores = static_cast<double>(cores_);
    auto each = [&](const std::optional<machine::Bandwidth>& b) {
        return b ? machine::total_gb_s(*b, cores_).value / cores : 0;
    };
    const auto ports = static_cast<double>(machine::unit_count(m_, level.private_to));
    lines_.push_back({"reads of " + level.name, each(level.read)});
    lines_.push_back({"writes of " + level.name, each(level.write)});
    lines_.push_back({"transfers of " + level.name, each(level.copy)});
    lines_.push_back(
        {"port of " + level.name, level.port_gb_s ? level.port_gb_s->value * ports / cores : 0});
}

/// Of `level`, asked for from `near`: over its own lines, and over the ports between the two where
/// one lies on the way to the other.
void Demands::add_flow(Demand& demand, int level, bool write, double bytes, int near) const {
    Flow flow{bytes, {}};
    auto cross = [&](int at, LineKind kind) {
        const int line = at * kLineKinds + kind;
        if (lines_[static_cast<size_t>(line)].bytes_per_ns > 0) flow.lines.push_back(line);
    };
    cross(level, write ? kWrite : kRead);
    cross(level, kCopy);
    for (auto [inner, outer] : {std::pair{level, near}, std::pair{near, level}}) {
        if (!inwards(inner, outer)) continue;
        for (int at = inner; at != outer;) {
            cross(at, kPort);
            at = level_index(Name(m_.levels[static_cast<size_t>(at)].next));
        }
        break;
    }
    if (bytes > 0 && !flow.lines.empty()) demand.flows.push_back(std::move(flow));
}

/// Each slice by itself. Of a move between a level and one further in, what is read crosses the
/// ports between; all else is asked for from the registers.
void Demands::add_flows(Demand& demand, const Op& op, const Work& work) const {
    struct Asked {
        int level = 0;
        bool write = false;
        double bytes = 0;
    };
    std::vector<Asked> asked;
    std::vector<std::array<double, 2>> sums(m_.levels.size()), counted = sums;
    gir::for_each_slice(op, [&](const Slice& s, bool write) {
        double bytes = tensor::bits(dtype_of(nest_, s.target)) / 8.0;
        for (const gir::NamedDim& d : op.dims)
            if (gir::walks(s, d.name)) bytes *= static_cast<double>(d.extent.value());
        asked.push_back({level_of(s.target), write, bytes});
        sums[static_cast<size_t>(asked.back().level)][write] += bytes;
    });
    for (const auto& [name, bytes] : work.asked_read_bytes)
        counted[static_cast<size_t>(level_index(name))][0] += bytes;
    for (const auto& [name, bytes] : work.asked_write_bytes)
        counted[static_cast<size_t>(level_index(name))][1] += bytes;
    const Slice* source = moved_slice(op);
    const int to = level_of(op.dst.target), from = source ? level_of(source->target) : to;
    const int near = inwards(from, to) || inwards(to, from) ? to : 0;
    for (const Asked& a : asked) {
        const auto level = static_cast<size_t>(a.level);
        if (sums[level][a.write] > 0)
            add_flow(demand, a.level, a.write,
                     a.bytes * counted[level][a.write] / sums[level][a.write], near);
    }
}

/// An array asks for its operands from the levels that feed it.
void Demands::add_flows(Demand& demand, const std::vector<OperandAccess>& accesses) const {
    for (const OperandAccess& a : accesses)
        add_flow(demand, level_index(a.level), a.write, a.bytes, level_for(a.role));
}

int Demands::level_for(machine::OperandRole role) const {
    for (size_t l = 0; l < m_.levels.size(); ++l) {
        const auto& roles = m_.levels[l].roles;
        if (roles.empty() || std::find(roles.begin(), roles.end(), role) != roles.end())
            return static_cast<int>(l);
    }
    return static_cast<int>(m_.levels.size()) - 1;
}

void Demands::add_latency(Demand& demand, const Work& work) const {
    for (const auto& [name, bytes] : work.asked_read_bytes) {
        const Level& level = m_.levels[static_cast<size_t>(level_index(name))];
        if (bytes > 0 && level.latency_ns)
            demand.latency_ns = std::max(demand.latency_ns, level.latency_ns->value);
    }
}

Demand Demands::of(const Op& op) {
    const ContractionWork contractions = take_contraction(nest_, op, rows_, 1, scratchpads_);
    Work work = contractions.ops.empty() ? work_of(nest_, op, shape_) : Work();
    Demand demand;
    if (contractions.uses.empty()) add_flows(demand, op, work);
    add_flows(demand, contractions.accesses);
    add_asked(work, contractions);
    add_latency(demand, work);
    const ComputeTime time =
        compute_time(work, contractions.uses, static_cast<int>(cores_), m_, options_);
    demand.busy_ns = 1e3 * (time.vector_us.value + time.array_us.value);
    demand.engine = static_cast<int>(&vector_ - m_.units.data());
    const bool moves = moved_slice(op) || op.kind == OpKind::Fill;
    if (moves && demand.busy_ns == 0) {
        demand.engine = moving_engine(op);
        take_turns(demand);
        return demand;
    }
    for (const ShapeUse& use : contractions.uses) demand.engine = engine_of(use.row.shape.unit);
    if (contractions.uses.empty() && demand.busy_ns > 0) demand.latency_ns += pipeline_ns_;
    take_turns(demand);
    return demand;
}

}  // namespace smeaton::cost
