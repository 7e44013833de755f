#include "report/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "report/explain.h"
#include "report/parallel.h"
#include "report/table.h"

namespace smeaton::report {

namespace {

/// A formula of open sizes keeps its beginning where the width is bounded.
std::string dim_text(const tensor::Dim& d, std::string (*number)(double), Width width = {}) {
    constexpr size_t kFormula = 16;
    if (d.is_const()) return number(static_cast<double>(d.value()));
    return width.columns > 0 ? shortened(d.str(), kFormula) : d.str();
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
               fmt::format("most alive at once; arena / bound = {:.3f}",
                           share(m.arena_bytes, m.arena_lower_bound_bytes))});
    table.row({"  graph max live", std::to_string(m.graph_max_live_bytes),
               mega(m.graph_max_live_bytes),
               fmt::format("before fusion; arena / graph = {:.3f}",
                           share(m.arena_bytes, m.graph_max_live_bytes))});
    table.row(
        {"  scratch", std::to_string(m.scratch_bytes), mega(m.scratch_bytes), "of all threads"});
    table.row({"weights", std::to_string(m.weights_bytes), mega(m.weights_bytes), ""});
    if (m.state_bytes > 0)
        table.row({"states", std::to_string(m.state_bytes), mega(m.state_bytes), ""});
    return table.str();
}

static std::string blocks_text(const driver::InspectResult& r, Width width) {
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
    std::string out = table.str(width);
    for (const driver::RunRow& run : r.runs)
        out += fmt::format("{} equal blocks, {} to {}; inputs: {}\n", run.count, run.first,
                           run.first + run.count - 1, joined(run.inputs));
    return out;
}

/// One row per operator; those that only hold a constant are one line.
static std::string operators_text(const driver::InspectResult& r, Width width) {
    Table table({"node", "operator", "output", ">operations", ">reads", ">writes", ">constants"});
    int constants = 0;
    double bytes = 0;
    for (const driver::OperatorRow& row : r.rows) {
        if (row.op == "Constant") {
            ++constants;
            if (row.written_bytes.is_const())
                bytes += static_cast<double>(row.written_bytes.value());
            continue;
        }
        table.row({row.node, row.op, row.output, dim_text(row.flops, count_text, width),
                   dim_text(row.read_bytes, bytes_text, width),
                   dim_text(row.written_bytes, bytes_text, width),
                   dim_text(row.constant_bytes, bytes_text, width)});
    }
    std::string out = table.str(width);
    if (constants > 0) out += fmt::format("and {} constants of {}\n", constants, bytes_text(bytes));
    return out;
}

static std::string head_text(const driver::InspectResult& r) {
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
    return out + fmt::format("{:<12}{}: {}\n", "operators", nodes, joined(words));
}

std::string text(const driver::InspectResult& r, Width width) {
    std::string out = head_text(r);
    if (!r.unsupported.empty()) {
        out += fmt::format("\n{} nodes are not supported:\n", r.unsupported.size());
        Table table({"node", "operator", "reason"});
        for (const driver::UnsupportedRow& u : r.unsupported) table.row({u.node, u.op, u.reason});
        return out + table.str();
    }
    out += fmt::format("{:<12}{} ({} of constants)\n", "parameters", r.parameters,
                       bytes_text(static_cast<double>(r.weights_bytes)));
    if (r.active_parameters)
        out += fmt::format("{:<12}{} of them for a token; {} of keys and values kept a token\n", "",
                           *r.active_parameters,
                           bytes_text(static_cast<double>(r.kv_bytes_per_token.value_or(0))));
    out +=
        fmt::format("{:<12}{} operations; {} read, {} written, each operator by itself\n", "work",
                    dim_text(r.flops, count_text, width), dim_text(r.read_bytes, bytes_text, width),
                    dim_text(r.written_bytes, bytes_text, width));
    if (!r.open_dims.empty())
        out += fmt::format("{:<12}{}\n{:<12}bind them for figures: {}\n", "open sizes",
                           joined(r.open_dims, "; "), "", joined(r.bindings, " "));
    if (r.has_memory) out += "\n" + memory_text(r.memory);
    if (r.has_blocks) out += "\n" + blocks_text(r, width);
    return out + "\n" + operators_text(r, width);
}

std::string checks_text(const std::vector<driver::Comparison>& checks) {
    std::string out;
    for (const driver::Comparison& c : checks)
        if (c.equal)
            out += fmt::format(
                "{:<12}{} equals {}; largest error {:.3g}, {:.0f} % of what is allowed\n", "check",
                c.output, c.against, c.max_error, 100 * c.share_of_allowed);
    return out;
}

std::string text(const driver::MeasureResult& r, Width width) {
    std::string out = fmt::format("{:<12}{}\n", "model", r.model);
    out += ports_text("inputs", r.inputs) + ports_text("outputs", r.outputs);
    out += fmt::format("{:<12}{:.2f} s, {} threads\n", "compiled", r.compile_s, r.threads);
    if (r.runs > 0)
        out +=
            fmt::format("{:<12}median {}, 95 % {}, min {} of {} runs\n", "latency",
                        time_text(r.latency_ms.median * 1000), time_text(r.latency_ms.p95 * 1000),
                        time_text(r.latency_ms.min * 1000), r.runs);
    if (r.parallel) out += text(*r.parallel);
    out += checks_text(r.checks);
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
            table.row({k->name, time_text(k->time_us), time_text(k->predicted_us),
                       k->time_us > 0
                           ? number_text(static_cast<double>(k->flops) / k->time_us / 1000)
                           : "",
                       k->bound, fmt::format("{:.0f} %", 100 * k->efficiency), joined(k->ops)});
        out += table.str(width);
    }
    if (r.explained) out += "\n" + explanation_text(*r.explained);
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

static std::string age_text(int64_t seconds) {
    constexpr int64_t kHour = 3600, kDay = 24 * kHour;
    seconds = std::max<int64_t>(0, seconds);
    if (seconds < 2 * kHour) return fmt::format("{} min ago", seconds / 60);
    if (seconds < 2 * kDay) return fmt::format("{} h ago", seconds / kHour);
    return fmt::format("{} days ago", seconds / kDay);
}

std::string text(const driver::CacheResult& r, Width width) {
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
    Table table({"library", ">size", ">used", "model"});
    for (const driver::CacheRow& e : r.entries)
        table.row({e.file, bytes_text(static_cast<double>(e.bytes)), age_text(now - e.last_used),
                   e.model});
    return out + "\n" + table.str(width);
}

}  // namespace smeaton::report
