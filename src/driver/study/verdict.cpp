#include "driver/study/verdict.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace smeaton::driver {

namespace {

constexpr double kMost = 2.0 / 3;

std::string most_of(const std::map<std::string, double>& parts, double all) {
    for (const auto& [name, part] : parts)
        if (part >= kMost * all) return name;
    return "";
}

}  // namespace

Verdict verdict(const std::vector<MeasuredKernel>& kernels, const std::vector<std::string>& ops,
                const WhatIfs& what_ifs) {
    SMEATON_CHECK(kernels.size() == ops.size(), "{} kernels, {} operators", kernels.size(),
                  ops.size());
    Verdict v;
    std::map<std::string, double> time_of;
    double all_us = 0;
    for (size_t i = 0; i < kernels.size(); ++i) {
        all_us += kernels[i].time_us;
        time_of[ops[i]] += kernels[i].time_us;
    }
    auto longest = std::max_element(time_of.begin(), time_of.end(),
                                    [](auto& a, auto& b) { return a.second < b.second; });
    std::vector<const MeasuredKernel*> its;
    if (longest != time_of.end()) v.op = longest->first;
    for (size_t i = 0; i < kernels.size(); ++i)
        if (ops[i] == v.op) its.push_back(&kernels[i]);
    v.of = static_cast<int>(its.size());
    std::stable_sort(its.begin(), its.end(),
                     [](auto* a, auto* b) { return a->time_us > b->time_us; });
    std::map<std::string, double> bounds;
    double bound_us = 0;
    for (const MeasuredKernel* k : its) {
        if (v.kernels > 0 && v.time_us >= kMost * all_us) break;
        ++v.kernels;
        v.time_us += k->time_us;
        bound_us += k->efficiency * k->time_us;
        bounds[k->bound] += k->time_us;
    }
    if (all_us > 0) v.share = v.time_us / all_us;
    if (v.time_us > 0) v.reached = bound_us / v.time_us;
    v.bound = most_of(bounds, v.time_us);
    for (const WhatIf& row : what_ifs.rows)
        if (row.what == "bandwidth" && row.gain > v.best_bandwidth_gain) {
            v.best_bandwidth_gain = row.gain;
            v.best_bandwidth = row.level;
        }
    return v;
}

}  // namespace smeaton::driver
