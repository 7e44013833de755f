#include "driver/simulate.h"

#include <algorithm>

#include "base/error.h"
#include "cost/level_use.h"
#include "cost/target.h"
#include "driver/batch.h"
#include "driver/entry.h"
#include "driver/here.h"
#include "driver/kernel_class.h"
#include "driver/naming.h"
#include "driver/ports.h"
#include "driver/simulate_device.h"
#include "driver/simulate_events.h"
#include "driver/source.h"
#include "driver/training_graph.h"
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

}  // namespace

std::map<std::string, double> SimulatedKernel::bytes() const {
    std::map<std::string, double> all;
    for (const SimulatedLevel& l : levels) all[l.name] = l.read_bytes + l.write_bytes;
    return all;
}

SimulateResult simulate_program(const gir::Program& program, const machine::Machine& m,
                                const SimulateOptions& options, sim::KeptModels* kept) {
    sim::ProgramCost cost = sim::simulate(program, m, {options.threads, options.vector_bits, kept});
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
    SimulateResult result = simulate_program(tuned.program, m, options);
    classify(tuned.graph.graph, result);
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

machine::Machine machine_of(const SimulateRequest& request) {
    if (!request.machine_file.empty()) return machine::read_machine_file(request.machine_file);
    return machine_here({request.session.cache_folder, false, request.session.progress});
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

/// The model for the batch, or its step of training: sizes are numbers then, and inputs more than
/// the model's.
Opened open_request(const SimulateRequest& request) {
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
        opened.graph =
            training_step(opened.graph, opened.feeds, dims, {request.loss, request.optimizer})
                .shaped.graph;
        opened.feeds.clear();
    });
    return opened;
}

/// Kernels are named after the node that they begin with; a gradient's operator stands for a node
/// of the file, which alone would make it forward.
void set_phases(SimulateResult& result) {
    for (SimulatedKernel& k : result.kernels)
        if (k.phase == "forward" && k.name.find("_grad_") != std::string::npos)
            k.phase = "backward";
}

/// A step of training has its sizes bound.
SessionOptions stage_options(const SimulateRequest& request) {
    SessionOptions session = request.session;
    if (request.training) session.dims.clear();
    return session;
}

}  // namespace

void classify_kernels(const model::Graph& graph, SimulateResult& result) {
    classify(graph, result);
}

SimulateResult simulate(const SimulateRequest& request) {
    if (is_device_request(request)) return simulate_device(request);
    machine::Machine m = machine_of(request);
    const SimulateOptions options{request.threads, 0, request.events, request.trace};
    const gir::Target target = target_for(m, options);
    const SessionOptions session = stage_options(request);
    Opened opened = open_request(request);
    SimulateResult result = naming(request.model, [&] {
        const Tuned tuned = tune_on(opened, session, target).tuned;
        return simulate_tuned(tuned, session, m, target, options);
    });
    result.list_constants = request.sources;
    result.list_kernels = request.all;
    result.model = request.model;
    result.training = request.training;
    if (request.training) set_phases(result);
    result.batch = request.batch;
    return result;
}

std::string text_after(const SimulateRequest& request) {
    const gir::Target target = target_for(machine_of(request), {request.threads, 0});
    return stage_text(request.model, open_request(request), stage_options(request), target);
}

}  // namespace smeaton::driver
