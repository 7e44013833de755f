// One run as a timeline for ui.perfetto.dev and chrome://tracing.
#pragma once

#include <string>
#include <vector>

#include "driver/session.h"
#include "driver/study/measure.h"

namespace smeaton::driver {

/// Trace events: a process named after the model, a thread for each worker with the spans in which
/// it worked (kernel, operators, operations, bytes by level, what bounds it), the waits between
/// them, and counters of the arena's bytes in use and of the threads at work. Times are those of
/// the one run, in microseconds since it began.
std::string trace_json(const std::string& model, const RunTrace&,
                       const std::vector<MeasuredKernel>&);

}  // namespace smeaton::driver
