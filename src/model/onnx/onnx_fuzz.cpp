// libFuzzer target: whatever the bytes are, the reader gives a graph that verifies, prints, parses
// back, has its shapes inferred and is simplified, or UserError is thrown.
#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/bind_dims.h"
#include "model/onnx/fuzz_mutator.h"
#include "model/onnx/read.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/text/text.h"
#include "model/unsupported.h"
#include "model/verify.h"

namespace {

using namespace smeaton;

/// Values for the graph inputs that decide shapes: ones, and a size here and there.
model::ValueBindings values_for(const model::Graph& graph, const std::vector<std::string>& needed) {
    model::ValueBindings values;
    for (const model::ValueId id : graph.inputs) {
        const model::Value& input = graph.at(id);
        if (std::find(needed.begin(), needed.end(), input.name) == needed.end()) continue;
        std::vector<int64_t> shape;
        for (const tensor::Dim& dim : *input.shape) shape.push_back(dim.if_const().value_or(2));
        if (shape.size() > 1 || (shape.size() == 1 && shape[0] > 16)) continue;
        tensor::Tensor value(*input.dtype, shape);
        for (int64_t i = 0; i < value.elements(); ++i) value.set_from_int(i, i % 3 + 1);
        values.emplace(input.name, value);
    }
    return values;
}

model::ShapedGraph infer(const model::Graph& graph) {
    try {
        return model::infer_shapes(graph);
    } catch (const model::NeedsValue& needs) {
        return model::infer_shapes(graph, values_for(graph, needs.inputs));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // A copy of its own: reading past the end is seen, and tensors may outlive `data`.
    auto bytes = std::make_shared<const std::vector<std::byte>>(
        reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
    try {
        const model::Graph graph = model::onnx::read_onnx_bytes(*bytes, bytes, "fuzz");
        model::verify(graph, "read");
        model::unsupported(graph);
        const std::string text = model::print(model::bind_dims(graph, {}));
        SMEATON_CHECK(
            model::print(model::parse(text, "fuzz", model::large_constants(graph))) == text,
            "the text form of a graph that was read does not round-trip");
        const model::ShapedGraph shaped = infer(graph);
        model::verify(shaped, "shapes");
        model::simplify(shaped, {});
    } catch (const UserError&) {
        // refused, with a message
    }
    return 0;
}
