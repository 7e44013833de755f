#include <charconv>
#include <cmath>

#include "base/error.h"
#include "compare/rates.h"
#include "compare/row_setting.h"

namespace smeaton::compare {

namespace {

/// One sequence: a prompt, or a token of the answer.
void single(const Row& row, Setting& s, RowCase& c) {
    const bool prefilling = row.metric.starts_with("prefill");
    s.prompt = row.prompt;
    s.output = row.output;
    s.split = split_of(row, s);
    s.split.replicas = 1;
    const Serving serving = serving_of(s);
    const double prompt = s.prompt, context = s.prompt + s.output / 2;
    c.quantity = prefilling ? "prefill" : "decode";
    c.context = prompt + s.output;
    const bool rate = row.metric.ends_with("per_s");
    c.seconds = !rate ? row.value / 1e3 : (prefilling ? prompt : 1) / row.value;
    c.predict = [=](const cost::Efficiency& e) {
        Serving with = serving;
        with.efficiency = e;
        return prefilling ? prefill(with, 1, prompt).seconds : decode(with, 1, context).seconds;
    };
}

void loop(const Row& row, Setting& s, RowCase& c) {
    lengths_of(row, s);
    s.split = split_of(row, s);
    const Serving serving = serving_of(s);
    const double batch = batch_of(row, s), prompt = s.prompt, output = s.output;
    c.batch = batch;
    c.context = prompt + output;
    const bool tpot = row.metric == "tpot";
    const double replicas = s.split.replicas;
    // Concurrency of the row is that of the whole; each replica has its part.
    const double each = tpot ? std::max(1.0, batch / replicas) : batch;
    c.quantity = tpot ? "decode" : "throughput";
    c.seconds = tpot ? row.value / 1e3 : each * replicas / row.value;
    c.predict = [=](const cost::Efficiency& e) {
        Serving with = serving;
        with.efficiency = e;
        return closed_loop(with, each, prompt, output).iteration_s;
    };
}

void single_operator(const Row& row, const Setting& s, RowCase& c) {
    const cost::DeviceRates rates =
        rates_of(s.device, "fp16", "fp16", row.devices > 1, "this row", row.engine);
    c.quantity = "operator";
    c.seconds = row.unit == "us" ? row.value / 1e6 : row.value / 1e3;
    if (holds(row.note, "all-reduce")) {
        const bool decoding = row.metric.starts_with("decode");
        const double bytes = 8 * (decoding ? 1 : 2048) * 12288 * 2.0, n = row.devices;
        c.predict = [=](const cost::Efficiency& e) { return all_reduce_s(bytes, n, rates, e); };
        return;
    }
    const cost::OperatorWork w = operator_of(row);
    c.predict = [=](const cost::Efficiency& e) { return operator_time(w, rates, e).seconds; };
}

RowCase case_of(const Row& row, const WorkloadOf& workload) {
    const bool op = row.metric == "gemm_time" || row.metric.ends_with("operator_time");
    const bool one = row.metric == "decode_tokens_per_s" || row.metric == "prefill_tokens_per_s" ||
                     row.metric == "decode_latency_per_token" || row.metric == "prefill_latency";
    const bool many = row.metric == "output_throughput" || row.metric == "offline_throughput" ||
                      row.metric == "tpot";
    if (row.metric == "ttft")
        throw Left{"its time depends on how requests meet, which rows do not say"};
    if (!op && !one && !many) throw Left{"its metric is not predicted here"};
    if (row.engine.empty()) throw Left{"its engine is not stated"};
    if (row.unit == "samples/s") throw Left{"samples, of lengths that are not stated"};
    if (row.value <= 0) throw Left{"its value is not positive"};
    Setting s;
    s.device = device_of(row);
    s.engine = row.engine;
    RowCase c;
    c.row = row;
    c.device = s.device.name;
    c.family = s.device.family;
    c.engine = row.engine;
    if (op) {
        c.width = "16";
        single_operator(row, s, c);
    } else {
        s.workload = &workload_of(row, workload);
        s.format = format_on(row, s);
        s.memory = memory_of_engine(row.engine);
        c.width = cost::width_of(s.format.bits.weights);
        try {
            one ? single(row, s, c) : loop(row, s, c);
        } catch (const UserError& error) {
            throw Left{error.what()};
        }
    }
    cost::Efficiency roofline;
    c.bound_s = c.predict(roofline);
    return c;
}

}  // namespace

RowCases cases_of(const std::vector<Row>& rows, const WorkloadOf& workload) {
    RowCases out;
    for (const Row& row : rows) {
        try {
            out.cases.push_back(case_of(row, workload));
        } catch (const Left& left) {
            out.left.push_back({row.line, row.model, row.hardware, row.metric, left.why});
        }
        try {
            out.bounds.push_back(bound_of(row, workload));
        } catch (const Left& left) {
            out.unbounded.push_back({row.line, row.model, row.hardware, row.metric, left.why});
        }
    }
    return out;
}

}  // namespace smeaton::compare
