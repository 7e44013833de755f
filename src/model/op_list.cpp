#include "model/op_list.h"

#include <iterator>

#include "base/error.h"

namespace smeaton::model {

namespace {

struct Row {
    std::string_view name;
    OpFamily family;
};

constexpr Row kRows[] = {
#define X(op, family) {#op, OpFamily::family},
    SMEATON_OPS(X)
#undef X
};

const Row& row(OpType op) {
    SMEATON_CHECK(op != OpType::kUnsupported, "an unsupported operator has no row");
    return kRows[static_cast<size_t>(op) - 1];
}

}  // namespace

std::string_view name(OpType op) {
    return op == OpType::kUnsupported ? std::string_view("unsupported") : row(op).name;
}

OpFamily family(OpType op) {
    return row(op).family;
}

std::optional<OpType> op_named(std::string_view onnx_name) {
    for (size_t i = 0; i < std::size(kRows); ++i)
        if (kRows[i].name == onnx_name) return static_cast<OpType>(i + 1);
    return std::nullopt;
}

}  // namespace smeaton::model
