// Raw bytes of buffers in their layouts, and the way between them and dense tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "gir/layout.h"
#include "gir/program.h"

namespace smeaton::gir::interp {

/// Bytes of one buffer. Copies share the bytes.
struct Storage {
    DType dtype = DType::kF32;
    int64_t elements = 0;       ///< border and padding included
    std::byte* data = nullptr;  ///< 64-byte aligned when made here
    std::shared_ptr<const void> keep;
    bool writable = true;  ///< false: a view of a tensor's bytes

    int64_t bytes() const { return tensor::byte_count(dtype, elements); }
};

/// The storages of a program's buffers by name.
using Memory = std::map<Name, Storage>;

/// Every element holds a pattern that is a NaN in each float format; NaN and very negative or odd
/// values are what a read of something never written gives.
Storage make_storage(DType, int64_t elements);
void poison(Storage&);
void poison(DType, std::byte* data, int64_t elements);

/// The buffer with `bindings` put for the parameters; InternalError if an extent stays unknown.
Buffer bound_buffer(Buffer, const Bindings&);

/// Poisoned storage with the border and padding set where the layout states their value.
Storage allocate(const Buffer&);
/// Sets border and padding elements to the layout's value; nothing when it states none.
void fill_border(const Buffer&, Storage&);

/// A dense tensor laid out as the buffer says. UserError when dtype or shape differ. The storage is
/// a read-only view of the tensor when the layout is dense.
Storage to_layout(const Buffer&, const Tensor&);
/// The logical elements as a dense tensor.
Tensor from_layout(const Buffer&, const Storage&);

/// How one logical coordinate contributes to the element offset: the sum over the dims of
/// offset(coordinate) is the offset in the buffer.
struct DimMap {
    int64_t lo = 0,
            hi = -1;  ///< coordinates with a place in memory (border included), hi inclusive
    bool linear = true;
    int64_t stride = 0, bias = 0;  ///< linear: bias + coordinate * stride
    std::vector<int64_t> table;    ///< else: [coordinate - lo]
    int64_t inner_stride = 0;      ///< not linear: step within a block

    bool holds(int64_t c) const { return c >= lo && c <= hi; }
    int64_t offset(int64_t c) const {
        return linear ? bias + c * stride : table[static_cast<size_t>(c - lo)];
    }
};

std::vector<DimMap> dim_maps(const Buffer&);
std::vector<DimMap> dense_maps(const std::vector<int64_t>& extents);

}  // namespace smeaton::gir::interp
