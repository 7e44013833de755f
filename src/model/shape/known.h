// Known: the elements of a small tensor as far as shape inference knows them. Integers and booleans
// are Dims, so that Shape -> Gather -> Concat -> Reshape chains work on symbolic sizes too; floats
// (scales of Resize, Range) are doubles that were rounded to their dtype.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

/// Tensors with more elements than this are not followed by data propagation.
inline constexpr int64_t kKnownLimit = 1024;

using Shape = std::vector<Dim>;

struct Known {
    DType dtype = DType::kI64;
    std::vector<int64_t> shape;
    std::vector<Dim> ints;       ///< integer and bool dtypes
    std::vector<double> floats;  ///< float dtypes

    int64_t elements() const;
    /// True when every element is a number (no symbolic Dim).
    bool is_const() const;
};
using KnownPtr = std::shared_ptr<const Known>;

/// INT64_MAX where there are more.
int64_t element_count(const std::vector<int64_t>& shape);
/// True when the numbers among the dims leave the bytes of such a tensor countable in 64 bits.
bool countable(const Shape&);
/// The shape as numbers; nothing where a Dim is symbolic.
std::optional<std::vector<int64_t>> const_shape(const Shape&);
Shape to_dims(const std::vector<int64_t>&);
/// "f32[1,64,N]"; "f32[?]" where the shape is not known yet.
std::string describe(std::optional<DType>, const std::optional<Shape>&);
std::string describe(const Shape&);  ///< "[1,64,N]"

/// True for the dtypes that Known can hold.
bool can_be_known(DType);
/// Null when the tensor is too large or of a dtype that is not followed.
KnownPtr known_from(const Tensor&);
/// The tensor of a Known whose elements are all numbers; InternalError otherwise.
Tensor to_tensor(const Known&);
/// `v` as an element of dtype `t` holds it: wrapped integers, rounded floats.
int64_t wrap_int(DType t, int64_t v);
double round_float(DType t, double v);

/// True when the Dim cannot be negative: a number >= 0, or an expression without a minus sign
/// (parameters are sizes).
bool surely_nonnegative(const Dim&);

}  // namespace smeaton::model
