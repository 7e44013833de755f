#include "driver/simulate/events.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/output_file.h"
#include "sim/events/events.h"

namespace smeaton::driver {
namespace {

/// Trace event format: a row for each unit, a row for the kernels; times in us.
std::string timeline_text(const sim::events::ProgramEvents& events, const std::string& machine) {
    std::string out = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n";
    auto text = [](const std::string& s) { return nlohmann::json(s).dump(); };
    auto row = [&](size_t unit, const std::string& name) {
        out += fmt::format(
            "{{\"ph\": \"M\", \"name\": \"thread_name\", \"pid\": 1, \"tid\": {}, "
            "\"args\": {{\"name\": {}}}}},\n",
            unit, text(name));
    };
    for (size_t unit = 0; unit < events.units.size(); ++unit)
        if (events.busy_us.count(events.units[unit]) > 0) row(unit, events.units[unit]);
    for (const sim::events::TimelineSlice& s : events.timeline)
        out += fmt::format(
            "{{\"ph\": \"X\", \"name\": {}, \"cat\": {}, \"pid\": 1, \"tid\": {}, "
            "\"ts\": {:.6f}, \"dur\": {:.6f}}},\n",
            text(s.what), text(s.kernel), s.unit, s.start_us, s.time_us);
    out += fmt::format(
        "{{\"ph\": \"M\", \"name\": \"process_name\", \"pid\": 1, \"args\": "
        "{{\"name\": {}}}}}\n]}}\n",
        text(machine));
    return out;
}

/// Of the levels that the closed form tells of; registers are none of them.
KernelByEvents by_events(const SimulatedKernel& k, const sim::events::KernelRow& row) {
    KernelByEvents events{row.time_us, row.macs, {}};
    for (const SimulatedLevel& l : k.levels)
        events.bytes[l.name] = row.read_bytes.at(l.name) + row.written_bytes.at(l.name);
    return events;
}

}  // namespace

void add_events(const gir::Program& program, const machine::Machine& m,
                const SimulateOptions& options, SimulateResult& result) {
    sim::events::ProgramEvents events =
        sim::events::simulate(program, m, {!options.trace.empty(), options.overlap});
    SimulatedEvents summary;
    summary.time_ms = events.time_us * 1e-3;
    summary.load_ms = events.once_us * 1e-3;
    summary.events = events.events;
    for (const auto& [unit, us] : events.busy_us) summary.busy_ms[unit] = us * 1e-3;
    std::map<std::string, const sim::events::KernelRow*> rows;
    for (const sim::events::KernelRow& row : events.kernels) rows[row.name] = &row;
    for (SimulatedKernel& k : result.kernels) {
        auto found = rows.find(k.name);
        if (found == rows.end()) continue;
        const sim::events::KernelRow& row = *found->second;
        k.events = by_events(k, row);
        const double difference = row.time_us > 0 ? std::abs(k.time_us.value / row.time_us - 1) : 0;
        if (k.once || difference <= summary.worst_difference) continue;
        summary.worst_difference = difference;
        summary.worst_kernel = k.name;
    }
    result.events = summary;
    if (!options.trace.empty()) write_file(options.trace, timeline_text(events, m.name));
}

}  // namespace smeaton::driver
