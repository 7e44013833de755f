#include "compare/row_setting.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "compare/rates.h"

namespace smeaton::compare {

namespace {

std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

/// Tensor parallelism that gives the most tokens on all devices, by what engines commonly reach.
int fastest_degree(const Setting& s, int devices) {
    cost::Efficiency common;
    common.compute = 0.6;
    common.memory = 0.8;
    common.link = 0.4;
    common.link_s = 1e-5;
    if (devices <= 1) return 1;
    const double bytes =
        machine::need(s.device, "memory_gb", "a row").number.value * 1024 * 1024 * 1024;
    int best = 1;
    double most = 0;
    for (int t = 1; t <= devices && std::fmod(s.workload->decoder.heads, t) == 0; t *= 2) {
        Serving serving;
        serving.model = &s.workload->decoder;
        serving.bits = s.format.bits;
        serving.split = {t, 1, 1, devices / t};
        serving.rates =
            rates_of(s.device, s.format.peak, s.format.attention, t > 1, "this row", s.engine);
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

}  // namespace

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

Format format_on(const Row& row, const Setting& s) {
    const Format format = format_of(row);
    const std::string& own = s.workload->quantised;
    const std::vector<std::string> names = format_names();
    if (std::find(names.begin(), names.end(), own) != names.end() &&
        cost::width_of(format_named(own).bits.weights) != cost::width_of(format.bits.weights))
        throw Left{"its precision '" + row.precision + "' is not that of the model's file, " + own};
    const bool lacks = format.peak == "fp4" && !machine::dense_peak(s.device, "fp4", "fp32");
    return lacks ? format_named("mxfp4") : format;
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

const Workload& workload_of(const Row& row, const WorkloadOf& workload) {
    const Workload* found = workload(row.model);
    if (!found) throw Left{"no configuration of its model is known"};
    if (!found->is_decoder) throw Left{"its model gives no tokens"};
    return *found;
}

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
                             s.split.tensor * s.split.stages > 1, "this row", s.engine);
    return serving;
}

double batch_of(const Row& row, const Setting& s, bool may_wait) {
    double batch = 0;
    const char* end = row.batch.data() + row.batch.size();
    const auto [rest, error] = std::from_chars(row.batch.data(), end, batch);
    const bool stated = error == std::errc() && rest == end && batch > 0;
    if (!stated && !holds(row.batch, "max")) throw Left{"its batch is not stated"};
    if (stated && may_wait) return batch;
    const double gib = machine::need(s.device, "memory_gb", "a row").number.value;
    EngineMemory memory = s.memory;
    if (stated) memory.most_batch = 0;
    const double most = most_sequences(*s.workload, s.format.bits, s.split,
                                       gib * 1024 * 1024 * 1024, memory, s.prompt + s.output);
    if (most < 1) throw Left{"by this model it does not fit"};
    if (stated && batch > most * s.split.replicas)
        throw Left{"by this model its batch does not fit at once: some of it waits"};
    return stated ? batch : most;
}

namespace {

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

}  // namespace

cost::OperatorWork operator_of(const Row& row) {
    if (row.metric != "gemm_time") return layer_operator(row);
    const auto m = figure_after(row.note, "M="), k = figure_after(row.note, "K="),
               n = figure_after(row.note, "N=");
    if (!m || !k || !n) throw Left{"its sizes are not stated"};
    OperatorWork w;
    w.rows = *m;
    w.flops = 2 * *m * *k * *n;
    w.weight_bytes = 2 * *k * *n;
    w.activation_bytes = 2 * *m * (*k + *n);
    return w;
}

}  // namespace smeaton::compare
