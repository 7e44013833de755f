#include "driver/operator_kind.h"

#include <algorithm>

#include "model/op_list.h"

namespace smeaton::driver {

using cost::OperatorWork;
using model::OpType;

OperatorWork::Kind operator_kind(const model::Node& node) {
    switch (model::family(node.op)) {
        case model::OpFamily::Conv:
        case model::OpFamily::MatMul:
            return OperatorWork::Kind::Product;
        case model::OpFamily::Norm:
            return node.op == OpType::kSoftmax || node.op == OpType::kLogSoftmax
                       ? OperatorWork::Kind::Softmax
                       : OperatorWork::Kind::Norm;
        default:
            return OperatorWork::Kind::Elementwise;
    }
}

double operator_rows(const model::Graph& graph, const model::Node& node) {
    if (operator_kind(node) != OperatorWork::Kind::Product) return 1;
    for (model::ValueId id : node.outputs) {
        if (!id.valid() || !graph.at(id).shape) continue;
        const std::vector<tensor::Dim>& shape = *graph.at(id).shape;
        const bool conv = model::family(node.op) == model::OpFamily::Conv;
        const size_t columns = conv ? 1 : shape.size() - 1;
        if (columns >= shape.size()) continue;
        double rows = 1;
        for (size_t d = 0; d < shape.size(); ++d)
            if (d != columns)
                rows *= shape[d].is_const() ? static_cast<double>(shape[d].value()) : 0;
        return rows;
    }
    return 1;
}

}  // namespace smeaton::driver
