#include "driver/simulate/simulate.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/workers.h"
#include "cost/level_use.h"
#include "cost/target.h"
#include "driver/batch.h"
#include "driver/entry.h"
#include "driver/here.h"
#include "driver/kernel_class.h"
#include "driver/naming.h"
#include "driver/ports.h"
#include "driver/precision.h"
#include "driver/simulate/device.h"
#include "driver/simulate/events.h"
#include "driver/simulate/simdit_machine.h"
#include "driver/source.h"
#include "driver/train/training_graph.h"
#include "gir/layout.h"
#include "gir/memory/arena.h"
#include "machine/query.h"
#include "machine/read.h"
#include "model/bind_dims.h"
#include "sim/constants.h"
#include "sim/simulate.h"

namespace smeaton::driver {

namespace {

TimeRange range(machine::Interval i, double unit = 1) {
    return {i.low * unit, i.value * unit, i.high * unit};
}

std::optional<TimeRange> range(const std::optional<machine::Interval>& i) {
    return i ? std::optional(range(*i)) : std::nullopt;
}

void add_to(std::map<std::string, TimeRange>& parts, const std::string& part,
            const machine::Interval& pj) {
    TimeRange& sum = parts[part];
    sum = {sum.low + pj.low, sum.value + pj.value, sum.high + pj.high};
}

std::map<std::string, TimeRange> parts_of(const cost::KernelEnergy& energy) {
    std::map<std::string, TimeRange> parts;
    for (const cost::EnergyTerm& term : energy.terms)
        add_to(parts, term.part, term.each_pj.interval() * term.count);
    if (energy.static_pj) add_to(parts, "leakage", *energy.static_pj);
    return parts;
}

SimulatedEnergy energy_row(const sim::ProgramCost& cost) {
    sim::ProgramEnergy energy = sim::energy_of(cost);
    SimulatedEnergy row;
    row.run_pj = range(energy.run_pj);
    row.load_pj = range(energy.once_pj);
    row.area_mm2 = range(cost.area_mm2.value);
    row.leakage_w = range(cost.leakage_w.value);
    row.missing = energy.missing;
    row.missing_area = cost.area_mm2.missing;
    if (!energy.run_pj) return row;
    row.average_power_w = range(energy.average_w);
    row.peak_power_w = range(energy.peak_w);
    for (const cost::KernelCost& k : cost.kernels)
        if (!k.once)
            for (const auto& [part, pj] : parts_of(k.energy))
                add_to(row.parts_pj, part, {pj.low, pj.value, pj.high});
    return row;
}

void classify(const model::Graph& graph, SimulateResult& result) {
    KernelClasses classes(graph);
    for (SimulatedKernel& k : result.kernels) {
        KernelClass is = classes.of(k.ops);
        k.op = is.op;
        k.group = is.group;
        k.phase = is.phase;
    }
}

/// Nodes that no kernel comes from: views, and moves that became how others read or write.
std::vector<FreeNode> free_nodes(const model::Graph& graph, const SimulateResult& result) {
    std::set<std::string> costed;
    for (const SimulatedKernel& k : result.kernels) costed.insert(k.ops.begin(), k.ops.end());
    std::vector<FreeNode> free;
    // A gradient's nodes go by the node of the file whose gradient they are.
    auto is_costed = [&](const model::Node& node) {
        if (node.origins.empty()) return costed.count(node.name) > 0;
        return std::any_of(node.origins.begin(), node.origins.end(),
                           [&](const std::string& origin) { return costed.count(origin) > 0; });
    };
    for (const model::Node& node : graph.nodes) {
        if (is_costed(node)) continue;
        const bool constant = !node.inputs.empty() &&
                              std::all_of(node.inputs.begin(), node.inputs.end(), [&](auto id) {
                                  return !id.valid() || graph.at(id).constant;
                              });
        free.push_back({node.name, node.op_name,
                        constant ? "its operands are constants: nothing is left of it in a run"
                                 : "it moves nothing by itself: its result is a view, or its moves "
                                   "are how its neighbours read and write"});
    }
    return free;
}

SimulatedKernel kernel_row(const cost::KernelCost& k) {
    SimulatedKernel row;
    row.name = k.name;
    row.ops = k.ops;
    row.once = k.once;
    row.threads = k.threads;
    row.flops = k.flops;
    row.time_us = range(k.time_us);
    row.compute_us = k.compute_us.value;
    row.fixed_us = k.fixed_us.value;
    row.stall_us = k.stall_us.value;
    row.bound = k.bound;
    row.data_us = k.data_us.value;
    row.bound_us = std::max(row.compute_us, row.data_us);
    for (const cost::LevelCost& l : k.levels)
        row.levels.push_back({l.name, l.read_bytes, l.write_bytes, l.time_us.value, false});
    if (!row.levels.empty()) row.levels.back().outermost = true;
    row.macs = k.macs;
    row.operand_bytes = {{"filter", k.operands.filter},
                         {"ifmap", k.operands.ifmap},
                         {"psum", k.operands.psum},
                         {"ofmap", k.operands.ofmap},
                         {"bias", k.operands.bias}};
    row.array_us = k.array_us.value;
    row.vector_us = k.vector_us.value;
    row.energy_pj = range(k.energy.pj());
    if (row.energy_pj) row.parts_pj = parts_of(k.energy);
    return row;
}

/// Temps live from the step that first writes them to the last that touches them.
void add_memory(const gir::Program& program, SimulateResult& result) {
    const gir::ArenaPlan plan = gir::plan_arena(program);
    std::map<int, double> alive;  // change of the bytes alive before a position
    for (const gir::ArenaEntry& e : plan.entries) {
        alive[e.first] += static_cast<double>(e.bytes);
        alive[e.last + 1] -= static_cast<double>(e.bytes);
    }
    std::map<Name, double> at_kernel;
    double bytes = 0;
    auto change = alive.begin();
    gir::for_each_step(program, [&](int position, const gir::Step& s) {
        for (; change != alive.end() && change->first <= position; ++change)
            bytes += change->second;
        if (auto* run = std::get_if<gir::RunStep>(&s.node); run && !run->once)
            at_kernel[run->kernel->name] = bytes;
    });
    for (SimulatedKernel& k : result.kernels)
        if (auto found = at_kernel.find(Name(k.name)); found != at_kernel.end())
            k.alive_bytes = found->second;
    result.kept_bytes = static_cast<double>(plan.kept_bytes);
    for (const gir::Buffer& b : program.buffers)
        if (b.alias_of.empty() && b.lifetime != gir::Lifetime::Temp)
            result.kept_bytes += static_cast<double>(gir::physical_bytes(b).value());
}

}  // namespace

std::map<std::string, double> SimulatedKernel::bytes() const {
    std::map<std::string, double> all;
    for (const SimulatedLevel& l : levels) all[l.name] = l.read_bytes + l.write_bytes;
    return all;
}

SimulateResult simulate_program(const gir::Program& program, const machine::Machine& m,
                                const SimulateOptions& options, sim::KeptModels* kept,
                                Workers* workers) {
    sim::ProgramCost cost = sim::simulate(
        program, m, {options.threads, options.vector_bits, options.overlap, kept, workers});
    SimulateResult result;
    result.machine = cost.machine;
    result.threads = cost.threads;
    result.time_ms = range(cost.time_us, 1e-3);
    result.load_ms = range(cost.once_us, 1e-3);
    result.flops = cost.flops;
    if (auto peak = machine::peak_gflops(m, tensor::DType::kF32))
        result.peak_gflops = peak->value * cost.threads;
    if (!m.levels.empty() && m.levels.back().read)
        result.memory_gb_s = machine::total_gb_s(*m.levels.back().read, cost.threads).value;
    result.clock_ghz = m.clock_ghz.value;
    result.energy = energy_row(cost);
    for (sim::Constant& c : sim::constants_of(cost, m))
        result.constants.push_back({c.part, c.what, c.unit, range(c.value), c.source});
    for (const cost::KernelCost& k : cost.kernels) result.kernels.push_back(kernel_row(k));
    if (options.memory) add_memory(program, result);
    if (options.events || !options.trace.empty()) add_events(program, m, options, result);
    return result;
}

static gir::Target target_for(const machine::Machine& m, const SimulateOptions& options) {
    gir::Target target = cost::target_of(m);
    if (options.threads > 0) target.cores = options.threads;
    return target;
}

static SimulateResult simulate_tuned(const Tuned& tuned, const SessionOptions& session,
                                     const machine::Machine& m, const gir::Target& target,
                                     const SimulateOptions& options) {
    if (session.progress) session.progress("simulate", 0.9);
    Workers workers(0);
    SimulateResult result = simulate_program(tuned.program, m, options, nullptr, &workers);
    classify(tuned.graph.graph, result);
    result.free_nodes = free_nodes(tuned.graph.graph, result);
    result.warnings = tuned.graph.graph.warnings;
    for (std::string& sentence : cost::unused_levels(tuned.program, target))
        result.warnings.push_back(std::move(sentence));
    return result;
}

SimulateResult simulate_model(const model::Graph& graph, const std::map<std::string, Tensor>& feeds,
                              const SessionOptions& session, const machine::Machine& m,
                              const SimulateOptions& options) {
    const gir::Target target = target_for(m, options);
    const Tuned tuned = tune_on(graph, feeds, session, target).tuned;
    return simulate_tuned(tuned, session, m, target, options);
}

namespace {

/// Of what SimDIT does otherwise (docs/cost.md): true where ours is on.
struct Differences {
    bool overlap = true, phase_gradients = true, searched_tiles = true, fusion = true;
};

Differences differences(const std::string& without) {
    Differences on;
    const std::map<std::string, bool*> words = {{"overlap", &on.overlap},
                                                {"phase-gradients", &on.phase_gradients},
                                                {"searched-tiles", &on.searched_tiles},
                                                {"fusion", &on.fusion}};
    for (size_t at = 0; at <= without.size() && !without.empty();) {
        const size_t comma = std::min(without.find(',', at), without.size());
        const std::string word = without.substr(at, comma - at);
        auto found = words.find(word);
        if (found == words.end())
            throw UserError(
                "--without '{}': expected overlap, phase-gradients, searched-tiles or fusion, a "
                "comma between them",
                word);
        *found->second = false;
        at = comma + 1;
    }
    return on;
}

struct Described {
    machine::Machine machine;
    std::string precision;  ///< of the products' operands; as asked, or as the description has it
};

Described described(const SimulateRequest& request) {
    const std::string& file = request.machine_file;
    std::string precision = request.session.precision;
    if (file.empty())
        return {machine_here({request.session.cache_folder, false, request.session.progress}),
                precision};
    const std::string text = machine::read_description(file);
    if (!is_simdit_hardware(text)) return {machine::parse_machine(text, file), precision};
    const sim::simdit::Hardware hardware = sim::simdit::parse_hardware(text, file);
    if (precision.empty()) precision = precision_of(hardware, file);
    return {machine_of(hardware, file), precision};
}

void check_training(const SimulateRequest& request) {
    if (!request.training &&
        !(request.loss.empty() && request.optimizer.empty() && request.recompute.empty()))
        throw UserError(
            "--loss, --optimizer and --recompute are of a step of training; add --training");
    if (!request.recompute.empty() && request.recompute != "none")
        throw UserError(
            "--recompute {}: what the backward half reads is kept; the only choice is "
            "none",
            request.recompute);
    if (request.batch > 0 && !request.feeds.dims.empty())
        for (const std::string& dim : request.feeds.dims)
            if (dim.find(":0=") != std::string::npos)
                throw UserError("--batch {} and --dim {} both give a leading size; leave one out",
                                request.batch, dim);
    if (request.training && !request.session.resume.empty())
        throw UserError("--resume: a dump is a program already; leave out --training");
}

}  // namespace

Opened open_simulated(const SimulateRequest& request) {
    check_training(request);
    if (!request.training && request.batch == 0)
        return open_file(request.model, request.feeds, request.session);
    refuse_program(request.model);
    Opened opened;
    opened.graph = read_model(request.model, request.session);
    const auto dims = parse_dims(request.feeds.dims);
    naming(request.model, [&] {
        if (request.batch > 0) opened.graph = with_batch(std::move(opened.graph), request.batch);
    });
    opened.feeds = gather_feeds(request.model, input_ports(opened.graph), request.feeds,
                                overridable_ports(opened.graph));
    naming(request.model, [&] {
        if (request.batch > 0) {
            model::DimBindings bindings = model::dim_bindings(opened.graph, dims);
            for (const auto& [name, tensor] : opened.feeds)
                bindings.fed_shapes[name] = tensor.shape();
            check_batch_of_outputs(
                inferred_for_batch(model::bind_dims(opened.graph, bindings), request.batch),
                request.batch);
        }
        if (!request.training) return;
        TrainingChoice choice{request.loss, request.optimizer};
        choice.zeros_inserted = !differences(request.without).phase_gradients;
        opened.graph = training_step(opened.graph, opened.feeds, dims, choice).shaped.graph;
        opened.feeds.clear();
    });
    return opened;
}

SessionOptions stage_options(const SimulateRequest& request) {
    SessionOptions session = request.session;
    if (request.training) session.dims.clear();
    return session;
}

/// The same, with what the machine's description and --without say of the stages.
static SessionOptions stage_options(const SimulateRequest& request, const Described& given) {
    check_products(given.machine, given.precision);
    const Differences on = differences(request.without);
    SessionOptions session = stage_options(request);
    session.operators_apart = !on.fusion;
    if (!on.searched_tiles) session.skip.emplace_back("weigh-tiles");
    session.precision = given.precision;
    return session;
}

void classify_kernels(const model::Graph& graph, SimulateResult& result) {
    classify(graph, result);
}

SimulateResult simulate(const SimulateRequest& request) {
    if (is_device_request(request)) return simulate_device(request);
    const Described given = described(request);
    const machine::Machine& m = given.machine;
    const SessionOptions session = stage_options(request, given);
    const SimulateOptions options{
        request.threads, 0, request.events, request.trace, differences(request.without).overlap,
        request.memory};
    const gir::Target target = target_for(m, options);
    Opened opened = open_simulated(request);
    SimulateResult result = naming(request.model, [&] {
        const Tuned tuned = tune_on(opened, session, target).tuned;
        return simulate_tuned(tuned, session, m, target, options);
    });
    result.list_constants = request.sources;
    result.list_kernels = request.all;
    result.model = request.model;
    result.training = request.training;
    if (request.training)
        for (SimulatedKernel& k : result.kernels)
            k.phase = phase_in_step({k.op, k.group, k.phase}, k.name);
    result.batch = request.batch;
    return result;
}

std::string text_after(const SimulateRequest& request) {
    const Described given = described(request);
    const gir::Target target = target_for(given.machine, {request.threads, 0});
    const SessionOptions session = stage_options(request, given);
    return stage_text(request.model, open_simulated(request), session, target);
}

}  // namespace smeaton::driver
