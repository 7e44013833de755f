#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

#include "base/error.h"
#include "compare/calibrate.h"
#include "compare/formats.h"

namespace smeaton::compare {

namespace {

/// Why no prediction is made for a row.
struct Left {
    std::string why;
};

struct Setting {
    machine::Device device;
    const Workload* workload = nullptr;
    Format format;
    Split split;
    EngineMemory memory;
    double prompt = 0, output = 0;
};

std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

Format format_of(const Row& row) {
    std::string precision = lower(row.precision);
    if (precision.starts_with("gguf ")) precision = precision.substr(5);
    if (precision.empty() && holds(row.source, "MLPerf") && row.engine == "trtllm")
        precision = "fp8";  // what NVIDIA's and its partners' submissions of these models run
    if (precision.empty()) throw Left{"its precision is not stated"};
    const std::vector<std::string> names = format_names();
    if (std::find(names.begin(), names.end(), precision) == names.end())
        throw Left{"its precision '" + row.precision + "' is no format known here"};
    return format_named(precision);
}

machine::Device device_of(const Row& row) {
    std::string name = row.hardware;
    if (name.starts_with("4x ")) name = name.substr(3);
    try {
        return machine::read_device(name);
    } catch (const UserError&) {
        throw Left{"its hardware is no device known here"};
    }
}

std::optional<double> figure_after(const std::string& text, const std::string& key) {
    const size_t at = text.find(key);
    if (at == std::string::npos) return std::nullopt;
    double value = 0;
    const char* from = text.data() + at + key.size();
    if (std::from_chars(from, text.data() + text.size(), value).ec != std::errc())
        return std::nullopt;
    return value;
}

/// Mean lengths of the data sets of MLPerf, where rows do not state lengths.
void lengths_of(const Row& row, Setting& s) {
    s.prompt = row.prompt;
    s.output = row.output;
    if (s.prompt > 0 || s.output > 0) return;
    if (row.model == "Llama-2-70B" && holds(row.note, "OpenOrca")) {
        // OpenOrca's 24,576 samples: 294.45 tokens in; the note gives 291 to 294 out.
        s.prompt = 294;
        s.output = 293;
        return;
    }
    throw Left{"its lengths are not stated"};
}

/// Tensor parallelism that gives the most tokens on all devices, by what engines commonly reach.
int fastest_degree(const Setting& s, int devices) {
    cost::Efficiency common;
    common.compute = 0.6;
    common.memory = 0.8;
    common.link = 0.4;
    common.link_s = 1e-5;
    const double bytes =
        machine::need(s.device, "memory_gb", "a row").number.value * 1024 * 1024 * 1024;
    int best = 1;
    double most = 0;
    for (int t = 1; t <= devices && std::fmod(s.workload->decoder.heads, t) == 0; t *= 2) {
        Serving serving;
        serving.model = &s.workload->decoder;
        serving.bits = s.format.bits;
        serving.split = {t, 1, 1, devices / t};
        serving.rates = rates_of(s.device, s.format.peak, s.format.attention, t > 1, "this row");
        serving.efficiency = common;
        const double batch = most_sequences(*s.workload, s.format.bits, serving.split, bytes,
                                            s.memory, s.prompt + s.output);
        if (batch < 1) continue;
        const double rate = closed_loop(serving, batch, s.prompt, s.output).tokens_per_s;
        if (rate > most) {
            most = rate;
            best = t;
        }
    }
    return best;
}

Split split_of(const Row& row, const Setting& s) {
    Split split;
    const auto devices = static_cast<int>(row.devices);
    split.tensor = degree(row.parallelism, "TP");
    split.stages = std::max(1, degree(row.parallelism, "PP"));
    split.experts = std::max(1, degree(row.parallelism, "EP"));
    if (holds(row.parallelism, "disagg"))
        throw Left{"prefill and decode stand on separate devices"};
    if (split.tensor == 0) split.tensor = fastest_degree(s, devices);
    split.replicas = std::max(1, devices / (split.tensor * split.stages));
    return split;
}

Serving serving_of(const Setting& s) {
    Serving serving;
    serving.model = &s.workload->decoder;
    serving.bits = s.format.bits;
    serving.split = s.split;
    serving.rates = rates_of(s.device, s.format.peak, s.format.attention,
                             s.split.tensor * s.split.stages > 1, "this row");
    return serving;
}

double batch_of(const Row& row, const Setting& s) {
    double batch = 0;
    const char* end = row.batch.data() + row.batch.size();
    const auto [rest, error] = std::from_chars(row.batch.data(), end, batch);
    if (error == std::errc() && rest == end && batch > 0) return batch;
    if (!holds(row.batch, "max")) throw Left{"its batch is not stated"};
    const double gib = machine::need(s.device, "memory_gb", "a row").number.value;
    const double most = most_sequences(*s.workload, s.format.bits, s.split,
                                       gib * 1024 * 1024 * 1024, s.memory, s.prompt + s.output);
    if (most < 1) throw Left{"by this model it does not fit"};
    return most;
}

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

using cost::OperatorWork;

/// An operator of the rows, by its name: GPT-3 175B, one layer, on four devices.
OperatorWork layer_operator(const Row& row) {
    constexpr double h = 12288, heads = 96, size = 128;
    const double t = std::max(1, degree(row.parallelism, "TP"));
    const double batch = figure_after(row.batch, "").value_or(8);
    const bool decoding = row.metric.starts_with("decode");
    const double context = decoding ? figure_after(row.note, "").value_or(row.prompt) : row.prompt;
    const double keys = context > 0 ? context : 3072, queries = decoding ? 1 : keys;
    const double tokens = batch * queries;
    auto product = [&](double depth, double columns) {
        OperatorWork w;
        w.rows = tokens;
        w.flops = 2 * tokens * depth * columns;
        w.weight_bytes = 2 * depth * columns;
        w.activation_bytes = 2 * tokens * (depth + columns);
        return w;
    };
    auto streamed = [&](OperatorWork::Kind kind, double elements) {
        OperatorWork w;
        w.kind = kind;
        w.flops = 8 * elements;
        w.activation_bytes = 4 * elements;
        return w;
    };
    const double scores = batch * heads / t * queries * keys;
    const std::string& op = row.note;
    if (holds(op, "QKV")) return product(h, 3 * h / t);
    if (holds(op, "output projection")) return product(h / t, h);
    if (holds(op, "FFN W1")) return product(h, 4 * h / t);
    if (holds(op, "FFN W2")) return product(4 * h / t, h);
    if (holds(op, "softmax")) return streamed(OperatorWork::Kind::Softmax, scores);
    if (holds(op, "layernorm")) return streamed(OperatorWork::Kind::Norm, tokens * h);
    if (holds(op, "GeLU")) return streamed(OperatorWork::Kind::Elementwise, tokens * 4 * h / t);
    if (holds(op, "Q x K") || holds(op, "A x V")) {
        OperatorWork w;
        w.kind = OperatorWork::Kind::Attention;
        w.flops = 2 * scores * size;
        w.cache_bytes = 2 * batch * heads / t * keys * size;
        w.activation_bytes = 2 * scores + 2 * batch * heads / t * queries * size;
        return w;
    }
    throw Left{"an operator that is not known here"};
}

void single_operator(const Row& row, const Setting& s, RowCase& c) {
    const cost::DeviceRates rates = rates_of(s.device, "fp16", "fp16", row.devices > 1, "this row");
    c.quantity = "operator";
    c.seconds = row.unit == "us" ? row.value / 1e6 : row.value / 1e3;
    if (holds(row.note, "all-reduce")) {
        const bool decoding = row.metric.starts_with("decode");
        const double bytes = 8 * (decoding ? 1 : 2048) * 12288 * 2.0, n = row.devices;
        c.predict = [=](const cost::Efficiency& e) { return all_reduce_s(bytes, n, rates, e); };
        return;
    }
    OperatorWork w;
    if (row.metric == "gemm_time") {
        const auto m = figure_after(row.note, "M="), k = figure_after(row.note, "K="),
                   n = figure_after(row.note, "N=");
        if (!m || !k || !n) throw Left{"its sizes are not stated"};
        w.rows = *m;
        w.flops = 2 * *m * *k * *n;
        w.weight_bytes = 2 * *k * *n;
        w.activation_bytes = 2 * *m * (*k + *n);
    } else {
        w = layer_operator(row);
    }
    c.predict = [=](const cost::Efficiency& e) { return operator_time(w, rates, e).seconds; };
}

RowCase case_of(const Row& row,
                const std::function<const Workload*(const std::string&)>& workload) {
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
    RowCase c;
    c.row = row;
    c.device = s.device.name;
    c.family = s.device.family;
    c.engine = row.engine;
    if (op) {
        c.width = "16";
        single_operator(row, s, c);
    } else {
        s.workload = workload(row.model);
        if (!s.workload) throw Left{"no configuration of its model is known"};
        if (!s.workload->is_decoder) throw Left{"its model gives no tokens"};
        s.format = format_of(row);
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

cost::DeviceRates rates_of(const machine::Device& device, const std::string& peak,
                           const std::string& attention_peak, bool needs_link,
                           const std::string& what) {
    constexpr double kTera = 1e12, kGiga = 1e9;
    cost::DeviceRates rates;
    rates.matrix_flops = need_dense_peak(device, peak, what).number.value * kTera;
    // Where attention's own format has no peak, it computes in that of the products.
    const auto* own = machine::find_number(device, "peak." + attention_peak);
    rates.attention_flops =
        own && own->sparse.empty() ? own->number.value * kTera : rates.matrix_flops;
    if (const auto* vector = machine::find_number(device, "peak.fp32"))
        rates.vector_flops = vector->number.value * kTera;
    rates.memory_bytes = machine::need(device, "bandwidth_gb_s", what).number.value * kGiga;
    if (needs_link) {
        const machine::DeviceNumber& link = machine::need(device, "link_gb_s", what);
        rates.link_bytes = link.number.value * kGiga / (link.ways == "one" ? 1 : 2);
    }
    return rates;
}

RowCases cases_of(const std::vector<Row>& rows,
                  const std::function<const Workload*(const std::string&)>& workload) {
    RowCases out;
    for (const Row& row : rows) {
        try {
            out.cases.push_back(case_of(row, workload));
        } catch (const Left& left) {
            out.left.push_back({row.line, row.model, row.hardware, row.metric, left.why});
        }
    }
    return out;
}

}  // namespace smeaton::compare
