// What the kernels of a program are to the model: the heaviest operator in each, its class, and the
// phase of a training step that it belongs to.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/graph.h"

namespace smeaton::driver {

struct KernelClass {
    std::string op;     ///< as ONNX calls it; empty where the kernel comes from no operator
    std::string group;  ///< a class of docs/cost.md: "convolution", "attention", ...
    std::string phase = "forward";  ///< or "backward", "update"
};

/// By name, of the nodes of a graph.
class KernelClasses {
public:
    explicit KernelClasses(const model::Graph&);
    /// Of a kernel that computes these nodes: the class that does the most work for its bytes. A
    /// kernel without any rearranges data.
    KernelClass of(const std::vector<std::string>& nodes) const;

private:
    struct Row {
        KernelClass is;
        int weight = 0;
    };
    std::map<std::string, Row> rows_;
};

/// The phase of a kernel in a step of training. A gradient's operator stands for a node of the
/// file, which alone would make it forward; kernels are named after the node that they begin with.
std::string phase_in_step(const KernelClass&, const std::string& kernel_name);

}  // namespace smeaton::driver
