#include "driver/kernel_class.h"

#include <algorithm>

namespace smeaton::driver {
namespace {

using model::OpFamily;
using model::OpType;

// Heaviest first: a kernel is what its heaviest operator is.
enum class Group {
    Convolution,
    Attention,
    Contraction,
    Normalisation,
    Pooling,
    Reduction,
    Activation,
    Optimiser,
    Elementwise,
    DataMovement
};

const char* text(Group group) {
    static const char* const kWords[] = {
        "convolution", "attention",  "contraction", "normalisation", "pooling",
        "reduction",   "activation", "optimiser",   "elementwise",   "data movement"};
    return kWords[static_cast<size_t>(group)];
}

bool is_activation(OpType op) {
    switch (op) {
        case OpType::kRelu:
        case OpType::kLeakyRelu:
        case OpType::kElu:
        case OpType::kSoftplus:
        case OpType::kClip:
        case OpType::kSigmoid:
        case OpType::kHardSigmoid:
        case OpType::kHardSwish:
        case OpType::kTanh:
        case OpType::kErf:
        case OpType::kGelu:
            return true;
        default:
            return false;
    }
}

/// A product of two tensors of batches and heads, neither of them a weight.
bool multiplies_heads(const model::Graph& graph, const model::Node& node) {
    constexpr size_t kBatchHeadRowsColumns = 4;
    return node.inputs.size() >= 2 &&
           std::all_of(node.inputs.begin(), node.inputs.begin() + 2, [&](model::ValueId id) {
               if (!id.valid()) return false;
               const model::Value& value = graph.at(id);
               return !value.constant && value.shape &&
                      value.shape->size() >= kBatchHeadRowsColumns;
           });
}

Group group_of(const model::Graph& graph, const model::Node& node) {
    if (node.op == OpType::kUnsupported) return Group::DataMovement;
    switch (model::family(node.op)) {
        case OpFamily::Conv:
            return Group::Convolution;
        case OpFamily::MatMul:
            return multiplies_heads(graph, node) ? Group::Attention : Group::Contraction;
        case OpFamily::Norm:
            return Group::Normalisation;
        case OpFamily::Pool:
            return Group::Pooling;
        case OpFamily::Reduce:
            return Group::Reduction;
        case OpFamily::Elementwise:
            return is_activation(node.op) ? Group::Activation : Group::Elementwise;
        default:
            return Group::DataMovement;
    }
}

/// The names that the derived training graph gives its nodes (model/grad).
std::string phase_of(const std::string& node) {
    if (node.rfind("optimizer.", 0) == 0) return "update";
    return node.find(".grad.") != std::string::npos ? "backward" : "forward";
}

}  // namespace

KernelClasses::KernelClasses(const model::Graph& graph) {
    for (const model::Node& node : graph.nodes) {
        const std::string phase = phase_of(node.name);
        Group group = phase == "update" ? Group::Optimiser : group_of(graph, node);
        rows_[node.name] = {{node.op_name, text(group), phase}, static_cast<int>(group)};
    }
}

KernelClass KernelClasses::of(const std::vector<std::string>& nodes) const {
    const Row* heaviest = nullptr;
    for (const std::string& name : nodes) {
        auto row = rows_.find(name);
        if (row != rows_.end() && (!heaviest || row->second.weight < heaviest->weight))
            heaviest = &row->second;
    }
    return heaviest ? heaviest->is : KernelClass{"", text(Group::DataMovement)};
}

std::string phase_in_step(const KernelClass& is, const std::string& kernel_name) {
    const bool gradient = kernel_name.find("_grad_") != std::string::npos;
    return is.phase == "forward" && gradient ? "backward" : is.phase;
}

}  // namespace smeaton::driver
