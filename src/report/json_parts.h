// Parts of the JSON objects that several results share. Included by .cpp files only.
#pragma once

#include <nlohmann/json.hpp>

#include "driver/explain.h"
#include "driver/inspect/inspect.h"
#include "driver/simulate/simulate.h"
#include "driver/study/measure.h"
#include "driver/study/probe_here.h"

namespace smeaton::report {

using Json = nlohmann::ordered_json;

inline Json json_of(const driver::TimeRange& r) {
    return {{"low", r.low}, {"value", r.value}, {"high", r.high}};
}
inline Json json_of(const driver::Latency& l) {
    return {{"median", l.median}, {"p95", l.p95}, {"min", l.min}};
}
Json json_of(const tensor::Dim&);  ///< a number, or the formula as text
Json json_of(const driver::PortShape&);
Json json_of(const driver::MeasuredKernel&);
Json json_of(const driver::SimulatedKernel&);
Json json_of(const driver::ProbedLevel&);
Json json_of(const driver::Comparison&);
Json json_of(const driver::MemoryStats&);
Json json_of(const driver::Explanation&);
Json json_of(const driver::ParallelChoice&);
Json simulated(const driver::SimulateResult&);
Json inspected(const driver::InspectResult&);

template <class T>
Json list_of(const std::vector<T>& items) {
    Json out = Json::array();
    for (const T& item : items) out.push_back(json_of(item));
    return out;
}

/// Indented; bytes that are no UTF-8 are replaced.
std::string dump(const Json&);

}  // namespace smeaton::report
