#include "model/open_weights.h"

#include "base/error.h"
#include "tensor/open.h"

namespace smeaton::model {

bool may_be_weight(const Graph& graph, const Tensor& constant) {
    if (graph.open_weights) return tensor::is_open(constant);
    const bool narrow = tensor::is_integer(constant.dtype()) && tensor::bits(constant.dtype()) <= 8;
    return narrow || tensor::is_float(constant.dtype());
}

void require_weights(const Graph& graph, const std::string& label, const std::string& purpose) {
    if (!graph.open_weights) return;
    throw UserError(
        "{}: a config.json gives a model's shapes, not its weights, which {} needs; take its ONNX "
        "file, or ask inspect, simulate, place or compare, which need none",
        label, purpose);
}

}  // namespace smeaton::model
