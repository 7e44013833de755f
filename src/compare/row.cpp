#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "compare/row_parts.h"

namespace smeaton::compare {

namespace {

using machine::Interval;

void fill_power_and_cost(const RowInputs& c, DeviceRow& row) {
    if (c.options.throughput_tokens_s) {
        Quantity q;
        q.v = Interval::exact(*c.options.throughput_tokens_s);
        q.basis = "measured";
        q.formula = "given by --throughput-tokens-s";
        row.throughput = q;
    }
    const Power p = power(c.asked.device, row.count, 1, c.options.power_cap_w);
    row.power_w = p.wall_w;
    row.idle_w = p.idle_w;
    row.devices_w = p.devices_w;
    row.energy_term = p.main_term;
    row.energy_refused = p.refused;
    if (row.power_w && row.throughput) {
        Quantity q = *row.power_w;
        q.v = row.power_w->v / row.throughput->v;
        q.formula = "wall power / tokens/s";
        for (const std::string& flag : row.throughput->flags) q.flag(flag);
        row.energy_j_per_token = q;
        if (const auto pue = c.options.costs.values.find("pue");
            pue != c.options.costs.values.end()) {
            Quantity site = *row.power_w;
            site.v = site.v * pue->second.v;
            site.formula = "wall power x PUE";
            row.site_w = site;
        }
    }
    if (!row.throughput) return;
    CostCase of{&c.asked.device, static_cast<double>(row.count), row.throughput->v.low,
                row.throughput->v.value, row.throughput->v.high};
    if (row.power_w) of.wall_w = row.power_w->v;
    const CostResult cost = cost_of(c.options.costs, of);
    row.cost_usd_per_mtoken = cost.usd_per_mtoken;
    row.carbon_kg_per_mtoken = cost.carbon_kg_per_mtoken;
    row.cost_usd_per_hour = cost.usd_per_hour;
    row.cost_refused = cost.refused;
}

}  // namespace

DeviceRow row_of(const Workload& workload, const Traffic& traffic, const DeviceCount& asked,
                 const Options& options) {
    const machine::Device& d = asked.device;
    const bool by_memory = d.device_class == "FPGA" && workload.is_decoder &&
                           !machine::find_number(d, "peak." + options.format.peak);
    const RowInputs c{workload, traffic, asked, options, by_memory, options.format, {}};
    DeviceRow row;
    row.device = d.name;
    row.text = asked.text;
    row.device_class = d.device_class;
    row.count = asked.count;
    row.engine = options.engine;
    row.runs_on = engines_for(shipped_engine_lists(), workload, d);
    row.notes = d.notes;
    CostInput room;
    if (const CostInput* weeks = find_cost(options.costs, d, "porting_weeks", room))
        row.porting_weeks = weeks->v.value;
    if (!options.engine.empty() && !d.engines.empty() &&
        std::find(d.engines.begin(), d.engines.end(), options.engine) == d.engines.end())
        row.notes.push_back("no record that engine " + options.engine + " runs this device");
    if (by_memory)
        bound_by_memory(c, row);
    else
        workload.is_decoder ? decoder_row(c, row) : model_row(c, row);
    if (row.engine.empty()) row.engine = row.engines.size() == 1 ? row.engines[0].engine : "any";
    if (row.engines.size() == 1 && row.engines[0].rows > 0)
        row.left_out_error = row.engines[0].left_out_error;
    if (row.fits) fill_power_and_cost(c, row);
    return row;
}

}  // namespace smeaton::compare
