#include "report/json.h"

#include "report/json_parts.h"

namespace smeaton::report {

namespace {

Json json_of(const driver::PortRow& p) {
    Json shape = Json::array();
    for (const tensor::Dim& d : p.shape) shape.push_back(report::json_of(d));
    return {{"name", p.name}, {"dtype", p.dtype}, {"shape", shape}};
}

Json ports(const std::vector<driver::PortRow>& rows) {
    Json out = Json::array();
    for (const driver::PortRow& p : rows) out.push_back(json_of(p));
    return out;
}

void add_blocks(const driver::InspectResult& r, Json& out) {
    out["blocks"] = Json::array();
    for (const driver::BlockRow& b : r.blocks)
        out["blocks"].push_back({{"name", b.name},
                                 {"kind", b.kind},
                                 {"nodes", b.nodes},
                                 {"inputs", b.inputs},
                                 {"outputs", b.outputs},
                                 {"parameters", b.parameters},
                                 {"reads", b.reads}});
    out["runs"] = Json::array();
    for (const driver::RunRow& run : r.runs)
        out["runs"].push_back({{"first", run.first}, {"count", run.count}, {"inputs", run.inputs}});
}

}  // namespace

Json json_of(const tensor::Dim& d) {
    if (d.is_const()) return d.value();
    return d.str();
}

Json json_of(const driver::PortShape& p) {
    return {{"name", p.name}, {"dtype", p.dtype}, {"shape", p.shape}};
}

Json json_of(const driver::MeasuredKernel& k) {
    return {{"name", k.name},
            {"ops", k.ops},
            {"time_us", k.time_us},
            {"share", k.share},
            {"gflops", k.gflops},
            {"predicted_us", k.predicted_us},
            {"flops", k.flops},
            {"bytes", k.bytes},
            {"compulsory_bytes", k.compulsory_bytes},
            {"bound", k.bound},
            {"efficiency", k.efficiency}};
}

Json json_of(const driver::ProbedLevel& l) {
    return {{"name", l.name},
            {"bytes", l.bytes},
            {"read_gb_s", l.read_gb_s.value},
            {"read_range_gb_s", json_of(l.read_gb_s)},
            {"all_cores_read_gb_s", l.all_read_gb_s.value},
            {"latency_ns", l.latency_ns},
            {"per_core", l.per_core}};
}

Json json_of(const driver::SimulatedKernel& k) {
    Json times = {{"compute", k.compute_us}};
    for (const driver::SimulatedLevel& l : k.levels) times[l.name] = l.time_us;
    Json out = {{"name", k.name},
                {"ops", k.ops},
                {"time_us", k.time_us.value},
                {"time_range_us", json_of(k.time_us)},
                {"bound", k.bound},
                {"bytes", k.bytes()},
                {"times_us", times},
                {"data_us", k.data_us},
                {"fixed_us", k.fixed_us},
                {"stall_us", k.stall_us},
                {"flops", k.flops},
                {"threads", k.threads},
                {"once", k.once}};
    if (const auto& e = k.events)
        out["events"] = {{"time_us", e->time_us}, {"macs", e->macs}, {"bytes", e->bytes}};
    return out;
}

Json json_of(const driver::Comparison& c) {
    Json worst = Json::array();
    for (const driver::WrongElement& w : c.worst)
        worst.push_back({{"at", w.at}, {"got", w.got}, {"expected", w.expected}});
    return {{"output", c.output},       {"against", c.against}, {"equal", c.equal},
            {"max_error", c.max_error}, {"reason", c.reason},   {"worst", worst}};
}

Json json_of(const driver::MemoryStats& m) {
    return {{"arena_bytes", m.arena_bytes},
            {"arena_lower_bound_bytes", m.arena_lower_bound_bytes},
            {"graph_max_live_bytes", m.graph_max_live_bytes},
            {"scratch_bytes", m.scratch_bytes},
            {"weights_bytes", m.weights_bytes},
            {"state_bytes", m.state_bytes}};
}

namespace {

Json range_of(const std::optional<driver::TimeRange>& r) {
    return r ? report::json_of(*r) : Json(nullptr);
}

Json value_of(const std::optional<driver::TimeRange>& r) {
    return r ? Json(r->value) : Json(nullptr);
}

Json constant_of(const driver::SimulatedConstant& c) {
    return {{"part", c.part},     {"what", c.what},         {"unit", c.unit},
            {"low", c.value.low}, {"value", c.value.value}, {"high", c.value.high},
            {"source", c.source}};
}

/// Where nothing is charged, and why.
std::string free_because(const driver::SimulatedKernel& k) {
    return k.time_us.value > 0 ? "" : "it moves nothing and computes nothing";
}

Json node_of(const driver::SimulateResult& r, const driver::SimulatedKernel& k) {
    Json sram = Json::object();
    double dram = 0;
    const double time_us = k.events ? k.events->time_us : k.time_us.value;
    for (const driver::SimulatedLevel& l : k.levels)
        if (l.outermost)
            dram = l.read_bytes + l.write_bytes;
        else
            sram[l.name] = l.read_bytes + l.write_bytes;
    Json out = {{"name", k.name},
                {"op", k.op},
                {"class", k.group},
                {"phase", k.phase},
                {"cycles", r.cycles(time_us)},
                {"compute_cycles", r.cycles(k.compute_us)},
                {"stall_cycles", r.cycles(time_us - k.compute_us)},
                {"dram_bytes", dram},
                {"dram_bytes_by", k.operand_bytes},
                {"sram_bytes", sram},
                {"op_count", k.flops},
                {"macs", k.macs},
                {"energy_pj", value_of(k.energy_pj)},
                {"energy_range_pj", range_of(k.energy_pj)},
                {"energy_by", Json::object()},
                {"free", !free_because(k).empty()}};
    for (const auto& [part, pj] : k.parts_pj) out["energy_by"][part] = pj.value;
    if (out["free"]) out["free_because"] = free_because(k);
    return out;
}

/// Sums over the kernels of one run.
void add_totals(const driver::SimulateResult& r, Json& out) {
    std::map<std::string, double> dram, sram, shares;
    double array = 0, vector = 0, array_stall = 0, vector_stall = 0, macs = 0;
    for (const driver::SimulatedKernel& k : r.kernels) {
        if (k.once) continue;
        bool on_array = k.array_us > 0 && k.array_us >= k.vector_us;
        array += r.cycles(k.array_us);
        vector += r.cycles(k.vector_us);
        (on_array ? array_stall : vector_stall) += r.cycles(k.time_us.value - k.compute_us);
        macs += k.macs;
        for (const auto& [what, bytes] : k.operand_bytes) dram[what] += bytes;
        for (const driver::SimulatedLevel& l : k.levels)
            (l.outermost ? dram["total"] : sram[l.name]) += l.read_bytes + l.write_bytes;
        if (!k.group.empty() && r.time_ms.value > 0)
            shares[k.group] += k.time_us.value / (r.time_ms.value * 1e3);
    }
    out["total_cycles"] = r.cycles(r.time_ms.value * 1e3);
    out["compute_cycles"] = {{"systolic", array}, {"simd", vector}};
    out["stall_cycles"] = {{"systolic", array_stall}, {"simd", vector_stall}};
    out["dram_bytes"] = dram;
    out["sram_bytes"] = sram;
    out["op_count"] = r.flops;
    out["macs"] = macs;
    out["shares"] = shares;
}

Json events_of(const driver::SimulateResult& r) {
    Json units = Json::object();
    for (const auto& [unit, ms] : r.events->busy_ms) units[unit] = r.cycles(ms * 1e3);
    return {{"total_cycles", r.cycles(r.events->time_ms * 1e3)},
            {"time_ms", r.events->time_ms},
            {"load_ms", r.events->load_ms},
            {"by_unit", units},
            {"events", r.events->events},
            {"worst_difference", r.events->worst_difference},
            {"worst_kernel", r.events->worst_kernel}};
}

void add_energy(const driver::SimulateResult& r, Json& out) {
    const driver::SimulatedEnergy& e = r.energy;
    out["energy_pj"] = range_of(e.run_pj);
    out["load_energy_pj"] = range_of(e.load_pj);
    out["energy_by"] = Json::object();
    for (const auto& [part, pj] : e.parts_pj) out["energy_by"][part] = report::json_of(pj);
    out["average_power_w"] = value_of(e.average_power_w);
    out["average_power_range_w"] = range_of(e.average_power_w);
    out["peak_power_w"] = value_of(e.peak_power_w);
    out["peak_power_range_w"] = range_of(e.peak_power_w);
    out["leakage_w"] = range_of(e.leakage_w);
    out["area_mm2"] = value_of(e.area_mm2);
    out["area_range_mm2"] = range_of(e.area_mm2);
    out["energy_missing"] = e.missing;
    out["area_missing"] = e.missing_area;
}

}  // namespace

Json simulated(const driver::SimulateResult& r) {
    Json out = {{"machine", r.machine},         {"threads", r.threads},
                {"time_ms", r.time_ms.value},   {"time_range_ms", json_of(r.time_ms)},
                {"load_ms", r.load_ms.value},   {"flops", r.flops},
                {"peak_gflops", r.peak_gflops}, {"memory_gb_s", r.memory_gb_s}};
    add_totals(r, out);
    add_energy(r, out);
    if (r.events) out["events"] = events_of(r);
    out["nodes"] = Json::array();
    for (const driver::SimulatedKernel& k : r.kernels)
        if (!k.once) out["nodes"].push_back(node_of(r, k));
    out["kernels"] = list_of(r.kernels);
    out["free_nodes"] = Json::array();
    for (const driver::FreeNode& n : r.free_nodes)
        out["free_nodes"].push_back({{"name", n.name}, {"op", n.op}, {"because", n.because}});
    if (r.list_constants) {
        out["sources"] = Json::array();
        for (const driver::SimulatedConstant& c : r.constants)
            out["sources"].push_back(constant_of(c));
    }
    return out;
}

void add_layers(const driver::InspectResult& r, Json& out) {
    out["layers"] = Json::array();
    for (const driver::LayerRow& row : r.layers)
        out["layers"].push_back({{"name", row.name},
                                 {"kind", row.kind},
                                 {"parameters", row.parameters},
                                 {"forward_flops", row.forward_flops},
                                 {"data_flops", row.data_flops},
                                 {"weight_flops", row.weight_flops},
                                 {"matrix_flops", row.matrix_flops},
                                 {"forward_bytes", row.forward_bytes},
                                 {"backward_bytes", row.backward_bytes},
                                 {"kept_bytes", row.kept_bytes},
                                 {"kept_selective_bytes", row.kept_selective_bytes},
                                 {"input_bytes", row.input_bytes},
                                 {"boundary_bytes", row.boundary_bytes}});
}

Json inspected(const driver::InspectResult& r) {
    Json out = {{"model", r.model},
                {"opsets", r.opsets},
                {"inputs", ports(r.inputs)},
                {"outputs", ports(r.outputs)},
                {"operators", r.operators},
                {"parameters", r.parameters},
                {"weights_bytes", r.weights_bytes},
                {"flops", json_of(r.flops)},
                {"read_bytes", json_of(r.read_bytes)},
                {"written_bytes", json_of(r.written_bytes)},
                {"open_dims", r.open_dims},
                {"bindings", r.bindings},
                {"warnings", r.warnings}};
    if (r.active_parameters) out["active_parameters"] = *r.active_parameters;
    if (r.kv_bytes_per_token) out["kv_bytes_per_token"] = *r.kv_bytes_per_token;
    out["unsupported"] = Json::array();
    for (const driver::UnsupportedRow& u : r.unsupported)
        out["unsupported"].push_back({{"node", u.node}, {"op", u.op}, {"reason", u.reason}});
    out["nodes"] = Json::array();
    for (const driver::OperatorRow& row : r.rows)
        out["nodes"].push_back({{"node", row.node},
                                {"op", row.op},
                                {"output", row.output},
                                {"flops", json_of(row.flops)},
                                {"read_bytes", json_of(row.read_bytes)},
                                {"written_bytes", json_of(row.written_bytes)},
                                {"constant_bytes", json_of(row.constant_bytes)}});
    if (r.has_memory) out["memory"] = json_of(r.memory);
    if (r.has_blocks) add_blocks(r, out);
    if (r.has_layers) add_layers(r, out);
    return out;
}

std::string dump(const Json& value) {
    return value.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string json_of_stage(const std::string& model, const std::string& stage,
                          const std::string& text) {
    return dump({{"model", model}, {"stage", stage}, {"text", text}});
}

std::string json(const driver::InspectResult& r) {
    return dump(inspected(r));
}

std::string json(const driver::SimulateResult& r) {
    Json out = {
        {"model", r.model}, {"cost_model", "native"}, {"training", r.training}, {"batch", r.batch}};
    out.update(simulated(r));
    return dump(out);
}

std::string json(const driver::MeasureResult& r) {
    Json out = {{"model", r.model},         {"latency_ms", json_of(r.latency_ms)},
                {"runs", r.runs},           {"samples", r.samples},
                {"compile_s", r.compile_s}, {"threads", r.threads}};
    out.update(json_of(r.memory));
    out["inputs"] = list_of(r.inputs);
    out["outputs"] = list_of(r.outputs);
    out["checks"] = list_of(r.checks);
    out["machine"] = r.machine;
    out["kernels"] = list_of(r.kernels);
    out["parallel"] = r.parallel ? json_of(*r.parallel) : Json();
    out["written"] = r.written;
    out["warnings"] = r.warnings;
    out["rewrites"] = r.explained ? json_of(*r.explained) : Json::object();
    return dump(out);
}

std::string json(const driver::ProbeResult& r) {
    Json peak = Json::object(), ranges = Json::object(), all = Json::object();
    for (const auto& [word, range] : r.peak_gflops) {
        peak[word] = range.value;
        ranges[word] = json_of(range);
        all[word] = r.all_gflops.at(word);
    }
    return dump({{"machine", r.machine},
                 {"cores", r.cores},
                 {"clock_ghz", r.clock_ghz},
                 {"peak_gflops", peak},
                 {"peak_range_gflops", ranges},
                 {"all_cores_gflops", all},
                 {"levels", list_of(r.levels)},
                 {"handoff_ns", r.handoff_ns},
                 {"kept_in", r.kept_in}});
}

std::string json(const driver::CacheResult& r) {
    Json entries = Json::array();
    for (const driver::CacheRow& e : r.entries)
        entries.push_back(
            {{"file", e.file}, {"bytes", e.bytes}, {"last_used", e.last_used}, {"model", e.model}});
    return dump({{"folder", r.folder},
                 {"bytes", r.bytes},
                 {"removed_bytes", r.removed_bytes},
                 {"entries", entries}});
}

}  // namespace smeaton::report
