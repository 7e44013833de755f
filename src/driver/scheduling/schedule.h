// `schedule`: what runs when, on which core; of a model's kernels or operators, or of a task graph
// from a file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/feeds.h"
#include "driver/parallel/timeline.h"
#include "driver/scheduling/graphviz.h"
#include "driver/session.h"
#include "schedule/solve.h"

namespace smeaton::driver {

struct ScheduleRequest {
    std::string model;       ///< or:
    std::string graph_file;  ///< .json, .stg, .td
    std::string cores;       ///< "4", or "tc=8,vc=2"; empty: the graph's own, or the machine's
    std::string algorithm = "auto";
    std::string costs;      ///< of a model; empty: "model"
    bool training = false;  ///< a step: forward, gradients, update
    std::string loss;       ///< as TrainingChoice
    std::string optimizer;
    bool clone = false;
    int batch = 1;
    std::string hyper;                   ///< "plain", "switched"; empty: not given
    std::optional<double> time_limit_s;  ///< absent: a fixed effort
    std::string machine_file;            ///< empty: this machine
    FeedRequest feeds;
    SessionOptions session;
};

struct ScheduleResult {
    std::string of;           ///< the file
    std::string algorithm;    ///< as asked
    std::string costs;        ///< empty for a graph from a file
    std::string unit = "us";  ///< of times: "us", or "steps" for unit and class costs
    int nodes_raw = 0;        ///< of the model's file; of the graph
    int nodes = 0;            ///< tasks, without clones and samples
    schedule::Solution solution;
    /// The fastest of some runs by the schedule, here; with costs "measured" and an
    /// algorithm over kernels.
    std::optional<Timeline> measured;
    std::vector<std::string> warnings;
};

ScheduleResult make_schedule(const ScheduleRequest&);

/// The graph with a colour per core.
Drawing draw(const ScheduleResult&);
/// Predicted and, where there is one, measured timeline for ui.perfetto.dev.
std::string trace_json(const ScheduleResult&);

}  // namespace smeaton::driver
