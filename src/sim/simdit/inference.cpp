#include "base/error.h"
#include "sim/simdit/rows.h"

namespace smeaton::sim::simdit {

namespace {

bool is_batch_norm(const Layer& layer) {
    auto* v = std::get_if<VectorOperator>(&layer.work);
    return v && v->op == VectorOp::kBatchNormalization;
}

/// The convolution whose only reader is this BatchNormalization.
bool folds(const LayerTable& table, const std::vector<int>& readers, const Layer& norm) {
    if (norm.operands.empty() || norm.operands[0] == kModelInput) return false;
    auto before = static_cast<size_t>(norm.operands[0]);
    return std::holds_alternative<Convolution>(table.layers[before].work) && readers[before] == 1;
}

}  // namespace

std::vector<Operation> inference_operations(const LayerTable& table) {
    std::vector<int> readers(table.layers.size(), 0);
    for (const Layer& layer : table.layers)
        for (int operand : layer.operands)
            if (operand != kModelInput) ++readers[static_cast<size_t>(operand)];
    std::vector<Operation> rows;
    for (const Layer& layer : table.layers) {
        if (is_batch_norm(layer)) {
            if (folds(table, readers, layer)) continue;  // scale and shift are in the weights
            refuse(layer, "a BatchNormalization that folds into no convolution");
        }
        rows.push_back(forward_operation(layer));
    }
    return rows;
}

}  // namespace smeaton::sim::simdit
