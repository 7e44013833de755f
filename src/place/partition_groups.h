// Colours joined where no best partition is lost: what the dynamic program of partition.h cuts.
#pragma once

#include "place/partition.h"

namespace smeaton::place {

struct Group {
    std::vector<int> nodes;
    double accelerator_time = 0, cpu_time = 0, bytes = 0;  ///< infinite time: not on accelerators
};

struct Groups {
    std::vector<Group> groups;
    std::vector<std::vector<int>> needs;  ///< groups that stand no later
    std::vector<int> of_node;
    std::vector<std::vector<int>> out;  ///< by node: other groups that its edges lead to
};

/// Colours, those on a cycle joined; a group that takes no time joins its only neighbour where its
/// bytes can make no part too large.
Groups groups_of(const PartitionProblem&);

}  // namespace smeaton::place
