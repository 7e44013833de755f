#include "cost/efficiency.h"

#include <algorithm>
#include <cmath>

namespace smeaton::cost {

namespace {

double saturating(double most, double size, double half) {
    return half > 0 ? most * size / (size + half) : most;
}

double over(double work, double rate) {
    return work > 0 ? work / rate : 0;  // no work needs no rate
}

struct Parts {
    double compute = 0, memory = 0, lanes = 0, launch = 0, bound = 0;
};

Parts product(const OperatorWork& w, const DeviceRates& d, const Efficiency& e) {
    Parts p;
    const double bytes = w.weight_bytes + w.cache_bytes + w.activation_bytes;
    const double flops = w.flops;
    const double peak = w.pruned && d.pruned_flops > 0 ? d.pruned_flops : d.matrix_flops;
    p.compute = over(flops, peak * saturating(e.compute, w.rows, e.rows_half));
    p.memory = over(bytes, d.memory_bytes * saturating(e.memory, bytes, e.bytes_half));
    if (w.rows < kThinRows && d.vector_flops > 0)
        p.lanes = over(flops, d.vector_flops) * e.lanes +
                  (over(flops, d.vector_flops) + over(flops, d.matrix_flops)) * e.unpack;
    p.launch = e.launch_s;
    p.bound = std::max(over(flops, peak), over(bytes, d.memory_bytes));
    return p;
}

Parts attention(const OperatorWork& w, const DeviceRates& d, const Efficiency& e) {
    Parts p;
    const double bytes = w.cache_bytes + w.activation_bytes;
    p.compute = over(w.flops, d.attention_flops * e.attention);
    p.memory = over(bytes, d.memory_bytes * e.cache);
    p.launch = e.launch_s;
    p.bound = std::max(over(w.flops, d.attention_flops), over(bytes, d.memory_bytes));
    return p;
}

Parts streamed(const OperatorWork& w, const DeviceRates& d, double share, double launch_s) {
    Parts p;
    const double bytes = w.weight_bytes + w.activation_bytes;
    const double rate = d.vector_flops > 0 ? d.vector_flops : d.matrix_flops;
    p.compute = over(w.flops, rate);
    p.memory = over(bytes, d.memory_bytes * share);
    p.launch = launch_s;
    p.bound = std::max(p.compute, over(bytes, d.memory_bytes));
    return p;
}

Parts parts_of(const OperatorWork& w, const DeviceRates& d, const Efficiency& e) {
    switch (w.kind) {
        case OperatorWork::Kind::Product:
            return product(w, d, e);
        case OperatorWork::Kind::Attention:
            return attention(w, d, e);
        case OperatorWork::Kind::Softmax:
            return streamed(w, d, e.softmax, e.softmax_s);
        case OperatorWork::Kind::Norm:
            return streamed(w, d, e.norm, e.norm_s);
        case OperatorWork::Kind::Elementwise:
            return streamed(w, d, e.elementwise, e.elementwise_s);
    }
    return {};
}

}  // namespace

const std::vector<EfficiencyTerm>& efficiency_terms() {
    static const std::vector<EfficiencyTerm> terms = {
#define X(name, one, least, most) {#name, &Efficiency::name, one, least, most},
        SMEATON_EFFICIENCIES(X)
#undef X
    };
    return terms;
}

const char* text(Limit limit) {
    switch (limit) {
        case Limit::Compute:
            return "compute";
        case Limit::Memory:
            return "memory bandwidth";
        case Limit::Link:
            return "link";
        case Limit::Launch:
            return "launch";
    }
    return "";
}

OperatorTime operator_time(const OperatorWork& w, const DeviceRates& d, const Efficiency& e) {
    const Parts p = parts_of(w, d, e);
    OperatorTime t;
    t.compute_s = (p.compute + p.lanes) * w.times;
    t.memory_s = p.memory * w.times;
    t.launch_s = p.launch * w.times;
    t.bound_s = p.bound * w.times;
    t.seconds = (std::max(p.compute, p.memory) + p.lanes + p.launch) * w.times;
    t.limit = p.launch > std::max(p.compute, p.memory) ? Limit::Launch
              : p.compute > p.memory                   ? Limit::Compute
                                                       : Limit::Memory;
    return t;
}

double all_reduce_s(double bytes, double n, const DeviceRates& d, const Efficiency& e) {
    if (n <= 1 || bytes <= 0) return 0;
    const double beta = bytes / (d.link_bytes * e.link);
    const double ring = 2 * (n - 1) * e.link_s + 2 * (n - 1) / n * beta;
    const double tree = 2 * std::ceil(std::log2(n)) * e.link_s + 2 * beta;
    return std::min(ring, tree);
}

double all_to_all_s(double bytes, double n, const DeviceRates& d, const Efficiency& e) {
    if (n <= 1 || bytes <= 0) return 0;
    return (n - 1) * (e.link_s + bytes / n / (d.link_bytes * e.link));
}

}  // namespace smeaton::cost
