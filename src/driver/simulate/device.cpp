#include "driver/simulate/device.h"

#include <filesystem>

#include "base/error.h"
#include "compare/operator_price.h"
#include "driver/compare/workload.h"
#include "driver/model_file.h"
#include "machine/read.h"

namespace smeaton::driver {

namespace {

TimeRange range_of(const machine::Interval& v, double k) {
    return {v.low * k, v.value * k, v.high * k};
}

SimulatedKernel kernel_of(const compare::OperatorRow& op) {
    SimulatedKernel k;
    k.name = op.work.name;
    k.ops = {op.work.name};
    k.flops = op.work.flops;
    k.time_us = range_of(op.seconds, 1e6);
    k.compute_us = op.time.compute_s * 1e6;
    k.data_us = op.time.memory_s * 1e6;
    k.fixed_us = op.time.launch_s * 1e6;
    k.bound_us = op.time.bound_s * 1e6;
    k.bound = op.time.compute_s > op.time.memory_s ? "compute" : "memory";
    SimulatedLevel memory;
    memory.name = "memory";
    memory.read_bytes = op.work.weight_bytes + op.work.activation_bytes;
    memory.time_us = k.data_us;
    memory.outermost = true;
    k.levels = {memory};
    k.macs = op.work.kind == cost::OperatorWork::Kind::Product ? op.work.flops / 2 : 0;
    return k;
}

void add_constants(const machine::Device& d, const std::string& peak, SimulateResult& r) {
    for (const auto& [key, unit] :
         {std::pair<std::string, std::string>{"peak." + peak, "10^12 operations/s"},
          {"bandwidth_gb_s", "GB/s"}})
        if (const auto* n = machine::find_number(d, key))
            r.constants.push_back(
                {d.name, key, unit, range_of(n->number.interval(), 1), n->number.source});
}

}  // namespace

bool is_device_request(const SimulateRequest& r) {
    const SessionOptions& s = r.session;
    if (r.machine_file.empty() || r.training || r.events || !r.trace.empty() ||
        !s.stop_after.empty() || !s.resume.empty() || !s.dump_folder.empty() || !s.skip.empty() ||
        !s.explain.empty() || !s.isa.empty() || !s.precision.empty() || !r.without.empty() ||
        !r.feeds.inputs.empty() || !r.feeds.arrays.empty())
        return false;
    const std::string kind = std::filesystem::path(r.model).extension().string();
    if (kind != ".onnx" && kind != ".json") return false;
    try {
        return machine::is_device_text(machine::read_description(r.machine_file));
    } catch (const UserError&) {
        return false;  // the common road says what is wrong
    }
}

SimulateResult simulate_device(const SimulateRequest& request) {
    const compare::Workload workload =
        workload_of({request.model, request.feeds.dims, request.batch, 0});
    if (workload.is_decoder)
        throw UserError(
            "{}: a decoder on a device of a data sheet is what `smeaton compare` "
            "answers; give it a traffic",
            request.model);
    compare::Options options;
    options.engine = compare::kOperatorEngine;
    options.format = compare::format_named(workload.format);
    options.costs = compare::shipped_cost_inputs();
    options.calibrations = cost::shipped_calibrations();
    const machine::Device device = machine::read_device(request.machine_file);
    const compare::DeviceRow row = compare::row_of(workload, {}, {device, 1, device.name}, options);
    if (!row.fits) throw UserError("{}: {}", device.name, row.why_not);
    SimulateResult r;
    r.model = request.model;
    r.batch = request.batch;
    r.machine = machine::to_machine(device).name;
    r.time_ms = range_of(row.latency_ms->v, 1);
    r.flops = workload.flops;
    r.peak_gflops =
        machine::need(device, "peak." + options.format.peak, "simulate").number.value * 1e3;
    r.memory_gb_s = machine::need(device, "bandwidth_gb_s", "simulate").number.value;
    r.clock_ghz = 1;
    for (const compare::OperatorRow& op : row.operators) r.kernels.push_back(kernel_of(op));
    classify_kernels(read_graph(request.model), r);
    r.energy.missing = {"energies of units and levels; `smeaton compare` says what servers draw"};
    r.list_constants = request.sources;
    r.list_kernels = request.all;
    add_constants(device, options.format.peak, r);
    for (const std::string& flag : row.latency_ms->flags)
        r.warnings.push_back("times are of a data sheet: " + flag);
    return r;
}

}  // namespace smeaton::driver
