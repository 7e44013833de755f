// clusters.py
#pragma once

#include <map>
#include <string>
#include <vector>

#include "export/pytorch/classes.h"
#include "export/pytorch/emit.h"

namespace smeaton::pytorch {

struct ClustersFile {
    std::string text;
    std::map<int, int> cluster_of;  ///< by statement
    std::map<int, int> line_of;     ///< by statement
};

/// `order`: statements of the model, as the plan's tasks number them.
ClustersFile print_clusters(const Source&, const Tree&, const Classes&, const ClusterPlan&,
                            const std::vector<int>& order, const EmitOptions&);

}  // namespace smeaton::pytorch
