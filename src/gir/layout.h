// Shape and address arithmetic of buffers with layouts.
#pragma once

#include <vector>

#include "gir/program.h"

namespace smeaton::gir {

/// The layout spelt out: dense becomes one physical dim per logical dim.
std::vector<PhysicalDim> physical_dims(const Buffer&);
/// Extent of each physical dim, border and padding included.
std::vector<Dim> physical_extents(const Buffer&);
/// Elements, border and padding included.
Dim physical_elements(const Buffer&);
Dim physical_bytes(const Buffer&);
/// Bytes of the logical elements alone.
Dim logical_bytes(const Buffer&);
/// Element offset of a logical coordinate. InternalError outside the buffer and its border.
int64_t element_offset(const Buffer&, const std::vector<int64_t>& coordinate);
/// Strides (elements) of each physical dim; extents must be const.
std::vector<int64_t> physical_strides(const Buffer&);

}  // namespace smeaton::gir
