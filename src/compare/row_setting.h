// What a measured row was run with, as far as it says.
#pragma once

#include <functional>
#include <string>

#include "compare/calibrate.h"
#include "compare/formats.h"

namespace smeaton::compare {

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
    std::string engine;
    double prompt = 0, output = 0;
};

using WorkloadOf = std::function<const Workload*(const std::string& model)>;

bool holds(const std::string& text, const std::string& part);

/// Left where the row does not say, or says what nobody knows here.
Format format_of(const Row&);
/// The same as it ran: fp4 where nothing multiplies fp4 are weights of 4 bits, unpacked to 16. Left
/// where the row's precision is not that of a model whose file is quantised.
Format format_on(const Row&, const Setting&);
machine::Device device_of(const Row&);
const Workload& workload_of(const Row&, const WorkloadOf&);
/// Prompt and output; mean lengths of MLPerf's data sets where rows do not state any.
void lengths_of(const Row&, Setting&);
/// Tensor parallelism that gives the most tokens on all devices, by what engines commonly reach,
/// where the row states none.
Split split_of(const Row&, const Setting&);
/// Sequences at once, of all replicas where the row states them, else as many as fit. Left where so
/// many do not fit, unless some may wait.
double batch_of(const Row&, const Setting&, bool may_wait = false);

Serving serving_of(const Setting&);
/// The number behind a key in a text ("M=64"); nothing where there is none.
std::optional<double> figure_after(const std::string& text, const std::string& key);
/// One operator on its own, by its name or sizes. Left where it is not known.
cost::OperatorWork operator_of(const Row&);

/// What physics allows at best for a row of any metric: seconds of what it measured, and the same
/// at efficiency 1.
RowBound bound_of(const Row&, const WorkloadOf&);

}  // namespace smeaton::compare
