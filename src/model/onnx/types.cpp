#include "model/onnx/types.h"

#include <cctype>
#include <iterator>

#include "base/error.h"
#include "model/onnx/text.h"

namespace smeaton::model::onnx {

using tensor::Dim;
using tensor::DType;

namespace {

struct TypeRow {
    const char* words;  // of types without a DType
    std::optional<DType> dtype;
};

// By the format's number.
const TypeRow kTypes[] = {
    {"an undefined element type", {}},
    {nullptr, DType::kF32},
    {nullptr, DType::kU8},
    {nullptr, DType::kI8},
    {nullptr, DType::kU16},
    {nullptr, DType::kI16},
    {nullptr, DType::kI32},
    {nullptr, DType::kI64},
    {nullptr, DType::kString},
    {nullptr, DType::kBool},
    {nullptr, DType::kF16},
    {nullptr, DType::kF64},
    {nullptr, DType::kU32},
    {nullptr, DType::kU64},
    {"complex64", {}},
    {"complex128", {}},
    {nullptr, DType::kBF16},
    {nullptr, DType::kF8E4M3FN},
    {nullptr, DType::kF8E4M3FNUZ},
    {nullptr, DType::kF8E5M2},
    {nullptr, DType::kF8E5M2FNUZ},
    {nullptr, DType::kU4},
    {nullptr, DType::kI4},
    {nullptr, DType::kF4E2M1},
    {nullptr, DType::kF8E8M0},
    {nullptr, DType::kU2},
    {nullptr, DType::kI2},
};

const TypeRow* row_of(int32_t data_type) {
    const bool known = data_type >= 0 && data_type < static_cast<int32_t>(std::size(kTypes));
    return known ? &kTypes[data_type] : nullptr;
}

bool is_unknown(const std::string& name) {
    return name.empty() || name == "?" || name == "-1" || name == "0" || name == "None";
}

/// A number that exporters wrote as text.
bool is_number(const std::string& name) {
    for (const char c : name)
        if (std::isdigit(static_cast<unsigned char>(c)) == 0) return false;
    return !name.empty() && name.size() < 16;
}

/// The size when it is a positive number.
std::optional<int64_t> number_of(const onnx_format::Shape::Dimension& dim) {
    if (dim.has_dim_value() && dim.dim_value() > 0) return dim.dim_value();
    if (is_number(dim.dim_param()) && !is_unknown(dim.dim_param()))
        return std::stoll(dim.dim_param());
    return std::nullopt;
}

}  // namespace

std::optional<DType> dtype_of(int32_t data_type) {
    const TypeRow* row = row_of(data_type);
    return row == nullptr ? std::nullopt : row->dtype;
}

std::string dtype_words(int32_t data_type) {
    const TypeRow* row = row_of(data_type);
    if (row == nullptr) return fmt::format("element type {}", data_type);
    return row->dtype ? std::string(tensor::name(*row->dtype)) : row->words;
}

std::string non_tensor_words(const onnx_format::Type& type) {
    if (type.has_tensor_type()) return "";
    if (type.has_sequence_type()) return "a sequence";
    if (type.has_optional_type()) return "an optional value";
    if (type.has_map_type()) return "a map";
    if (type.has_sparse_tensor_type()) return "a sparse tensor";
    if (type.has_opaque_type()) return "an opaque value";
    return "of no stated type";
}

std::optional<std::vector<Dim>> input_shape(const onnx_format::Type& type,
                                            const std::string& input) {
    if (!type.tensor_type().has_shape()) return std::nullopt;
    std::vector<Dim> shape;
    for (const auto& dim : type.tensor_type().shape().dim()) {
        if (const auto number = number_of(dim))
            shape.push_back(*number);
        else if (is_unknown(dim.dim_param()))
            shape.push_back(Dim::symbol(fmt::format("{}:{}", input, shape.size())));
        else
            shape.push_back(Dim::symbol(checked_name(dim.dim_param(), "a dimension's name")));
    }
    return shape;
}

std::optional<std::vector<Dim>> known_shape(const onnx_format::Type& type) {
    if (!type.tensor_type().has_shape()) return std::nullopt;
    std::vector<Dim> shape;
    for (const auto& dim : type.tensor_type().shape().dim()) {
        const auto number = number_of(dim);
        if (!number) return std::nullopt;
        shape.push_back(*number);
    }
    return shape;
}

}  // namespace smeaton::model::onnx
