#include "model/onnx/tensor_data.h"

#include <bit>
#include <cstring>

#include "base/error.h"
#include "model/onnx/types.h"

namespace smeaton::model::onnx {

using tensor::byte_count;
using tensor::DType;
using tensor::Tensor;

namespace {

static_assert(std::endian::native == std::endian::little, "raw data is little-endian");

constexpr int kMaxRank = 64;
constexpr int64_t kMaxElements = int64_t{1} << 48;  // also of the sizes beside a zero
constexpr int32_t kExternal = 1;
constexpr size_t kWorthForgetting = size_t{1} << 20;

std::vector<int64_t> shape_of(const onnx_format::Tensor& t) {
    if (t.dims_size() > kMaxRank)
        throw UserError("has {} dimensions; at most {} are read", t.dims_size(), kMaxRank);
    int64_t elements = 1;
    for (const int64_t size : t.dims()) {
        if (size < 0) throw UserError("has the negative size {}", size);
        if (size == 0) continue;
        if (size > kMaxElements / elements) {
            std::string sizes;
            for (const int64_t s : t.dims())
                sizes += fmt::format("{}{}", sizes.empty() ? "" : ",", s);
            throw UserError("claims the shape [{}], more elements than any file can hold", sizes);
        }
        elements *= size;
    }
    return {t.dims().begin(), t.dims().end()};
}

int64_t elements_of(const std::vector<int64_t>& shape) {
    int64_t elements = 1;
    for (const int64_t size : shape) elements *= size;
    return elements;
}

void check_size(uint64_t has, int64_t needs, const char* unit, const std::vector<int64_t>& shape,
                DType dtype) {
    if (has == static_cast<uint64_t>(needs)) return;
    std::string sizes;
    for (const int64_t s : shape) sizes += fmt::format("{}{}", sizes.empty() ? "" : ",", s);
    throw UserError("holds {} {} of data, but {}[{}] takes {}", has, unit, tensor::name(dtype),
                    sizes, needs);
}

/// Booleans other than 0 and 1 would be no bool for those who read them.
bool has_odd_bool(DType dtype, std::span<const std::byte> bytes) {
    if (dtype != DType::kBool) return false;
    for (const std::byte b : bytes)
        if (std::to_integer<int>(b) > 1) return true;
    return false;
}

Tensor view_or_copy(DType dtype, std::vector<int64_t> shape, const DataView& data,
                    bool is_mapping) {
    const size_t align = static_cast<size_t>(tensor::bits(dtype) + 7) / 8;
    const bool odd_bool = has_odd_bool(dtype, data.bytes);
    if (reinterpret_cast<uintptr_t>(data.bytes.data()) % align == 0 && !odd_bool)
        return Tensor(dtype, std::move(shape), data.bytes.data(), data.keep);
    Tensor copy(dtype, std::move(shape));
    std::memcpy(copy.mutable_data(), data.bytes.data(), data.bytes.size());
    if (odd_bool)
        for (uint8_t& b : copy.mutable_as<uint8_t>()) b = b != 0;
    if (is_mapping && data.bytes.size() >= kWorthForgetting) forget_pages(data.bytes);
    return copy;
}

/// The number of entries that a typed array must have: sub-byte elements come a byte per entry.
int64_t entries_needed(DType dtype, const std::vector<int64_t>& shape) {
    const int64_t elements = elements_of(shape);
    return tensor::bits(dtype) < 8 ? byte_count(dtype, elements) : elements;
}

/// One array of numbers -> elements (sub-byte types: bytes of elements), each cut to T's width.
template <class T, class Numbers>
Tensor from_numbers(DType dtype, std::vector<int64_t> shape, const Numbers& numbers) {
    check_size(static_cast<uint64_t>(numbers.size()), entries_needed(dtype, shape), "numbers",
               shape, dtype);
    Tensor result(dtype, std::move(shape));
    std::byte* to = result.mutable_data();
    for (int i = 0; i < numbers.size(); ++i) {
        const T value = static_cast<T>(numbers[i]);
        std::memcpy(to + static_cast<size_t>(i) * sizeof(T), &value, sizeof(T));
    }
    return result;
}

Tensor from_bools(std::vector<int64_t> shape, const onnx_format::Tensor& t) {
    Tensor result = from_numbers<uint8_t>(DType::kBool, std::move(shape), t.int32_data());
    auto values = result.mutable_as<uint8_t>();
    for (int i = 0; i < t.int32_data_size(); ++i)
        values[static_cast<size_t>(i)] = t.int32_data(i) != 0;
    return result;
}

Tensor from_typed(DType dtype, std::vector<int64_t> shape, const onnx_format::Tensor& t) {
    switch (dtype) {
        case DType::kF32:
            return from_numbers<float>(dtype, std::move(shape), t.float_data());
        case DType::kF64:
            return from_numbers<double>(dtype, std::move(shape), t.double_data());
        case DType::kI64:
            return from_numbers<int64_t>(dtype, std::move(shape), t.int64_data());
        case DType::kU64:
            return from_numbers<uint64_t>(dtype, std::move(shape), t.uint64_data());
        case DType::kU32:
            return from_numbers<uint32_t>(dtype, std::move(shape), t.uint64_data());
        case DType::kI32:
            return from_numbers<int32_t>(dtype, std::move(shape), t.int32_data());
        case DType::kI16:
        case DType::kU16:
        case DType::kF16:
        case DType::kBF16:
            return from_numbers<uint16_t>(dtype, std::move(shape), t.int32_data());
        case DType::kBool:
            return from_bools(std::move(shape), t);
        case DType::kString:
            break;  // decode_tensor has dealt with it
        default:
            return from_numbers<uint8_t>(dtype, std::move(shape), t.int32_data());
    }
    SMEATON_CHECK(false, "typed data of dtype {}", tensor::name(dtype));
}

bool has_typed(const onnx_format::Tensor& t) {
    return t.float_data_size() + t.int32_data_size() + t.int64_data_size() + t.double_data_size() +
               t.uint64_data_size() >
           0;
}

Tensor strings_of(std::vector<int64_t> shape, const onnx_format::Tensor& t) {
    check_size(static_cast<uint64_t>(t.string_data_size()), elements_of(shape), "texts", shape,
               DType::kString);
    return Tensor::of_strings(std::move(shape), {t.string_data().begin(), t.string_data().end()});
}

}  // namespace

Tensor decode_tensor(const onnx_format::Tensor& t, Source& source) {
    const std::optional<DType> dtype = dtype_of(t.data_type());
    if (!dtype) throw UserError("has {}, which is not supported", dtype_words(t.data_type()));
    if (t.has_segment()) throw UserError("is stored in segments, which are not supported");
    std::vector<int64_t> shape = shape_of(t);
    const bool external = t.data_location() == kExternal;
    if (external + t.has_raw_offset() + has_typed(t) + (t.string_data_size() > 0) > 1)
        throw UserError("holds its data in more than one way");
    if (*dtype == DType::kString) {
        if (external || t.has_raw_offset()) throw UserError("holds texts as raw data");
        return strings_of(std::move(shape), t);
    }
    const int64_t needed = byte_count(*dtype, elements_of(shape));
    if (external) {
        const DataView data = external_bytes(t, needed, source.external);
        if (needed == 0) return Tensor(*dtype, std::move(shape));
        return view_or_copy(*dtype, std::move(shape), data, true);
    }
    if (!t.has_raw_offset()) return from_typed(*dtype, std::move(shape), t);
    check_size(t.raw_bytes(), needed, "bytes", shape, *dtype);
    if (needed == 0) return Tensor(*dtype, std::move(shape));
    SMEATON_CHECK(t.raw_offset() <= source.file.size() &&
                      t.raw_bytes() <= source.file.size() - t.raw_offset(),
                  "raw data outside the file");
    const DataView data{source.file.subspan(t.raw_offset(), t.raw_bytes()), source.keep};
    return view_or_copy(*dtype, std::move(shape), data, source.is_mapping);
}

}  // namespace smeaton::model::onnx
