#include "place/chain_runs.h"

#include <algorithm>

namespace smeaton::place {

double held_bytes(const ChainProblem& problem, const ChainLayer& layer) {
    return layer.held_bytes.value_or((problem.adam ? 3 : 2) * layer.parameter_bytes);
}

double counted_again(const ChainWidth& width, size_t from, size_t end, double ChainShared::*bytes) {
    double again = 0;
    for (const ChainShared& shared : width.shared) {
        const auto readers =
            std::count_if(shared.layers.begin(), shared.layers.end(), [&](int layer) {
                return static_cast<size_t>(layer) >= from && static_cast<size_t>(layer) < end;
            });
        if (readers > 1) again += static_cast<double>(readers - 1) * shared.*bytes;
    }
    return again;
}

Runs::Runs(const ChainProblem& problem, const ChainWidth& width)
    : problem_(problem), width_(width), count_(width.layers.size()) {
    const size_t all = count_ * (count_ + 1);
    forward_.resize(all), back_.resize(all), late_.resize(all), base_.resize(all);
    stash_.resize(all), split_.resize(all), parameters_.resize(all), most_stages_.resize(all);
    for (size_t from = 0; from < count_; ++from)
        for (size_t end = from + 1; end <= count_; ++end) hold(from, end);
    find_transfers();
    price();
}

void Runs::hold(size_t from, size_t end) {
    double held = 0, a = 0, in_bytes = 0, parameters = 0;
    bool split = false;
    for (const ChainEdge& e : width_.edges) {
        const auto source = static_cast<size_t>(e.from), target = static_cast<size_t>(e.to);
        if ((source >= from && source < end) != (target >= from && target < end))
            held += e.buffer_bytes;
        if (source < from && target >= from && target < end) in_bytes += e.bytes;
    }
    for (size_t i = from; i < end; ++i) {
        const ChainLayer& layer = width_.layers[i];
        held += held_bytes(problem_, layer), a += layer.activation_bytes;
        parameters += layer.parameter_bytes;
        split |= layer.tensor_parallel;
    }
    const size_t at = index(from, end);
    base_[at] = held - counted_again(width_, from, end, &ChainShared::held_bytes) + a;
    parameters_[at] = parameters - counted_again(width_, from, end, &ChainShared::parameter_bytes);
    stash_[at] = problem_.recompute ? in_bytes : a;
    split_[at] = split;
    size_t s = 0;
    while (s < count_ && memory(from, end, s + 1) <= problem_.memory_bytes) ++s;
    most_stages_[at] = s;
}

void Runs::find_transfers() {
    entering_.assign(count_ * count_, 0);
    leaving_.resize(count_ + 1);
    for (const ChainEdge& e : width_.edges) {
        const auto source = static_cast<size_t>(e.from), target = static_cast<size_t>(e.to);
        const double time = e.bytes / problem_.bandwidth;
        for (size_t from = source + 1; from <= target; ++from) {
            double& most = entering_[from * count_ + target];
            most = std::max(most, time);
        }
        for (size_t end = source + 1; time > 0 && end <= target; ++end) {
            std::vector<Leaving>& all = leaving_[end];
            const auto found = std::find_if(all.begin(), all.end(),
                                            [&](const Leaving& l) { return l.layer == source; });
            if (found == all.end())
                all.push_back({source, time});
            else
                found->time = std::max(found->time, time);
        }
    }
    for (std::vector<Leaving>& all : leaving_)
        std::sort(all.begin(), all.end(),
                  [](const Leaving& a, const Leaving& b) { return a.layer < b.layer; });
}

void Runs::price() {
    std::vector<double> backward(count_);  // of layers from … i
    for (size_t from = 0; from < count_; ++from) {
        double f = 0, b = 0, forward = 0;
        for (size_t end = from + 1; end <= count_; ++end) {
            const ChainLayer& layer = width_.layers[end - 1];
            f += layer.forward_time, b += layer.backward_time;
            backward[end - 1] = b;
            forward = std::max(forward, entering_[from * count_ + end - 1]) + layer.forward_time;
            // End of the backward half when it waits for what comes from behind.
            double last_out = 0;
            const std::vector<Leaving>& leaving = leaving_[end];
            for (auto l = leaving.rbegin(); l != leaving.rend() && l->layer >= from; ++l)
                last_out = std::max(last_out, l->time + backward[l->layer]);
            const size_t at = index(from, end);
            forward_[at] = forward;
            back_[at] = std::max(b, last_out);
            late_[at] = std::max(f + b, last_out);
        }
    }
}

}  // namespace smeaton::place
