#include "report/compare.h"
#include "report/json_parts.h"

namespace smeaton::report {

namespace {

using compare::Quantity;

Json json_of(const Quantity& q) {
    Json out = {{"low", q.v.low}, {"value", q.v.value}, {"high", q.v.high}, {"basis", q.basis}};
    out["flags"] = q.flags;
    out["sources"] = q.sources;
    out["formula"] = q.formula;
    return out;
}

Json json_of(const std::optional<Quantity>& q) {
    return q ? json_of(*q) : Json(nullptr);
}

Json json_of(const compare::Capacity& c) {
    return {{"fits", c.fits},
            {"usable_bytes", c.usable_bytes},
            {"needed_bytes", c.needed_bytes()},
            {"weights_bytes", c.weights_bytes},
            {"cache_bytes", c.cache_bytes},
            {"activation_bytes", c.activation_bytes},
            {"workspace_bytes", c.workspace_bytes}};
}

Json json_of(const compare::EngineRow& e) {
    return {{"engine", e.engine},
            {"ttft_ms", json_of(e.ttft_ms)},
            {"tpot_ms", json_of(e.tpot_ms)},
            {"latency_ms", json_of(e.latency_ms)},
            {"throughput_tokens_s", json_of(e.throughput)},
            {"rows", e.rows},
            {"left_out_error", e.rows > 0 ? Json(e.left_out_error) : Json(nullptr)}};
}

Json adoption_of(const compare::DeviceRow& row) {
    Json out = {{"engines", Json::array()}, {"lacks", Json::object()}};
    for (const compare::EngineFit& fit : row.runs_on) {
        out["engines"].push_back(fit.engine);
        out["lacks"][fit.engine] = {{"operators", fit.known ? Json(fit.lacks) : Json("unknown")},
                                    {"why", fit.why},
                                    {"source", fit.source},
                                    {"date", fit.date}};
    }
    out["porting_weeks"] = row.porting_weeks ? Json(*row.porting_weeks) : Json(nullptr);
    return out;
}

Json json_of(const compare::DeviceRow& row) {
    Json out = {{"device", row.device}, {"asked", row.text},    {"class", row.device_class},
                {"count", row.count},   {"engine", row.engine}, {"fits", row.fits},
                {"limit", row.limit}};
    if (!row.fits) out["reason"] = row.why_not;
    out["parallel"] = {{"t", row.split.tensor},
                       {"p", row.split.stages},
                       {"d", row.split.replicas},
                       {"e", row.split.experts}};
    out["batch"] = row.batch;
    out["memory"] = json_of(row.capacity);
    out["ttft_ms"] = json_of(row.ttft_ms);
    out["tpot_ms"] = json_of(row.tpot_ms);
    out["latency_ms"] = json_of(row.latency_ms);
    out["throughput_tokens_s"] = json_of(row.throughput);
    out["bound_ms"] = json_of(row.bound_ms);
    out["prefill_bound_ms"] = json_of(row.prefill_bound_ms);
    out["power_w"] = json_of(row.power_w);
    out["idle_w"] = json_of(row.idle_w);
    out["devices_rated_w"] = json_of(row.devices_w);
    out["site_w"] = json_of(row.site_w);
    out["energy_j_per_token"] = json_of(row.energy_j_per_token);
    out["energy_main_term"] = row.energy_term;
    out["energy_refused"] = row.energy_refused;
    out["cost_usd_per_mtoken"] = json_of(row.cost_usd_per_mtoken);
    out["cost_usd_per_hour"] = json_of(row.cost_usd_per_hour);
    out["cost_refused"] = row.cost_refused;
    out["carbon_kg_per_mtoken"] = json_of(row.carbon_kg_per_mtoken);
    out["left_out_error"] = row.left_out_error ? Json(*row.left_out_error) : Json(nullptr);
    out["measured"] = json_of(row.measured);
    out["engines"] = Json::array();
    for (const compare::EngineRow& e : row.engines) out["engines"].push_back(json_of(e));
    out["adoption"] = adoption_of(row);
    out["notes"] = row.notes;
    return out;
}

Json json_of(const compare::Flip& f) {
    Json out = {{"input", f.input}, {"from", f.from}, {"to", f.to}};
    out["value"] = f.sampled ? Json(nullptr) : Json(f.value);
    out["sampled"] = f.sampled;
    out["share"] = f.sampled ? Json(f.share) : Json(nullptr);
    return out;
}

Json errors_of(const std::map<std::string, cost::FitError>& all) {
    Json out = Json::object();
    for (const auto& [name, e] : all)
        out[name] = {{"rows", e.rows}, {"mean", e.mean}, {"bias", e.bias}};
    return out;
}

Json json_of(const cost::Calibration& c) {
    Json out = {{"engine", c.engine},
                {"width", c.width},
                {"families", c.families},
                {"most_batch", c.most_batch},
                {"most_context", c.most_context}};
    out["efficiency"] = Json::object();
    for (const cost::EfficiencyTerm& term : cost::efficiency_terms())
        out["efficiency"][term.name] = c.efficiency.*term.at;
    out["spread"] = Json::object();
    for (const auto& [name, s] : c.spread) out["spread"][name] = {{"low", s.low}, {"high", s.high}};
    out["fitted"] = errors_of(c.fitted);
    out["left_out"] = errors_of(c.left_out);
    out["left_out_by_device"] = c.left_out_by_device;
    out["sources"] = c.sources;
    return out;
}

Json accuracy_of(const driver::CompareResult& r) {
    Json out = {{"format", r.format},
                {"sparsity", r.sparsity.empty() ? Json(nullptr) : Json(r.sparsity)},
                {"lossless", r.lossless},
                {"rows", Json::array()}};
    for (const compare::CompressionRow& row : r.accuracy)
        out["rows"].push_back(
            {{"model", row.model},
             {"method", row.method},
             {"loss_percent", row.loss_percent ? Json(*row.loss_percent) : Json("unknown")},
             {"measure", row.measure},
             {"source", row.source}});
    return out;
}

Json left_of(const compare::LeftRow& row) {
    return {{"line", row.line},
            {"model", row.model},
            {"hardware", row.hardware},
            {"metric", row.metric},
            {"reason", row.why}};
}

template <class T>
Json maybe(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

Json json_of(const compare::SurveyRow& row) {
    const compare::Design& d = row.design;
    Json out = {{"design", d.name},
                {"year", d.year},
                {"platform", d.platform},
                {"scope", d.scope},
                {"kind", d.kind},
                {"list", d.list},
                {"claim", d.claim},
                {"baseline", d.baseline},
                {"source", d.source},
                {"speedup", maybe(d.speedup)},
                {"energy_ratio", maybe(d.energy_ratio)}};
    out["approximation"] = d.approximation;
    out["conflict"] = d.conflict;
    out["missing"] = d.missing;
    out["normalised"] = {{"gops_per_multiplier_ghz", json_of(row.gops_per_multiplier_ghz)},
                         {"gops_at_7nm", json_of(row.gops_at_7nm)},
                         {"end_to_end_speedup", json_of(row.end_to_end_speedup)},
                         {"tokens_per_s", json_of(row.tokens_per_s)},
                         {"j_per_token", json_of(row.j_per_token)}};
    out["reason"] = row.reason;
    return out;
}

/// Every compression of a model of this shape on every device.
Json compressed_of(const driver::CompareResult& r) {
    Json out = Json::array();
    for (const driver::Compressed& c : r.compressed) {
        Json one = {
            {"model", c.row.model},
            {"method", c.row.method},
            {"format", c.row.format},
            {"weight_bits", c.format.bits.weights},
            {"cache_bits", c.format.bits.cache},
            {"sparsity", c.row.sparsity.any() ? Json(c.row.sparsity.text()) : Json(nullptr)},
            {"loss_percent", c.row.loss_percent ? Json(*c.row.loss_percent) : Json("unknown")},
            {"measure", c.row.measure},
            {"source", c.row.source},
            {"not_taken", c.not_taken.empty() ? Json(nullptr) : Json(c.not_taken)},
            {"devices", Json::array()}};
        for (const driver::CompressedOn& on : c.devices)
            one["devices"].push_back(
                {{"device", on.row.text},
                 {"refused", on.refused.empty() ? Json(nullptr) : Json(on.refused)},
                 {"fits", on.row.fits},
                 {"weights_bytes", on.row.capacity.weights_bytes},
                 {"ttft_ms", json_of(on.row.ttft_ms)},
                 {"tpot_ms", json_of(on.row.tpot_ms)},
                 {"throughput_tokens_s", json_of(on.row.throughput)},
                 {"cost_usd_per_mtoken", json_of(on.row.cost_usd_per_mtoken)}});
        out.push_back(one);
    }
    return out;
}

Json workload_of(const driver::CompareResult& r) {
    const compare::Workload& w = r.workload;
    Json out = {{"model", r.model},
                {"parameters", w.parameters},
                {"active_parameters", w.active_parameters},
                {"bits", {{"w", r.bits.weights}, {"a", r.bits.activations}, {"kv", r.bits.cache}}},
                {"format", r.format}};
    if (w.is_decoder) {
        out["kv_bytes_per_token"] = w.decoder.kv_elements * r.bits.cache / 8;
        out["prompt"] = r.asked.prompt.mean;
        out["output"] = r.asked.output.mean;
        out["concurrency"] = r.asked.concurrency ? Json(*r.asked.concurrency) : Json("max");
    } else {
        out["batch"] = w.batch;
        out["flops"] = w.flops;
        out["bytes"] = w.bytes;
    }
    return out;
}

}  // namespace

std::string json(const driver::CompareResult& r) {
    Json out = {{"workload", workload_of(r)}, {"engine", r.engine}, {"rows", Json::array()}};
    for (const compare::DeviceRow& row : r.comparison.rows) out["rows"].push_back(json_of(row));
    out["ranking"] = r.comparison.ranking;
    out["ranked_by"] = r.comparison.ranked_by;
    out["why_first"] = r.comparison.why_first;
    out["flips"] = Json::array();
    for (const compare::Flip& f : r.comparison.flips) out["flips"].push_back(json_of(f));
    out["crossings"] = Json::array();
    for (const compare::Crossing& x : r.comparison.crossings)
        out["crossings"].push_back({{"device", x.device},
                                    {"against", x.against},
                                    {"volume", x.volume},
                                    {"nre_usd", x.nre_usd}});
    out["refused"] = Json::array();
    for (const compare::Refused& refused : r.comparison.refused)
        out["refused"].push_back({{"device", refused.device}, {"reason", refused.reason}});
    out["inputs"] = Json::object();
    out["inputs"]["mode"] = r.costs.mode;
    for (const auto& [key, input] : r.costs.values)
        out["inputs"][key] = {{"low", input.v.low},
                              {"value", input.v.value},
                              {"high", input.v.high},
                              {"source", input.source},
                              {"date", input.date}};
    out["accuracy"] = accuracy_of(r);
    if (!r.compressed.empty()) out["compressed"] = compressed_of(r);
    out["warnings"] = r.warnings;
    return dump(out);
}

std::string json(const std::vector<compare::SurveyRow>& rows) {
    Json out = {{"survey", Json::array()}};
    for (const compare::SurveyRow& row : rows) out["survey"].push_back(json_of(row));
    return dump(out);
}

std::string json(const compare::CalibrationResult& r) {
    Json out = {{"calibrations", Json::array()}, {"rows", Json::array()}, {"left", Json::array()}};
    for (const cost::Calibration& c : r.calibrations) out["calibrations"].push_back(json_of(c));
    for (const compare::RowResult& row : r.rows)
        out["rows"].push_back({{"line", row.line},
                               {"model", row.model},
                               {"device", row.device},
                               {"engine", row.engine},
                               {"width", row.width},
                               {"quantity", row.quantity},
                               {"metric", row.metric},
                               {"measured_s", row.measured_s},
                               {"fitted_s", row.fitted_s},
                               {"left_out_s", row.left_out_s},
                               {"bound_s", row.bound_s},
                               {"low_s", row.low_s},
                               {"high_s", row.high_s}});
    for (const compare::LeftRow& row : r.left) out["left"].push_back(left_of(row));
    out["bounds"] = Json::array();
    for (const compare::RowBound& b : r.bounds)
        out["bounds"].push_back({{"line", b.line},
                                 {"model", b.model},
                                 {"hardware", b.hardware},
                                 {"metric", b.metric},
                                 {"measured_s", b.measured_s},
                                 {"bound_s", b.bound_s},
                                 {"basis", b.basis}});
    out["unbounded"] = Json::array();
    for (const compare::LeftRow& row : r.unbounded) out["unbounded"].push_back(left_of(row));
    out["yaml"] = cost::print_calibrations(r.calibrations);
    return dump(out);
}

}  // namespace smeaton::report
