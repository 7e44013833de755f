// The partition with the least largest load (Tarnawski and others, NeurIPS 2020): nodes of a graph
// over accelerators and CPUs, each device a run of a cut sequence (docs/place.md).
//
//   load(accelerator) = sum of times + sum of the send costs of nodes with an edge that crosses
//                       its border, either way, each node once
//   load(CPU)         = sum of times
//
// Nodes of a colour stand together. The parts are ordered so that every edge between forward nodes
// leads to the same part or a later one; so does, turned round, every edge between backward nodes
// where the colour of one of them has no forward node.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace smeaton::place {

struct PartitionNode {
    std::string id;
    bool on_accelerator = true;  ///< whether it may be
    bool backward = false;
    double cpu_time = 0, accelerator_time = 0;
    double send_cost = 0;  ///< of its result, to or from an accelerator
    double bytes = 0;
    int colour = 0;  ///< nodes of one colour stand together
};

struct PartitionProblem {
    std::string name;
    double memory_bytes = 0;  ///< of an accelerator; CPUs have no limit
    int accelerators = 0, cpus = 0;
    std::vector<PartitionNode> nodes;
    std::vector<std::pair<int, int>> edges;
};

struct PartitionPart {
    std::vector<int> nodes;
    bool cpu = false;
    double load = 0, bytes = 0;
};

struct PartitionAnswer {
    bool fits = false;
    double objective = 0, lower_bound = 0;
    bool optimal = false;
    std::vector<PartitionPart> parts;  ///< in their order; none is empty
    size_t sets = 0;                   ///< that were looked at
    std::string note;                  ///< what was not done
};

struct PartitionLimits {
    /// Closed sets; with more, only cuts along one order are looked at and the gap is stated.
    size_t most_sets = 120'000;
};

/// UserError: no device, numbers below 0, no node.
void verify(const PartitionProblem&);
PartitionAnswer solve(const PartitionProblem&, const PartitionLimits& = {});

/// Load and bytes of these nodes on one device, by their definition; infinite where one of them
/// may not be there.
PartitionPart part_of(const PartitionProblem&, std::vector<int> nodes, bool cpu);

/// Colours as they are before any reduction: who stands before whom (see above), by colour from 0.
std::vector<std::vector<int>> colour_order(const PartitionProblem&);

}  // namespace smeaton::place
