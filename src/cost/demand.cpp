#include "cost/demand.h"

#include <algorithm>

#include "base/error.h"
#include "cost/ports.h"
#include "gir/names.h"
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
    : one_(nest),
      m_(m),
      options_(options),
      shape_(shape),
      cores_(cores),
      vector_(vector_unit_of(m, options)) {
    for (auto& copy : one_.copies) copy.second.share = 1;
    rows_ = shapes_of(m, vector_);
    for (const machine::Unit& unit : m.units) engines_.push_back(unit.name);
    for (const char* way : {"into ", "out of "})
        for (const Level& level : m.levels) engines_.push_back(way + level.name);
    for (const Level& level : m.levels) {
        scratchpads_.insert(level.name);
        for (const char* what : {"reads of ", "writes of ", "transfers of ", "port of "})
            lines_.push_back(what + level.name);
    }
    for (const machine::Rate& rate : vector_.rates)
        if (rate.op == machine::OpClass::Add && rate.latency_cycles)
            pipeline_ns_ = std::max(
                pipeline_ns_, rate.latency_cycles->value / machine::clock_of(m, vector_).value);
    if (options.overlap) return;
    Nest products = nest;
    for (const ShapeUse& use : take_contractions(products, rows_, 1, scratchpads_).uses)
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
    auto tile = one_.tiles.find(target);
    if (tile != one_.tiles.end()) return level_index(tile->second.level);
    const Array* array = array_named(one_, target);
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

void Demands::add_lines(Demand& demand, const Work& work,
                        const std::map<std::string, double>& ports) const {
    const auto n = static_cast<int64_t>(m_.levels.size());
    std::vector<double> read(m_.levels.size()), write(m_.levels.size());
    for (const auto& [name, bytes] : work.asked_read_bytes)
        read[static_cast<size_t>(level_index(name))] += bytes;
    for (const auto& [name, bytes] : work.asked_write_bytes)
        write[static_cast<size_t>(level_index(name))] += bytes;
    auto add = [&](int64_t level, LineKind kind, double bytes, double gb_s) {
        if (bytes > 0)
            demand.lines.push_back({static_cast<int>(level * kLineKinds + kind), bytes / gb_s, 1});
    };
    auto each = [&](const std::optional<machine::Bandwidth>& b) {
        return machine::total_gb_s(*b, cores_).value / static_cast<double>(cores_);
    };
    for (int64_t l = 0; l < n; ++l) {
        const Level& level = m_.levels[static_cast<size_t>(l)];
        const double in = read[static_cast<size_t>(l)], out = write[static_cast<size_t>(l)];
        if (level.read) add(l, kRead, in, each(level.read));
        if (level.write) add(l, kWrite, out, each(level.write));
        if (level.copy) add(l, kCopy, in + out, each(level.copy));
        if (in > 0 && level.latency_ns)
            demand.latency_ns = std::max(demand.latency_ns, level.latency_ns->value);
        if (auto port = ports.find(level.name); port != ports.end()) {
            auto count = static_cast<double>(machine::unit_count(m_, level.private_to));
            add(l, kPort, port->second,
                level.port_gb_s->value * count / static_cast<double>(cores_));
        }
    }
}

/// What comes through a port goes at its pace on the way there: of a move what is read, of an op
/// what lies outwards of the port.
void Demands::bind_flows(const Op& op, Demand& demand) const {
    const Slice* source = moved_slice(op);
    int port_of = -1;
    double longest_ns = 0;
    for (const Demand::OnLine& l : demand.lines)
        if (l.line % kLineKinds == kPort && l.ns > longest_ns) {
            port_of = l.line / kLineKinds;
            longest_ns = l.ns;
        }
    if (port_of < 0) return;
    const int from = source ? level_of(source->target) : -1, to = level_of(op.dst.target);
    const bool between = source && (inwards(from, to) || inwards(to, from));
    auto bound = [&](const Demand::OnLine& l) {
        const int level = l.line / kLineKinds, kind = l.line % kLineKinds;
        if (kind == kPort) return true;
        return between ? level == from && kind != kWrite : inwards(port_of, level);
    };
    for (const Demand::OnLine& l : demand.lines)
        if (bound(l)) longest_ns = std::max(longest_ns, l.ns);
    for (Demand::OnLine& l : demand.lines)
        if (bound(l)) l.most = l.ns / longest_ns;
}

Demand Demands::of(const Op& op) {
    one_.root = Node{};
    one_.root.children.emplace_back();
    one_.root.children.front().op = &op;
    const std::map<std::string, double> ports = port_bytes(one_, m_);
    const ContractionWork contractions = take_contractions(one_, rows_, 1, scratchpads_);
    Work work = work_of(one_, shape_);
    add_asked(work, contractions);
    const ComputeTime time =
        compute_time(work, contractions.uses, static_cast<int>(cores_), m_, options_);

    Demand demand;
    demand.busy_ns = 1e3 * (time.vector_us.value + time.array_us.value);
    add_lines(demand, work, ports);
    bind_flows(op, demand);
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
