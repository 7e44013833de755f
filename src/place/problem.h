// A placement problem from a file: one of three published formats, told by its keys.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "place/chain.h"
#include "place/partition.h"
#include "place/split_plan.h"

namespace smeaton::place {

using Problem = std::variant<ChainProblem, PartitionProblem, SplitProblem>;

struct ProblemOverrides {
    std::optional<int> devices;          ///< --devices: accelerators of a partition
    std::optional<double> memory_bytes;  ///< --memory, of a device
};

/// UserError with file, place in it and key: not JSON, of no format, keys that are missing or of
/// the wrong kind, nodes that are not there, problems that are none (verify of each).
Problem read_problem(const std::string& path, const ProblemOverrides&);

/// A part of an answer, in pipeline order.
struct Part {
    std::vector<std::string> nodes;  ///< ids, as in the file
    std::string device;              ///< "accelerator 1", "cpu 1"; of a partition
    int devices = 1;
    std::optional<int> t, d;
    std::vector<std::pair<std::string, std::string>> variants;  ///< node, its TMPC; of a plan
    double load = 0, memory_bytes = 0;
};

struct ProblemAnswer {
    std::string file, format;  ///< "chain", "partition", "plan"
    double objective = 0;
    std::optional<double> heuristic_objective;  ///< with the published knapsack; of a plan
    bool optimal = true;
    double lower_bound = 0;
    std::vector<Part> parts;
    int devices_used = 0, data_parallel = 1, tensor_parallel = 1;
    std::optional<double> fixed_objective;  ///< of the plan that a chain's file gives
    std::vector<std::string> notes;
};

/// UserError where nothing fits.
ProblemAnswer solve_problem(const std::string& path, const ProblemOverrides&);

}  // namespace smeaton::place
