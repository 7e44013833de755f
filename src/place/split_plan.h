// The pipeline plan with a variant for every node (Tarnawski and others, Piper, NeurIPS 2021):
// stages cut from a graph, each on t x d devices, and for each of its nodes one of the ways to
// split it over t devices, with or without recomputing (docs/place.md). For stage S, w a variant's
// parameter bytes, y = ceil(the sum of d of this and all later stages / d):
//
//   load   = sum time / d + (sum over border edges of 2 (bytes + sync) / d
//            + sum 4 (d - 1)/d w / N) / bandwidth
//   memory = sum A y + B
//
// d divides N, the samples of a batch; the sum of all d is at most N and at most the devices.
// Which variants a stage takes is a knapsack: least load within the memory.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace smeaton::place {

struct SplitVariant {
    std::string id;
    double time = 0;  ///< of one sample, forward and backward
    double parameter_bytes = 0;
    double memory_a = 0, memory_b = 0;  ///< bytes: for each sample in flight; once
    /// Bytes by edge, in the order of the node's edges: incoming first, then outgoing.
    std::vector<double> sync_bytes;
};

struct SplitWays {
    int t = 1;
    std::vector<SplitVariant> variants;  ///< the first: without recomputing
};

struct SplitNode {
    std::string id, name;
    std::vector<SplitWays> ways;          ///< ascending by t
    std::vector<int> incoming, outgoing;  ///< edges
};

struct SplitEdge {
    int from = 0, to = 0;
    double bytes = 0;
};

struct SplitProblem {
    std::string name;
    double memory_bytes = 0;
    int devices = 1;
    double bandwidth = 1;  ///< bytes per unit of time
    int samples = 1;       ///< of a batch
    std::vector<SplitNode> nodes;
    std::vector<SplitEdge> edges;
};

struct SplitStage {
    std::vector<int> nodes;
    std::vector<int> variants;  ///< of each node
    int t = 1, d = 1, y = 1;
    double load = 0, memory_bytes = 0;
};

enum class Knapsack { kExact, kRatio };

struct SplitAnswer {
    bool fits = false;
    double objective = 0;  ///< the largest load
    std::vector<SplitStage> stages;
    bool optimal = false;
    size_t sets = 0;
    std::string note;
};

struct SplitLimits {
    size_t most_sets = 120'000;
};

/// UserError naming the field or node: no device, numbers below 0, a cycle, no node.
void verify(const SplitProblem&);
/// kRatio: the published heuristic, which takes the variants with the least extra time for a byte
/// saved until the stage fits.
SplitAnswer solve(const SplitProblem&, Knapsack, const SplitLimits& = {});

/// The stage of these nodes with the knapsack's variants; nothing where none fits or a node cannot
/// be split over t.
std::optional<SplitStage> stage_of(const SplitProblem&, const std::vector<int>& nodes, int t, int d,
                                   int y, Knapsack);

/// One thing of several for each place: costs and weights.
struct Item {
    double cost = 0, weight = 0;
};
/// Which to take of each place: the least cost within the weight, exactly; empty: none fits.
std::vector<int> least_cost(const std::vector<std::vector<Item>>&, double weight);
/// The published heuristic, from the first of each place on.
std::vector<int> by_ratio(const std::vector<std::vector<Item>>&, double weight);

}  // namespace smeaton::place
