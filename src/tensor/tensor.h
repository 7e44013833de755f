// Tensor: constant data, dense row-major, shared and immutable once made; may be a view of a mapped
// file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace smeaton::tensor {

class Tensor {
public:
    Tensor() = default;
    /// Zero-filled, owned.
    Tensor(DType, std::vector<int64_t> shape);
    /// A view of bytes that `keep` keeps alive. `bytes` must hold byte_count(dtype, elements).
    Tensor(DType, std::vector<int64_t> shape, const std::byte* bytes,
           std::shared_ptr<const void> keep);

    DType dtype() const { return dtype_; }
    const std::vector<int64_t>& shape() const { return shape_; }
    int64_t elements() const;
    int64_t bytes() const { return byte_count(dtype_, elements()); }
    const std::byte* data() const { return data_; }
    template <class T>
    std::span<const T> as() const {
        return {reinterpret_cast<const T*>(data_), static_cast<size_t>(elements())};
    }
    /// Writable bytes of a tensor this object alone made (not a view); InternalError otherwise.
    std::byte* mutable_data();
    template <class T>
    std::span<T> mutable_as() {
        return {reinterpret_cast<T*>(mutable_data()), static_cast<size_t>(elements())};
    }

    /// The same bytes under another shape of as many elements.
    Tensor reshaped(std::vector<int64_t> shape) const;

    /// Element `i` of the flat order, converted (f16, bf16, ... included). NaN and infinity kept.
    double at_as_double(int64_t i) const;
    int64_t at_as_int(int64_t i) const;
    /// Writes element `i`, rounding to the dtype (nearest even for floats, wrapping for ints).
    void set_from_double(int64_t i, double v);
    void set_from_int(int64_t i, int64_t v);

    const std::vector<std::string>& strings() const { return strings_; }  ///< DType::kString only
    static Tensor of_strings(std::vector<int64_t> shape, std::vector<std::string>);

private:
    DType dtype_ = DType::kF32;
    std::vector<int64_t> shape_ = {0};
    const std::byte* data_ = nullptr;
    std::shared_ptr<const void> keep_;
    std::byte* owned_ = nullptr;
    std::vector<std::string> strings_;
};

Tensor scalar_f32(float);
Tensor of_i64(const std::vector<int64_t>&);  ///< 1-D

/// Same dtype, shape and bytes.
bool same(const Tensor&, const Tensor&);
/// 64-bit hash of dtype, shape and bytes, stable from run to run.
uint64_t content_hash(const Tensor&);

}  // namespace smeaton::tensor
