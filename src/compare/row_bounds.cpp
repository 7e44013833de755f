#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "compare/rates.h"
#include "compare/row_setting.h"

namespace smeaton::compare {

namespace {

constexpr double kNoLimit = 1e30;

/// Names of rows carry the site, or what stands beside the device: "A100 80GB SXM (Selene)".
machine::Device plain_device_of(Row row) {
    row.hardware = row.hardware.substr(0, row.hardware.find(" ("));
    row.hardware = row.hardware.substr(0, row.hardware.find(", "));
    return device_of(row);
}

/// The fastest dense rate that is stated for operands of 16 bits or fewer; no limit where none is.
double fastest_rate(const machine::Device& d) {
    double best = 0;
    for (const auto& [format, peak] : d.peak) {
        if (format == "fp64" || format == "fp32" || format == "tf32") continue;
        if (peak.sparse.empty()) best = std::max(best, peak.number.high);
        for (const machine::DeviceNumber& other : peak.also)
            if (other.sparse.empty()) best = std::max(best, other.number.high);
    }
    return best > 0 ? best * 1e12 : kNoLimit;
}

/// The format of a row; where it states none, the fewest bits of all and the fastest of all rates.
Serving loosest(const Row& row, Setting& s, RowBound& b) {
    Serving serving;
    serving.model = &s.workload->decoder;
    serving.roofline = true;
    serving.rates.memory_bytes =
        machine::need(s.device, "bandwidth_gb_s", "a row").number.high * 1e9;
    serving.rates.link_bytes = kNoLimit;
    serving.rates.matrix_flops = fastest_rate(s.device);
    try {
        s.format = format_of(row);
        // A peak that nobody states may be any.
        const std::string sums = sums_of(row.engine);
        if (machine::dense_peak(s.device, s.format.peak, sums))
            serving.rates.matrix_flops =
                machine::dense_rate(s.device, s.format.peak, sums)->tera.high * 1e12;
    } catch (const Left&) {
        Bits least;
        for (const std::string& name : format_names()) {
            const Bits bits = format_named(name).bits;
            least = {std::min(least.weights, bits.weights),
                     std::min(least.activations, bits.activations),
                     std::min(least.cache, bits.cache)};
        }
        s.format.bits = least;
        b.basis = "its precision is not stated: the fewest bits of all formats";
    }
    serving.rates.attention_flops = std::max(serving.rates.matrix_flops, fastest_rate(s.device));
    serving.bits = s.format.bits;
    return serving;
}

/// The part of a row on separate devices for prefill and decode: its t, e and batch.
struct Pool {
    Split split;
    double batch = 1;
};
Pool pool_of(const std::string& parallelism, const std::string& phase) {
    const size_t from = parallelism.find(phase + " ");
    if (from == std::string::npos) throw Left{"how its devices are split is not stated"};
    const std::string own = parallelism.substr(from, parallelism.find(')', from) - from);
    const auto batch = figure_after(own, "bs=");
    if (degree(own, "TP") < 1 || !batch) throw Left{"how its devices are split is not stated"};
    Pool pool;
    pool.split.tensor = degree(own, "TP");
    pool.split.experts = std::max(1, degree(own, "EP"));
    pool.split.replicas = static_cast<int>(pool.split.sharing());
    // Of the whole worker at the least: some count it for each of its replicas.
    pool.batch = std::max(1.0, *batch / pool.split.sharing());
    return pool;
}

double first_token(const Row& row, Setting& s, RowBound& b) {
    Serving serving = loosest(row, s, b);
    serving.split = holds(row.parallelism, "disagg") ? pool_of(row.parallelism, "prefill").split
                                                     : split_of(row, s);
    // Replicas that share experts may work for this one prompt alone.
    const double helped = serving.split.sharing();
    return prefill(serving, 1, row.prompt).bound_s / helped;
}

double next_token(const Row& row, Setting& s, RowBound& b) {
    Serving serving = loosest(row, s, b);
    double batch = 1;
    if (holds(row.parallelism, "disagg")) {
        const Pool pool = pool_of(row.parallelism, "decode");
        serving.split = pool.split;
        batch = pool.batch;
    } else {
        serving.split = split_of(row, s);
        if (row.metric == "tpot")
            batch = std::max(1.0, std::floor(batch_of(row, s, true) / serving.split.replicas));
    }
    return decode(serving, batch, row.prompt + row.output / 2).bound_s;
}

/// Seconds of a token of all devices at the best degree of tensor parallelism.
double token_of_all(const Row& row, Setting& s, RowBound& b) {
    try {
        lengths_of(row, s);
    } catch (const Left&) {
        const auto output = figure_after(row.note, "about ");
        if (!output || !holds(row.note, "output tokens per sample")) throw;
        s.prompt = 0;
        s.output = *output;
        b.basis = "its prompts are not stated: none at all";
    }
    Serving serving = loosest(row, s, b);
    const double bytes =
        machine::need(s.device, "memory_gb", "a row").number.high * 1024 * 1024 * 1024;
    const EngineMemory all{1, 0, 1, 0, true};
    double most = 0;
    const auto devices = static_cast<int>(row.devices);
    for (int t = 1; t <= devices && std::fmod(serving.model->heads, t) == 0; t *= 2) {
        serving.split = {t, 1, 1, std::max(1, devices / t)};
        const double batch = most_sequences(*s.workload, serving.bits, serving.split, bytes, all,
                                            s.prompt + s.output);
        if (batch < 1) continue;
        const double prompts = s.prompt > 0 ? prefill(serving, batch, s.prompt).bound_s : 0;
        const double step = decode(serving, batch, s.prompt + s.output / 2).bound_s;
        most = std::max(most, batch / (step + prompts / s.output) * devices / t);
    }
    if (most == 0) throw Left{"by this model it does not fit"};
    return 1 / most;
}

/// 6 FLOPs for each parameter and token: a forward and a backward pass, nothing recomputed.
RowBound training(const Row& row, RowBound b) {
    if (row.metric == "training_gpu_hours")
        throw Left{"the tokens that it was trained on are not stated"};
    const machine::Device d = plain_device_of(row);
    const std::string format = row.precision.empty() ? "bf16" : row.precision;
    const double peak = machine::need_dense_peak(d, format, "training").number.high * 1e12;
    if (row.metric == "training_flops_per_gpu") {
        b.measured_s = 1 / row.value;
        b.bound_s = 1e12 / peak;
        return b;
    }
    if (row.parameters <= 0) throw Left{"its parameters are not stated"};
    b.basis = "6 FLOPs a parameter and token";
    if (row.metric == "seconds_per_iteration") {
        const auto batch = figure_after(row.batch, "");
        if (!batch || row.prompt <= 0) throw Left{"its batch is not stated"};
        b.measured_s = row.value;
        b.bound_s = 6 * row.parameters * *batch * row.prompt / (row.devices * peak);
    } else {
        b.measured_s = 1 / row.value;
        b.bound_s = 6 * row.parameters / peak;
    }
    return b;
}

double seconds_of_operator(const Row& row) {
    const cost::DeviceRates rates =
        rates_of(device_of(row), "fp16", "fp16", row.devices > 1, "this row", row.engine);
    if (holds(row.note, "all-reduce")) {
        const double tokens = row.metric.starts_with("decode") ? 1 : 2048;
        return all_reduce_s(8 * tokens * 12288 * 2.0, row.devices, rates, {});
    }
    return operator_time(operator_of(row), rates, {}).bound_s;
}

/// Twelve operators, one after another.
double seconds_of_layer(Row row) {
    row.metric =
        row.metric.starts_with("decode") ? "decode_operator_time" : "prefill_operator_time";
    double sum = 0;
    for (const char* name :
         {"QKV projection", "Q x K", "softmax", "A x V", "output projection", "all-reduce",
          "layernorm", "FFN W1", "GeLU", "FFN W2", "all-reduce", "layernorm"}) {
        row.note = name;
        sum += seconds_of_operator(row);
    }
    return sum;
}

}  // namespace

RowBound bound_of(const Row& row, const WorkloadOf& workload) {
    RowBound b{row.line, row.model, row.hardware, row.metric, 0, 0, ""};
    const std::string& m = row.metric;
    if (m.starts_with("training_") || m == "seconds_per_iteration") return training(row, b);
    if (holds(m, "power") || holds(m, "energy"))
        throw Left{"a power or an energy, and what is bounded here are times"};
    if (row.value <= 0) throw Left{"its value is not positive"};
    try {
        if (m == "gemm_time" || m.ends_with("operator_time") || m.ends_with("layer_time")) {
            b.measured_s = row.value / (row.unit == "us" ? 1e6 : 1e3);
            b.bound_s =
                m.ends_with("layer_time") ? seconds_of_layer(row) : seconds_of_operator(row);
            return b;
        }
        if (row.unit == "samples/s") throw Left{"samples, of lengths that are not stated"};
        Setting s;
        s.device = plain_device_of(row);
        s.workload = &workload_of(row, workload);
        s.engine = row.engine;
        if (m == "ttft" || m.starts_with("prefill")) {
            b.measured_s = m == "prefill_tokens_per_s" ? row.prompt / row.value : row.value / 1e3;
            b.bound_s = first_token(row, s, b);
        } else if (m == "tpot" || m.starts_with("decode")) {
            b.measured_s = m == "decode_tokens_per_s" ? 1 / row.value : row.value / 1e3;
            b.bound_s = next_token(row, s, b);
        } else if (m == "total_latency") {
            b.measured_s = row.value / 1e3;
            b.bound_s = first_token(row, s, b) + row.output * next_token(row, s, b);
        } else if (m.ends_with("throughput")) {
            b.measured_s = 1 / row.value;
            b.bound_s = token_of_all(row, s, b);
        } else {
            throw Left{"its metric is not known here"};
        }
    } catch (const UserError& error) {
        throw Left{error.what()};
    }
    return b;
}

}  // namespace smeaton::compare
