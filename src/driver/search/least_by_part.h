// What work takes at least on a chip that may divide its buffers anew between parts of the work:
// per part the least over all ways of dividing.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "driver/search/search.h"

namespace smeaton::driver {

/// A kernel on one chip, by its share in what a search minimises.
struct KernelShare {
    std::string name, phase;
    double objective = 0;
};

class LeastByPart {
public:
    /// A workload's kernels on a chip whose buffers are divided one way.
    void add(size_t workload, const std::vector<KernelShare>&);

    /// Buffers of their own for each phase of each workload.
    Resplit phases() const;
    /// For each kernel. Buffers may decide what is fused, so that kernels of one chip have no
    /// counterparts on another: a phase keeps the kernels of one chip, those with the least sum.
    Resplit kernels() const;

private:
    using Phase = std::pair<size_t, std::string>;  ///< workload, phase
    using Names = std::vector<std::string>;
    std::map<Phase, double> phases_;
    std::map<Phase, std::map<Names, std::vector<double>>> kernels_;
};

}  // namespace smeaton::driver
