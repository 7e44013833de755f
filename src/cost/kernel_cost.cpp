#include "cost/kernel_cost.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "cost/contraction.h"
#include "cost/demand.h"
#include "cost/ports.h"
#include "cost/target.h"
#include "gir/ledger/ledger.h"
#include "machine/energy.h"
#include "machine/query.h"

namespace smeaton::cost {
namespace {

using machine::Interval;
using machine::Level;
using machine::Machine;
using machine::OpClass;
using machine::Unit;
using tensor::DType;

// A turn of an emitted loop: add, compare and branch, one address.
constexpr double kInstructionsPerTurn = 3;
// Is an access within its bounds: what was found of two coordinates is brought together, tested,
// and branched upon.
constexpr double kInstructionsPerTest = 3;
// Of lanes within their bounds, emitted code clamps both ends and makes a mask of each: 20 counted
// where lanes follow one another, 24 with a stride.
constexpr double kInstructionsPerMask = 20;

const Unit* scalar_unit(const Machine& m) {
    for (const Unit& unit : m.units)
        if (unit.kind == machine::UnitKind::Scalar) return &unit;
    return nullptr;
}

int thread_count(const Machine& m, const CostOptions& options) {
    int64_t cores = machine::core_count(m);
    if (options.threads < 0 || options.threads > cores)
        throw UserError("machine {} has {} cores; {} threads asked for", m.name, cores,
                        options.threads);
    return options.threads == 0 ? static_cast<int>(cores) : options.threads;
}

double widest_vector_bytes(const Machine& m) {
    double bits = 0;
    for (const Unit& unit : m.units)
        if (unit.vector_bits) bits = std::max(bits, unit.vector_bits->value);
    return bits / 8;
}

bool is_cache(const Level& level) {
    return level.managed == machine::Managed::Hardware && !level.next.empty();
}

/// Bytes of the lines whose ends cost an access of a vector something; 0: of no cache known.
double split_line(const Machine& m) {
    for (const Level& level : m.levels)
        if (is_cache(level) && level.split) return level.line_bytes->value;
    return 0;
}

/// Caches that not all cores share.
bool has_own_caches(const Machine& m) {
    return std::any_of(m.levels.begin(), m.levels.end(), [&](const Level& level) {
        return is_cache(level) && machine::unit_count(m, level.private_to) > 1;
    });
}

/// The level inwards of this one, null: none. Of several (scratchpads side by side), the first.
const Level* inwards_of(const Machine& m, const Level& level) {
    for (const Level& l : m.levels)
        if (l.next == level.name) return &l;
    return nullptr;
}

/// Clock and shared units: what each core keeps of its lone speed when `threads` work.
Interval busy_share(const Machine& m, const Unit& unit, int threads) {
    int64_t cores = machine::core_count(m);
    if (threads <= 1 || cores <= 1) return Interval::exact(1);
    Interval all = machine::all_busy_share(m, unit);
    double part = static_cast<double>(threads - 1) / static_cast<double>(cores - 1);
    return {1 - (1 - all.low) * part, 1 - (1 - all.value) * part, 1 - (1 - all.high) * part};
}

Interval us(Interval ns) {
    return ns * 1e-3;
}

/// What no machine has placed lies in the outermost level.
bool lies_in(Name name, const Level& level) {
    return name == Name(level.name) || (level.next.empty() && name == Name("memory"));
}

/// Bytes through one level, all cores together.
LevelCost level_cost(const KernelModel& model, const CacheTraffics& caches, const Machine& m,
                     const Level& level, const Warm& warm) {
    LevelCost cost;
    cost.name = level.name;
    const Level* inner = inwards_of(m, level);
    const CacheTraffic* below = nullptr;
    for (const auto& c : caches)
        if (inner && c->cache == inner->name) below = c.get();
    if (below) {
        for (size_t i = 0; i < model.arrays.size(); ++i) {
            const Array& array = model.arrays[i];
            double held = array.scratch ? 1 : warm ? warm(below->cache, array) : 0;
            const ArrayBytes &all = below->fetched[i], &first = below->first[i];
            cost.read_bytes += below->instances * (all.read - held * first.read);
            cost.write_bytes += below->instances * (all.write - held * first.write);
        }
    } else if (is_cache(level)) {
        // The first level serves instructions: each takes a slot as wide as the widest vector.
        const Work& work = model.busiest;
        const double slots = widest_vector_bytes(m) * model.threads;
        const double more = level.split ? level.split->value - 1 : 0;
        cost.read_bytes = (work.loads + more * work.split_loads) * slots;
        cost.write_bytes = (work.stores + more * work.split_stores) * slots;
    } else {
        auto asked = [&](const std::map<Name, double>& table) {
            double bytes = 0;
            for (const auto& [name, count] : table)
                if (lies_in(name, level)) bytes += count;
            return bytes * model.threads;
        };
        cost.read_bytes = asked(model.busiest.asked_read_bytes);
        cost.write_bytes = asked(model.busiest.asked_write_bytes);
    }
    cost.time_us = transfer_us(level, cost.read_bytes, cost.write_bytes, model.threads);
    if (auto port = model.port_bytes.find(level.name); port != model.port_bytes.end()) {
        cost.port_bytes = port->second;
        auto ports = static_cast<double>(machine::unit_count(m, level.private_to));
        cost.time_us = machine::max(cost.time_us, us(Interval::exact(cost.port_bytes) /
                                                     (level.port_gb_s->interval() * ports)));
    }
    return cost;
}

/// What a kernel waits for besides arithmetic. Bandwidths are measured from a level to the core, so
/// that each byte counts once, at the level that serves it; along caches these follow one another.
/// Scratchpads are filled while others are read.
struct DataTime {
    Interval us{0, 0, 0};
    std::string longest;
};

/// `ahead`: prefetchers bring what products read in order from beyond while the core reads what
/// has come; what they do not is stall.
DataTime data_time(const Machine& m, const std::vector<LevelCost>& levels, int threads,
                   bool ahead) {
    DataTime data;
    Interval beside{0, 0, 0};
    double longest = 0;
    auto note = [&](const std::string& name, const Interval& time) {
        if (time.value > longest) {
            longest = time.value;
            data.longest = name;
        }
    };
    for (size_t i = 0; i < levels.size(); ++i) {
        const Level& level = *machine::find_level(m, levels[i].name);
        const Level* inner = inwards_of(m, level);
        if (!is_cache(level) && !(inner && is_cache(*inner))) {
            beside = machine::max(beside, levels[i].time_us);
            note(level.name, levels[i].time_us);
            continue;
        }
        bool last = i + 1 == levels.size();
        double read = levels[i].read_bytes - (last ? 0 : levels[i + 1].read_bytes);
        double write = levels[i].write_bytes - (last ? 0 : levels[i + 1].write_bytes);
        Interval time = transfer_us(level, std::max(read, 0.0), std::max(write, 0.0), threads);
        data.us = ahead ? machine::max(data.us, time) : data.us + time;
        note(level.name, time);
    }
    data.us = machine::max(data.us, beside);
    return data;
}

/// What the work waits for copies, at the rate of the level that they come from.
double waited_us(const KernelModel& model, const Machine& m, const std::vector<LevelCost>& levels) {
    double us = 0;
    for (const LevelCost& at : levels) {
        const Level& level = *machine::find_level(m, at.name);
        double bytes = 0;
        for (const auto& [name, count] : model.busiest.waited_bytes)
            if (lies_in(name, level)) bytes += count * model.threads;
        us += transfer_us(level, std::min(bytes, at.read_bytes), 0, model.threads).value;
    }
    return us;
}

Interval fixed_time_us(const KernelModel& model, const Machine& m,
                       const std::vector<LevelCost>& levels) {
    Interval ns{0, 0, 0};
    // Each phase is handed out and awaited.
    if (model.threads > 1 && m.handoff)
        ns = ns + m.handoff->spin_ns.interval() * (2.0 * model.phases);
    for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
        if (level->read_bytes <= 0) continue;
        const Level* at = machine::find_level(m, level->name);
        if (at->latency_ns) ns = ns + at->latency_ns->interval();
        break;
    }
    return us(ns);
}

/// All that the busiest core issues; vectors and elements by the tables' instructions.
double instructions_of(const Work& work) {
    double count = work.loads + work.stores + work.inserted +
                   kInstructionsPerTurn * work.loop_turns + kInstructionsPerTest * work.tests +
                   kInstructionsPerMask * work.masks;
    for (const auto* table : {&work.vector_instructions, &work.scalar_instructions})
        for (const auto& [key, n] : *table) count += n;
    return count;
}

/// How much of a page's wait is felt: a core that holds the instructions of whole pages in flight
/// is at the next one before it has done with this; with those of half a page it is not.
double felt_share(const Machine& m, double instructions, double pages) {
    if (pages <= 0) return 0;
    const Unit* scalar = scalar_unit(m);
    if (!scalar || !scalar->in_flight) return 1;
    return std::clamp(instructions / pages / scalar->in_flight->value - 1, 0.0, 1.0);
}

/// The arrays' waits follow one another.
Interval stall_time_us(const KernelModel& model, const CacheTraffics& caches, const Machine& m,
                       const Warm& warm) {
    Interval ns{0, 0, 0};
    if (caches.empty()) return ns;
    double pages = 0;  // from beyond the second cache, of one core
    for (size_t i = 0; i < model.streamed.size(); ++i) {
        if (!model.streamed[i].by_products) continue;
        const Array& array = model.arrays[i];
        Crossing read;
        for (const auto& c : caches) {
            const double held = array.scratch ? 1 : warm ? warm(c->cache, array) : 0;
            read[c->cache] = c->instances * (c->fetched[i].read - held * c->first[i].read);
        }
        const CacheTraffic& near = *caches[std::min<size_t>(1, caches.size() - 1)];
        pages += read[near.cache] / machine::kStallBytes / model.threads;
        ns = ns + stall_ns(m, model.streamed[i], read, model.threads);
    }
    return us(ns * felt_share(m, instructions_of(model.busiest), pages));
}

void add_ledger(KernelModel& model, const gir::Program& program, const gir::Kernel& kernel,
                const Machine& m) {
    const gir::Ledger ledger = gir::ledger(kernel, program, levels_of(m));
    model.flops = gir::arithmetic(ledger);
    model.macs = static_cast<double>(ledger.multiply_adds.value());
    model.buffers = gir::traffic_at(ledger).buffers;
}

/// Ranges of more than one iteration, which are divided.
int phases_of(const Nest& nest) {
    int phases = 0;
    for (const gir::cache::Node& node : nest.root.children) {
        double range = 1;
        for (const gir::cache::Node* at = &node; at->is_loop && at->loop.parallel;
             at = &at->children.front()) {
            range *= at->loop.trips;
            if (at->children.size() != 1) break;
        }
        if (range > 1) ++phases;
    }
    return phases;
}

/// What all threads do, which is what costs energy.
void add_totals(KernelModel& model, const Nest& whole, const std::vector<ShapeRow>& shapes,
                const std::set<Name>& scratchpads, const WorkShape& shape) {
    if (model.threads == 1) {
        model.total = model.busiest;
        model.total_contractions = model.contractions;
        return;
    }
    ContractionWork taken = take_contractions(whole, shapes, 1, scratchpads);
    model.total = work_of(whole, shape, taken.ops);
    model.total_contractions = std::move(taken.uses);
}

std::set<Name> scratchpads_of(const Machine& m) {
    std::set<Name> names;
    for (const Level& level : m.levels)
        if (level.managed == machine::Managed::Software) names.insert(level.name);
    return names;
}

std::set<Name> parted_levels(const Machine& m) {
    std::set<Name> names;
    for (const Level& level : m.levels)
        if (level.depth && level.depth->value > 1) names.insert(level.name);
    return names;
}

}  // namespace

ComputeTime compute_time(const Work& work, const std::vector<ShapeUse>& uses, int threads,
                         const Machine& m, const CostOptions& options) {
    const Unit& unit = vector_unit_of(m, options);
    const Unit* scalar = scalar_unit(m);
    double bits = unit.vector_bits->value;
    Interval ns{0, 0, 0};
    const double instructions = instructions_of(work);
    auto vector_ns = [&](OpClass op, DType dtype, double count) {
        double elements = bits / std::max(32, tensor::bits(dtype));
        return Interval::exact(count * elements) / class_rate_gops(m, unit, op, dtype);
    };
    for (const auto& [key, count] : work.vector_instructions) {
        ns = ns + vector_ns(key.first, key.second, count);
    }
    for (const auto& [key, count] : work.scalar_instructions) {
        // On the scalar unit where it is rated, else an instruction of the vector unit for one
        // element.
        auto op = key.first == OpClass::FmaLoad ? OpClass::Fma : key.first;
        auto rate = scalar ? machine::rate_gops(m, *scalar, op, key.second) : std::nullopt;
        ns = ns + (rate ? Interval::exact(count) / *rate : vector_ns(key.first, key.second, count));
    }
    if (work.fma_stall > 0) ns = ns + vector_ns(OpClass::FmaLoad, DType::kF32, work.fma_stall);
    Interval gathering{0, 0, 0};
    if (work.gathered > 0)
        gathering =
            Interval::exact(work.gathered) / class_rate_gops(m, unit, OpClass::Gather, DType::kF32);
    ns = ns + gathering;
    if (work.inserted > 0)
        ns = ns + Interval::exact(work.inserted) /
                      class_rate_gops(m, unit, OpClass::Insert, DType::kF32);
    // A load for each lane takes a core's issue for all its time.
    const Interval issued_beside = split_line(m) > 0 ? gathering : Interval{0, 0, 0};
    ContractionTime contractions = time_of(m, uses);
    ns = ns + contractions.vector_ns;
    if (scalar)
        if (auto issue = machine::rate_gops(m, *scalar, OpClass::Add, DType::kI64))
            ns = machine::max(ns, issued_beside + Interval::exact(instructions) / *issue);
    return {us(ns / busy_share(m, unit, threads)), us(contractions.beside_ns)};
}

void add_asked(Work& work, const ContractionWork& contractions) {
    work.loads += contractions.loads;
    for (const auto& [level, bytes] : contractions.asked_read_bytes)
        work.asked_read_bytes[level] += bytes;
    for (const auto& [level, bytes] : contractions.asked_write_bytes)
        work.asked_write_bytes[level] += bytes;
}

const Unit& vector_unit_of(const Machine& m, const CostOptions& options) {
    if (options.vector_bits == 0) {
        if (const Unit* unit = machine::main_vector_unit(m)) return *unit;
        throw UserError("machine {} has no vector unit; add one to its 'units' (docs/machine.md)",
                        m.name);
    }
    for (const Unit& unit : m.units)
        if (unit.kind == machine::UnitKind::Vector &&
            unit.vector_bits->value == options.vector_bits)
            return unit;
    throw UserError("machine {} has no vector unit of {} bits", m.name, options.vector_bits);
}

gir::Room room_of(const Machine& m, const Level& level, const CostOptions& options) {
    const auto index = static_cast<size_t>(&level - m.levels.data());
    return {level.capacity_bytes.value, options.asked ? &options.asked->at(index) : nullptr};
}

CacheTraffic cache_traffic(const gir::Program& program, const gir::Kernel& kernel, const Machine& m,
                           const Level& cache, int threads, const CostOptions& options,
                           PartsTable& known) {
    double instances = static_cast<double>(machine::unit_count(m, cache.private_to));
    double cores_each = std::max(1.0, static_cast<double>(machine::core_count(m)) / instances);
    CacheTraffic traffic;
    traffic.cache = cache.name;
    traffic.instances = std::ceil(threads / cores_each);
    double sharers = std::ceil(threads / traffic.instances);
    const auto parties = static_cast<int64_t>(traffic.instances);
    const double line = cache.line_bytes->value;
    std::shared_ptr<const PartBytes>& parts = known[{parties, line}];
    if (!parts)
        parts = std::make_shared<const PartBytes>(
            bytes_by_part(nest_of(program, kernel, parties), line));
    traffic.fetched = misses(*parts, room_of(m, cache, options), sharers);
    traffic.first = parts->all;
    for (size_t i = 0; i < traffic.fetched.size(); ++i) {
        // Lines count once even where several boxes of one array meet in them.
        traffic.first[i].read = std::min(traffic.first[i].read, traffic.fetched[i].read);
        traffic.first[i].write = std::min(traffic.first[i].write, traffic.fetched[i].write);
    }
    return traffic;
}

Interval transfer_us(const Level& level, double read_bytes, double write_bytes, int64_t cores) {
    auto ns = [&](const machine::Bandwidth& b, double bytes) {
        return bytes > 0 ? Interval::exact(bytes) / machine::total_gb_s(b, cores)
                         : Interval{0, 0, 0};
    };
    if (!level.read || !level.write) return {0, 0, 0};
    if (!level.copy)
        return us(machine::max(ns(*level.read, read_bytes), ns(*level.write, write_bytes)));
    double common = std::min(read_bytes, write_bytes);
    return us(ns(*level.copy, 2 * common) + ns(*level.read, read_bytes - common) +
              ns(*level.write, write_bytes - common));
}

KernelModel model_without_caches(const gir::Program& program, const gir::Kernel& kernel,
                                 const Machine& m, const CostOptions& options) {
    const std::set<Name> scratchpads = scratchpads_of(m);
    const Unit& unit = vector_unit_of(m, options);
    WorkShape shape;
    shape.fma_in_flight = machine::fma_latency_times_rate(m, unit);
    shape.functions = functions_of(unit);
    shape.parted = parted_levels(m);
    shape.machine = &m;
    shape.line_bytes = split_line(m);

    KernelModel model;
    model.name = kernel.name.str();
    model.ops = kernel.origins;
    Nest whole = nest_of(program, kernel);
    model.threads = static_cast<int>(
        std::min<double>(thread_count(m, options), std::max(whole.parallel_trips, 1.0)));
    if (!options.time_alone) add_ledger(model, program, kernel, m);
    const Nest share = model.threads == 1 ? Nest() : nest_of(program, kernel, model.threads);
    const Nest& busiest = model.threads == 1 ? whole : share;
    model.phases = std::max(1, phases_of(whole));
    const std::vector<ShapeRow> shapes = shapes_of(m, unit);
    if (!options.time_alone) model.unfed = unfed_operands(whole, m, shapes, scratchpads);
    model.port_bytes = port_bytes(whole, m, shapes, scratchpads);
    if (std::none_of(m.levels.begin(), m.levels.end(), is_cache)) {
        Demands demands(busiest, m, options, shape, model.threads);
        model.pipeline = pipeline_of(busiest, m, demands, model.threads, options.asked);
    }
    ContractionWork contractions =
        take_contractions(busiest, shapes, widest_vector_bytes(m), scratchpads);
    model.busiest = work_of(busiest, shape, contractions.ops);
    add_asked(model.busiest, contractions);
    model.contractions = std::move(contractions.uses);
    if (!options.time_alone) {
        if (machine::tells_energy(m)) add_totals(model, whole, shapes, scratchpads, shape);
        const double line = m.levels.back().line_bytes ? m.levels.back().line_bytes->value : 1;
        for (const ArrayBytes& b : footprint(whole, line))
            model.touched_bytes.push_back(std::max(b.read, b.write));
    }
    if (!options.time_alone && thread_count(m, options) > 1 && has_own_caches(m))
        model.meetings = gir::cache::meetings_of(program, whole, thread_count(m, options));
    if (std::any_of(m.levels.begin(), m.levels.end(),
                    [](const Level& l) { return l.stall_ns.has_value(); }))
        model.streamed = streamed_of(kernel, whole);
    model.arrays = std::move(whole.arrays);
    return model;
}

std::vector<const Level*> caches_of(const Machine& m) {
    std::vector<const Level*> caches;
    for (const Level& level : m.levels)
        if (is_cache(level)) caches.push_back(&level);
    return caches;
}

KernelModel model_kernel(const gir::Program& program, const gir::Kernel& kernel, const Machine& m,
                         const CostOptions& options) {
    KernelModel model = model_without_caches(program, kernel, m, options);
    PartsTable parts;
    for (const Level* cache : caches_of(m))
        model.caches.push_back(std::make_shared<const CacheTraffic>(
            cache_traffic(program, kernel, m, *cache, model.threads, options, parts)));
    return model;
}

KernelCost cost_of(const KernelModel& model, const Machine& m, const CostOptions& options,
                   const Warm& warm) {
    return cost_of(model, model.caches, m, options, warm);
}

KernelCost cost_of(const KernelModel& model, const CacheTraffics& caches, const Machine& m,
                   const CostOptions& options, const Warm& warm) {
    KernelCost cost;
    cost.name = model.name;
    cost.ops = model.ops;
    cost.threads = model.threads;
    cost.flops = model.flops;
    cost.macs = model.macs;
    ComputeTime compute =
        compute_time(model.busiest, model.contractions, model.threads, m, options);
    cost.vector_us = compute.vector_us;
    cost.array_us = compute.array_us;
    cost.compute_us = machine::max(compute.vector_us, compute.array_us);
    double overlapped_low = cost.compute_us.low;
    bool innermost = true;
    for (const Level& level : m.levels) {
        bool registers = innermost && level.managed == machine::Managed::Software && !level.read;
        innermost = false;
        if (registers) continue;
        cost.levels.push_back(level_cost(model, caches, m, level, warm));
        overlapped_low = std::max(overlapped_low, cost.levels.back().time_us.low);
    }
    const bool ahead = std::any_of(model.streamed.begin(), model.streamed.end(),
                                   [](const Streamed& s) { return s.by_products; });
    DataTime data = data_time(m, cost.levels, model.threads, ahead);
    cost.data_us = data.us;
    cost.bound = data.us.value > cost.compute_us.value ? data.longest : "compute";
    cost.fixed_us = fixed_time_us(model, m, cost.levels);
    if (model.pipeline) {
        cost.pipeline = model.pipeline;
        const double us =
            std::max({model.pipeline->time_ns * 1e-3, cost.compute_us.value, data.us.value});
        cost.time_us = {std::min(overlapped_low + cost.fixed_us.low, us), us,
                        std::max(us, cost.compute_us.high + data.us.high + cost.fixed_us.high)};
        return cost;
    }
    double waited = std::min(waited_us(model, m, cost.levels), data.us.value);
    cost.time_us = {overlapped_low,
                    waited + std::max(cost.compute_us.value, data.us.value - waited),
                    cost.compute_us.high + data.us.high};
    cost.stall_us = stall_time_us(model, caches, m, warm);
    cost.time_us =
        cost.time_us + cost.fixed_us + Interval{0, cost.stall_us.value, cost.stall_us.high};
    return cost;
}

}  // namespace smeaton::cost
