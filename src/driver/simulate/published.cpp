#include "driver/simulate/published.h"

#include <ctime>

#include "base/error.h"
#include "driver/naming.h"
#include "sim/scalesim/topology.h"
#include "sim/simdit/charge.h"

namespace smeaton::driver {

using namespace sim;

namespace {

/// What neighbours on the machine take does not count.
double thread_cpu_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

SimditDram dram_of(const simdit::Traffic& bits) {
    return {bits.filter / 8, bits.ifmap / 8, bits.psum / 8, bits.ofmap / 8, bits.bias / 8};
}

SimditSram sram_of(const simdit::Traffic& bits) {
    return {bits.wbuf / 8, bits.ibuf / 8,       bits.obuf / 8,        bits.bbuf / 8,
            bits.vmem / 8, bits.immediates / 8, bits.instructions / 8};
}

SimditNode node_of(const simdit::Operation& row, const simdit::Cost& cost) {
    SimditNode node;
    node.name = row.name;
    node.op = row.op;
    node.group = simdit::class_of(row.kind);
    node.phase = simdit::word(row.phase);
    node.compute_cycles = cost.compute_cycles;
    node.stall_cycles = cost.stall_cycles;
    node.dram = dram_of(cost.bits);
    node.sram = sram_of(cost.bits);
    node.op_count = cost.operations;
    node.macs = simdit::macs(row);
    node.free = row.free_since;
    return node;
}

void add_totals(SimditResult& result, const simdit::Totals& totals) {
    result.compute_cycles = {totals.array.compute_cycles, totals.vector.compute_cycles};
    result.stall_cycles = {totals.array.stall_cycles, totals.vector.stall_cycles};
    result.dram = dram_of(totals.bits());
    result.sram = sram_of(totals.bits());
    result.op_count = totals.operations();
    result.time_ms = totals.cycles() * simdit::kClockPs * 1e-9;
    for (const SimditNode& node : result.nodes) {
        result.macs += node.macs;
        if (node.free.empty()) result.shares[node.group] += node.cycles() / totals.cycles();
    }
}

}  // namespace

SimditResult simulate_simdit(const SimditRequest& request) {
    if (request.hardware_file.empty())
        throw UserError(
            "--model simdit needs --machine FILE, a hardware description in SimDIT's JSON");
    const simdit::Hardware hardware = simdit::read_hardware_file(request.hardware_file);
    const bool training = request.layers.training;
    const LayerTable table = read_layer_table(request.layers);
    const std::vector<simdit::Operation> rows = naming(request.layers.model, [&] {
        return training ? simdit::training_operations(table) : simdit::inference_operations(table);
    });
    const double start_ms = thread_cpu_ms();
    const std::vector<simdit::Cost> costs =
        simdit::charge(rows, hardware, {training, request.fusion});
    const double took_ms = thread_cpu_ms() - start_ms;
    SimditResult result;
    result.model = request.layers.model;
    result.hardware = request.hardware_file;
    result.training = training;
    result.fusion = request.fusion;
    result.charge_ms = took_ms;
    for (size_t i = 0; i < rows.size(); ++i) result.nodes.push_back(node_of(rows[i], costs[i]));
    add_totals(result, simdit::totals(rows, costs));
    return result;
}

ScaleSimResult simulate_scalesim(const ScaleSimRequest& request) {
    const scalesim::Array array = scalesim::array_of(request.array);
    const scalesim::Dataflow dataflow = scalesim::dataflow_named(request.dataflow);
    const std::string& model = request.layers.model;
    scalesim::Products all;
    if (model.ends_with(".csv")) {
        if (!request.layers.dims.empty() || request.layers.batch > 0)
            throw UserError(
                "{}: --dim and --batch bind sizes of a model; a topology file has its own", model);
        all.products = scalesim::read_topology_file(model);
    } else {
        all =
            naming(model, [&] { return scalesim::products_of(read_layer_table(request.layers)); });
    }
    ScaleSimResult result{
        model, request.dataflow, array.rows, array.columns, {}, all.not_modelled, 0, 0, 0};
    for (const scalesim::Product& p : all.products) {
        const int64_t cycles = scalesim::compute_cycles(p, array, dataflow);
        result.nodes.push_back({p.name, p.op, p.m, p.n, p.k, p.times, p.macs(), cycles,
                                scalesim::utilization(p.macs(), cycles, array)});
        result.total_cycles += cycles;
        result.macs += p.macs();
    }
    result.utilization = scalesim::utilization(result.macs, result.total_cycles, array);
    return result;
}

}  // namespace smeaton::driver
