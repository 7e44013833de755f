#include "tensor/dtype.h"

#include <iterator>

namespace smeaton::tensor {

namespace {

struct Row {
    std::string_view text;
    int bits;
    DTypeClass cls;
};

constexpr Row kRows[] = {
#define X(name, text, bits, cls) {text, bits, DTypeClass::cls},
    SMEATON_DTYPES(X)
#undef X
};

const Row& row(DType t) {
    return kRows[static_cast<size_t>(t)];
}

}  // namespace

std::string_view name(DType t) {
    return row(t).text;
}
int bits(DType t) {
    return row(t).bits;
}
DTypeClass dtype_class(DType t) {
    return row(t).cls;
}

std::optional<DType> dtype_named(std::string_view text) {
    for (size_t i = 0; i < std::size(kRows); ++i)
        if (kRows[i].text == text) return static_cast<DType>(i);
    return std::nullopt;
}

}  // namespace smeaton::tensor
