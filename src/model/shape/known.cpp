#include "model/shape/known.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/convert.h"
#include "tensor/open.h"

namespace smeaton::model {

int64_t element_count(const std::vector<int64_t>& shape) {
    if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
    int64_t count = 1;
    for (int64_t d : shape)
        if (__builtin_mul_overflow(count, d, &count)) return INT64_MAX;
    return count;
}

int64_t Known::elements() const {
    return element_count(shape);
}

bool Known::is_const() const {
    return std::all_of(ints.begin(), ints.end(), [](const Dim& d) { return d.is_const(); });
}

bool countable(const Shape& shape) {
    constexpr int64_t kMaxElements = int64_t{1} << 56;
    int64_t count = 1;
    for (const Dim& d : shape) {
        if (d.is(0)) return true;
    }
    for (const Dim& d : shape) {
        if (!d.is_const()) continue;
        if (d.value() > kMaxElements / count) return false;
        count *= d.value();
    }
    return true;
}

std::optional<std::vector<int64_t>> const_shape(const Shape& shape) {
    std::vector<int64_t> result;
    result.reserve(shape.size());
    for (const Dim& d : shape) {
        if (!d.is_const()) return std::nullopt;
        result.push_back(d.value());
    }
    return result;
}

Shape to_dims(const std::vector<int64_t>& shape) {
    return {shape.begin(), shape.end()};
}

std::string describe(const Shape& shape) {
    std::string text = "[";
    for (size_t i = 0; i < shape.size(); ++i) {
        if (i > 0) text += ",";
        text += shape[i].str();
    }
    return text + "]";
}

std::string describe(std::optional<DType> dtype, const std::optional<Shape>& shape) {
    std::string text = dtype ? std::string(tensor::name(*dtype)) : "?";
    return text + (shape ? describe(*shape) : "[?]");
}

bool can_be_known(DType t) {
    // Bool, integers of whole bytes, f16, bf16, f32, f64.
    const bool whole = tensor::bits(t) >= 8;
    return whole && (!tensor::is_float(t) || tensor::bits(t) > 8);
}

KnownPtr known_from(const Tensor& tensor) {
    if (tensor::is_open(tensor) || !can_be_known(tensor.dtype()) || tensor.elements() > kKnownLimit)
        return nullptr;
    auto known = std::make_shared<Known>();
    known->dtype = tensor.dtype();
    known->shape = tensor.shape();
    const int64_t count = tensor.elements();
    for (int64_t i = 0; i < count; ++i) {
        if (tensor::is_float(tensor.dtype())) {
            known->floats.push_back(tensor.at_as_double(i));
        } else {
            known->ints.push_back(tensor.at_as_int(i));
        }
    }
    return known;
}

Tensor to_tensor(const Known& known) {
    SMEATON_CHECK(known.is_const(), "a symbolic value cannot become a tensor");
    Tensor tensor(known.dtype, known.shape);
    const int64_t count = known.elements();
    for (int64_t i = 0; i < count; ++i) {
        const auto k = static_cast<size_t>(i);
        if (tensor::is_float(known.dtype)) {
            tensor.set_from_double(i, known.floats[k]);
        } else {
            tensor.set_from_int(i, known.ints[k].value());
        }
    }
    return tensor;
}

int64_t wrap_int(DType t, int64_t v) {
    switch (t) {
        case DType::kBool:
            return v != 0;
        case DType::kI8:
            return static_cast<int8_t>(v);
        case DType::kI16:
            return static_cast<int16_t>(v);
        case DType::kI32:
            return static_cast<int32_t>(v);
        case DType::kU8:
            return static_cast<uint8_t>(v);
        case DType::kU16:
            return static_cast<uint16_t>(v);
        case DType::kU32:
            return static_cast<uint32_t>(v);
        default:
            return v;
    }
}

double round_float(DType t, double v) {
    switch (t) {
        case DType::kF16:
            return tensor::f16_to_float(tensor::float_to_f16(static_cast<float>(v)));
        case DType::kBF16:
            return tensor::bf16_to_float(tensor::float_to_bf16(static_cast<float>(v)));
        case DType::kF32:
            return static_cast<float>(v);
        default:
            return v;
    }
}

bool surely_nonnegative(const Dim& d) {
    if (d.is_const()) return d.value() >= 0;
    return d.str().find('-') == std::string::npos;
}

}  // namespace smeaton::model
