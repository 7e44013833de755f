#include "report/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "report/table.h"

namespace smeaton::report {

namespace {

std::string dim_text(const tensor::Dim& d, std::string (*number)(double)) {
    return d.is_const() ? number(static_cast<double>(d.value())) : d.str();
}

std::string port_text(const driver::PortRow& p) {
    std::vector<std::string> sizes;
    for (const tensor::Dim& d : p.shape) sizes.push_back(d.str());
    return fmt::format("{}: {}[{}]", p.name, p.dtype, joined(sizes, ","));
}

std::string port_text(const driver::PortShape& p) {
    std::vector<std::string> sizes;
    for (int64_t d : p.shape) sizes.push_back(std::to_string(d));
    return fmt::format("{}: {}[{}]", p.name, p.dtype, joined(sizes, ","));
}

template <class T>
std::string ports_text(const char* head, const std::vector<T>& ports) {
    std::string out;
    for (const T& p : ports)
        out += fmt::format("{:<12}{}\n", out.empty() ? head : "", port_text(p));
    return out;
}

}  // namespace

std::string memory_text(const driver::MemoryStats& m) {
    auto mega = [](int64_t b) { return bytes_text(static_cast<double>(b)); };
    auto share = [](int64_t a, int64_t b) {
        return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0;
    };
    Table table({"memory", ">bytes", ">", ""});
    table.row({"arena", std::to_string(m.arena_bytes), mega(m.arena_bytes), "scratch counted"});
    table.row({"  lower bound", std::to_string(m.arena_lower_bound_bytes),
               mega(m.arena_lower_bound_bytes),
               fmt::format("most bytes alive at once; arena / bound = {:.3f}",
                           share(m.arena_bytes, m.arena_lower_bound_bytes))});
    table.row({"  graph max live", std::to_string(m.graph_max_live_bytes),
               mega(m.graph_max_live_bytes),
               fmt::format("of the model before fusion; arena / graph = {:.3f}",
                           share(m.arena_bytes, m.graph_max_live_bytes))});
    table.row(
        {"  scratch", std::to_string(m.scratch_bytes), mega(m.scratch_bytes), "of all threads"});
    table.row({"weights", std::to_string(m.weights_bytes), mega(m.weights_bytes), ""});
    if (m.state_bytes > 0)
        table.row({"states", std::to_string(m.state_bytes), mega(m.state_bytes), ""});
    return table.str();
}

static std::string blocks_text(const driver::InspectResult& r) {
    Table table({">", "block", ">kind", ">nodes", ">parameters", "after", "inputs", "outputs"});
    for (size_t b = 0; b < r.blocks.size(); ++b) {
        const driver::BlockRow& row = r.blocks[b];
        std::vector<std::string> after;
        for (int k : row.reads) after.push_back(std::to_string(k));
        table.row({std::to_string(b), shortened(row.name, 40), std::to_string(row.kind),
                   std::to_string(row.nodes.size()),
                   count_text(static_cast<double>(row.parameters)), joined(after, " "),
                   shortened(joined(row.inputs), 40), shortened(joined(row.outputs), 40)});
    }
    std::string out = table.str();
    for (const driver::RunRow& run : r.runs)
        out += fmt::format("{} equal blocks, {} to {}; inputs: {}\n", run.count, run.first,
                           run.first + run.count - 1, joined(run.inputs));
    return out;
}

std::string text(const driver::InspectResult& r) {
    std::vector<std::string> opsets;
    for (const auto& [domain, version] : r.opsets)
        opsets.push_back(fmt::format("{} {}", domain.empty() ? "ai.onnx" : domain, version));
    std::string out =
        fmt::format("{:<12}{}\n{:<12}{}\n", "model", r.model, "opsets", joined(opsets));
    out += ports_text("inputs", r.inputs) + ports_text("outputs", r.outputs);
    int nodes = 0;
    std::vector<std::pair<std::string, int>> counts(r.operators.begin(), r.operators.end());
    std::stable_sort(counts.begin(), counts.end(),
                     [](auto& a, auto& b) { return a.second > b.second; });
    std::vector<std::string> words;
    for (const auto& [op, count] : counts) {
        words.push_back(fmt::format("{} {}", op, count));
        nodes += count;
    }
    out += fmt::format("{:<12}{}: {}\n", "operators", nodes, joined(words));
    if (!r.unsupported.empty()) {
        out += fmt::format("\n{} nodes are not supported:\n", r.unsupported.size());
        Table table({"node", "operator", "reason"});
        for (const driver::UnsupportedRow& u : r.unsupported) table.row({u.node, u.op, u.reason});
        return out + table.str();
    }
    out += fmt::format("{:<12}{} ({} of constants)\n", "parameters", r.parameters,
                       bytes_text(static_cast<double>(r.weights_bytes)));
    out += fmt::format("{:<12}{} operations; {} read, {} written, each operator by itself\n",
                       "work", dim_text(r.flops, count_text), dim_text(r.read_bytes, bytes_text),
                       dim_text(r.written_bytes, bytes_text));
    if (!r.open_dims.empty())
        out += fmt::format("{:<12}{} (bind with --dim)\n", "open sizes", joined(r.open_dims, "; "));
    if (r.has_memory) out += "\n" + memory_text(r.memory);
    if (r.has_blocks) out += "\n" + blocks_text(r);
    Table table({"node", "operator", "output", ">operations", ">reads", ">writes", ">constants"});
    for (const driver::OperatorRow& row : r.rows)
        table.row({shortened(row.node, 48), row.op, shortened(row.output, 40),
                   dim_text(row.flops, count_text), dim_text(row.read_bytes, bytes_text),
                   dim_text(row.written_bytes, bytes_text),
                   dim_text(row.constant_bytes, bytes_text)});
    return out + "\n" + table.str();
}

std::string text(const driver::MeasureResult& r) {
    std::string out = fmt::format("{:<12}{}\n", "model", r.model);
    out += ports_text("inputs", r.inputs) + ports_text("outputs", r.outputs);
    out += fmt::format("{:<12}{:.2f} s, {} threads\n", "compiled", r.compile_s, r.threads);
    if (r.runs > 0)
        out +=
            fmt::format("{:<12}median {}, 95 % {}, min {} of {} runs\n", "latency",
                        time_text(r.latency_ms.median * 1000), time_text(r.latency_ms.p95 * 1000),
                        time_text(r.latency_ms.min * 1000), r.runs);
    for (const driver::Comparison& c : r.checks)
        out += fmt::format("{:<12}{} {} {}\n", "check", c.output,
                           c.equal ? "equals" : "DIFFERS from", c.against) +
               (c.equal ? "" : fmt::format("{:<12}{}\n", "", c.reason));
    for (const std::string& file : r.written) out += fmt::format("{:<12}{}\n", "written", file);
    out += "\n" + memory_text(r.memory);
    if (!r.kernels.empty()) {
        out += fmt::format("\nkernels, slowest first; prediction and bound by {}\n", r.machine);
        Table table(
            {"kernel", ">time", ">predicted", ">GFLOP/s", "bound", ">reached", "operators"});
        std::vector<const driver::MeasuredKernel*> rows;
        for (const driver::MeasuredKernel& k : r.kernels) rows.push_back(&k);
        std::stable_sort(rows.begin(), rows.end(),
                         [](auto* a, auto* b) { return a->time_us > b->time_us; });
        for (const auto* k : rows)
            table.row({shortened(k->name, 36), time_text(k->time_us), time_text(k->predicted_us),
                       k->time_us > 0
                           ? number_text(static_cast<double>(k->flops) / k->time_us / 1000)
                           : "",
                       k->bound, fmt::format("{:.0f} %", 100 * k->efficiency),
                       shortened(joined(k->ops), 60)});
        out += table.str();
    }
    if (!r.explained.empty()) out += "\nrewrites taken\n" + joined(r.explained, "\n") + "\n";
    return out;
}

std::string text(const driver::ProbeResult& r) {
    std::string out = fmt::format("{:<12}{}, {} cores, {} GHz\n\n", "machine", r.machine, r.cores,
                                  number_text(r.clock_ghz));
    Table peaks({"multiply-add", ">GFLOP/s, one core", "range", ">all cores"});
    for (const auto& [word, range] : r.peak_gflops)
        peaks.row({word, number_text(range.value),
                   fmt::format("{} to {}", number_text(range.low), number_text(range.high)),
                   number_text(r.all_gflops.at(word))});
    Table levels({"level", ">size", ">read GB/s, one core", "range", ">all cores", ">latency"});
    for (const driver::ProbedLevel& l : r.levels)
        levels.row(
            {l.name, bytes_text(static_cast<double>(l.bytes)), number_text(l.read_gb_s.value),
             fmt::format("{} to {}", number_text(l.read_gb_s.low), number_text(l.read_gb_s.high)),
             number_text(l.all_read_gb_s.value), number_text(l.latency_ns) + " ns"});
    out += peaks.str() + "\n" + levels.str() + "\n";
    if (r.handoff_ns > 0)
        out += fmt::format("{:<12}{} ns between two spinning threads\n", "hand-off",
                           number_text(r.handoff_ns));
    return out + fmt::format("{:<12}{}\n", "kept in", r.kept_in);
}

std::string text(const driver::CacheResult& r) {
    std::string out =
        fmt::format("{:<12}{}\n{:<12}{} in {} compiled libraries\n", "folder", r.folder, "size",
                    bytes_text(static_cast<double>(r.bytes)), r.entries.size());
    if (r.removed_bytes > 0)
        out +=
            fmt::format("{:<12}{}\n", "removed", bytes_text(static_cast<double>(r.removed_bytes)));
    auto now = std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count();
    if (r.entries.empty()) return out;
    Table table({"library", ">size", ">used"});
    for (const driver::CacheRow& e : r.entries)
        table.row({e.file, bytes_text(static_cast<double>(e.bytes)),
                   fmt::format("{} min ago", std::max<int64_t>(0, now - e.last_used) / 60)});
    return out + "\n" + table.str();
}

}  // namespace smeaton::report
